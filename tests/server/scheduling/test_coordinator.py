import asyncio

import pytest

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.errors import (
    InternalError,
    ModelMissingError,
    ShuttingDownError,
)
from wyoming_servers.core.events import ModelUnloaded
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.scheduling.interface import CoordinatorProtocol


def fits(coordinator: Coordinator) -> CoordinatorProtocol:
    """For mypy: a Coordinator is a CoordinatorProtocol."""
    return coordinator


async def test_first_request_loads_the_model_and_gets_its_lease(world):
    world.model("a")
    world.behave("a", load_seconds=2.0, info={"words": ["x"]})
    await world.start()
    client = world.hold("a")
    await world.after(1)
    assert world.status("a").state is ModelState.LOADING
    assert not client.done
    await world.after(1.5)
    assert client.place == "cpu/default"
    assert client.lease.info.values == {"words": ["x"]}
    assert client.lease.spec.id == "a"
    assert world.status("a").leases == 1


async def test_lease_on_a_ready_model_is_granted_without_an_event_loop_iteration(world):
    world.model("a")
    world.model("slow")
    world.behave("slow", load_seconds=50.0)
    await world.start()
    await world.use("a")
    world.hold("slow")
    await world.after(1)
    granted = []

    async def request() -> None:
        async with world.coordinator.lease("a"):
            granted.append("a")

    coroutine = request()
    with pytest.raises(StopIteration):
        coroutine.send(None)  # it ran to its end: nothing had to be waited for
    assert granted == ["a"]
    assert world.status("slow").state is ModelState.LOADING


async def test_lease_ends_whatever_happens_inside(world):
    world.model("a")
    await world.start()
    with pytest.raises(RuntimeError, match="inside"):
        async with world.coordinator.lease("a"):
            raise RuntimeError("inside")
    assert world.status("a").leases == 0


async def test_lease_request_that_is_cancelled_leaves_the_queue_at_once(world):
    world.model("a")
    world.behave("a", load_seconds=9.0)
    await world.start()
    client = world.hold("a")
    await world.after(1)
    assert world.status("a").queued == 1
    await client.cancel()
    assert world.status("a").queued == 0
    assert world.coordinator.snapshot().queue_depth == 0


async def test_lease_request_cancelled_at_the_moment_of_the_grant_leaks_no_lease(world):
    world.model("a")
    world.behave("a", load_seconds=1.0)
    await world.start()
    client = world.hold("a")
    await world.after(0.5)
    runtime = world.coordinator._runtime
    send, cancelled = runtime.send, []

    def send_and_cancel(message):
        send(message)
        if type(message).__name__ == "WorkerReady":
            cancelled.append(client.task.cancel())

    for supervisor in runtime._supervisors.values():
        supervisor._send = send_and_cancel
    await world.after(1)
    assert cancelled == [True]
    assert client.lease is None
    assert world.status("a").leases == 0
    assert world.status("a").state is ModelState.READY


async def test_lease_of_an_unknown_model_is_rejected_at_once(world):
    await world.start()
    with pytest.raises(ModelMissingError, match="'nothing'"):
        await world.use("nothing")
    for call in (world.coordinator.load, world.coordinator.unload):
        with pytest.raises(ModelMissingError):
            await call("nothing")
    with pytest.raises(ModelMissingError):
        world.coordinator.update_policy("nothing", pinned=True)
    world.coordinator.prefetch("nothing", "speech")  # never raises
    assert await world.coordinator.remove_model("nothing") is False


async def test_wait_ready_takes_no_lease(world):
    world.model("a")
    world.behave("a", load_seconds=1.0)
    await world.start()
    waiting = world.start_task(world.coordinator.wait_ready("a"))
    await world.after(0.5)
    assert not waiting.done()
    await world.after(1)
    await waiting
    assert world.status("a").leases == 0
    assert world.status("a").last_used is None
    await world.coordinator.wait_ready("a")


async def test_load_and_unload_report_what_they_did(world):
    world.model("a")
    world.behave("a", load_seconds=1.0)
    coordinator = await world.start()
    assert await coordinator.load("a") is False
    await world.after(2)
    assert await coordinator.load("a") is True
    assert await coordinator.unload("a") is True
    await world.after(1)
    assert world.status("a").state is ModelState.UNLOADED
    assert await coordinator.unload("a") is False
    assert [e.reason for e in world.events(ModelUnloaded)] == ["operator"]


async def test_models_can_be_added_and_removed_at_run_time(world):
    coordinator = await world.start()
    spec = world.model("late")
    coordinator.add_model(spec)
    client = world.hold("late")
    await world.after(0)
    assert client.lease is not None
    removing = world.start_task(coordinator.remove_model("late"))
    await world.after(1)
    assert not removing.done()
    with pytest.raises(ModelMissingError):
        await world.use("late")
    await client.release()
    await world.after(1)
    assert await removing is True
    assert coordinator.snapshot().models == ()
    assert not world.launcher.running


async def test_stop_rejects_new_leases_and_lets_running_ones_end(world):
    world.model("a")
    world.model("b")
    world.behave("b", load_seconds=50.0)
    coordinator = await world.start()
    running, waiting = world.hold("a"), world.hold("b")
    await world.after(1)
    stopping = asyncio.ensure_future(coordinator.stop(grace=10))
    await world.after(1)
    assert isinstance(waiting.error, ShuttingDownError)
    with pytest.raises(ShuttingDownError):
        await world.use("a")
    with pytest.raises(ShuttingDownError):
        await coordinator.load("b")
    assert not stopping.done()
    assert [w.spec.id for w in world.launcher.running] == ["a"]
    await running.release()
    await world.after(0)
    await stopping
    assert not world.launcher.running
    assert {e.reason for e in world.events(ModelUnloaded)} == {"shutdown"}


async def test_stop_ends_leased_workers_after_the_grace_time(world):
    world.model("a")
    world.behave("a", run_seconds=100.0)
    coordinator = await world.start()
    client = world.hold("a")
    await world.after(0)
    async with client.lease.open({}) as run:
        stopping = asyncio.ensure_future(coordinator.stop(grace=3))
        await world.after(2.9)
        assert world.launcher.running
        await world.after(1)
        await stopping
        with pytest.raises(Exception, match="gone"):
            await run.result()
    assert not world.launcher.running
    await client.release()


async def test_stop_kills_a_worker_that_does_not_exit(world):
    world.model("a")
    world.behave("a", frozen=False)
    coordinator = await world.start()
    await world.use("a")
    world.launcher.launched[0].behavior.stop_seconds = 1_000
    stopping = asyncio.ensure_future(coordinator.stop(grace=0))
    await world.after(60)
    await stopping
    assert not world.launcher.running
    assert len(asyncio.all_tasks()) == 1


async def test_stop_leaves_no_task(world):
    world.model("a")
    coordinator = await world.start()
    await world.use("a")
    stopping = asyncio.ensure_future(coordinator.stop())
    await world.after(1)
    await stopping
    await coordinator.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_coordinator_serves_nothing_before_its_start(world):
    coordinator = Coordinator({}, world.launcher, world.probe, world.bus, world.clock)
    with pytest.raises(InternalError):
        coordinator.snapshot()
    await coordinator.stop()


async def test_footprints_are_kept_for_the_next_coordinator(world):
    world.model("a", size=1)
    world.behave("a", memory_bytes=3 * 2**30)
    await world.start()
    await world.use("a")
    await world.after(1)
    await world.stop()
    (footprint,) = world.footprints.saved.values()
    assert footprint == 3 * 2**30
    await world.start()
    assert world.status("a").memory_bytes == 3 * 2**30
