"""Lists the available wake words: those inside a library, and the user's own files in a folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.data_dir.wake_word_files import (
    phrase_from_name,
    read_description,
    scan_wake_words,
)

_NETWORKS: Final = frozenset({"embedding_model", "melspectrogram"})
"""Files of pyopen-wakeword that are not words."""


@dataclass(frozen=True, slots=True)
class WakeWord:
    """A wake word with its file."""

    name: str
    """The name in requests, such as `hey_jarvis`: that of the file."""
    path: Path
    phrase: str
    """What to say, such as `hey jarvis`."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes; empty if unknown."""
    modified_ns: int = 0
    """Modification time of the file, in nanoseconds since 1970."""


class WakeWordCatalog:
    """Finds words by name, including files that were added to the folder since the last scan."""

    def __init__(self, scan: Callable[[], Iterable[WakeWord]]) -> None:
        self._scan = scan
        self._words: Mapping[str, WakeWord] = {}
        self.rescan()

    @property
    def words(self) -> Sequence[WakeWord]:
        """All words, sorted by name."""
        return [self._words[name] for name in sorted(self._words)]

    def rescan(self) -> None:
        """List the files again; of two words with one name the later has precedence."""
        self._words = {word.name: word for word in self._scan()}

    def find(self, name: str) -> WakeWord:
        """Return a word with its current file. Raises ModelMissingError with the known names."""
        word = self._words.get(name)
        if word is None or _modified_ns(word.path) != word.modified_ns:
            self.rescan()
            word = self._words.get(name)
        if word is None:
            known = ", ".join(sorted(self._words)) or "none"
            raise ModelMissingError(
                f"There is no wake word {name!r}.",
                hint=f"Installed wake words: {known}. Custom models go into the wake word folder.",
            )
        return word


def load_report(words: Iterable[WakeWord], *, lead: int, step: int) -> dict[str, Any]:
    """Return what `load` reports for an engine with these words; see `engines.base`."""
    return {
        "words": [
            {"name": word.name, "phrase": word.phrase, "languages": list(word.languages)}
            for word in words
        ],
        "lead": lead,
        "step": step,
    }


def openwakeword_files(folder: Path | None) -> list[WakeWord]:
    """Return the words of pyopen-wakeword, then the user's."""
    bundled = [
        WakeWord(path.stem, path, phrase_from_name(path.stem), ("en",), _modified_ns(path))
        for path in Path(str(files("pyopen_wakeword") / "models")).glob("*.tflite")
        if path.stem not in _NETWORKS
    ]
    return bundled + _custom_words(folder, "openwakeword")


def microwakeword_files(folder: Path | None) -> list[WakeWord]:
    """Return the words of pymicro-wakeword, then the user's; each is a .json and a .tflite file."""
    bundled = [
        WakeWord(path.stem, path, *read_description(path), _modified_ns(path))
        for path in sorted(Path(str(files("pymicro_wakeword") / "models")).glob("*.json"))
    ]
    return bundled + _custom_words(folder, "microwakeword")


def _custom_words(folder: Path | None, engine: str) -> list[WakeWord]:
    return [
        WakeWord(word.name, word.path, word.phrase, word.languages, word.signature[0])
        for word in scan_wake_words(folder)
        if word.engine == engine
    ]


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return -1
