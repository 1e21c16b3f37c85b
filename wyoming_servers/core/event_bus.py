"""In-process publish and subscribe for `core.events`, with a bounded history for replay."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from wyoming_servers.core.clock import Clock, SystemClock
from wyoming_servers.core.events import Event

HISTORY: Final = 512
"""Events kept for a subscriber that reconnects and names the last event it saw."""

BACKLOG: Final = 1_024
"""Events that a slow subscriber may lag behind before the oldest are dropped."""


@dataclass(frozen=True, slots=True)
class SequencedEvent:
    """An event with its position in the order of all events since the start."""

    sequence: int
    event: Event
    timestamp: float = 0.0
    """Time of publication, in seconds since 1970."""


class Subscription:
    """The events of one subscriber since it subscribed, in order."""

    def __init__(self, replay: list[SequencedEvent]) -> None:
        self._events: deque[SequencedEvent] = deque(replay, maxlen=BACKLOG)
        self._wake = asyncio.Event()
        if replay:
            self._wake.set()
        self.dropped = 0
        """Events lost because the subscriber was too slow."""

    def push(self, item: SequencedEvent) -> None:
        """Append an event; drops the oldest one when the backlog is full."""
        if len(self._events) == BACKLOG:
            self.dropped += 1
        self._events.append(item)
        self._wake.set()

    async def next(self) -> SequencedEvent:
        """Wait for the next event."""
        while not self._events:
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()

    def drain(self) -> list[SequencedEvent]:
        """Return and remove all pending events without waiting."""
        events = list(self._events)
        self._events.clear()
        return events

    async def __aiter__(self) -> AsyncIterator[SequencedEvent]:
        while True:
            yield await self.next()


class EventBus:
    """Delivers events to subscribers. Publishing is synchronous, cheap and never blocks."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._sequence = 0
        self._history: deque[SequencedEvent] = deque(maxlen=HISTORY)
        self._subscriptions: set[Subscription] = set()

    @property
    def last_sequence(self) -> int:
        """Sequence number of the newest event; 0 before the first."""
        return self._sequence

    def publish(self, event: Event) -> None:
        """Deliver an event to every subscriber."""
        self._sequence += 1
        item = SequencedEvent(self._sequence, event, self._clock.wall())
        self._history.append(item)
        for subscription in self._subscriptions:
            subscription.push(item)

    @contextmanager
    def subscribe(self, after: int | None = None) -> Iterator[Subscription]:
        """Subscribe to new events; `after` first replays the kept events with a larger number."""
        replay = [] if after is None else [item for item in self._history if item.sequence > after]
        subscription = Subscription(replay)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def recent(self, count: int = 50) -> list[SequencedEvent]:
        """Return the newest events, oldest first."""
        return list(self._history)[-count:]
