"""Helpers on top of asyncio: run several coroutines, cancel one task, share time, time out on a
Clock, and queue what has a size."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Coroutine, Iterable
from time import monotonic
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import ConductorError, DeadlineError

_Item = TypeVar("_Item")

ROUND_SECONDS: Final = 0.002
"""Work of clients in one round of the event loop: an answer takes about ten rounds."""

_LOGGER: Final = logging.getLogger(__name__)


async def run_all(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all coroutines as tasks; the first error cancels the others and is raised.

    Like `asyncio.TaskGroup`, but the error is raised as it is and not in an ExceptionGroup,
    because callers look at its class. Errors of the other tasks are logged: an expected one at
    debug level, a bug with its traceback.
    """
    await _run(coroutines, asyncio.FIRST_EXCEPTION)


async def run_until_first(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all coroutines as tasks until the first one ends; then the others are cancelled.

    Its error is raised; those of the others are logged, as by `run_all`.
    """
    await _run(coroutines, asyncio.FIRST_COMPLETED)


async def _run(coroutines: Iterable[Coroutine[Any, Any, None]], until: str) -> None:
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=until)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    failed = [task for task in tasks if not task.cancelled() and task.exception() is not None]
    if not failed:
        return
    # A task that failed while it was being cancelled did not cause the end.
    failed.sort(key=lambda task: task not in done)
    for task in failed[1:]:
        _log_other_error(task.exception())
    failed[0].result()


def _log_other_error(error: BaseException | None) -> None:
    if isinstance(error, ConductorError):
        _LOGGER.debug("Another task failed as well: %s (%s)", error, error.code)
    else:
        _LOGGER.error("Another task failed as well", exc_info=error)


async def cancel_and_wait(task: asyncio.Task[Any]) -> BaseException | None:
    """Cancel a task if it is still running, wait for its end, and return its exception, if any."""
    task.cancel()
    await asyncio.wait([task])
    return None if task.cancelled() else task.exception()


class LoopTimeBudget:
    """Bounds the work of many tasks in one round of the event loop.

    Work of a millisecond is nothing by itself, but forty clients that want it in the same round
    would hold up all others. A task waits before each unit of such work: it continues at once while
    the round has time left, and otherwise in a later round, in the order of arrival.
    """

    def __init__(self, round_seconds: float = ROUND_SECONDS) -> None:
        self._round_seconds = round_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._began_at = 0.0
        """When the first task passed in this round."""
        self._passed = 0
        """Tasks that have passed in this round."""
        self._seconds_each = round_seconds
        """Time of one unit of work in the last round, all else in that round included."""

    async def wait(self) -> None:
        """Wait until the event loop has time for work."""
        if not self._waiting and (
            not self._passed or monotonic() < self._began_at + self._round_seconds
        ):
            if not self._passed:
                self._begin_round()
            self._passed += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _begin_round(self) -> None:
        self._began_at = monotonic()
        asyncio.get_running_loop().call_soon(self._end_round)

    def _end_round(self) -> None:
        """Let as many of the waiting tasks pass in the next round as have time in it."""
        if self._passed:
            self._seconds_each = max(1e-6, (monotonic() - self._began_at) / self._passed)
        self._passed = 0
        count = max(1, int(self._round_seconds / self._seconds_each))
        while self._waiting and self._passed < count:
            turn = self._waiting.popleft()
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
                self._passed += 1
        if self._passed:
            self._begin_round()


class ClockTimeout:
    """Cancels the body of `async with` after `seconds` and raises DeadlineError instead.

    Like `asyncio.timeout`, but on a Clock, so that tests control the time. The body stays in its
    own task: context managers can be entered and left inside as usual.
    """

    def __init__(self, clock: Clock, seconds: float, purpose: str) -> None:
        """`purpose` ends the sentence "60 s were not enough …" of the error."""
        self._clock = clock
        self._seconds = seconds
        self._purpose = purpose
        self._expires_at = 0.0
        self._expired = False

    def restart(self) -> None:
        """Count from now on again, because there was progress."""
        self._expires_at = self._clock.now() + self._seconds

    def suspend(self) -> None:
        """Stop counting until `restart`, because somebody else is waited for."""
        self._expires_at = math.inf

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("ClockTimeout needs a task to cancel")
        self._task = task
        self._cancelling = task.cancelling()
        self.restart()
        self._timer = asyncio.create_task(self._expire(), name="timeout")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        # A cancellation that did not come from this timer is passed on.
        if (
            self._expired
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise DeadlineError(f"{self._seconds:g} s were not enough {self._purpose}.") from error

    async def _expire(self) -> None:
        while (remaining := self._expires_at - self._clock.now()) > 0:
            await self._clock.sleep(min(remaining, self._seconds))
        self._expired = True
        self._task.cancel()


class SizedQueue(Generic[_Item]):
    """A queue from one producer to one consumer, bounded by the sum of the sizes in it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[tuple[_Item, int]] = deque()
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self.size = 0
        """Sum of the sizes of all items in the queue."""

    async def put(self, item: _Item, size: int = 0) -> None:
        """Add an item; waits until there is room for it or the queue is empty."""
        while size and self.size and self.size + size > self._limit:
            self._taken.clear()
            await self._taken.wait()
        self.put_nowait(item, size)

    def put_nowait(self, item: _Item, size: int = 0) -> None:
        """Add an item whether there is room or not."""
        self._items.append((item, size))
        self.size += size
        self._filled.set()

    async def get(self) -> _Item:
        """Wait for the next item and take it."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        item, size = self._items.popleft()
        self.size -= size
        self._taken.set()
        return item
