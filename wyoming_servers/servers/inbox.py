"""What a client has sent and nobody has worked on yet, bounded in bytes."""

import asyncio
from collections import deque
from typing import Final

from wyoming.event import Event

from wyoming_servers.errors import BusyError

SOFT_LIMIT_BYTES: Final = 1024 * 1024
"""Half a minute of 16 kHz speech; with more the client waits while it is worked off."""

HARD_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""Four minutes of speech; who sends more while we do something else is cut off."""

MAX_JOINED_BYTES: Final = 8 * 1024
"""Of audio that is handed over in one piece, about: 0.25 s of 16 kHz speech. A client that sends a
recording at once sends a hundred small chunks, each of which costs as much as one such piece."""

STALL_SECONDS: Final = 0.25
"""Without an event taken for so long, the work is stuck in something."""


class EventQueue:
    """A queue of events for one reader and one worker.

    Only reading shows that a client has left, so the reader may not wait for a worker that waits
    for a model: when nothing is taken for a while, events are put in up to a second, larger bound.
    """

    def __init__(
        self,
        enough: int = SOFT_LIMIT_BYTES,
        most: int = HARD_LIMIT_BYTES,
        patience: float = STALL_SECONDS,
    ) -> None:
        self._soft_limit = enough
        self._hard_limit = most
        self._stall_timeout = patience
        self._events: deque[tuple[Event, int]] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self._stalled = False

    def __len__(self) -> int:
        return len(self._events)

    async def put(self, event: Event, size: int) -> None:
        """Add an event of `size` bytes. Raises BusyError if there is no room for it."""
        while self._bytes >= self._soft_limit and not self._stalled:
            self._taken.clear()
            try:
                async with asyncio.timeout(self._stall_timeout):
                    await self._taken.wait()
            except TimeoutError:
                self._stalled = True
        if self._bytes >= self._hard_limit:
            raise BusyError("More was sent than can be kept.", hint="Wait for the answers.")
        self._events.append((event, size))
        self._bytes += size
        self._filled.set()

    async def get(self) -> Event:
        """Wait for the next event; chunks of audio that wait behind each other come as one."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        event = self._pop()
        if event.type == "audio-chunk" and event.payload:
            pieces, length = [event.payload], len(event.payload)
            while length < MAX_JOINED_BYTES and self._next_can_join(event):
                pieces.append(self._pop().payload or b"")
                length += len(pieces[-1])
            event = Event(event.type, event.data, b"".join(pieces))
        self._stalled = False
        self._taken.set()
        return event

    def _next_can_join(self, event: Event) -> bool:
        """Whether the next event is audio of the same kind, without a time of its own."""
        if not self._events:
            return False
        following = self._events[0][0]
        return following.type == event.type and following.data == event.data

    def _pop(self) -> Event:
        event, size = self._events.popleft()
        self._bytes -= size
        return event
