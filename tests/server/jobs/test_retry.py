"""Which failures of a chunk of work are retried, and when."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    ConductorError,
    DeadlineError,
    InferenceFailedError,
    OutOfMemoryError,
    ShuttingDownError,
)
from wyoming_servers.jobs.retry import LeaseRetrier, LeaseRetryPolicy
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.speech.fake import FakeCoordinator

Work = Callable[[Lease], Awaitable[str]]


def failing(coordinator: FakeCoordinator, *errors: ConductorError) -> Work:
    """Return work that raises each error once, then succeeds."""
    remaining = list(errors)

    async def work(_lease: Lease) -> str:
        assert coordinator.active_leases == 1
        if remaining:
            raise remaining.pop(0)
        return "done"

    return work


@pytest.fixture
def retrier(coordinator: FakeCoordinator, clock: FakeClock) -> LeaseRetrier:
    policy = LeaseRetryPolicy(attempt_timeout=60, max_attempts=3, max_capacity_wait=60)
    return LeaseRetrier(coordinator, clock, "tts/joe", policy, client="job 1")


async def finish(clock: FakeClock, running: Awaitable[str], seconds: float = 20.0) -> str:
    """Let time pass until the work is done."""
    task = asyncio.ensure_future(running)
    for _ in range(int(seconds / 0.05)):
        if task.done():
            break
        await clock.advance(0.05)
    assert task.done()
    return task.result()


async def test_out_of_memory_is_retried_when_memory_has_returned(
    retrier: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.devices_freeing_memory.add("cpu")
    work = failing(coordinator, OutOfMemoryError("No memory."))
    task = asyncio.ensure_future(retrier.run(work, "It"))
    await clock.advance(2)
    assert (len(coordinator.leased), coordinator.active_leases) == (1, 0)
    coordinator.devices_freeing_memory.clear()
    coordinator.notify_changed()
    await clock.advance(0)
    assert task.done()
    assert await task == "done"
    assert coordinator.leased == ["tts/joe", "tts/joe"]


async def test_out_of_memory_is_raised_after_three_attempts(
    retrier: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    work = failing(coordinator, *[OutOfMemoryError("No memory.") for _ in range(3)])
    with pytest.raises(OutOfMemoryError):
        await finish(clock, retrier.run(work, "It"))
    assert len(coordinator.leased) == 3
    assert coordinator.active_leases == 0


async def test_waiting_for_capacity_does_not_count_as_an_attempt(
    retrier: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.lease_errors = [
        OutOfMemoryError("full"),
        BusyError("full"),
        BusyError("full"),
        BusyError("full", retry_after=10),
    ]
    work = failing(coordinator, InferenceFailedError("gone"), InferenceFailedError("gone"))
    assert await finish(clock, retrier.run(work, "It"), 120) == "done"


async def test_waiting_for_capacity_is_limited(
    retrier: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.lease_errors = [BusyError("full") for _ in range(20)]
    began = clock.now()
    with pytest.raises(BusyError):
        await finish(clock, retrier.run(failing(coordinator), "It"), 120)
    assert clock.now() - began <= 62


async def test_bad_request_is_not_retried(
    retrier: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    work = failing(coordinator, BadRequestError("nonsense"))
    with pytest.raises(BadRequestError):
        await finish(clock, retrier.run(work, "It"))
    assert len(coordinator.leased) == 1


async def test_model_that_is_unloaded_during_the_work_is_leased_again(
    retrier: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    work = failing(coordinator, ShuttingDownError("The model was unloaded during the run."))
    assert await finish(clock, retrier.run(work, "It")) == "done"
    assert len(coordinator.leased) == 2


async def test_model_that_is_unloaded_each_time_fails_the_work(
    retrier: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    work = failing(coordinator, *[ShuttingDownError("unloaded") for _ in range(3)])
    with pytest.raises(InferenceFailedError, match="It was interrupted 3 times"):
        await finish(clock, retrier.run(work, "It"))


async def test_lease_refused_by_a_stopping_server_is_not_retried(
    retrier: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.lease_errors = [ShuttingDownError("The server is stopping.")]
    with pytest.raises(ShuttingDownError):
        await finish(clock, retrier.run(failing(coordinator), "It"))
    assert coordinator.lease_errors == []
    assert coordinator.leased == []


async def test_total_timeout_limits_all_attempts_with_one_error(
    coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    policy = LeaseRetryPolicy(
        attempt_timeout=0.1, total_timeout=0.1, max_attempts=2, max_capacity_wait=0.0,
        initial_delay=0.0,
    )  # fmt: skip
    retrier = LeaseRetrier(coordinator, clock, "tts/joe", policy)
    attempts = 0

    async def work(_lease: Lease) -> str:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await clock.advance(0.06)
            raise InferenceFailedError("gone")
        timeouts.append(retrier._attempt_timeout(clock.now() - 0.06))
        await asyncio.get_running_loop().create_future()
        return ""

    timeouts: list[float] = []
    with pytest.raises(DeadlineError, match="It took too long"):
        await retrier.run(work, "It")
    assert attempts == 2
    assert timeouts == [pytest.approx(0.04)]
