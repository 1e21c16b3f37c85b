"""Pronunciation lexicon: how voices say names and foreign words.

A YAML file with a section per language (`en`, `de-DE`; `*` for all), which maps words to their
pronunciation: other words, or IPA between slashes.

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
"""Interval at which the file is checked for changes."""

MAX_ENTRIES: Final = 10_000
"""Entries that the API may create; a file may contain more."""

_ALL_LANGUAGES: Final = "*"
_MAX_CHARACTERS: Final = 200
_LANGUAGE_CODE: Final = re.compile(r"\*|[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_LOGGER: Final = logging.getLogger(__name__)

LexiconEntries = Mapping[str, Mapping[str, str]]
"""Language, or `*`, to word to pronunciation."""


class Lexicon:
    """The entries of one file. `run` follows changes of the file; `apply` only reads memory.

    A change is used from the next text on. Spellings of a language (`de_AT`, `de-at`) and of a word
    that differ by case only are the same.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, dict[str, str]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, str]] | None] = {}
        self._last_stamp: tuple[int, int] | None = None
        self._lock = asyncio.Lock()
        self._version = _version({})
        self.error = ""
        """What is wrong with the file, else empty; the entries read before remain in use."""

    @property
    def entries(self) -> LexiconEntries:
        """All entries."""
        return self._entries

    @property
    def version(self) -> str:
        """A hash of the entries: the same entries have the same version."""
        return self._version

    def apply(self, text: str, language: str) -> str:
        """Replace words of a text by their pronunciation, longer words first, ignoring case.

        IPA becomes `[[…]]`, which engines take as phonemes.
        """
        code = _normalize_code(language)
        if code not in self._patterns:
            self._patterns[code] = self._compile(code)
        compiled = self._patterns[code]
        if compiled is None:
            return text
        pattern, replacements = compiled
        # To a pattern without case `ı` is `i`, but they are different words.
        return pattern.sub(lambda match: replacements.get(match[0].casefold(), match[0]), text)

    def find(self, language: str, word: str) -> tuple[str, str, str] | None:
        """Return language and word as in the file, and the pronunciation; None if missing."""
        for section, entries in self._entries.items():
            if _normalize_code(section) == _normalize_code(language):
                for known, pronunciation in entries.items():
                    if known.casefold() == word.casefold():
                        return section, known, pronunciation
        return None

    def section(self, language: str) -> LexiconEntries:
        """Return the entries of exactly this language, none for all languages or its regions."""
        code = _normalize_code(language)
        return {
            name: words for name, words in self._entries.items() if _normalize_code(name) == code
        }

    async def put(self, language: str, word: str, pronunciation: str) -> None:
        """Add or change an entry, in the file too; comments in the file are lost.

        `pronunciation` is other words, or IPA between slashes. Raises BadRequestError for an
        invalid entry, ConflictError if the file has an error, CapacityError if the disk refuses.
        """
        if not _LANGUAGE_CODE.fullmatch(language):
            raise BadRequestError(
                f"{language[:40]!r} is not a language.", hint="Write `en`, `de-AT`, or `*` for all."
            )
        _validate_entry(language, word, pronunciation)
        async with self._lock:
            entries = await self._editable_copy()
            section, known, _ = self.find(language, word) or (language, word, "")
            section = next(
                (code for code in entries if _normalize_code(code) == _normalize_code(section)),
                section,
            )
            entries.setdefault(section, {}).pop(known, None)
            entries[section][word] = pronunciation
            if sum(map(len, entries.values())) > MAX_ENTRIES:
                raise BadRequestError(f"The lexicon is limited to {MAX_ENTRIES} entries.")
            await self._write(entries)

    async def remove(self, language: str, word: str | None = None) -> int:
        """Remove an entry, or all of a language, from the file too; return their number.

        Raises the errors of `put`.
        """
        async with self._lock:
            entries = await self._editable_copy()
            removed = 0
            for section in [
                code for code in entries if _normalize_code(code) == _normalize_code(language)
            ]:
                for known in list(entries[section]):
                    if word is None or known.casefold() == word.casefold():
                        del entries[section][known]
                        removed += 1
            if removed:
                await self._write({code: words for code, words in entries.items() if words})
            return removed

    async def refresh(self) -> bool:
        """Read the file if it has changed; return whether there are new entries."""
        async with self._lock:
            return await self._refresh()

    async def run(self, clock: Clock) -> None:
        """Follow changes of the file until cancelled."""
        while True:
            await self.refresh()
            await clock.sleep(POLL_SECONDS)

    async def _refresh(self) -> bool:
        stamp = await asyncio.to_thread(_file_stamp, self._path)
        if stamp == self._last_stamp:
            return False
        self._last_stamp = stamp
        try:
            entries = await asyncio.to_thread(read_lexicon, self._path)
        except (OSError, ValueError, yaml.YAMLError, BadRequestError) as err:
            self.error = f"{self._path}: {err}"
            _LOGGER.warning(
                "The lexicon has an error; the entries read before remain in use. %s", self.error
            )
            return False
        self._replace_entries(entries)
        return True

    async def _editable_copy(self) -> dict[str, dict[str, str]]:
        """Return a copy of the file's current entries, to be changed and written."""
        await self._refresh()
        if self.error:
            raise ConflictError(
                f"The lexicon has an error: {self.error}", hint="Correct the file first."
            )
        return {code: dict(words) for code, words in self._entries.items()}

    async def _write(self, entries: dict[str, dict[str, str]]) -> None:
        try:
            await asyncio.to_thread(_write, self._path, entries)
        except OSError as err:
            raise CapacityError(
                f"{self._path} cannot be written: {err.strerror or err}.",
                hint="Free some disk space, and check the permissions of the folder.",
            ) from err
        self._last_stamp = await asyncio.to_thread(_file_stamp, self._path)
        self._replace_entries(entries)

    def _replace_entries(self, entries: dict[str, dict[str, str]]) -> None:
        self.error = ""
        self._entries = entries
        self._patterns = {}
        self._version = _version(entries)

    def _compile(self, code: str) -> tuple[re.Pattern[str], dict[str, str]] | None:
        """Merge the entries for all languages, the language and its region; the last one wins."""
        replacements: dict[str, str] = {}
        spellings: set[str] = set()
        for section in (_ALL_LANGUAGES, code.partition("-")[0], code):
            for name, entries in self._entries.items():
                if _normalize_code(name) == section:
                    spellings |= {word.lower() for word in entries}
                    replacements |= {
                        word.casefold(): _replacement(value) for word, value in entries.items()
                    }
        if not replacements:
            return None
        # `Straße` is spelled as it is: folded it would be `strasse`, which does not match it.
        spellings |= replacements.keys()
        words = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
        return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), replacements


