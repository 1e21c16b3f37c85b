"""Models that stay in memory although nobody uses them now."""

import pytest

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.events import ModelUnloaded
from wyoming_servers.devices.probe import FakeDevice

GIB = 2**30
DAY = 86_400


@pytest.fixture
def world(world):
    """A device of 16 GiB: there is memory to spare while 4 GiB are free."""
    return world


def reasons(world) -> list[tuple[str, str]]:
    return [(event.model, event.reason) for event in world.events(ModelUnloaded)]


async def start_warm(world, *models: str) -> None:
    """Use models that settings name, and let their keep-alive of 10 s end."""
    await world.start()
    world.coordinator.set_residency(models, {})
    for model in models:
        await world.use_after(model, 1)
    await world.after(20)


async def test_model_in_use_stays_warm_for_a_day_where_there_is_memory_to_spare(world):
    world.model("a", keep_alive=10, keep_warm=True)
    await start_warm(world, "a")
    status = world.status("a")
    assert (status.state, status.keeps_warm) == (ModelState.READY, True)
    assert status.unload_in == pytest.approx(DAY - 21, abs=2)
    await world.after(DAY)
    assert reasons(world) == [("a", "idle")]


async def test_model_that_nothing_names_is_unloaded_after_its_keep_alive(world):
    world.model("a", keep_alive=10, keep_warm=True)
    world.model("b", keep_alive=10)
    await world.start()
    world.coordinator.set_residency(["b"], {})
    await world.use_after("a", 1)
    await world.use_after("b", 1)
    await world.after(20)
    assert reasons(world) == [("a", "idle"), ("b", "idle")]


async def test_warm_model_leaves_when_another_program_needs_the_memory(world):
    world.model("a", size=2, keep_alive=10, keep_warm=True)
    await start_warm(world, "a")
    world.probe.machine["cpu"].others = 11 * GIB
    await world.after(6)
    assert reasons(world) == [("a", "memory is needed")]


async def test_only_as_many_warm_models_leave_as_the_memory_demands(world):
    for name in ("a", "b", "c"):
        world.model(name, size=2, keep_alive=10, keep_warm=True)
    await start_warm(world, "a", "b", "c")
    world.probe.machine["cpu"].others = 7 * GIB
    await world.after(12)
    assert [why for _, why in reasons(world)] == ["memory is needed"]


async def test_warm_model_keeps_its_ordinary_time_when_memory_becomes_scarce(world):
    world.model("a", size=2, keep_alive=100, keep_warm=True)
    await world.start()
    world.coordinator.set_residency(["a"], {})
    await world.use_after("a", 1)
    world.probe.machine["cpu"].others = 13 * GIB
    await world.after(90)
    assert world.status("a").state is ModelState.READY
    await world.after(20)
    assert reasons(world) == [("a", "memory is needed")]


async def test_model_stays_warm_if_memory_is_free_again_by_the_end_of_its_keep_alive(world):
    world.model("a", size=2, keep_alive=100, keep_warm=True)
    world.probe.machine["cpu"].others = 13 * GIB
    await world.start()
    world.coordinator.set_residency(["a"], {})
    await world.use_after("a", 1)
    assert world.status("a").unload_in == pytest.approx(99, abs=2)
    world.probe.machine["cpu"].others = 0
    await world.after(200)
    assert world.status("a").state is ModelState.READY


async def test_warm_model_yields_to_a_request_for_another_model(world):
    world.model("a", size=8, keep_alive=10, keep_warm=True)
    world.model("b", size=12)
    await start_warm(world, "a")
    assert await world.use_after("b", 2)
    assert reasons(world) == [("a", "evicted")]


async def test_warm_models_of_a_gpu_are_judged_by_its_own_memory(world):
    world.probe.machine["cuda:0"] = FakeDevice(8 * GIB)
    world.model("a", "cuda:0/float16", size=1, keep_alive=10, keep_warm=True)
    await start_warm(world, "a")
    world.probe.machine["cpu"].others = 15 * GIB
    await world.after(6)
    assert world.status("a").state is ModelState.READY
    world.probe.machine["cuda:0"].others = 6 * GIB
    await world.after(6)
    assert reasons(world) == [("a", "memory is needed")]


async def test_model_that_is_no_longer_in_use_is_unloaded(world):
    world.model("a", keep_alive=10, keep_warm=True)
    await start_warm(world, "a")
    world.coordinator.set_residency([], {})
    await world.after(1)
    assert reasons(world) == [("a", "idle")]


async def test_pinned_model_is_loaded_and_stays_until_its_last_owner_lets_it_go(world):
    world.model("a", keep_alive=10)
    await world.start()
    world.coordinator.set_residency([], {"a": ("home", "page")})
    await world.after(2 * DAY)
    status = world.status("a")
    assert (status.state, status.pinned_by) == (ModelState.READY, ("home", "page"))
    assert status.unload_in is None
    world.coordinator.set_residency([], {"a": ("page",)})
    await world.after(1_000)
    assert world.status("a").state is ModelState.READY
    world.coordinator.set_residency([], {})
    await world.after(1)
    assert reasons(world) == [("a", "idle")]


async def test_pinned_model_is_not_evicted(world):
    world.model("a", size=8)
    world.model("b", size=12)
    await world.start()
    world.coordinator.set_residency([], {"a": ("home",)})
    await world.after(2)
    client = world.hold("b", timeout=5)
    await world.after(6)
    assert client.error is not None
    assert world.status("a").state is ModelState.READY


async def test_pinned_model_is_loaded_again_after_a_crash(world):
    world.model("a", keep_alive=10)
    await world.start()
    world.coordinator.set_residency([], {"a": ("home",)})
    await world.after(2)
    world.workers("a")[0].die()
    await world.after(5)
    assert world.status("a").state is ModelState.READY
