"""Notices wake words that come and go in the user's folder while the server runs."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from wyoming_servers.config.custom_wake_words import CustomWakeWords
from wyoming_servers.core.clock import Clock

SCAN_INTERVAL: Final = 2.0
"""Seconds between two looks. One costs a listing of a folder of a few files, and needs no library
that knows how each system and each network drive tells of changes."""

_LOGGER = logging.getLogger(__name__)


class CustomWakeWordsWatcher:
    """Looks again and again, and calls `on_change` in the event loop when something is new.

    The running model finds a new word by itself when somebody asks for it.
    """

    def __init__(self, own: CustomWakeWords, clock: Clock, on_change: Callable[[], object]) -> None:
        self._custom_words = own
        self._clock = clock
        self._on_change = on_change

    async def run(self) -> None:
        """Watch until cancelled. A folder that cannot be read now may be readable later."""
        fault = ""
        while True:
            await self._clock.sleep(SCAN_INTERVAL)
            try:
                changed = await asyncio.to_thread(self._custom_words.scan)
            except OSError as err:
                if str(err) != fault:
                    _LOGGER.warning("The folder of own wake words cannot be read: %s", err)
                fault = str(err)
                continue
            fault = ""
            if changed:
                _LOGGER.info(
                    "Own wake words have changed: %s", ", ".join(self._custom_words.names) or "none"
                )
                self._on_change()
