"""Time as a dependency: production code uses `SystemClock`, tests move a `FakeClock` by hand."""

import asyncio
import heapq
import itertools
import logging
import selectors
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol


class Clock(Protocol):
    """Monotonic time, wall-clock time and sleep."""

    def now(self) -> float:
        """Return monotonic seconds; only differences are meaningful."""
        ...

    def wall(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep; zero or a negative number yields to the event loop once."""
        ...


CLOCK_SET_SINCE: Final = 1_577_836_800.0
"""2020-01-01; an earlier wall clock was not set yet, as on a computer without a battery."""

MIN_SUSPENSION_SECONDS: Final = 2.0
"""A process that stands still for longer was stopped, or the machine is overloaded."""

_LOGGER: Final = logging.getLogger(__name__)

_MIN_STEP_SECONDS: Final = 60.0
"""Smaller differences are drift, which time servers correct all the time."""


class SystemClock:
    """The operating system's clocks, or monotonic time as an event loop counts it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic

    def now(self) -> float:
        return self._monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class SuspendAwareEventLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while the process is stopped.

    A paused container, a stopped process or a paused virtual machine lets monotonic time go on. All
    deadlines would be over when it continues, although nobody had a chance to keep them: requests
    would fail, and workers would be killed because they did not answer.
    """

    def __init__(self) -> None:
        self._gaps = _GapSelector()
        super().__init__(self._gaps)

    def time(self) -> float:
        return super().time() - self._gaps.seconds


class _GapSelector(selectors.DefaultSelector):
    """Adds up the time by which a wait was longer than its timeout, or in which no wait began."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._left_at: float | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        entered_at = time.monotonic()
        if self._left_at is not None:
            self._add(entered_at - self._left_at)
        found: list[tuple[selectors.SelectorKey, int]] = super().select(timeout)
        self._left_at = time.monotonic()
        if timeout is not None:  # Without one, no deadline exists that could be missed.
            self._add(self._left_at - entered_at - max(0.0, timeout))
        return found

    def _add(self, seconds: float) -> None:
        if seconds >= MIN_SUSPENSION_SECONDS:
            _LOGGER.info("The server stood still for %.1f s; all deadlines are later", seconds)
            self.seconds += seconds


class FakeClock:
    """A clock that stands still until `advance`; sleepers wake in the order of their times."""

    def __init__(self, start: float = 1_000.0) -> None:
        self._now = start
        self.wall_base = 1_700_000_000.0
        """Wall-clock time at monotonic time 0; change it to set the clock."""
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self.wall_base + self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Move time forward: wake each sleeper at its time and run all tasks that are ready."""
        end = self._now + seconds
        await self.run_ready_tasks()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heapq.heappop(self._sleepers)
            self._now = max(self._now, at)
            if not woken.done():
                woken.set_result(None)
            await self.run_ready_tasks()
        self._now = end
        await self.run_ready_tasks()

    async def run_ready_tasks(self, rounds: int = 20) -> None:
        """Run the event loop for a number of iterations without moving time."""
        for _ in range(rounds):
            await asyncio.sleep(0)


class ClockStepDetector:
    """Notices that the wall clock was set, or that the computer was suspended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.wall() - clock.now()

    def was_set(self) -> bool:
        """Return whether the wall clock jumped since the last call, or since the start."""
        before, self._offset = self._offset, self._clock.wall() - self._clock.now()
        return abs(self._offset - before) >= _MIN_STEP_SECONDS


def iso_timestamp(seconds: float) -> str:
    """Return seconds since 1970-01-01 UTC as `2026-05-10T14:00:00.000Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
