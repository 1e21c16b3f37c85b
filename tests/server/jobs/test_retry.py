"""Which failures of a piece of work are worth another try, and when."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    ConductorError,
    InferenceFailedError,
    OutOfMemoryError,
)
from wyoming_servers.jobs.retry import LeaseRetrier, LeaseRetryPolicy
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.scheduling.status import DeviceStatus
from wyoming_servers.speech.fake import FakeCoordinator

Work = Callable[[Lease], Awaitable[str]]

BUSY_DEVICE = DeviceStatus(
    device="cpu", name="CPU", total=8, free=1, budget=8, reserved=0, committed=4, returning=3
)


def failing(coordinator: FakeCoordinator, *errors: ConductorError) -> Work:
    """Work that fails once with each error, and never while it shares its lease."""
    left = list(errors)

    async def work(_lease: Lease) -> str:
        assert coordinator.active_leases == 1
        if left:
            raise left.pop(0)
        return "done"

    return work


@pytest.fixture
def attempts(coordinator: FakeCoordinator, clock: FakeClock) -> LeaseRetrier:
    patience = LeaseRetryPolicy(attempt_timeout=60, max_attempts=3, max_capacity_wait=60)
    return LeaseRetrier(coordinator, clock, "tts/joe", patience, client="job 1")


async def soon(clock: FakeClock, making: Awaitable[str], seconds: float = 20.0) -> str:
    """Let time pass until it is made."""
    task = asyncio.ensure_future(making)
    for _ in range(int(seconds / 0.05)):
        if task.done():
            break
        await clock.advance(0.05)
    assert task.done()
    return task.result()


async def test_work_that_lacked_memory_waits_until_the_evicted_have_left(
    attempts: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.devices_freeing_memory.add("cpu")
    work = failing(coordinator, OutOfMemoryError("No memory."))
    task = asyncio.ensure_future(attempts.run(work, "It"))
    await clock.advance(2)
    assert (len(coordinator.leased), coordinator.active_leases) == (1, 0)
    coordinator.devices_freeing_memory.clear()
    coordinator.notify_changed()
    await clock.advance(0)
    assert task.done()
    assert await task == "done"
    assert coordinator.leased == ["tts/joe", "tts/joe"]


async def test_work_that_lacks_memory_thrice_fails(
    attempts: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    work = failing(coordinator, *[OutOfMemoryError("No memory.") for _ in range(3)])
    with pytest.raises(OutOfMemoryError):
        await soon(clock, attempts.run(work, "It"))
    assert len(coordinator.leased) == 3
    assert coordinator.active_leases == 0


async def test_no_room_for_the_model_is_waited_for_and_costs_no_try(
    attempts: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.lease_errors = [
        OutOfMemoryError("full"),
        BusyError("full"),
        BusyError("full"),
        BusyError("full", retry_after=10),
    ]
    work = failing(coordinator, InferenceFailedError("gone"), InferenceFailedError("gone"))
    assert await soon(clock, attempts.run(work, "It"), 120) == "done"


async def test_room_is_not_waited_for_beyond_the_patience(
    attempts: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.lease_errors = [BusyError("full") for _ in range(20)]
    began = clock.now()
    with pytest.raises(BusyError):
        await soon(clock, attempts.run(failing(coordinator), "It"), 120)
    assert clock.now() - began <= 62


async def test_what_is_the_works_own_fault_is_not_tried_again(
    attempts: LeaseRetrier, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    work = failing(coordinator, BadRequestError("nonsense"))
    with pytest.raises(BadRequestError):
        await soon(clock, attempts.run(work, "It"))
    assert len(coordinator.leased) == 1
