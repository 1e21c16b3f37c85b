"""Bounds the events that wait for a session, and the memory of all clients together."""

import asyncio
from collections import deque
from typing import Final

from wyoming.event import Event

from wyoming_servers.core.errors import BusyError
from wyoming_servers.protocol.codec import FREE_BYTES, MAX_EXPANSION

SOFT_LIMIT_BYTES: Final = 1024 * 1024
"""Queued bytes of one client (32 s of 16 kHz speech) from which reading waits for the session."""

HARD_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""Memory of one client's queue (2 min of 16 kHz speech) from which it is disconnected. Reached only
while the session is stalled, for example because it waits for a model."""

STALL_SECONDS: Final = 0.25
"""The session counts as stalled when it takes no event for this long."""

TOTAL_LIMIT_BYTES: Final = 96 * 1024 * 1024
"""Memory held for all clients of all ports: 12 clients at their hard limit. With the buffers of
their sockets it stays below 256 MiB, whatever they send."""

MAX_JOINED_BYTES: Final = 8 * 1024
"""Audio that is passed to the session in one event, roughly: 0.25 s of 16 kHz speech. A client that
sends a recording at once sends hundreds of small chunks, each as expensive as one such event."""


class BufferBudget:
    """Bounds the memory held for all clients together.

    Over the limit, the clients that hold more than an equal share are refused; a client that
    streams live audio, whose buffer is small, is never the one that has to leave. So the sum stays
    below twice the limit.
    """

    def __init__(self, limit: int = TOTAL_LIMIT_BYTES) -> None:
        self._limit = limit
        self._sizes: dict[object, int] = {}
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes held by all clients."""
        return self._total

    def update(self, client: object, size: int) -> None:
        """Record that `client` holds `size` bytes. Raises BusyError if that is too much."""
        before = self.record(client, size)
        if size > before and self._total > self._limit and size > self._limit // len(self._sizes):
            raise BusyError("The clients of this server have sent too much data.")

    def record(self, client: object, size: int) -> int:
        """Record that `client` holds `size` bytes, and return how many it held before."""
        before = self._sizes.get(client, 0)
        self._total += size - before
        if size:
            self._sizes[client] = size
        else:
            self._sizes.pop(client, None)
        return before

    def remove(self, client: object) -> None:
        """Forget a client that has left."""
        self._total -= self._sizes.pop(client, 0)


class Turnstile:
    """Lets one client pass in each round of the event loop, in the order of their arrival."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def wait(self) -> None:
        """Wait for a turn."""
        async with self._lock:
            await asyncio.sleep(0)


class EventQueue:
    """A queue of events between the reading task and the session, bounded in bytes.

    Only reading shows that a client has left, so the reader must not wait for a session that waits
    for a model: when no event is taken for a while, events are queued up to a second, larger limit.
    """

    def __init__(
        self,
        soft_limit: int = SOFT_LIMIT_BYTES,
        hard_limit: int = HARD_LIMIT_BYTES,
        stall_timeout: float = STALL_SECONDS,
    ) -> None:
        """Limits in bytes, `stall_timeout` in seconds."""
        self._soft_limit = soft_limit
        self._hard_limit = hard_limit
        self._stall_timeout = stall_timeout
        self._events: deque[tuple[Event, int, int]] = deque()
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self._stalled = False
        self.size = 0
        """Bytes that the queued events had on the wire."""
        self.memory = 0
        """Bytes of memory that they take."""

    def __len__(self) -> int:
        return len(self._events)

    async def put(self, event: Event, size: int, memory: int | None = None) -> None:
        """Add an event of `size` bytes on the wire. Raises BusyError at the hard limit.

        `memory` is what it takes here, by default as much. Many tiny events reach a limit earlier.
        """
        memory = size if memory is None else memory
        while self.size >= self._soft_limit and not self._stalled:
            self._taken.clear()
            try:
                async with asyncio.timeout(self._stall_timeout):
                    await self._taken.wait()
            except TimeoutError:
                self._stalled = True
        allowed = min(self._hard_limit, FREE_BYTES + MAX_EXPANSION * (self.size + size))
        if self.memory >= allowed:
            raise BusyError(
                "The client sent more data than the server can queue.",
                hint="Wait for the answer before sending more.",
            )
        self._events.append((event, size, memory))
        self.size += size
        self.memory += memory
        self._filled.set()

    async def get(self) -> Event:
        """Wait for the next event; consecutive audio chunks are joined into one event."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        event = self._pop()
        if event.type == "audio-chunk" and event.payload:
            payloads, length = [event.payload], len(event.payload)
            while length < MAX_JOINED_BYTES and self._next_can_join(event):
                payloads.append(self._pop().payload or b"")
                length += len(payloads[-1])
            event = Event(event.type, event.data, b"".join(payloads))
        self._stalled = False
        self._taken.set()
        return event

    def clear(self) -> None:
        """Drop all events."""
        self._events.clear()
        self.size = self.memory = 0

    def _next_can_join(self, event: Event) -> bool:
        """Return whether the next event is audio of the same format and has no timestamp of its
        own.
        """
        if not self._events:
            return False
        following = self._events[0][0]
        return following.type == event.type and following.data == event.data

    def _pop(self) -> Event:
        event, size, memory = self._events.popleft()
        self.size -= size
        self.memory -= memory
        return event
