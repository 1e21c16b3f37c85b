"""Commands of the operator while clients use the models."""

from dataclasses import replace

from wyoming_servers.core.domain import (
    ModelState,
    Placement,
)
from wyoming_servers.core.errors import BusyError
from wyoming_servers.core.events import ModelUnloaded


async def test_unload_waits_for_leases_and_new_requests_wait_for_the_next_load(world):
    world.model("a")
    await world.start()
    client = world.hold("a")
    await world.after(1)
    assert await world.coordinator.unload("a") is True
    await world.after(1)
    assert world.status("a").state is ModelState.UNLOADING
    following = world.hold("a")
    await world.after(1)
    assert not following.done
    assert len(world.launcher.running) == 1
    await client.release()
    await world.after(1)
    assert following.lease is not None
    assert world.launcher.loads("a") == 2


async def test_unload_during_a_load_rejects_the_waiting_requests(world):
    world.model("a")
    world.behave("a", load_seconds=20.0)
    await world.start()
    client = world.hold("a")
    await world.after(1)
    assert await world.coordinator.unload("a") is True
    await world.after(1)
    assert isinstance(client.error, BusyError)
    assert "operator" in client.error.message
    assert not world.launcher.running


async def test_load_seconds_are_known_after_the_model_was_unloaded(world):
    world.model("a")
    world.behave("a", load_seconds=2.0)
    await world.start()
    assert world.status("a").load_seconds is None
    client = world.hold("a")
    await world.after(3)
    await client.release()
    await world.coordinator.unload("a")
    await world.after(1)
    assert world.status("a").state is ModelState.UNLOADED
    assert world.status("a").load_seconds == 2.0


async def test_worker_that_is_still_being_launched_is_stopped_right_after(world):
    world.model("a")
    await world.start()
    await world.coordinator.load("a")
    await world.coordinator.unload("a")  # no turn of the loop has passed
    await world.after(1)
    assert world.status("a").state is ModelState.UNLOADED
    assert world.launcher.launched[0].load_calls == 0
    assert world.launcher.launched[0].stop_calls == 1


async def test_shorter_keep_alive_counts_from_the_last_use(world):
    world.model("a", keep_alive=300)
    await world.start()
    await world.use("a")
    await world.after(50)
    world.coordinator.update_policy("a", keep_alive=60)
    await world.after(9)
    assert world.status("a").state is ModelState.READY
    await world.after(2)
    assert world.status("a").state is ModelState.UNLOADED


async def test_keep_alive_that_has_passed_already_unloads_at_once(world):
    world.model("a", keep_alive=300)
    await world.start()
    await world.use("a")
    await world.after(50)
    world.coordinator.update_policy("a", keep_alive=20)
    await world.after(0)
    assert world.status("a").state is ModelState.UNLOADED
    assert world.status("a").spec.keep_alive == 20


async def test_negative_keep_alive_set_at_run_time_keeps_the_model_loaded(world):
    world.model("a", keep_alive=10)
    await world.start()
    await world.use("a")
    world.coordinator.update_policy("a", keep_alive=-1, pinned=True)
    await world.after(1_000)
    assert world.status("a").state is ModelState.READY
    assert world.status("a").spec.pinned


async def test_new_files_need_a_new_worker_after_the_old_one_has_finished(world):
    spec = world.model("a", files={"model": "/one"})
    await world.start()
    client = world.hold("a")
    await world.after(1)
    world.coordinator.add_model(replace(spec, files={"model": "/two"}))
    await world.after(1)
    assert world.status("a").state is ModelState.UNLOADING
    await client.release()
    await world.after(0)
    assert [e.reason for e in world.events(ModelUnloaded)] == ["replaced"]
    following = world.hold("a")
    await world.after(1)
    assert following.lease.spec.files == {"model": "/two"}


async def test_new_keep_alive_needs_no_new_worker(world):
    spec = world.model("a")
    await world.start()
    await world.use("a")
    world.coordinator.add_model(replace(spec, keep_alive=5, description="better"))
    await world.after(1)
    assert len(world.launcher.launched) == 1
    assert world.status("a").spec.description == "better"


async def test_removed_placement_is_unloaded(world):
    spec = world.model("a", "cpu/int8")
    await world.start()
    await world.use("a")
    world.coordinator.add_model(replace(spec, placements=(Placement("cpu", "float32"),)))
    await world.after(1)
    assert not world.launcher.running
    assert str(await world.use("a")) == "cpu/float32"
    assert [str(i.placement) for i in world.coordinator.snapshot().instances] == ["cpu/float32"]


async def test_preload_skips_ready_models(world):
    world.model("a")
    await world.start()
    await world.use("a")
    world.coordinator.preload(["a", "unknown"])
    await world.after(1)
    assert world.launcher.loads("a") == 1


async def test_model_added_while_its_removal_is_pending_is_kept(world):
    spec = world.model("a")
    await world.start()
    client = world.hold("a")
    await world.after(1)
    removal = world.start_task(world.coordinator.remove_model("a"))
    await world.after(1)
    assert not removal.done()
    world.coordinator.add_model(spec)
    await world.after(0)
    assert removal.done()
    assert removal.result() is False
    await client.release()
    await world.after(1)
    assert await world.use_after("a", 1)
    assert await world.coordinator.remove_model("a") is True
