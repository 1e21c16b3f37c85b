"""The user's own wake words, and a watcher that notices changes while the server runs."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import WakeWordInfo
from wyoming_servers.data_dir.wake_word_files import CustomWakeWord, scan_wake_words

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
