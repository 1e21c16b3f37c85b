"""The wake words there are: those inside a library, and the user's own files in a folder."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from wyoming_servers.errors import ModelMissingError

SUFFIXES: Final = (".onnx", ".tflite")
"""Of classifiers for openWakeWord."""
_VERSION: Final = re.compile(r"[_-]v?\d+(\.\d+)*$")
# What pyopen-wakeword has beside its words.
_NETWORKS: Final = frozenset({"embedding_model", "melspectrogram"})


@dataclass(frozen=True, slots=True)
class WakeWord:
    """A word somebody can say to wake an assistant."""

    name: str
    """What clients ask for, such as `hey_jarvis`: the name of its file."""
    path: Path
    phrase: str
    """What to say, such as `hey jarvis`."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes; empty if nobody said."""
    modified: int = 0
    """Of its file, in nanoseconds since 1970."""


class WordCatalog:
    """Finds words by name; a file put into the folder while running is found when asked for."""

    def __init__(self, scan: Callable[[], Iterable[WakeWord]]) -> None:
        self._scan = scan
        self._words: Mapping[str, WakeWord] = {}
        self.rescan()

    @property
    def words(self) -> Sequence[WakeWord]:
        """All words known, by name."""
        return [self._words[name] for name in sorted(self._words)]

    def rescan(self) -> None:
        """Look again which files there are; of two words of one name the later one counts."""
        self._words = {word.name: word for word in self._scan()}

    def find(self, name: str) -> WakeWord:
        """Return the word as its file is now. Raises ModelMissingError naming those there are."""
        word = self._words.get(name)
        if word is None or _modified(word.path) != word.modified:
            self.rescan()
            word = self._words.get(name)
        if word is None:
            known = ", ".join(sorted(self._words)) or "none"
            raise ModelMissingError(
                f"There is no wake word {name!r}.",
                hint=f"Installed are: {known}. Own models go into the wake word folder.",
            )
        return word


def describe(words: Iterable[WakeWord]) -> dict[str, Any]:
    """Return what an engine that has loaded these words reports."""
    return {
        "words": [
            {"name": word.name, "phrase": word.phrase, "languages": list(word.languages)}
            for word in words
        ]
    }


def openwakeword_files(folder: Path | None) -> list[WakeWord]:
    """Return pyopen-wakeword's words, then the user's: a file for each."""
    bundled = [
        _word(path, languages=("en",))
        for path in Path(str(files("pyopen_wakeword") / "models")).glob("*.tflite")
        if path.stem not in _NETWORKS
    ]
    own = [
        _word(path)
        for path in _own(folder)
        # With a description beside it, a model is microWakeWord's.
        if path.suffix.lower() in SUFFIXES and not path.with_suffix(".json").exists()
    ]
    return bundled + own


def microwakeword_files(folder: Path | None) -> list[WakeWord]:
    """Return pymicro-wakeword's words, then the user's: a .json with a .tflite for each."""
    bundled = sorted(Path(str(files("pymicro_wakeword") / "models")).glob("*.json"))
    own = [path for path in _own(folder) if path.suffix.lower() == ".json"]
    return [_described(path) for path in (*bundled, *own)]


def spoken(name: str) -> str:
    """Turn the name of a file into words: without version and underscores."""
    return _VERSION.sub("", name).replace("_", " ").replace("-", " ").strip()


def _word(path: Path, phrase: str = "", languages: tuple[str, ...] = ()) -> WakeWord:
    return WakeWord(path.stem, path, phrase or spoken(path.stem), languages, _modified(path))


def _described(path: Path) -> WakeWord:
    """Read what a description says; a broken one is a word that will fail when it is loaded."""
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
        languages = tuple(str(code) for code in facts.get("trained_languages", ()))
        return _word(path, str(facts["wake_word"]).lower(), languages)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _word(path)


def _own(folder: Path | None) -> list[Path]:
    return sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return -1
