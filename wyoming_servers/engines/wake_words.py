"""The wake words there are: those of pyopen-wakeword, and the user's own files in a folder."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from wyoming_servers.errors import ModelMissingError

SUFFIXES: Final = (".onnx", ".tflite")
_VERSION: Final = re.compile(r"[_-]v?\d+(\.\d+)*$")
# What pyopen-wakeword has beside its words.
_NETWORKS: Final = frozenset({"embedding_model", "melspectrogram"})


@dataclass(frozen=True, slots=True)
class WakeWord:
    """A word somebody can say to wake an assistant."""

    name: str
    """What clients ask for, such as `hey_jarvis`: the name of its file."""
    path: Path
    languages: tuple[str, ...] = ()
    """BCP 47 codes; empty if nobody said."""
    modified: int = 0
    """Of its file, in nanoseconds since 1970."""

    @property
    def phrase(self) -> str:
        """What to say: the name without version, in words."""
        return _VERSION.sub("", self.name).replace("_", " ").replace("-", " ").strip()


class WordCatalog:
    """Finds words by name; a file put into the folder while running is found when asked for."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._words: Mapping[str, WakeWord] = {}
        self.rescan()

    @property
    def words(self) -> Sequence[WakeWord]:
        """All words known, by name."""
        return [self._words[name] for name in sorted(self._words)]

    def rescan(self) -> None:
        """Look again which files there are; the user's own go before bundled ones of that name."""
        self._words = {word.name: word for word in (*_bundled(), *_own(self._folder))}

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
                hint=f"Installed are: {known}. Add .tflite or .onnx files to the models folder.",
            )
        return word


def _bundled() -> list[WakeWord]:
    folder = Path(str(files("pyopen_wakeword") / "models"))
    return [
        WakeWord(path.stem, path, languages=("en",), modified=_modified(path))
        for path in folder.glob("*.tflite")
        if path.stem not in _NETWORKS
    ]


def _own(folder: Path | None) -> list[WakeWord]:
    if folder is None or not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return [WakeWord(path.stem, path, modified=_modified(path)) for path in paths]


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return -1
