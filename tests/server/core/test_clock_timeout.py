import asyncio

import pytest

from wyoming_servers.core.aio import ClockTimeout
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import DeadlineError


async def test_work_that_takes_too_long_is_cancelled_and_told_as_a_deadline(
    clock: FakeClock,
) -> None:
    async def work() -> None:
        async with ClockTimeout(clock, 5, "for a miracle"):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.2)
    with pytest.raises(DeadlineError, match="5 s were not enough for a miracle"):
        await task


async def test_work_in_time_is_left_alone(clock: FakeClock) -> None:
    async with ClockTimeout(clock, 5, "for this"):
        pass
    await clock.advance(10)


async def test_progress_moves_the_deadline(clock: FakeClock) -> None:
    steps = asyncio.Queue[None]()

    async def work() -> None:
        async with ClockTimeout(clock, 5, "for a step") as deadline:
            while True:
                await steps.get()
                deadline.restart()

    task = asyncio.create_task(work())
    for _ in range(4):
        await clock.advance(4)
        steps.put_nowait(None)
        await clock.run_ready_tasks()
    assert not task.done()
    await clock.advance(5.1)
    with pytest.raises(DeadlineError):
        await task


async def test_a_cancellation_from_outside_stays_one(clock: FakeClock) -> None:
    async def work() -> None:
        async with ClockTimeout(clock, 5, "for this"):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await clock.run_ready_tasks()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_work_passes(clock: FakeClock) -> None:
    with pytest.raises(KeyError):
        async with ClockTimeout(clock, 5, "for this"):
            raise KeyError


async def test_a_cancellation_at_the_same_moment_stays_one(clock: FakeClock) -> None:
    deadline = ClockTimeout(clock, 5, "for this")

    async def work() -> None:
        async with deadline:
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await clock.run_ready_tasks()
    deadline._timer.cancel()
    deadline._expired = True
    task.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
