"""Converts text to Kokoro's symbols, for both of its engines.

Kokoro was trained on misaki's symbols. English and most other languages are converted by espeak-ng,
whose IPA is rewritten as misaki does it. Chinese and Japanese are converted by misaki itself, since
espeak-ng does not have the tones and readings that Kokoro was trained on.

espeak-ng is GPL-3, so it is used in the worker process only. The library and its data come with the
package `espeakng-loader`; an espeak-ng of the system is not used. Its state is global, which is no
problem here: an engine has one thread.
"""

import ctypes
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Final

from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
    UnsupportedLanguageError,
)

TIE: Final = "^"
"""Joins the letters of one sound, such as `t^ʃ`."""

_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 1
_IPA: Final = 0x02
_USE_TIE: Final = 0x80
_MAX_PATH_BYTES: Final = 150
"""espeak-ng has 160 bytes for the path of its data, and uses another path if it is longer."""

MAX_SYMBOLS: Final = 510
"""Of one inference: Kokoro's context of 512, less a pad at each end."""

SYMBOLS: Final[Mapping[str, int]] = {
    symbol: first + offset
    for first, run in (
        (1, ";:,.!?"),
        (9, '—…"()“” \u0303ʣʥʦʨᵝꭧAI'),
        (31, "O"),
        (33, "Q"),
        (35, "ST"),
        (39, "W"),
        (41, "Yᵊabcdef"),
        (50, "hijklmnopqrstuvwxyzɑɐɒæ"),
        (75, "βɔɕç"),
        (80, "ɖðʤə"),
        (85, "ɚɛɜ"),
        (90, "ɟ"),
        (92, "ɡ"),
        (99, "ɥ"),
        (101, "ɨɪʝ"),
        (110, "ɯɰŋɳɲɴø"),
        (118, "ɸθœ"),
        (123, "ɹ"),
        (125, "ɾɻ"),
        (128, "ʁɽʂʃʈʧ"),
        (135, "ʊʋ"),
        (138, "ʌɣɤ"),
        (142, "χʎ"),
        (147, "ʒʔ"),
        (156, "ˈˌː"),
        (162, "ʰ"),
        (164, "ʲ"),
        (169, "↓"),
        (171, "→↗↘"),
        (177, "ᵻ"),
    )
    for offset, symbol in enumerate(run)
}
"""Numbers of the symbols in the configuration of Kokoro-82M."""

LANGUAGES: Final[Mapping[str, str]] = {
    "a": "en-us",
    "b": "en",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "cmn",
}
"""Languages by the first letter of a voice's name, in espeak-ng's codes."""

_MISAKI: Final[Mapping[str, tuple[str, str]]] = {
    "ja": ("misaki.ja", "JAG2P"),
    "cmn": ("misaki.zh", "ZHG2P"),
}

_LATIN: Final = re.compile(r"[A-Za-z][A-Za-z'’ -]*[A-Za-z]|[A-Za-z]")
"""Words in Latin script inside Chinese and Japanese, which are converted as English."""

_RAW_SYMBOLS: Final = re.compile(r"\[\[(.*?)\]\]")
"""Symbols in the text itself, as in `[[həlˈO]]`; Piper has the same brackets."""

_PUNCTUATION: Final = r"[;:,.!?¡¿—…\"«»“”()]+"
_CLAUSE_MARKS: Final = re.compile(rf"\s+{_PUNCTUATION}|{_PUNCTUATION}(?=\s|$)|[—…\"«»“”()¡¿]+")
"""Punctuation between clauses; punctuation inside words and numbers is left to espeak-ng."""

_LANGUAGE_FLAG: Final = re.compile(r"\([\^a-z-]+\)")
"""espeak-ng's marks of words of another language."""

_SYLLABIC: Final = re.compile(r"(\S)\u0329")

Rewrites = Sequence[tuple[str, str]]

