"""Deadlines as data: who is due when. Nothing here waits."""

import heapq
import itertools
from enum import StrEnum
from typing import NamedTuple


class TimerKind(StrEnum):
    """What a deadline is for."""

    KEEP_ALIVE = "keep_alive"
    """An idle instance is let go."""
    LOAD_TIMEOUT = "load"
    """A load has taken too long."""
    REQUEST_TIMEOUT = "request"
    """A request has waited too long."""
    PING = "ping"
    """A leased worker is asked whether it lives."""
    RETRY = "retry"
    """A failed instance may be tried again."""
    FAILURE_RESET = "stable"
    """A worker has lived long enough to forget its earlier failures."""
    PROBE = "probe"
    """The memory is read again."""
    MEMORY_RETURN_TIMEOUT = "settle"
    """Memory that has not come back is no longer waited for."""
    PREFETCH_EXPIRED = "give_up"
    """A speculative load nobody could start is dropped."""
    QUEUE_JUMP_EXPIRED = "patience"
    """A request that waits for memory may now hold back those after it."""


class TimerKey(NamedTuple):
    """One deadline: what for, and whose."""

    kind: TimerKind
    owner: object = None
    """Anything hashable; None where there is only one."""


class TimerQueue:
    """A set of deadlines, each with at most one time."""

    def __init__(self) -> None:
        self._at: dict[TimerKey, float] = {}
        self._heap: list[tuple[float, int, TimerKey]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._at)

    def set(self, timer: TimerKey, at: float) -> None:
        """Make it due at this time, instead of at any earlier or later one set before."""
        self._at[timer] = at
        heapq.heappush(self._heap, (at, next(self._order), timer))
        self._shrink()

    def cancel(self, timer: TimerKey) -> None:
        """Forget it; nothing happens if it was not set."""
        self._at.pop(timer, None)

    def due_at(self, timer: TimerKey) -> float | None:
        """Return when it is due, if it is set."""
        return self._at.get(timer)

    def next_due(self) -> float | None:
        """Return when the earliest is due; None if there is none."""
        self._skip()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> TimerKey | None:
        """Take out the earliest that is due, if any."""
        self._skip()
        if not self._heap or self._heap[0][0] > now:
            return None
        timer = heapq.heappop(self._heap)[2]
        del self._at[timer]
        return timer

    def _skip(self) -> None:
        """Drop entries at the top that were cancelled or set anew."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    def _shrink(self) -> None:
        """Rebuild the heap when most of it is dropped entries, so that it cannot grow for ever."""
        if len(self._heap) > 64 + 4 * len(self._at):
            self._heap = [(at, next(self._order), timer) for timer, at in self._at.items()]
            heapq.heapify(self._heap)
