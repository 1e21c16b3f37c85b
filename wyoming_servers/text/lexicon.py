"""How names and foreign words are to be said, as the people of the house write it down.

A YAML file with a section per language (`en`, `de-DE`; `*` for all) of words and what is said
instead: other words, or IPA between slashes.

    en:
      Reolink: ree oh link
      gnocchi: /ˈnjɒki/
"""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from wyoming_servers.clock import Clock
from wyoming_servers.errors import BadRequestError

POLL_SECONDS: Final = 2.0
"""How soon a change of the file is heard."""

_ALL: Final = "*"
_LONGEST: Final = 200

Words = Mapping[str, Mapping[str, str]]
"""Language, or `*`, to word to what is said."""


class Lexicon:
    """The words of one file. `run` follows its changes; `apply` only reads memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._words: dict[str, dict[str, str]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, str]] | None] = {}
        self._seen: tuple[int, int] | None = None
        self.fault = ""
        """What is wrong with the file; the words read before stay in use."""

    @property
    def words(self) -> Words:
        """All words."""
        return self._words

    def apply(self, text: str, language: str) -> str:
        """Put in a text what is said instead of its words; longer ones win, case does not matter.

        IPA becomes `[[…]]`, which voices take as their own symbols.
        """
        code = language.replace("_", "-").lower()
        if code not in self._patterns:
            self._patterns[code] = self._compile(code)
        compiled = self._patterns[code]
        if compiled is None:
            return text
        pattern, said = compiled
        return pattern.sub(lambda at: said[at[0].casefold()], text)

    async def put(self, language: str, word: str, said: str) -> None:
        """Add or change a word, in the file too. Raises BadRequestError."""
        _check(language, word, said)
        words = {code: dict(entries) for code, entries in self._words.items()}
        words.setdefault(language, {})[word] = said
        await self._write(words)

    async def remove(self, language: str, word: str) -> bool:
        """Remove a word, from the file too; False if it was not there."""
        if word not in self._words.get(language, {}):
            return False
        words = {code: dict(entries) for code, entries in self._words.items()}
        del words[language][word]
        await self._write({code: entries for code, entries in words.items() if entries})
        return True

    async def refresh(self) -> bool:
        """Read the file if it has changed; True if it has and could be understood."""
        stamp = await asyncio.to_thread(_stamp, self._path)
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            words = await asyncio.to_thread(_read, self._path)
        except (OSError, yaml.YAMLError, BadRequestError) as err:
            self.fault = f"{self._path}: {err}"
            return False
        self._use(words)
        return True

    async def run(self, clock: Clock) -> None:
        """Follow the file until cancelled."""
        while True:
            await self.refresh()
            await clock.sleep(POLL_SECONDS)

    async def _write(self, words: dict[str, dict[str, str]]) -> None:
        await asyncio.to_thread(_write, self._path, words)
        self._seen = await asyncio.to_thread(_stamp, self._path)
        self._use(words)

    def _use(self, words: dict[str, dict[str, str]]) -> None:
        self.fault = ""
        self._words = words
        self._patterns = {}

    def _compile(self, code: str) -> tuple[re.Pattern[str], dict[str, str]] | None:
        """Join the words for all languages, those of the language and those of its region."""
        said: dict[str, str] = {}
        for section in (_ALL, code.partition("-")[0], code):
            for name, entries in self._words.items():
                if name.replace("_", "-").lower() == section:
                    said |= {word.casefold(): _spoken(value) for word, value in entries.items()}
        if not said:
            return None
        words = "|".join(map(re.escape, sorted(said, key=len, reverse=True)))
        return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), said


def _spoken(value: str) -> str:
    if len(value) > 2 and value[0] == value[-1] == "/":
        return f"[[{value[1:-1].strip()}]]"
    return value


def _check(language: str, word: str, said: str) -> None:
    for text, name in ((language, "language"), (word, "word"), (said, "pronunciation")):
        if not text.strip() or len(text) > _LONGEST or "\n" in text or "]]" in text:
            raise BadRequestError(f"The {name} {text[:40]!r} is not possible in a lexicon.")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _read(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    document: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(document, dict):
        raise BadRequestError("A lexicon has a section per language.")
    words: dict[str, dict[str, str]] = {}
    for language, entries in document.items():
        if not isinstance(entries, dict):
            raise BadRequestError(f"The section {language!r} of the lexicon has no words.")
        for word, said in entries.items():
            _check(str(language), str(word), str(said))
        words[str(language)] = {str(word): str(said) for word, said in entries.items()}
    return words


def _write(path: Path, words: dict[str, dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(yaml.safe_dump(words, allow_unicode=True), encoding="utf-8")
    draft.replace(path)
