"""The installed wake words, the model that detects each, and their settings."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import WakeSection, WakeWordSection
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import ModelSpec, Task, WakeWordInfo
from wyoming_servers.core.errors import ModelMissingError, list_names, shorten
from wyoming_servers.data_dir.wake_word_files import CustomWakeWord, scan_wake_words

_DEFAULT_SETTINGS: Final = WakeWordSection()


@dataclass(frozen=True, slots=True)
class RegisteredWakeWord:
    """A wake word and the model that detects it."""

    spec: ModelSpec
    info: WakeWordInfo


@dataclass(frozen=True, slots=True)
class WakeWordSelection:
    """The wake words of one request."""

    words: Sequence[RegisteredWakeWord]
    requested: Mapping[str, str]
    """The names in the client's spelling, by our own."""
    error: ModelMissingError | None = None
    """Names a wake word that is not installed, while others are."""


def find_wake_word(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a client means; None if there is none.

    1. The same name. 2. The same words in another spelling, such as `Okay Nabu`, `okay_nabu_v0.1`
    and openWakeWord's older name `ok_nabu`.
    """
    names = list(known)
    if name in names:
        return name
    simple = _simple_name(name)
    return next((other for other in names if _simple_name(other) == simple), None)


def _simple_name(name: str) -> str:
    words = re.sub(r"[\s_-]+", "_", name.strip().lower())
    return re.sub(r"^ok_", "okay_", re.sub(r"_v\d+(?:\.\d+)*$", "", words))


class WakeWordRegistry:
    """The offered wake words in configured order, as of each call.

    If several models know a wake word, it is detected by 1. the engine that is configured for it,
    2. the engine that knows it from one of the user's files, 3. the first one.
    """

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        config: ConfigHolder,
        custom_words: "CustomWakeWords | None" = None,
    ) -> None:
        self._specs = specs
        self._config = config
        self._custom_words = custom_words

    def words(self) -> dict[str, RegisteredWakeWord]:
        """Return the offered wake words by name."""
        found: dict[str, RegisteredWakeWord] = {}
        ranks: dict[str, tuple[bool, bool]] = {}
        for spec in self._specs.values():
            if spec.task is not Task.WAKE:
                continue
            custom = self._custom_words.for_engine(spec.engine) if self._custom_words else ()
            infos = {info.name: info for info in (*spec.wake_words, *custom)}
            for name, info in infos.items():
                rank = (self._settings(name).engine == spec.engine, info in custom)
                if name not in found or rank > ranks[name]:
                    found[name], ranks[name] = RegisteredWakeWord(spec, info), rank
        order = self._wake.words
        return {name: found[name] for name in order if name in found} if order else found

    def find(self, names: Sequence[str] | None) -> "WakeWordSelection":
        """Return the named wake words; all for None or no names.

        Raises ModelMissingError if none of them is installed.
        """
        words = self.words()
        if not words:
            raise ModelMissingError("No wake word is installed.")
        selected: dict[str, str] = {}
        missing = []
        for name in dict.fromkeys(names or words):
            if (known := find_wake_word(name, words)) is None:
                missing.append(name)
            else:
                selected.setdefault(known, name)
        error = None
        if missing:
            error = ModelMissingError(
                f"The wake word {shorten(missing[0])!r} is not installed; "
                f"{list_names(list(words), 'wake word')}."
            )
        if error is not None and not selected:
            raise error
        return WakeWordSelection([words[name] for name in selected], selected, error)

    def threshold(self, name: str) -> float:
        """Return the score from which a frame counts as this wake word."""
        threshold = self._settings(name).threshold
        return self._wake.threshold if threshold is None else threshold

    def trigger_level(self, name: str) -> int:
        """Return how many consecutive frames over the threshold are a detection."""
        trigger_level = self._settings(name).trigger_level
        return self._wake.trigger_level if trigger_level is None else trigger_level

    @property
    def _wake(self) -> WakeSection:
        return self._config.current.wake

    def _settings(self, name: str) -> WakeWordSection:
        return self._wake.word_settings.get(name, _DEFAULT_SETTINGS)


SCAN_INTERVAL: Final = 2.0
"""Seconds between two scans. A scan lists a folder of a few files, and works on every system and
network drive, which a library for file events does not."""

_LOGGER: Final = logging.getLogger(__name__)


class CustomWakeWords:
    """The wake words in a folder, as of the last scan."""

    def __init__(self, folder: Path) -> None:
        """Scans the folder, which blocks on the disk for a moment."""
        self._folder = folder
        self._words: tuple[CustomWakeWord, ...] = tuple(scan_wake_words(folder))
        self._seen = {word.path: word.signature for word in self._words}

    def set_folder(self, folder: Path) -> None:
        """Use the wake words of another folder. Blocks on the disk for a moment."""
        words = tuple(scan_wake_words(folder))
        self._folder, self._words = folder, words
        self._seen = {word.path: word.signature for word in words}

    @property
    def names(self) -> list[str]:
        """Names of all wake words, of any engine."""
        return [word.name for word in self._words]

    def for_engine(self, engine: str) -> tuple[WakeWordInfo, ...]:
        """Return the wake words of one engine, by name."""
        return tuple(word.info for word in self._words if word.engine == engine)

    def scan(self) -> bool:
        """Scan the folder again; True if a word was added, removed or changed. Blocks.

        A file counts once two scans in a row find it unchanged: it may still be being copied.
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


class CustomWakeWordsWatcher:
    """Scans the folder periodically and calls `on_change` in the event loop after a change.

    A loaded model finds a new wake word by itself when a client requests it.
    """

    def __init__(
        self, custom_words: CustomWakeWords, clock: Clock, on_change: Callable[[], object]
    ) -> None:
        self._custom_words = custom_words
        self._clock = clock
        self._on_change = on_change

    async def run(self) -> None:
        """Watch until cancelled. A folder that cannot be read now may be readable later."""
        last_problem = ""
        while True:
            await self._clock.sleep(SCAN_INTERVAL)
            try:
                changed = await asyncio.to_thread(self._custom_words.scan)
            except OSError as err:
                if str(err) != last_problem:
                    _LOGGER.warning("The folder of custom wake words cannot be read: %s", err)
                last_problem = str(err)
                continue
            last_problem = ""
            if changed:
                names = ", ".join(self._custom_words.names) or "none"
                _LOGGER.info("Custom wake words have changed: %s", names)
                self._on_change()
