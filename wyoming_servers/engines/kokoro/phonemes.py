"""Text to Kokoro's symbols: the only place where they are made, for both of its engines.

Kokoro was trained on misaki's symbols. English and most other languages come from espeak-ng, whose
IPA is rewritten as misaki rewrites it. Chinese and Japanese are misaki's own, since espeak-ng has
no tones or readings that Kokoro was trained on.
"""

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
)
from wyoming_servers.engines.kokoro.espeak import (
    TIE,
    Espeak,
)

MAX_SYMBOLS: Final = 510
"""Of one inference, by Kokoro's context of 512 with a pad at either end."""

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
"""Each symbol's number in Kokoro-82M's configuration."""

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
"""A voice's first letter to the language it speaks, as espeak-ng calls it."""

_MISAKI: Final[Mapping[str, tuple[str, str]]] = {
    "ja": ("misaki.ja", "JAG2P"),
    "cmn": ("misaki.zh", "ZHG2P"),
}

_LATIN: Final = re.compile(r"[A-Za-z][A-Za-z'’ -]*[A-Za-z]|[A-Za-z]")
"""Words that misaki cannot read inside of Chinese and Japanese; they are read as English."""

_RAW_SYMBOLS: Final = re.compile(r"\[\[(.*?)\]\]")
"""Symbols given by the text itself, as in `[[həlˈO]]`; Piper uses the same brackets."""

_PUNCTUATION: Final = r"[;:,.!?¡¿—…\"«»“”()]+"
_CLAUSE_MARKS: Final = re.compile(rf"\s+{_PUNCTUATION}|{_PUNCTUATION}(?=\s|$)|[—…\"«»“”()¡¿]+")
"""Marks between clauses. One inside a word or a number is left to espeak-ng."""

_LANGUAGE_FLAG: Final = re.compile(r"\([\^a-z-]+\)")
"""espeak-ng's note that a word is of another language."""

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
# A lone e is A in English only, where espeak writes no other diphthong that way; the last step
# turns an o that is left over into the vowel that misaki has.
_REWRITES: Final[Mapping[str, Rewrites]] = {
    "en-us": (*_ENGLISH, *_AMERICAN, ("e", "A"), ("o", "ɔ")),
    "en": (*_ENGLISH, *_BRITISH, ("e", "A"), ("o", "ɔ")),
}
_QUOTES: Final = str.maketrans("«»", "“”")


class Phonemizer:
    """Text of any of Kokoro's languages to its symbols."""

    def __init__(self) -> None:
        self._espeak = Espeak()
        self._misaki_converters: dict[str, Callable[[str], str]] = {}
        """misaki's converters that were made."""

    def symbols(self, text: str, language: str) -> str:
        """Return the symbols of a text, marks between clauses kept; empty if it has no sound.

        Raises LoadFailedError if the language's library is not installed.
        """
        pieces = []
        for number, piece in enumerate(_RAW_SYMBOLS.split(text)):
            pieces.append(
                _rewrite_raw(piece, language) if number % 2 else self._convert(piece, language)
            )
        joined = " ".join(piece for piece in pieces if piece)
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
        """Convert a text in misaki's languages with words of Latin letters in between."""
        read = self._misaki_converter(language)
        pieces = []
        start = 0
        for words in _LATIN.finditer(text):
            pieces += [read(text[start : words.start()]), self._convert_clause(words[0], "en-us")]
            start = words.end()
        return " ".join(piece for piece in (*pieces, read(text[start:])) if piece)

    def _convert_clause(self, text: str, language: str) -> str:
        """Convert words without marks; white space around them stays."""
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
    """Import one of misaki's modules with less than it asks for.

    1. Its Japanese imports pyopenjtalk, which must be compiled, for a way of reading not used here.
    2. fugashi takes the dictionary of `unidic` though it was never downloaded, and does not look
       for the one inside `unidic-lite` then.
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
    """Rewrite IPA of people, who tie no letters, as misaki writes it."""
    for old, new in _REWRITES.get(language, _OTHERS):
        if TIE in old:
            ipa = ipa.replace(old.replace(TIE, ""), new)
    return ipa.strip()


def language_of(voice: str) -> str:
    """Return espeak-ng's code of the language a voice speaks. Raises BadRequestError."""
    language = LANGUAGES.get(voice[:1].lower())
    if language is None:
        raise BadRequestError(f"The voice {voice[:40]!r} is none of Kokoro's.")
    return language


def split_symbols(symbols: str) -> list[str]:
    """Cut symbols into runs of at most 510: behind a sentence, else a clause, else a word."""
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
