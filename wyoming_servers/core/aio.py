"""Work in tasks: several pieces that end together, and one that is stopped."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import DeadlineError


async def run_all(*works: Coroutine[Any, Any, None]) -> None:
    """Run all until all are done; the first that fails cancels the others and is raised.

    As asyncio.TaskGroup, but the error comes as it is: an edge looks at its class.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    errors = [task.exception() for task in tasks if not task.cancelled()]
    for error in filter(None, errors):
        raise error


async def cancel_and_wait(task: asyncio.Task[Any]) -> BaseException | None:
    """Cancel a task if it still runs, wait for its end, and return what it failed with."""
    task.cancel()
    await asyncio.wait([task])
    return None if task.cancelled() else task.exception()


# A bound on waiting, on the clock that is passed in; tests move it by hand.


class ClockTimeout:
    """Cancels what runs inside `async with` when time is up, and raises DeadlineError instead.

    As `asyncio.timeout`, but on a Clock: the body stays in its own task, so context managers can
    be entered and left in it as usual.
    """

    def __init__(self, clock: Clock, seconds: float, what: str) -> None:
        self._clock = clock
        self._seconds = seconds
        self._purpose = what
        """Ends the sentence "60 s were not enough …"."""
        self._expires_at = 0.0
        self._expired = False

    def restart(self) -> None:
        """Begin to count anew: something has moved on."""
        self._expires_at = self._clock.now() + self._seconds

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to cancel")
        self._task = task
        self._cancelling = task.cancelling()
        self.restart()
        self._timer = asyncio.create_task(self._expire(), name="deadline")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        # If it was not our alarm that cancelled the task, the cancellation goes on its way.
        if (
            self._expired
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise DeadlineError(f"{self._seconds:g} s were not enough {self._purpose}.") from error

    async def _expire(self) -> None:
        while (left := self._expires_at - self._clock.now()) > 0:
            await self._clock.sleep(left)
        self._expired = True
        self._task.cancel()
