from wyoming_servers.core.domain import ModelState
from wyoming_servers.devices.probe import FakeDevice

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
