"""How names and foreign words are to be said, as the people of the house write it down.

A YAML file with a section per language (`en`, `de-DE`; `*` for all) of words and what is said
instead: other words, or IPA between slashes.

    en:
      Reolink: ree oh link
      gnocchi: /ˈnjɒki/
"""

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import BadRequestError, CapacityError, ConflictError
from wyoming_servers.core.files import atomic_write

POLL_SECONDS: Final = 2.0
"""How soon a change of the file is heard."""

MAX_ENTRIES: Final = 10_000
"""Words of a lexicon that the API may grow; a file may hold more."""

_ALL_LANGUAGES: Final = "*"
_MAX_CHARACTERS: Final = 200
_LANGUAGE_CODE: Final = re.compile(r"\*|[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_LOGGER: Final = logging.getLogger(__name__)

LexiconEntries = Mapping[str, Mapping[str, str]]
"""Language, or `*`, to word to what is said."""


class Lexicon:
    """The words of one file. `run` follows its changes; `apply` only reads memory.

    Changes of a word or of the file hold from the next text on. Two spellings of a language
    (`de_AT`, `de-at`) are one, and so are two of a word that differ by case.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, dict[str, str]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, str]] | None] = {}
        self._last_stamp: tuple[int, int] | None = None
        self._lock = asyncio.Lock()
        self._version = _version({})
        self.error = ""
        """What is wrong with the file; the words read before stay in use."""

    @property
    def entries(self) -> LexiconEntries:
        """All words."""
        return self._entries

    @property
    def version(self) -> str:
        """Changes whenever a word does, and is the same again when it is taken back."""
        return self._version

    def apply(self, text: str, language: str) -> str:
        """Put in a text what is said instead of its words; longer ones win, case does not matter.

        IPA becomes `[[…]]`, which voices take as their own symbols.
        """
        code = _normalize_code(language)
        if code not in self._patterns:
            self._patterns[code] = self._compile(code)
        compiled = self._patterns[code]
        if compiled is None:
            return text
        pattern, said = compiled
        return pattern.sub(lambda at: said[at[0].casefold()], text)

    def find(self, language: str, word: str) -> tuple[str, str, str] | None:
        """Return language and word as they are written down, and what is said; None for none."""
        for section, entries in self._entries.items():
            if _normalize_code(section) == _normalize_code(language):
                for known, said in entries.items():
                    if known.casefold() == word.casefold():
                        return section, known, said
        return None

    def section(self, language: str) -> LexiconEntries:
        """Return the words of one language, without those for all and those of its regions."""
        code = _normalize_code(language)
        return {
            name: words for name, words in self._entries.items() if _normalize_code(name) == code
        }

    async def put(self, language: str, word: str, said: str) -> None:
        """Add or change a word, in the file too; comments in the file are lost.

        `said` is other words, or IPA between slashes. Raises BadRequestError for what cannot be,
        ConflictError if the file has a fault, CapacityError if the disk refuses.
        """
        if not _LANGUAGE_CODE.fullmatch(language):
            raise BadRequestError(
                f"{language[:40]!r} is not a language.", hint="Write `en`, `de-AT`, or `*` for all."
            )
        _validate_entry(language, word, said)
        async with self._lock:
            words = await self._editable_copy()
            section, known, _ = self.find(language, word) or (language, word, "")
            section = next(
                (code for code in words if _normalize_code(code) == _normalize_code(section)),
                section,
            )
            words.setdefault(section, {}).pop(known, None)
            words[section][word] = said
            if sum(map(len, words.values())) > MAX_ENTRIES:
                raise BadRequestError(f"A lexicon has {MAX_ENTRIES} words at most.")
            await self._write(words)

    async def remove(self, language: str, word: str | None = None) -> int:
        """Remove a word, or all of a language, from the file too; return how many there were.

        Raises as `put`.
        """
        async with self._lock:
            words = await self._editable_copy()
            gone = 0
            for section in [
                code for code in words if _normalize_code(code) == _normalize_code(language)
            ]:
                for known in list(words[section]):
                    if word is None or known.casefold() == word.casefold():
                        del words[section][known]
                        gone += 1
            if gone:
                await self._write({code: entries for code, entries in words.items() if entries})
            return gone

    async def refresh(self) -> bool:
        """Read the file if it has changed; True if it has and could be understood."""
        async with self._lock:
            return await self._refresh()

    async def run(self, clock: Clock) -> None:
        """Follow the file until cancelled."""
        while True:
            await self.refresh()
            await clock.sleep(POLL_SECONDS)

    async def _refresh(self) -> bool:
        stamp = await asyncio.to_thread(_file_stamp, self._path)
        if stamp == self._last_stamp:
            return False
        self._last_stamp = stamp
        try:
            words = await asyncio.to_thread(_read, self._path)
        except (OSError, ValueError, yaml.YAMLError, BadRequestError) as err:
            self.error = f"{self._path}: {err}"
            _LOGGER.warning("The lexicon has a fault; the words read before hold. %s", self.error)
            return False
        self._replace_entries(words)
        return True

    async def _editable_copy(self) -> dict[str, dict[str, str]]:
        """Return a copy of the words that the file has now, to be changed and written."""
        await self._refresh()
        if self.error:
            raise ConflictError(
                f"The lexicon has a fault: {self.error}", hint="Correct the file first."
            )
        return {code: dict(entries) for code, entries in self._entries.items()}

    async def _write(self, words: dict[str, dict[str, str]]) -> None:
        try:
            await asyncio.to_thread(_write, self._path, words)
        except OSError as err:
            raise CapacityError(
                f"{self._path} cannot be written: {err.strerror or err}.",
                hint="Free some space there, and check that the server may write.",
            ) from err
        self._last_stamp = await asyncio.to_thread(_file_stamp, self._path)
        self._replace_entries(words)

    def _replace_entries(self, words: dict[str, dict[str, str]]) -> None:
        self.error = ""
        self._entries = words
        self._patterns = {}
        self._version = _version(words)

    def _compile(self, code: str) -> tuple[re.Pattern[str], dict[str, str]] | None:
        """Join the words for all languages, those of the language and those of its region."""
        said: dict[str, str] = {}
        for section in (_ALL_LANGUAGES, code.partition("-")[0], code):
            for name, entries in self._entries.items():
                if _normalize_code(name) == section:
                    said |= {
                        word.casefold(): _replacement(value) for word, value in entries.items()
                    }
        if not said:
            return None
        words = "|".join(map(re.escape, sorted(said, key=len, reverse=True)))
        return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), said


def _normalize_code(language: str) -> str:
    return language.replace("_", "-").lower()


def _version(words: LexiconEntries) -> str:
    content = json.dumps(words, sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def _replacement(value: str) -> str:
    if len(value) > 2 and value[0] == value[-1] == "/":
        return f"[[{value[1:-1].strip()}]]"
    return value


def _validate_entry(language: str, word: str, said: str) -> None:
    for text, name in ((language, "language"), (word, "word"), (said, "pronunciation")):
        if (
            not text.strip()
            or len(text) > _MAX_CHARACTERS
            or not text.isprintable()
            or "]]" in text
        ):
            raise BadRequestError(f"The {name} {text[:40]!r} is not possible in a lexicon.")


def _file_stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    # Every word is a text: `no` is Norwegian, and `on` is a word that is said.
    document: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader) or {}  # noqa: S506
    if not isinstance(document, dict):
        raise BadRequestError("A lexicon has a section per language.")
    words: dict[str, dict[str, str]] = {}
    for language, entries in document.items():
        if not isinstance(entries, dict):
            raise BadRequestError(f"The section {language!r} of the lexicon has no words.")
        for word, said in entries.items():
            _validate_entry(str(language), str(word), str(said))
        words[str(language)] = {str(word): str(said) for word, said in entries.items()}
    return words


def _write(path: Path, words: dict[str, dict[str, str]]) -> None:
    atomic_write(path, yaml.safe_dump(words, allow_unicode=True))
