"""Time as a dependency: production code uses `SystemClock`, tests move a `FakeClock` by hand."""

import asyncio
import heapq
import itertools
import time
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

_MIN_STEP_SECONDS: Final = 60.0
"""Smaller differences are drift, which time servers correct all the time."""


class SystemClock:
    """The operating system's clocks."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


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