def _normalize_code(language: str) -> str:
    return language.replace("_", "-").lower()


def _version(entries: LexiconEntries) -> str:
    content = json.dumps(entries, sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def _replacement(value: str) -> str:
    if len(value) > 2 and value[0] == value[-1] == "/":
        return f"[[{value[1:-1].strip()}]]"
    return value


def _validate_entry(language: str, word: str, pronunciation: str) -> None:
    fields = {"language": language, "word": word, "pronunciation": pronunciation}
    for name, text in fields.items():
        if (
            not text.strip()
            or len(text) > _MAX_CHARACTERS
            or not text.isprintable()
            or "]]" in text
        ):
            raise BadRequestError(f"{text[:40]!r} is not a valid {name} in a lexicon.")


def _file_stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def read_lexicon(path: Path) -> dict[str, dict[str, str]]:
    """Return the entries of a file, none if it does not exist.

    Raises OSError, ValueError, yaml.YAMLError and BadRequestError.
    """
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    try:
        # BaseLoader reads every scalar as a string: `no` is Norwegian, and `on` is a word.
        document: Any = yaml.load(text, Loader=yaml.BaseLoader) or {}  # noqa: S506
    except RecursionError as err:
        raise BadRequestError("The lexicon is nested too deep.") from err
    if not isinstance(document, dict):
        raise BadRequestError("The lexicon must be a mapping with a section per language.")
    entries: dict[str, dict[str, str]] = {}
    for language, words in document.items():
        if not isinstance(words, dict):
            raise BadRequestError(f"The section {language!r} of the lexicon is not a mapping.")
        for word, pronunciation in words.items():
            # Not converted to text: lists of lists of aliases could be of any length.
            if not isinstance(word, str) or not isinstance(pronunciation, str):
                raise BadRequestError(f"A pronunciation in {language!r} is not text.")
            _validate_entry(str(language), word, pronunciation)
        entries[str(language)] = dict(words)
    return entries


def _write(path: Path, entries: dict[str, dict[str, str]]) -> None:
    atomic_write(path, yaml.safe_dump(entries, allow_unicode=True))
