"""Requests that are granted, queued or rejected."""

import pytest

from wyoming_servers.core.domain import (
    ModelState,
    Priority,
    Task,
)
from wyoming_servers.core.errors import BusyError
from wyoming_servers.core.events import (
    ModelJoined,
    ModelQueued,
)
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy


async def test_first_request_is_queued_and_the_next_ones_join(world):
    world.model("a", task=Task.TTS)
    world.behave("a", load_seconds=5.0)
    await world.start()
    for _ in range(3):
        world.hold("a")
        await world.after(0)
    (queued,) = world.events(ModelQueued)
    assert (queued.model, queued.priority, queued.position) == ("a", Priority.TTS, 1)
    assert [e.waiting for e in world.events(ModelJoined)] == [2, 3]
    assert world.coordinator.snapshot().queue_depth == 3


async def test_full_queue_rejects_with_retry_after(world):
    world.policy = SchedulingPolicy(max_queued_requests=2, reserve=0)
    world.model("a")
    world.model("ready")
    world.behave("a", load_seconds=5.0)
    await world.start()
    await world.use("ready")
    for _ in range(2):
        world.hold("a")
    await world.after(0)
    with pytest.raises(BusyError) as refused:
        await world.use("a")
    assert refused.value.retry_after >= 1
    assert await world.use("ready")  # who need not wait is served


async def test_pause_rejects_new_requests_until_resume(world):
    world.model("a")
    world.behave("a", load_seconds=2.0)
    await world.start()
    waiting = world.hold("a")
    await world.after(1)
    world.coordinator.set_accepting(False)
    assert not world.coordinator.snapshot().accepting
    with pytest.raises(BusyError, match="paused") as refused:
        await world.use("a")
    assert "/resume" in refused.value.hint
    world.coordinator.prefetch("a", "speech")
    await world.after(2)
    assert waiting.lease is not None  # who waited or ran before goes on
    with pytest.raises(BusyError):
        await world.use("a")
    world.coordinator.set_accepting(True)
    assert await world.use("a")


async def test_request_may_have_its_own_priority(world):
    world.model("a")
    await world.start()
    async with world.coordinator.lease("a", priority=Priority.BACKGROUND) as lease:
        async with lease.open({}):
            pass
        async with lease.open({}, priority=Priority.TTS):
            pass
    async with world.coordinator.lease("a") as lease, lease.open({}):
        pass
    priorities = [run.priority for run in world.launcher.launched[0].runs]
    assert priorities == [Priority.BACKGROUND, Priority.TTS, Priority.ASR]


async def test_load_is_finished_although_its_request_has_left(world):
    world.model("a")
    world.behave("a", load_seconds=3.0)
    await world.start()
    client = world.hold("a")
    await world.after(1)
    await client.cancel()
    await world.after(3)
    assert world.status("a").state is ModelState.READY
