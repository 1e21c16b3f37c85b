"""How reports of workers and of the memory probe change the coordinator."""

import pytest

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.events import (
    ModelEvicted,
    ModelLoaded,
    ModelProgressed,
    PressureChanged,
)
from wyoming_servers.devices.probe import FakeDevice
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy

GIB = 2**30
CARD, HOST = "cuda:0/float16", "cpu/int8"


@pytest.fixture
def gpu(world):
    """A machine with a GPU of 10 GiB."""
    world.probe.machine["cuda:0"] = FakeDevice(10 * GIB)
    return world


def levels(world, device: str = "cuda:0") -> list[str]:
    return [e.level for e in world.events(PressureChanged) if e.device == device]


async def test_pressure_is_published_only_when_it_changes(gpu):
    await gpu.start()
    device = gpu.probe.machine["cuda:0"]
    for others in (7.9, 8.1, 7.9, 8.4, 9.6, 9.2, 8.9, 7.6, 7.4, 7.9):
        device.others = int(others * GIB)
        await gpu.after(5)
    assert levels(gpu) == ["warning", "critical", "warning", "normal"]
    assert gpu.events(PressureChanged)[0].used_fraction == pytest.approx(0.81)
    assert gpu.device("cuda:0").pressure == "normal"


async def test_critical_pressure_stops_speculative_loads(gpu):
    gpu.policy = SchedulingPolicy(reserve=0, budget="100%")
    gpu.model("a", CARD, size=0.1)
    gpu.model("b", CARD, size=0.1)
    await gpu.start()
    gpu.probe.machine["cuda:0"].others = int(9.6 * GIB)
    await gpu.after(6)
    gpu.coordinator.prefetch("a", "speech")
    gpu.coordinator.preload(["b"])
    await gpu.after(1)
    assert not gpu.launcher.running
    assert str(await gpu.use("a")) == CARD  # a real request is served


async def test_idle_models_are_evicted_when_other_programs_exceed_the_reserve(gpu):
    gpu.policy = SchedulingPolicy(reserve=GIB // 2, budget="100%")
    gpu.model("idle", CARD, size=3)
    gpu.model("busy", CARD, size=3)
    await gpu.start()
    gpu.hold("busy")
    await gpu.use("idle")
    await gpu.after(1)
    gpu.probe.machine["cuda:0"].others = 4 * GIB
    await gpu.after(6)
    assert [(e.model, e.for_model) for e in gpu.events(ModelEvicted)] == [("idle", "")]
    assert gpu.status("busy").state is ModelState.READY


async def test_loaded_model_is_booked_with_its_measured_size(gpu):
    gpu.model("a", CARD, size=2)
    gpu.behave("a", memory_bytes=3 * GIB)
    await gpu.start()
    await gpu.use("a")
    await gpu.after(0)
    assert gpu.device("cuda:0").committed == 3 * GIB
    assert gpu.events(ModelLoaded)[0].memory_bytes == 3 * GIB
    assert gpu.status("a").memory_bytes == 3 * GIB


async def test_memory_that_grows_in_use_is_booked_and_saved(gpu):
    gpu.model("a", CARD, size=2)
    await gpu.start()
    await gpu.use("a")
    await gpu.after(1)
    gpu.launcher.launched[0].behavior.memory_bytes = 4 * GIB
    await gpu.after(6)
    assert gpu.device("cuda:0").committed == 4 * GIB
    assert await gpu.learned() == [4 * GIB]


async def test_smaller_footprint_is_saved_when_the_process_exits(gpu):
    gpu.model("a", CARD, size=4, keep_alive=1)
    gpu.behave("a", memory_bytes=4 * GIB)
    await gpu.start()
    await gpu.use("a")
    await gpu.after(3)
    gpu.behave("a", memory_bytes=3 * GIB)
    await gpu.use("a")
    await gpu.after(3)
    assert await gpu.learned() == [3 * GIB]


async def test_hidden_processes_are_measured_by_the_difference(gpu):
    gpu.probe.machine["cuda:0"].hides_pids = True
    gpu.probe.machine["cuda:0"].others = GIB
    gpu.model("a", CARD, size=2)
    gpu.behave("a", memory_bytes=3 * GIB)
    await gpu.start()
    await gpu.use("a")
    await gpu.after(6)
    device = gpu.device("cuda:0")
    assert (device.committed, device.others) == (3 * GIB, GIB)


async def test_gpu_that_cannot_be_read_gets_no_new_loads(gpu):
    gpu.model("a", CARD, HOST)
    gpu.model("b", CARD, HOST)
    await gpu.start()
    client = gpu.hold("a")
    await gpu.after(1)
    gpu.probe.machine["cuda:0"].missing = True
    await gpu.after(6)
    assert not gpu.device("cuda:0").present
    assert str(await gpu.use_after("b", 1)) == HOST
    assert client.place == CARD
    assert str(await gpu.use("a")) == CARD
    gpu.probe.machine["cuda:0"].missing = False
    await gpu.after(6)
    assert gpu.device("cuda:0").present


async def test_progress_is_published_while_a_model_loads(world):
    world.model("a")
    world.behave("a", load_seconds=4.0)
    await world.start()
    world.hold("a")
    await world.after(1)
    assert world.status("a").progress == ("load", 0)
    await world.after(2)
    assert world.status("a").progress == ("warmup", 90)
    await world.after(2)
    assert world.status("a").progress is None
    published = [(e.phase, e.percent) for e in world.events(ModelProgressed)]
    assert published == [("load", 0), ("load", 90), ("warmup", 90)]


async def test_memory_is_read_rarely_without_changes(world):
    world.model("a")
    await world.start()
    await world.use("a")
    await world.after(10)
    before = world.probe.samples
    await world.after(100)
    assert world.probe.samples - before == pytest.approx(20, abs=1)


async def test_failing_probe_is_logged_and_the_coordinator_continues(world, caplog):
    world.model("a")
    await world.start()
    await world.use("a")
    sample, broken = world.probe.sample, [True]

    async def fail(pids):
        if broken[0]:
            raise RuntimeError("broken probe")
        return await sample(pids)

    world.probe.sample = fail
    await world.after(6)
    assert "memory probe failed" in caplog.text
    assert await world.use("a")
    broken[0] = False
    await world.after(6)
    assert world.device("cpu").present
