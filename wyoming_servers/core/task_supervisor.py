"""Long-lived background tasks that are named, restarted after a failure and visible in `/health`.

An exception in a background task must not disable a function of the server until the next restart:
`TaskSupervisor` logs it at once, counts it and runs the task again after a pause. A ConductorError,
such as a full disk, is logged as it is; any other exception is a bug.
Used by `app` for the tasks of the whole server, and by `jobs` and `webhooks` for theirs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import ConductorError

_LOGGER = logging.getLogger(__name__)

BACKOFF_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Pauses before the restarts after consecutive failures; the last one repeats."""

RECOVERED_SECONDS: Final = 60.0
"""A task that has run this long since its last restart counts as recovered."""

Work = Callable[[], Awaitable[None]]
"""Starts the work of a task; called again for each restart."""


@dataclass(slots=True)
class TaskStatus:
    """The failures of one supervised task."""

    name: str
    failures: int = 0
    """Since the start of the server."""
    consecutive_failures: int = 0
    """Since the task last ran for `RECOVERED_SECONDS`."""
    error: str = ""
    """The last failure; empty while the task is healthy."""
    started_at: float = 0.0
    """Monotonic time of the last start."""
    running: bool = False


class TaskSupervisor:
    """Runs background tasks and restarts those that fail.

    A task ends when its work returns, when it is cancelled, or with `aclose`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._statuses: dict[str, TaskStatus] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Work, name: str) -> asyncio.Task[None]:
        """Run `work` in a task of this name; cancel the returned task to end it earlier."""
        status = self._statuses.setdefault(name, TaskStatus(name))
        task = asyncio.create_task(self._run(work, status), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @property
    def statuses(self) -> tuple[TaskStatus, ...]:
        """Every task that was started, in the order of their first start."""
        return tuple(self._statuses.values())

    def problems(self) -> list[str]:
        """Return one sentence for each task that failed and has not recovered."""
        return [
            f"The background task {status.name!r} failed {_times(status.failures)}: {status.error}"
            for status in self._statuses.values()
            if status.error and not self._is_recovered(status)
        ]

    async def aclose(self) -> None:
        """Cancel all tasks and wait for their end."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, work: Work, status: TaskStatus) -> None:
        while True:
            status.started_at, status.running = self._clock.now(), True
            try:
                await work()
            except Exception as err:  # noqa: BLE001  (whatever it is, the function must come back)
                pause = self._record_failure(status, err)
            else:
                return
            finally:
                status.running = False
            await self._clock.sleep(pause)

    def _record_failure(self, status: TaskStatus, error: Exception) -> float:
        """Log and count a failure; return the seconds until the restart."""
        if self._clock.now() - status.started_at >= RECOVERED_SECONDS:
            status.consecutive_failures = 0
        pause = BACKOFF_SECONDS[min(status.consecutive_failures, len(BACKOFF_SECONDS) - 1)]
        status.failures += 1
        status.consecutive_failures += 1
        status.error = f"{type(error).__name__}: {error}"
        if isinstance(error, ConductorError):
            status.error = str(error)
            _LOGGER.error(
                "The %s task cannot work and tries again in %g s. %s", status.name, pause, error
            )
            return pause
        _LOGGER.error(
            "The %s task failed and restarts in %g s; this is a bug",
            status.name,
            pause,
            exc_info=error,
        )
        return pause

    def _is_recovered(self, status: TaskStatus) -> bool:
        return status.running and self._clock.now() - status.started_at >= RECOVERED_SECONDS


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
