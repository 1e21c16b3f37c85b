import asyncio

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.task_supervisor import (
    BACKOFF_SECONDS,
    RECOVERED_SECONDS,
    TaskSupervisor,
)


class UnstableWork:
    """Work that fails when told to, and counts its starts."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.failure = asyncio.Event()

    async def run(self, clock: FakeClock) -> None:
        self.starts.append(clock.now())
        await self.failure.wait()
        raise ValueError("broken")


@pytest.fixture
def supervisor(clock: FakeClock) -> TaskSupervisor:
    return TaskSupervisor(clock)


async def test_restarts_are_delayed_longer_after_each_failure(
    supervisor: TaskSupervisor, clock: FakeClock
) -> None:
    work = UnstableWork()
    work.failure.set()
    supervisor.start(lambda: work.run(clock), "unstable")
    await clock.advance(sum(BACKOFF_SECONDS) + BACKOFF_SECONDS[-1])
    pauses = [b - a for a, b in zip(work.starts, work.starts[1:], strict=False)]
    assert pauses == [*BACKOFF_SECONDS, BACKOFF_SECONDS[-1]]
    (status,) = supervisor.statuses
    assert status.failures == len(work.starts)
    await supervisor.aclose()


async def test_a_task_that_runs_long_enough_has_recovered(
    supervisor: TaskSupervisor, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    work = UnstableWork()
    work.failure.set()
    supervisor.start(lambda: work.run(clock), "unstable")
    await clock.run_ready_tasks()
    assert len(caplog.records) == 1
    work.failure.clear()
    await clock.advance(BACKOFF_SECONDS[0])
    assert supervisor.problems() == [
        "The background task 'unstable' failed once: ValueError: broken"
    ]
    await clock.advance(RECOVERED_SECONDS)
    assert supervisor.problems() == []
    work.failure.set()
    await clock.run_ready_tasks()
    assert supervisor.problems() == [
        "The background task 'unstable' failed 2 times: ValueError: broken"
    ]
    work.failure.clear()
    await clock.advance(BACKOFF_SECONDS[0])  # the first pause again, not the second
    assert len(work.starts) == 3
    await supervisor.aclose()


async def test_a_task_that_returns_is_not_restarted(
    supervisor: TaskSupervisor, clock: FakeClock
) -> None:
    starts = 0

    async def work() -> None:
        nonlocal starts
        starts += 1

    task = supervisor.start(work, "short")
    await clock.advance(100)
    assert (task.done(), starts, supervisor.problems()) == (True, 1, [])


async def test_a_cancelled_task_is_not_restarted(
    supervisor: TaskSupervisor, clock: FakeClock
) -> None:
    work = UnstableWork()
    task = supervisor.start(lambda: work.run(clock), "unstable")
    await clock.run_ready_tasks()
    task.cancel()
    await clock.advance(100)
    assert task.cancelled()
    assert len(work.starts) == 1
    assert not supervisor.statuses[0].running


async def test_closing_ends_all_tasks_even_during_a_pause(
    supervisor: TaskSupervisor, clock: FakeClock
) -> None:
    work, other = UnstableWork(), UnstableWork()
    work.failure.set()
    tasks = [
        supervisor.start(lambda: work.run(clock), "failing"),
        supervisor.start(lambda: other.run(clock), "healthy"),
    ]
    await clock.run_ready_tasks()
    await supervisor.aclose()
    assert all(task.cancelled() for task in tasks)
