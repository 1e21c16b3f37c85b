"""Time as a dependency, so that tests move it by hand."""

import asyncio
import heapq
import itertools
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that only grow, seconds since 1970, and a way to wait."""

    def now(self) -> float:
        """Return monotonic seconds; only differences mean something."""
        ...

    def wall(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; zero and less yields to the loop once."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class FakeClock:
    """Stands still until `advance` is called; sleepers wake in order of their time."""

    def __init__(self, start: float = 1_000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return 1_700_000_000.0 + self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking every sleeper on the way and letting the loop settle."""
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
        """Let tasks that are ready run on; no time passes."""
        for _ in range(rounds):
            await asyncio.sleep(0)
