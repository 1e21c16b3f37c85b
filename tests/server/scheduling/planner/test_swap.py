"""New settings of a model: the old worker serves until the new one is ready."""

from dataclasses import replace

import pytest

from wyoming_servers.config.schema import LimitsSection, MemorySection
from wyoming_servers.core.domain import ModelState, Placement
from wyoming_servers.core.errors import DeadlineError, LoadFailedError, ModelTooLargeError
from wyoming_servers.core.events import ModelStateChanged
from wyoming_servers.scheduling.planner.actions import ReplaceResult
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy


async def test_old_worker_serves_until_the_new_one_is_ready(world):
    spec = world.model("a", options={"threads": 1})
    world.behave("a", load_seconds=2.0)
    await world.start()
    client = world.hold("a")
    await world.after(3)
    change = world.start_task(
        world.coordinator.replace_model(replace(spec, options={"threads": 2}))
    )
    await world.after(1)
    meanwhile = world.hold("a")
    await world.after(0)
    assert meanwhile.lease.spec.options == {"threads": 1}
    assert world.status("a").state is ModelState.READY
    await world.after(2)
    assert change.result() is ReplaceResult.SWAPPED
    following = world.hold("a")
    await world.after(0)
    assert following.lease.spec.options == {"threads": 2}
    assert len(world.launcher.running) == 2  # the old one has two leases
    await client.release()
    await meanwhile.release()
    await world.after(1)
    assert len(world.launcher.running) == 1
    assert world.status("a").state is ModelState.READY


async def test_clients_see_a_model_ready_all_the_time_while_it_is_swapped(world):
    spec = world.model("a", options={"threads": 1})
    await world.start()
    await world.use("a")
    before = len(world.events(ModelStateChanged))
    await world.start_task(world.coordinator.replace_model(replace(spec, options={"threads": 2})))
    await world.after(5)
    assert {event.state for event in world.events(ModelStateChanged)[before:]} == {"ready"}


async def test_new_device_is_loaded_before_the_old_one_is_left(world):
    spec = world.model("a", "cpu/int8")
    await world.start()
    await world.use("a")
    moved = replace(spec, placements=(Placement("cpu", "float32"),))
    assert await world.coordinator.replace_model(moved) is ReplaceResult.SWAPPED
    assert str(await world.use("a")) == "cpu/float32"
    await world.after(1)
    assert len(world.launcher.running) == 1


async def test_settings_with_which_the_worker_fails_are_refused_and_the_old_one_stays(world):
    spec = world.model("a", options={"threads": 1})
    await world.start()
    client = world.hold("a")
    await world.after(1)
    world.behave("a", load_error=LoadFailedError("no such option"))
    change = world.start_task(world.coordinator.replace_model(replace(spec, options={"bad": 1})))
    await world.after(5)
    with pytest.raises(LoadFailedError, match="no such option"):
        await change
    assert world.status("a").state is ModelState.READY
    assert world.status("a").spec.options == {"threads": 1}
    following = world.hold("a")
    await world.after(0)
    assert following.lease.spec.options == {"threads": 1}
    await client.release()
    await following.release()
    await world.after(5)
    assert len(world.launcher.running) == 1


async def test_without_memory_for_both_requests_wait_for_the_new_worker(world):
    spec = world.model("a", size=9, options={"threads": 1})
    await world.start()
    client = world.hold("a")
    await world.after(1)
    change = world.start_task(
        world.coordinator.replace_model(replace(spec, options={"threads": 2}))
    )
    await world.after(1)
    waiting = world.hold("a")
    await world.after(1)
    assert not waiting.done
    await client.release()
    await world.after(10)
    assert change.result() is ReplaceResult.RELOADED
    assert waiting.lease.spec.options == {"threads": 2}


async def test_refused_settings_without_memory_for_both_give_the_old_worker_back(world):
    spec = world.model("a", size=9, options={"threads": 1})
    await world.start()
    await world.use("a")
    world.behave("a", load_error=LoadFailedError("no such option"))
    change = world.start_task(world.coordinator.replace_model(replace(spec, options={"bad": 1})))
    while not change.done():
        await world.after(0.5)
    world.behaviors.clear()
    assert isinstance(change.exception(), LoadFailedError)
    waiting = world.hold("a")
    await world.after(20)
    assert waiting.lease.spec.options == {"threads": 1}


async def test_settings_that_never_fit_are_refused(world):
    spec = world.model("a", "cpu/int8")
    await world.start()
    await world.use("a")
    large = replace(spec, memory_bytes=64 * 2**30, placements=(Placement("cpu", "float32"),))
    with pytest.raises(ModelTooLargeError):
        await world.coordinator.replace_model(large)
    assert world.status("a").state is ModelState.READY


async def test_settings_of_a_model_that_is_not_loaded_apply_at_its_next_load(world):
    spec = world.model("a", options={"threads": 1})
    await world.start()
    changed = replace(spec, options={"threads": 2})
    assert await world.coordinator.replace_model(changed) is ReplaceResult.UNCHANGED
    assert not world.launcher.launched
    client = world.hold("a")
    await world.after(1)
    assert client.lease.spec.options == {"threads": 2}


async def test_load_tries_settings_of_a_model_that_is_not_loaded(world):
    spec = world.model("a", options={"threads": 1})
    world.behave("a", load_error=LoadFailedError("no such option"))
    await world.start()
    changed = replace(spec, options={"bad": 1})
    change = world.start_task(world.coordinator.replace_model(changed, load=True))
    await world.after(5)
    assert isinstance(change.exception(), LoadFailedError)
    assert world.status("a").spec.options == {"threads": 1}


async def test_swap_that_takes_too_long_is_refused(world):
    world.policy = SchedulingPolicy(
        reserve=0, budget="100%", load_timeout=500.0, request_timeout=10.0
    )
    spec = world.model("a", size=9, options={"threads": 1})
    await world.start()
    client = world.hold("a")
    await world.after(1)
    change = world.start_task(
        world.coordinator.replace_model(replace(spec, options={"threads": 2}))
    )
    await world.after(520)
    assert isinstance(change.exception(), DeadlineError)
    await client.release()
    await world.after(1)
    following = world.hold("a")
    await world.after(5)
    assert following.lease.spec.options == {"threads": 1}


async def test_smaller_budget_evicts_idle_models_at_once(world):
    world.model("a", size=4)
    world.model("b", size=4)
    await world.start()
    await world.use("a")
    await world.use("b")
    assert len(world.launcher.running) == 2
    world.coordinator.set_policy(*sections(budget="5GiB"))
    await world.after(1)
    assert len(world.launcher.running) == 1


async def test_request_timeout_applies_from_the_next_request_on(world):
    world.model("a")
    world.behave("a", load_seconds=60.0)
    await world.start()
    world.coordinator.set_policy(*sections(request_timeout=5))
    client = world.hold("a")
    await world.after(6)
    assert isinstance(client.error, DeadlineError)


def sections(budget: str = "100%", **limits: float) -> tuple[LimitsSection, MemorySection]:
    return LimitsSection.model_validate(limits), MemorySection(budget=budget, reserve=0)
