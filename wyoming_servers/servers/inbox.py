"""What a client has sent and nobody has worked on yet, bounded in bytes."""

import asyncio
from collections import deque
from typing import Final

from wyoming.event import Event

INBOX_BYTES: Final = 2 * 1024 * 1024
"""One minute of 16 kHz speech; more makes the client wait, as TCP does."""


class Inbox:
    """A queue of events for one reader and one worker."""

    def __init__(self, limit: int = INBOX_BYTES) -> None:
        self._limit = limit
        self._events: deque[tuple[Event, int]] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    async def put(self, event: Event, size: int) -> None:
        """Add an event of `size` bytes, when there is room before it."""
        while self._bytes >= self._limit:
            self._emptied.clear()
            await self._emptied.wait()
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
        self._emptied.set()
        return event
