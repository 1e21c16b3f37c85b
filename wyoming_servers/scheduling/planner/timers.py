"""Deadlines as data: a queue of timers that the planner checks; nothing here waits."""

import heapq
import itertools
from enum import StrEnum
from typing import NamedTuple


class TimerKind(StrEnum):
    """The purpose of a timer."""

    KEEP_ALIVE = "keep_alive"
    """An idle instance is unloaded."""
    LOAD_TIMEOUT = "load_timeout"
    """A load has taken too long."""
    REQUEST_TIMEOUT = "request_timeout"
    """A request has waited too long."""
    PING = "ping"
    """A leased worker is checked for a hang."""
    RETRY = "retry"
    """A failed instance may be tried again."""
    FAILURE_RESET = "failure_reset"
    """A worker has lived long enough to reset its earlier failures."""
    PROBE = "probe"
    """The memory is read again."""
    MEMORY_RETURN_TIMEOUT = "memory_return_timeout"
    """Memory of an exited process that has not become free is no longer waited for."""
    PREFETCH_EXPIRED = "prefetch_expired"
    """A prefetch that could not start in time is dropped."""
    QUEUE_JUMP_EXPIRED = "queue_jump_expired"
    """A request that waits for memory may no longer be overtaken."""


class TimerKey(NamedTuple):
    """Identifies one timer."""

    kind: TimerKind
    owner: object = None
    """An instance key, a request number, …; anything hashable. None if there is only one."""


class TimerQueue:
    """A set of timers, each with at most one time."""

    def __init__(self) -> None:
        self._at: dict[TimerKey, float] = {}
        self._heap: list[tuple[float, int, TimerKey]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._at)

    def set(self, timer: TimerKey, at: float) -> None:
        """Set the time of a timer; replaces an earlier or later time."""
        self._at[timer] = at
        heapq.heappush(self._heap, (at, next(self._order), timer))
        self._compact()

    def cancel(self, timer: TimerKey) -> None:
        """Remove a timer, if it is set."""
        self._at.pop(timer, None)

    def due_at(self, timer: TimerKey) -> float | None:
        """Return the time of a timer; None if it is not set."""
        return self._at.get(timer)

    def next_due(self) -> float | None:
        """Return the earliest time; None if no timer is set."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> TimerKey | None:
        """Remove and return the earliest timer that has expired, if any."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        timer = heapq.heappop(self._heap)[2]
        del self._at[timer]
        return timer

    def _drop_stale(self) -> None:
        """Drop entries at the top of the heap that were canceled or set again."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    def _compact(self) -> None:
        """Rebuild the heap when most entries are stale, so that it stays bounded."""
        if len(self._heap) > 64 + 4 * len(self._at):
            self._heap = [(at, next(self._order), timer) for timer, at in self._at.items()]
            heapq.heapify(self._heap)
