"""Expired timers: keep-alive, hangs and waiting times."""

import pytest

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.errors import DeadlineError
from wyoming_servers.core.events import (
    ModelFailed,
    ModelUnloaded,
)
from wyoming_servers.worker.fake import FakeAnswer
from wyoming_servers.worker.interface import OutputChunk


async def test_idle_model_is_unloaded_after_its_keep_alive(world):
    world.model("a", keep_alive=10)
    await world.start()
    await world.use("a")
    await world.after(9.9)
    assert world.status("a").state is ModelState.READY
    await world.after(0.2)
    assert world.status("a").state is ModelState.UNLOADED
    assert not world.launcher.running
    assert world.device("cpu").committed == 0
    assert [e.reason for e in world.events(ModelUnloaded)] == ["idle"]


async def test_keep_alive_begins_when_the_last_lease_ends(world):
    world.model("a", keep_alive=10)
    await world.start()
    first, second = world.hold("a"), world.hold("a")
    await world.after(30)
    await first.release()
    await world.after(30)
    await second.release()
    await world.after(9.9)
    assert world.status("a").state is ModelState.READY
    await world.after(0.2)
    assert world.status("a").state is ModelState.UNLOADED


async def test_keep_alive_restarts_with_each_use(world):
    world.model("a", keep_alive=10)
    await world.start()
    for _ in range(4):
        await world.use_after("a", 9)
    assert world.launcher.loads("a") == 1


async def test_snapshot_does_not_extend_the_keep_alive(world):
    world.model("a", keep_alive=10)
    await world.start()
    await world.use("a")
    for _ in range(11):
        world.coordinator.snapshot()
        await world.after(1)
    assert not world.launcher.running


async def test_keep_alive_of_zero_unloads_right_after_use(world):
    world.model("a", keep_alive=0)
    await world.start()
    client = world.hold("a")
    await world.after(5)
    assert client.lease is not None
    await client.release()
    await world.after(0)
    assert not world.launcher.running


async def test_negative_keep_alive_never_unloads(world):
    world.model("a", keep_alive=-1)
    await world.start()
    await world.use("a")
    await world.after(5_000)
    assert world.status("a").state is ModelState.READY


async def test_prefetched_model_stays_loaded_for_its_first_use(world):
    world.model("a", keep_alive=0)
    await world.start()
    world.coordinator.prefetch("a", "speech")
    await world.after(44)
    assert world.status("a").state is ModelState.READY
    await world.after(2)
    assert world.status("a").state is ModelState.UNLOADED


async def test_prefetch_of_a_ready_model_extends_its_keep_alive(world):
    world.model("a", keep_alive=10)
    await world.start()
    await world.use("a")
    await world.after(9)
    world.coordinator.prefetch("a", "wake word")
    await world.after(29)
    assert world.status("a").state is ModelState.READY
    await world.after(2)
    assert world.status("a").state is ModelState.UNLOADED


async def test_worker_that_hangs_is_killed_and_its_request_times_out(world):
    world.model("a")
    world.behave("a", run_seconds=100.0)
    await world.start()
    client = world.hold("a")
    await world.after(1)
    async with client.lease.open({}) as run:
        world.launcher.launched[0].behavior.frozen = True
        await world.after(4)
        assert world.launcher.running
        await world.after(2.2)
        assert world.launcher.launched[0].killed
        with pytest.raises(DeadlineError, match="did not answer"):
            await run.result()
    await client.release()
    (failed,) = world.events(ModelFailed)
    assert failed.code == "TIMEOUT"
    assert await world.use_after("a", 0.1)


async def test_worker_that_is_being_killed_gets_no_lease(world):
    world.model("a")
    await world.start()
    first = world.hold("a")
    await world.after(1)
    worker = world.launcher.launched[0]
    worker.behavior.frozen = True
    worker.kill = lambda: None  # it takes its time to die
    await world.after(6)
    second = world.hold("a")
    await world.after(1)
    assert not second.done
    worker.die()
    await world.after(1)
    assert second.lease is not None
    assert len(world.launcher.launched) == 2
    await first.release()


async def test_worker_that_answers_pings_is_never_killed(world):
    world.model("a")
    world.behave(
        "a", run_seconds=500.0, reply=lambda *_: FakeAnswer([OutputChunk({"n": 1})], {"ok": True})
    )
    await world.start()
    client = world.hold("a")
    await world.after(1)
    async with client.lease.open({}) as run:
        await world.after(501)
        assert [chunk.data async for chunk in run] == [{"n": 1}]
        assert await run.result() == {"ok": True}
    await client.release()


async def test_idle_worker_is_not_pinged(world):
    world.model("a")
    await world.start()
    await world.use("a")
    world.launcher.launched[0].behavior.frozen = True
    await world.after(100)
    assert world.status("a").state is ModelState.READY


async def test_request_waits_no_longer_than_its_timeout(world):
    world.model("a")
    world.behave("a", load_seconds=50.0)
    await world.start()
    client = world.hold("a", timeout=3)
    await world.after(2.9)
    assert not client.done
    await world.after(0.2)
    assert isinstance(client.error, DeadlineError)
    await world.after(50)
    assert world.status("a").state is ModelState.READY  # the next one finds it ready