_ENGLISH: Final[Rewrites] = (
    ("ʔˌn\u0329", "ʔn"),
    ("ʔn\u0329", "ʔn"),
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
    ("ə^l", "ᵊl"),
    ("ʲo", "jo"),
    ("ʲə", "jə"),
    ("ʲ", ""),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("\u0303", ""),
)
_AMERICAN: Final[Rewrites] = (
    ("o^ʊ", "O"),
    ("ɜːɹ", "ɜɹ"),
    ("ɜː", "ɜɹ"),
    ("ɪə", "iə"),
    ("ː", ""),
    ("ɾ", "T"),
    ("ʔ", "t"),
)
_BRITISH: Final[Rewrites] = (
    ("e^ə", "ɛː"),
    ("iə", "ɪə"),
    ("ə^ʊ", "Q"),
    ("ɾ", "T"),
    ("ʔ", "t"),
)
_OTHERS: Final[Rewrites] = (
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^z", "ʣ"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("o^ʊ", "O"),
    ("ə^ʊ", "Q"),
    ("s^s", "S"),
    ("t^s", "ʦ"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
)
# A single e is A in English only, where espeak-ng writes no other diphthong like that. The last
# step replaces a remaining o by misaki's vowel.
_REWRITES: Final[Mapping[str, Rewrites]] = {
    "en-us": (*_ENGLISH, *_AMERICAN, ("e", "A"), ("o", "ɔ")),
    "en": (*_ENGLISH, *_BRITISH, ("e", "A"), ("o", "ɔ")),
}
_QUOTES: Final = str.maketrans("«»", "“”")


class Phonemizer:
    """Converts text of any of Kokoro's languages."""

    def __init__(self) -> None:
        self._espeak = Espeak()
        self._misaki_converters: dict[str, Callable[[str], str]] = {}
        """misaki's converters by language, created on first use."""

    def symbols(self, text: str, language: str) -> str:
        """Return the symbols of a text, with punctuation; empty if nothing is spoken.

        Raises LoadFailedError if the language's library is not installed.
        """
        parts = []
        for number, part in enumerate(_RAW_SYMBOLS.split(text)):
            parts.append(
                _rewrite_raw(part, language) if number % 2 else self._convert(part, language)
            )
        joined = " ".join(part for part in parts if part)
        joined = re.sub(r"\s+([;:,.!?…)”])", r"\1", joined)
        return "".join(symbol for symbol in joined if symbol in SYMBOLS).strip()

    def _convert(self, text: str, language: str) -> str:
        if language in _MISAKI:
            return self._convert_mixed_script(text, language)
        result = ""
        start = 0
        for mark in _CLAUSE_MARKS.finditer(text):
            result += self._convert_clause(text[start : mark.start()], language) + mark.group()
            start = mark.end()
        result += self._convert_clause(text[start:], language)
        return result.translate(_QUOTES).strip()

    def _convert_mixed_script(self, text: str, language: str) -> str:
        """Convert a text in a language of misaki, with words in Latin script."""
        read = self._misaki_converter(language)
        parts = []
        start = 0
        for words in _LATIN.finditer(text):
            parts += [read(text[start : words.start()]), self._convert_clause(words[0], "en-us")]
            start = words.end()
        return " ".join(part for part in (*parts, read(text[start:])) if part)

    def _convert_clause(self, text: str, language: str) -> str:
        """Convert words without punctuation; white space around them is kept."""
        words = text.strip()
        if not words:
            return " " if text else ""
        ipa = _LANGUAGE_FLAG.sub("", self._espeak.phonemes(words, language))
        for old, new in _REWRITES.get(language, _OTHERS):
            ipa = ipa.replace(old, new)
        ipa = _SYLLABIC.sub(r"ᵊ\1", ipa).replace("\u0329", "").replace(TIE, "").replace("-", "")
        before = " " if text[0].isspace() else ""
        return before + ipa + (" " if text[-1].isspace() else "")

    def _misaki_converter(self, language: str) -> Callable[[str], str]:
        if language not in self._misaki_converters:
            module, name = _MISAKI[language]
            code = module[-2:]
            try:
                made = getattr(_import_misaki(module), name)()
            except (ImportError, RuntimeError) as err:  # RuntimeError: a dictionary is missing
                raise LoadFailedError(
                    f"The library for {code} is not ready: {err}.",
                    hint=f"Install it with `pip install 'wyoming-conductor[kokoro-{code}]'`.",
                ) from err
            self._misaki_converters[language] = lambda text: (
                str(made(text)[0]) if text.strip() else ""
            )
        return self._misaki_converters[language]


def _import_misaki(module: str) -> ModuleType:
    """Import one of misaki's modules without some of its dependencies.

    1. Its Japanese module imports pyopenjtalk, which must be compiled and is not used here.
    2. fugashi prefers the dictionary of `unidic`, even if it was never downloaded, to the one in
       `unidic-lite`.
    """
    if module == "misaki.ja":
        if "pyopenjtalk" not in sys.modules and find_spec("pyopenjtalk") is None:  # 1
            sys.modules["pyopenjtalk"] = ModuleType("pyopenjtalk")
        unidic = find_spec("unidic")  # 2
        empty = unidic and not Path(unidic.origin or "").with_name("dicdir").is_dir()
        if empty and find_spec("unidic_lite"):
            sys.modules["unidic"] = import_module("unidic_lite")
    return import_module(module)


def _rewrite_raw(ipa: str, language: str) -> str:
    """Rewrite IPA that people wrote, without ties, to misaki's symbols."""
    for old, new in _REWRITES.get(language, _OTHERS):
        if TIE in old:
            ipa = ipa.replace(old.replace(TIE, ""), new)
    return ipa.strip()


def language_of(voice: str) -> str:
    """Return the language of a voice, in espeak-ng's codes. Raises BadRequestError."""
    language = LANGUAGES.get(voice[:1].lower())
    if language is None:
        raise BadRequestError(f"Kokoro has no voice {voice[:40]!r}.")
    return language


def split_symbols(symbols: str) -> list[str]:
    """Split symbols into runs of at most 510, after a sentence, else a clause, else a word."""
    runs = []
    rest = symbols
    while len(rest) > MAX_SYMBOLS:
        ends = (
            max(rest.rfind(mark, MAX_SYMBOLS // 3, MAX_SYMBOLS - 1) for mark in marks)
            for marks in (".!?…", ";:,—", " ")
        )
        cut = next((end + 1 for end in ends if end > 0), MAX_SYMBOLS)
        runs.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [run for run in (*runs, rest) if run]


class Espeak:
    """espeak-ng through its C interface. Raises LoadFailedError if it cannot be used."""

    def __init__(self) -> None:
        import espeakng_loader

        data = espeakng_loader.get_data_path()
        if len(data.encode()) > _MAX_PATH_BYTES:
            raise LoadFailedError(
                f"The path of espeak-ng's data is too long: {data}.",
                hint="Install the server in a folder with a shorter path.",
            )
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_TextToPhonemes.argtypes = [
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.c_int,
            ctypes.c_int,
        ]
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DONT_EXIT)
        if rate <= 0:
            raise LoadFailedError(f"espeak-ng found no data in {data}.")
        self._language = ""

    def phonemes(self, text: str, language: str) -> str:
        """Return the IPA of a text without punctuation; `language` is an espeak-ng code.

        Raises UnsupportedLanguageError for an unknown code.
        """
        if language != self._language:
            if self._library.espeak_SetVoiceByName(language.encode()) != 0:
                raise UnsupportedLanguageError(f"espeak-ng does not support {language!r}.")
            self._language = language
        rest = ctypes.c_char_p(text.replace("\0", " ").encode())
        mode = _IPA | _USE_TIE | (ord(TIE) << 8)
        parts = []
        # Each call converts one clause; after the last the pointer is NULL.
        while rest.value is not None:
            part = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode)
            parts.append((part or b"").decode("utf-8", "replace"))
        return " ".join(part.strip() for part in parts if part.strip())
