import asyncio
from dataclasses import replace

import pytest

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.errors import DeviceLostError, ModelTooLargeError
from wyoming_servers.core.events import ModelStateChanged, ModelWaiting
from wyoming_servers.devices.probe import FakeDevice
from wyoming_servers.scheduling.planner import messages
from wyoming_servers.scheduling.status import Unfit

GIB = 2**30


async def test_snapshot_uses_wall_clock_times(world):
    world.model("a", size=2)
    await world.start()
    await world.use("a")
    await world.after(10)
    status = world.status("a")
    assert status.state is ModelState.READY
    assert status.loaded_at == world.clock.wall() - 10
    assert status.last_used == world.clock.wall() - 10
    assert status.load_seconds == 0
    assert status.pid == world.launcher.launched[0].pid
    assert status.memory_bytes == 2 * GIB


async def test_snapshot_of_an_unloaded_model_has_its_estimate(world):
    world.model("a", size=2)
    await world.start()
    status = world.status("a")
    assert (status.state, status.memory_bytes) == (ModelState.UNLOADED, 2 * GIB)
    assert (status.pid, status.loaded_at, status.last_used) == (None, None, None)
    assert world.coordinator.snapshot().instances == ()


async def test_snapshot_of_a_model_on_two_devices_has_two_instances(world):
    world.probe.machine["cuda:0"] = FakeDevice(4 * GIB)
    world.model("busy", "cuda:0/float16", size=4, keep_alive=0)
    world.model("a", "cuda:0/float16", "cpu/int8", size=1)
    await world.start()
    busy = world.hold("busy")
    await world.after(1)
    world.hold("a")
    await world.after(1)
    await busy.release()
    await world.after(3)
    world.hold("a")
    await world.after(1)
    status = world.status("a")
    assert (status.leases, status.memory_bytes) == (2, 2 * GIB)
    assert status.placement.device == "cuda:0"
    mine = [i for i in world.coordinator.snapshot().instances if i.model == "a"]
    assert [(i.placement.device, i.state, i.leases) for i in mine] == [
        ("cuda:0", "ready", 1),
        ("cpu", "ready", 1),
    ]


async def test_snapshot_of_a_device_has_its_memory_and_load(world):
    world.probe.machine["cpu"].others = GIB
    world.model("a", size=2)
    world.behave("a", load_seconds=5.0)
    await world.start()
    world.hold("a")
    await world.after(1)
    device = world.device("cpu")
    assert (device.name, device.total, device.reserved) == ("Fake cpu", 16 * GIB, 2 * GIB)
    assert (device.others, device.budget) == (GIB, 15 * GIB)
    await world.after(5)
    assert world.device("cpu").committed == 2 * GIB
    assert world.device("cpu").free == 13 * GIB


async def test_model_that_can_never_fit_is_unfit_before_anybody_asks_for_it(world):
    world.model("a", size=20)
    await world.start()
    status = world.status("a")
    assert status.state is ModelState.UNFIT
    assert status.unfit == Unfit("cpu", 20 * GIB, 16 * GIB)
    (changed,) = world.events(ModelStateChanged)
    assert (changed.model, changed.state) == ("a", "unfit")
    assert changed.reason == "It needs 20,480 MiB; models may use 16,384 MiB of cpu."


async def test_unfit_model_is_refused_for_good(world):
    # The GPU is missing, which may change; the CPU's memory does not.
    world.model("a", "cuda:7/float16", "cpu/int8", size=20)
    await world.start()
    for call in (world.coordinator.wait_ready("a"), world.coordinator.load("a")):
        with pytest.raises(ModelTooLargeError) as refusal:
            await call
        error = refusal.value
        assert (error.retry_after, error.recoverable, error.attempt) == (None, False, None)
        assert error.message == "a needs 20,480 MiB; models may use 16,384 MiB of cpu."
    assert world.status("a").state is ModelState.UNFIT


