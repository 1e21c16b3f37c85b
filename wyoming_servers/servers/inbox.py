"""What a client has sent and nobody has worked on yet, bounded in bytes."""

import asyncio
from collections import deque
from typing import Final

from wyoming.event import Event

from wyoming_servers.errors import BusyError

ENOUGH_BYTES: Final = 1024 * 1024
"""Half a minute of 16 kHz speech; with more the client waits while it is worked off."""

MOST_BYTES: Final = 8 * 1024 * 1024
"""Four minutes of speech; who sends more while we do something else is cut off."""

PATIENCE_SECONDS: Final = 0.25
"""Without an event taken for so long, the work is stuck in something."""


class Inbox:
    """A queue of events for one reader and one worker.

    Only reading shows that a client has left, so the reader may not wait for a worker that waits
    for a model: when nothing is taken for a while, events are put in up to a second, larger bound.
    """

    def __init__(
        self,
        enough: int = ENOUGH_BYTES,
        most: int = MOST_BYTES,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._enough = enough
        self._most = most
        self._patience = patience
        self._events: deque[tuple[Event, int]] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self._stuck = False

    def __len__(self) -> int:
        return len(self._events)

    async def put(self, event: Event, size: int) -> None:
        """Add an event of `size` bytes. Raises BusyError if there is no room for it."""
        while self._bytes >= self._enough and not self._stuck:
            self._taken.clear()
            try:
                async with asyncio.timeout(self._patience):
                    await self._taken.wait()
            except TimeoutError:
                self._stuck = True
        if self._bytes >= self._most:
            raise BusyError("More was sent than can be kept.", hint="Wait for the answers.")
        self._events.append((event, size))
        self._bytes += size
        self._filled.set()

    async def get(self) -> Event:
        """Wait for the next event."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        event, size = self._events.popleft()
        self._bytes -= size
        self._stuck = False
        self._taken.set()
        return event
