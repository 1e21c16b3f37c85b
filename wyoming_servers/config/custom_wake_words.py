"""The user's own wake words: files in a folder, which may come and go at any time.

A model for openWakeWord is a `.tflite` or `.onnx`; with a `.json` of the same name beside it a
`.tflite` is microWakeWord's, and the `.json` describes it. The name of the file is the word's.
Everything here blocks on the disk for a moment.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import Offer
from wyoming_servers.core.engine_info import all_engines

DEFAULT_FOLDER: Final = Path("wake-words")
"""Below the data folder, unless the configuration names another."""

_DESCRIPTION_SUFFIX: Final = ".json"
"""A file with this suffix describes the model beside it, which is then no word of its own."""

_VERSION: Final = re.compile(r"[_-]v?\d+(\.\d+)*$")

_Signature = tuple[int, int]
"""When a file was changed (nanoseconds since 1970), and its size."""


@dataclass(frozen=True, slots=True)
class CustomWakeWord:
    """A word that a file in the folder knows."""

    name: str
    engine: str
    path: Path
    phrase: str
    """What to say."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes; empty if nobody said."""
    signature: _Signature = (-1, -1)

    @property
    def info(self) -> Offer:
        """What clients are told."""
        return Offer(self.name, self.phrase.title(), self.languages, self.phrase)


class CustomWakeWords:
    """The words in a folder, as they were when it was last looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._words: tuple[CustomWakeWord, ...] = tuple(scan_wake_words(folder))
        self._seen = {word.path: word.signature for word in self._words}

    @property
    def names(self) -> list[str]:
        """Every word, whichever engine hears it."""
        return [word.name for word in self._words]

    def for_engine(self, engine: str) -> tuple[Offer, ...]:
        """Return the words that an engine hears, by name."""
        return tuple(word.info for word in self._words if word.engine == engine)

    def scan(self) -> bool:
        """Look again; True if a word has come, gone or changed.

        A file counts when two looks in a row find it the same: it may still be being copied.
        """
        found = scan_wake_words(self._folder)
        before = {word.path: word for word in self._words}
        words = []
        for word in found:
            if self._seen.get(word.path) == word.signature:
                words.append(word)
            elif word.path in before:
                words.append(before[word.path])
        self._seen = {word.path: word.signature for word in found}
        changed = tuple(words) != self._words
        self._words = tuple(words)
        return changed


def wake_words_folder(config: Config) -> Path:
    """Return where the user's words are; a relative path is one below the data folder."""
    return config.data_dir / (config.wake.models_dir or DEFAULT_FOLDER).expanduser()


def scan_wake_words(folder: Path | None) -> list[CustomWakeWord]:
    """Return the words of a folder, by name; none if there is no such folder."""
    if folder is None or not folder.is_dir():
        return []
    found = (_read_wake_word(path) for path in sorted(folder.iterdir()))
    return [word for word in found if word is not None]


def phrase_from_name(name: str) -> str:
    """Turn the name of a file into words: without version and underscores."""
    return _VERSION.sub("", name).replace("_", " ").replace("-", " ").strip()


def read_description(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return phrase and languages that a microWakeWord's description tells.

    A broken one is a word that will fail when it is loaded: it is called like its file.
    """
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
        languages = tuple(str(code) for code in facts.get("trained_languages", ()))
        return str(facts["wake_word"]).lower(), languages
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return phrase_from_name(path.stem), ()


@cache
def _engine_by_suffix() -> Mapping[str, str]:
    """Return the engine that loads the files with a suffix; of several, the first."""
    pairs = [(suffix, info.name) for info in all_engines() for suffix in info.wake_word_suffixes]
    return dict(reversed(pairs))


def _read_wake_word(path: Path) -> CustomWakeWord | None:
    """Return the word of a file; None if it is no word, or belongs to another file's."""
    suffix = path.suffix.lower()
    engine = _engine_by_suffix().get(suffix)
    if engine is None or path.name.startswith("."):
        return None
    if suffix != _DESCRIPTION_SUFFIX and path.with_suffix(_DESCRIPTION_SUFFIX).exists():
        return None
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    signature = (status.st_mtime_ns, status.st_size)
    if suffix == _DESCRIPTION_SUFFIX:
        phrase, languages = read_description(path)
        return CustomWakeWord(path.stem, engine, path, phrase, languages, signature)
    return CustomWakeWord(path.stem, engine, path, phrase_from_name(path.stem), (), signature)
