import asyncio
import logging
from time import monotonic

import pytest

from wyoming_servers.core.aio import (
    ClockTimeout,
    LoopTimeBudget,
    SizedQueue,
    run_all,
    run_until_first,
)
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import CancelledError, DeadlineError

# run_all


async def test_run_all_raises_the_first_error_unwrapped_and_cancels_the_others() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("first")

    with pytest.raises(KeyError, match="first"):
        await run_all(wait(), fail())
    assert cancelled.is_set()


async def test_run_all_cancels_all_tasks_when_it_is_cancelled() -> None:
    left = []

    async def wait(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append(name)

    task = asyncio.create_task(run_all(wait("a"), wait("b")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(left) == ["a", "b"]


async def test_run_all_returns_when_all_tasks_are_done() -> None:
    done = []

    async def work(name: str, rounds: int) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)
        done.append(name)

    await run_all(work("slow", 5), work("fast", 1))
    assert done == ["fast", "slow"]


async def test_run_until_first_cancels_the_others_when_one_ends() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def end() -> None:
        await asyncio.sleep(0)

    await run_until_first(wait(), end())
    assert cancelled.is_set()


async def test_run_all_logs_a_bug_in_another_task(caplog: pytest.LogCaptureFixture) -> None:
    async def leave() -> None:
        raise CancelledError("The client left.")

    async def fail() -> None:
        raise KeyError("a bug")

    with pytest.raises(CancelledError):
        await run_all(leave(), fail())
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)


async def test_run_all_logs_no_error_when_two_tasks_see_the_client_leave(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leave() -> None:
        raise CancelledError("The client left.")

    with caplog.at_level(logging.DEBUG), pytest.raises(CancelledError):
        await run_all(leave(), leave())
    assert "The client left." in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


async def test_run_all_raises_the_cause_and_not_an_error_of_the_cleanup(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def clean_up_badly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("cleanup")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("cause")

    with pytest.raises(KeyError, match="cause"):
        await run_all(clean_up_badly(), fail())
    assert "cleanup" in caplog.text


# ClockTimeout


async def test_clock_timeout_cancels_the_body_and_raises_a_deadline_error(
    clock: FakeClock,
) -> None:
    async def work() -> None:
        async with ClockTimeout(clock, 5, "for the model"):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.2)
    with pytest.raises(DeadlineError, match="5 s were not enough for the model"):
        await task


async def test_clock_timeout_leaves_a_body_in_time_alone(clock: FakeClock) -> None:
    async with ClockTimeout(clock, 5, "for this"):
        pass
    await clock.advance(10)


async def test_clock_timeout_counts_again_after_restart(clock: FakeClock) -> None:
    steps = asyncio.Queue[None]()

    async def work() -> None:
        async with ClockTimeout(clock, 5, "for a step") as timeout:
            while True:
                await steps.get()
                timeout.restart()

    task = asyncio.create_task(work())
    for _ in range(4):
        await clock.advance(4)
        steps.put_nowait(None)
        await clock.run_ready_tasks()
    assert not task.done()
    await clock.advance(5.1)
    with pytest.raises(DeadlineError):
        await task


async def test_clock_timeout_passes_on_a_cancellation_from_outside(clock: FakeClock) -> None:
    async def work() -> None:
        async with ClockTimeout(clock, 5, "for this"):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await clock.run_ready_tasks()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_clock_timeout_passes_on_an_error_of_the_body(clock: FakeClock) -> None:
    with pytest.raises(KeyError):
        async with ClockTimeout(clock, 5, "for this"):
            raise KeyError


async def test_clock_timeout_passes_on_a_cancellation_at_the_moment_it_expires(
    clock: FakeClock,
) -> None:
    timeout = ClockTimeout(clock, 5, "for this")

    async def work() -> None:
        async with timeout:
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await clock.run_ready_tasks()
    timeout._timer.cancel()
    timeout._expired = True
    task.cancel()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_clock_timeout_does_not_count_while_it_is_suspended(clock: FakeClock) -> None:
    steps = asyncio.Queue[None]()

    async def work() -> None:
        async with ClockTimeout(clock, 5, "for a step") as timeout:
            timeout.suspend()
            await steps.get()
            timeout.restart()
            await steps.get()

    task = asyncio.create_task(work())
    for _ in range(10):
        await clock.advance(4)
    assert not task.done()
    steps.put_nowait(None)
    await clock.run_ready_tasks()
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.2)
    with pytest.raises(DeadlineError):
        await task


# SizedQueue


async def test_sized_queue_waits_for_room_and_keeps_the_order(clock: FakeClock) -> None:
    queue = SizedQueue[str](10)
    await queue.put("a", 6)
    waiting = asyncio.create_task(queue.put("b", 5))
    await clock.run_ready_tasks()
    assert not waiting.done()
    queue.put_nowait("mark")
    assert await queue.get() == "a"
    await waiting
    assert [await queue.get() for _ in range(2)] == ["mark", "b"]
    assert queue.size == 0


async def test_sized_queue_takes_an_item_over_the_limit_alone(clock: FakeClock) -> None:
    queue = SizedQueue[str](10)
    await queue.put("large", 100)
    waiting = asyncio.create_task(queue.put("b", 1))
    await clock.run_ready_tasks()
    assert not waiting.done()
    assert await queue.get() == "large"
    await waiting
    assert await queue.get() == "b"


# LoopTimeBudget


async def passes_by_round(
    loop_time: LoopTimeBudget, tasks: int, items: int, seconds: float
) -> list[int]:
    """Let tasks do items of work of this length; return how many were done in each round."""
    counts = [0]

    async def work() -> None:
        for _ in range(items):
            await loop_time.wait()
            counts[-1] += 1
            end = monotonic() + seconds
            while monotonic() < end:
                pass

    running = [asyncio.create_task(work()) for _ in range(tasks)]
    while not all(task.done() for task in running):
        await asyncio.sleep(0)
        counts.append(0)
    assert sum(counts) == tasks * items
    return [count for count in counts if count]


async def test_loop_time_budget_spreads_long_work_over_rounds() -> None:
    counts = await passes_by_round(LoopTimeBudget(0.002), tasks=20, items=3, seconds=0.003)
    assert max(counts) == 1


async def test_loop_time_budget_lets_short_work_pass_together() -> None:
    counts = await passes_by_round(LoopTimeBudget(60.0), tasks=20, items=3, seconds=0.0)
    assert counts == [60]


async def test_loop_time_budget_keeps_the_order_and_skips_who_was_cancelled() -> None:
    loop_time = LoopTimeBudget(0.0)
    passed: list[str] = []

    async def enter(name: str) -> None:
        await loop_time.wait()
        passed.append(name)

    tasks = {name: asyncio.create_task(enter(name)) for name in "abcd"}
    await asyncio.sleep(0)
    tasks["c"].cancel()
    await asyncio.wait(tasks.values())
    assert passed == ["a", "b", "d"]