async def test_budget_that_makes_a_model_unfit_refuses_what_waits_for_it(world):
    world.model("a", size=4)
    world.model("b", size=14)
    await world.start()
    world.hold("b")
    await world.after(1)
    waiting = asyncio.ensure_future(world.coordinator.wait_ready("a"))
    await world.after(1)
    policy = replace(world.policy, budget="2GiB")
    world.coordinator._runtime.send(messages.SchedulingPolicyChanged(policy=policy))
    with pytest.raises(ModelTooLargeError):
        await waiting


async def test_model_becomes_unfit_and_fit_again_with_the_budget(world):
    world.model("a", size=4, keep_alive=1)
    await world.start()
    await world.use("a")
    runtime = world.coordinator._runtime
    for budget, states in (("2GiB", ["unfit"]), ("100%", ["unloaded"])):
        await world.after(5)
        before = len(world.events(ModelStateChanged))
        policy = replace(world.policy, budget=budget)
        runtime.send(messages.SchedulingPolicyChanged(policy=policy))
        assert [event.state for event in world.events(ModelStateChanged)[before:]] == states
        assert world.status("a").state == states[-1]
    assert await world.use_after("a", 1)


async def test_loaded_model_is_ready_although_it_would_not_fit_again(world):
    world.model("a", size=4)
    await world.start()
    client = world.hold("a")
    await world.after(1)
    policy = replace(world.policy, budget="2GiB")
    world.coordinator._runtime.send(messages.SchedulingPolicyChanged(policy=policy))
    assert world.status("a").state is ModelState.READY
    await client.release()
    await world.after(1)
    world.coordinator._runtime.send(messages.SchedulingPolicyChanged(policy=policy))
    await world.after(1)
    assert world.status("a").state is ModelState.UNFIT


async def test_refused_load_is_the_error_of_the_model(world):
    world.model("a", "cuda:7/float16", size=1)
    await world.start()
    with pytest.raises(DeviceLostError):
        await world.use("a")
    status = world.status("a")
    assert (status.state, status.error_code) == (ModelState.UNLOADED, "DEVICE_LOST")
    assert status.error_message == "There is no cuda:7 on this machine."


async def test_waiting_model_names_its_device_and_tells_of_more_free_memory(world):
    world.model("a", size=8)
    world.model("b", size=12)
    await world.start()
    first = world.hold("a")
    await world.after(1)
    world.hold("b", timeout=300)
    await world.after(1)
    status = world.status("b")
    assert status.state is ModelState.WAITING_FOR_MEMORY
    assert (status.waits_for, status.retry_in) == ("cpu", 30.0)
    (waits,) = world.events(ModelWaiting)
    assert (waits.free_bytes, waits.retry_seconds) == (8 * GIB, 30.0)
    world.probe.machine["cpu"].others = 2 * GIB
    await world.after(6)
    assert world.events(ModelWaiting)[-1].free_bytes == 6 * GIB
    count = len(world.events(ModelWaiting))
    await world.after(6)
    assert len(world.events(ModelWaiting)) == count
    world.probe.machine["cpu"].others = 0
    await first.release()
    await world.after(20)
    assert world.status("b").state is ModelState.READY


async def test_snapshot_has_the_seconds_until_an_idle_model_is_unloaded(world):
    world.model("a", keep_alive=100)
    await world.start()
    client = world.hold("a")
    await world.after(1)
    assert world.status("a").unload_in is None
    await client.release()
    await world.after(40)
    assert world.status("a").unload_in == pytest.approx(60)


async def test_loaded_model_waits_for_a_client_that_was_told_to_ask_again(world):
    world.model("a", keep_alive=0)
    world.policy = replace(world.policy, gpu_poll_interval=60.0)
    await world.start()
    await world.coordinator.load("a")
    await world.after(61)
    assert world.status("a").state is ModelState.READY
    await world.after(60)
    assert world.status("a").state is ModelState.UNLOADED
