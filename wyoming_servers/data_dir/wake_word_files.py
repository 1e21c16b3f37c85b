"""Reads the folder with the user's own wake word models, whose files may change at any time.

A model for openWakeWord is a `.tflite` or `.onnx` file. A `.tflite` file with a `.json` file of the
same name beside it is a model for microWakeWord, which the `.json` describes. The name of the file
without its version is the name of the wake word: `computer_v2.tflite` is `computer`. All functions
block on the disk for a moment.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from wyoming_servers.core.domain import WakeWordInfo
from wyoming_servers.core.engine_info import all_engines

DEFAULT_FOLDER: Final = Path("wake-words")
"""Below the data folder, unless the configuration names another."""

_DESCRIPTION_SUFFIX: Final = ".json"
"""A file with this suffix describes the model beside it, which then is no wake word of its own."""

_VERSION: Final = re.compile(r"[_-]v?\d+(\.\d+)*$")

_VERSION_SUFFIX: Final = re.compile(r"[_-]v\d+(\.\d+)*$", re.IGNORECASE)

_Signature = tuple[int, int]
"""Modification time (nanoseconds since 1970) and size of a file (bytes)."""


@dataclass(frozen=True, slots=True)
class CustomWakeWord:
    """A wake word whose model is a file in the folder."""

    name: str
    engine: str
    path: Path
    phrase: str
    """What to say."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes; empty if unknown."""
    signature: _Signature = (-1, -1)

    @property
    def info(self) -> WakeWordInfo:
        """The description for clients."""
        return WakeWordInfo(self.name, self.phrase.title(), self.languages, self.phrase)


def wake_words_folder(data_dir: Path, models_dir: Path | None) -> Path:
    """Return the folder; a relative `models_dir` is relative to the data folder."""
    return data_dir / (models_dir or DEFAULT_FOLDER).expanduser()


def scan_wake_words(folder: Path | None) -> list[CustomWakeWord]:
    """Return the wake words of a folder, by name; none if there is no such folder."""
    if folder is None or not folder.is_dir():
        return []
    found = (_read_wake_word(path) for path in sorted(folder.iterdir()))
    return _without_versions([word for word in found if word is not None])


def _without_versions(words: list[CustomWakeWord]) -> list[CustomWakeWord]:
    """Name each wake word without the version of its file; of several versions only the last."""
    taken = {word.name: word.path for word in words}
    for word in words:
        plain = _VERSION_SUFFIX.sub("", word.name)
        if plain and (plain not in taken or taken[plain].stem != plain):
            taken[plain] = word.path
    names = {path: name for name, path in taken.items() if name}
    return [replace(word, name=names[word.path]) for word in words]


def phrase_from_name(name: str) -> str:
    """Turn the name of a file into a phrase, without version and underscores."""
    return _VERSION.sub("", name).replace("_", " ").replace("-", " ").strip()


def read_description(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the phrase and the languages of a microWakeWord `.json` file.

    A damaged file gets the phrase of its name; loading it reports the damage.
    """
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
        languages = tuple(str(code) for code in facts.get("trained_languages", ()))
        return str(facts["wake_word"]).lower(), languages
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return phrase_from_name(path.stem), ()


@cache
def _engine_by_suffix() -> Mapping[str, str]:
    """Return the engine that loads files with a suffix; of several engines, the first."""
    pairs = [(suffix, info.name) for info in all_engines() for suffix in info.wake_word_suffixes]
    return dict(reversed(pairs))


def _read_wake_word(path: Path) -> CustomWakeWord | None:
    """Return the wake word of a file; None if it is no model, or belongs to another file."""
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
