"""Placement, eviction and waiting, tested through a whole coordinator."""

from collections import Counter

import pytest

from wyoming_servers.core.domain import (
    ModelState,
    Task,
)
from wyoming_servers.core.errors import (
    DeviceLostError,
    ModelTooLargeError,
    OutOfMemoryError,
)
from wyoming_servers.core.events import (
    ModelEvicted,
    ModelFellBack,
    ModelLoading,
    ModelUnloaded,
    ModelWaiting,
)
from wyoming_servers.devices.probe import FakeDevice
from wyoming_servers.scheduling.footprint_store import FootprintKey

GIB = 2**30
CARD, HALF, HOST = "cuda:0/float16", "cuda:0/int8_float16", "cpu/int8"


@pytest.fixture
def gpu(world):
    """A machine with a GPU of 8 GiB."""
    world.probe.machine["cuda:0"] = FakeDevice(8 * GIB)
    return world


def evicted(world) -> list[tuple[str, str]]:
    return [(e.model, e.for_model) for e in world.events(ModelEvicted)]


async def test_model_is_loaded_on_its_preferred_placement(gpu):
    gpu.model("a", CARD, HOST, size=5)
    await gpu.start()
    assert str(await gpu.use("a")) == CARD
    await gpu.after(0)
    assert gpu.events(ModelFellBack) == []
    assert gpu.device("cuda:0").committed == 5 * GIB


async def test_idle_model_with_the_lowest_cost_is_evicted(gpu):
    for name in ("old", "fresh", "new"):
        gpu.model(name, CARD, size=3.5)
    await gpu.start()
    await gpu.use("old")
    await gpu.after(60)
    await gpu.use("fresh")
    await gpu.after(60)
    client = gpu.hold("new")
    await gpu.after(1)
    assert client.place == CARD
    assert evicted(gpu) == [("old", "new")]
    assert [(e.model, e.reason) for e in gpu.events(ModelUnloaded)] == [("old", "evicted")]
    assert gpu.events(ModelEvicted)[0].idle_seconds == pytest.approx(120)


async def test_several_idle_models_are_evicted_if_one_is_not_enough(gpu):
    for name in ("a", "b", "c"):
        gpu.model(name, CARD, size=2.5)
    gpu.model("large", CARD, size=7)
    await gpu.start()
    for name in ("a", "b", "c"):
        await gpu.use(name)
    client = gpu.hold("large")
    await gpu.after(1)
    assert client.place == CARD
    assert len(evicted(gpu)) == 3


async def test_load_waits_until_the_evicted_memory_is_returned(gpu):
    gpu.model("a", CARD, size=6)
    gpu.model("b", CARD, size=6)
    await gpu.start()
    await gpu.use("a")
    gpu.launcher.launched[0].behavior.stop_seconds = 1.0
    device = gpu.probe.machine["cuda:0"]
    client = gpu.hold("b")
    await gpu.after(0.5)
    device.unreturned = 6 * GIB  # the process exits before its memory is free
    await gpu.after(2)
    assert gpu.device("cuda:0").returning == 6 * GIB
    assert not client.done
    assert not gpu.workers("b")
    device.unreturned = 0
    await gpu.after(0.3)
    assert client.place == CARD


async def test_load_waits_for_returning_memory_at_most_five_seconds(gpu):
    gpu.model("a", CARD, HOST, size=6)
    gpu.model("b", CARD, HOST, size=6)
    await gpu.start()
    await gpu.use("a")
    client = gpu.hold("b")
    gpu.probe.machine["cuda:0"].unreturned = 6 * GIB
    await gpu.after(4.9)
    assert not client.done
    await gpu.after(0.5)
    assert client.place == HOST
    assert gpu.device("cuda:0").others == 6 * GIB


async def test_busy_model_is_not_evicted_and_the_cpu_serves_meanwhile(gpu):
    gpu.model("busy", CARD, size=6)
    gpu.model("b", CARD, HOST, size=4)
    await gpu.start()
    busy = gpu.hold("busy")
    await gpu.after(1)
    client = gpu.hold("b")
    await gpu.after(1)
    assert client.place == HOST
    assert busy.lease is not None
    (fell,) = gpu.events(ModelFellBack)
    assert (fell.device, fell.to_device) == ("cuda:0", "cpu")
    assert "4,096 MiB needed, 2,048 MiB free" in fell.reason
    (waits,) = gpu.events(ModelWaiting)
    assert (waits.needed_bytes, waits.free_bytes) == (4 * GIB, 2 * GIB)
    status = gpu.status("b")
    assert (status.state, str(status.placement)) == (ModelState.READY, HOST)
    assert (status.needed_bytes, status.free_bytes) == (4 * GIB, 2 * GIB)
    assert status.retry_in == 30
    assert status.fallback_reason == fell.reason


async def test_model_moves_back_from_its_fallback_when_there_is_memory(gpu):
    gpu.model("busy", CARD, size=6, keep_alive=0)
    gpu.model("b", CARD, HOST, size=4)
    await gpu.start()
    busy = gpu.hold("busy")
    await gpu.after(1)
    on_host = gpu.hold("b")
    await gpu.after(1)
    await busy.release()
    await gpu.after(1)
    moved = gpu.hold("b")
    await gpu.after(1)
    assert (on_host.place, moved.place) == (HOST, CARD)
    assert len(gpu.workers("b")) == 2
    await on_host.release()  # the fallback goes as soon as nobody uses it
    await gpu.after(1)
    assert [str(w.placement) for w in gpu.workers("b")] == [CARD]
    assert gpu.status("b").fallback_reason == ""
    assert gpu.status("b").needed_bytes is None


async def test_queued_placement_is_abandoned_with_its_fallback(gpu):
    gpu.model("busy", CARD, size=6)
    gpu.model("b", CARD, HOST, size=4, keep_alive=20)
    await gpu.start()
    gpu.hold("busy")
    await gpu.after(1)
    await gpu.after(0)
    client = gpu.hold("b")
    await gpu.after(1)
    await client.release()
    await gpu.after(25)
    assert gpu.status("b").state is ModelState.UNLOADED
    assert [i.model for i in gpu.coordinator.snapshot().instances] == ["busy"]


async def test_moving_back_evicts_no_model_that_was_used_later(gpu):
    gpu.model("a", CARD, size=6)
    gpu.model("b", CARD, HOST, size=4)
    await gpu.start()
    busy = gpu.hold("a")
    await gpu.after(1)
    client = gpu.hold("b")
    await gpu.after(1)
    await client.release()
    await gpu.after(5)
    await busy.release()  # used later than b
    await gpu.after(5)
    assert str(gpu.status("b").placement) == HOST
    await gpu.use("b")  # now b is the fresher one
    await gpu.after(5)
    assert str(gpu.status("b").placement) == CARD
    assert evicted(gpu) == [("a", "b")]


async def test_request_without_fallback_waits_for_memory(gpu):
    gpu.model("busy", CARD, size=6)
    gpu.model("b", CARD, size=4)
    await gpu.start()
    busy = gpu.hold("busy")
    await gpu.after(1)
    client = gpu.hold("b")
    await gpu.after(5)
    assert gpu.status("b").state is ModelState.WAITING_FOR_MEMORY
    assert gpu.status("b").queued == 1
    await busy.release()
    await gpu.after(1)
    assert client.place == CARD


async def test_request_without_memory_in_time_is_rejected_with_oom(gpu):
    gpu.model("busy", CARD, size=6)
    gpu.model("b", CARD, size=4)
    await gpu.start()
    gpu.hold("busy")
    await gpu.after(1)
    client = gpu.hold("b", timeout=9.0)
    await gpu.after(9.1)
    assert isinstance(client.error, OutOfMemoryError)
    assert client.error.retry_after >= 1
    assert gpu.status("b").state is ModelState.UNLOADED


async def test_model_larger_than_the_device_uses_a_fallback_or_is_rejected(gpu):
    gpu.model("giant", CARD, HOST, size=12)
    gpu.model("hopeless", CARD, size=12)
    await gpu.start()
    assert str(await gpu.use("giant")) == HOST
    with pytest.raises(ModelTooLargeError, match="12,288 MiB"):
        await gpu.use("hopeless")
    with pytest.raises(ModelTooLargeError):
        await gpu.coordinator.load("hopeless")


async def test_gpu_taken_by_another_program_makes_the_cpu_serve(gpu):
    gpu.model("a", CARD, HOST, size=4)
    await gpu.start()
    gpu.probe.machine["cuda:0"].others = 6 * GIB
    await gpu.after(5)
    assert str(await gpu.use_after("a", 1)) == HOST
    assert gpu.device("cuda:0").others == 6 * GIB
    gpu.probe.machine["cuda:0"].others = 0
    await gpu.after(3)
    assert str(await gpu.use("a")) == CARD


async def test_concurrent_loads_do_not_overcommit_a_device(gpu):
    gpu.model("a", CARD, HOST, size=5)
    gpu.model("b", CARD, HOST, size=5)
    gpu.behave("a", load_seconds=3.0)
    gpu.behave("b", load_seconds=3.0)
    await gpu.start()
    first, second = gpu.hold("a"), gpu.hold("b")
    await gpu.after(1)
    assert gpu.device("cuda:0").reserved == 5 * GIB
    await gpu.after(3)
    assert sorted([first.place, second.place]) == [HOST, CARD]


async def test_gpu_with_enough_memory_is_used(gpu):
    gpu.probe.machine["cuda:1"] = FakeDevice(8 * GIB)
    gpu.model("a", CARD, size=6)
    gpu.model("b", CARD, "cuda:1/float16", HOST, size=6)
    await gpu.start()
    gpu.hold("a")
    await gpu.after(1)
    client = gpu.hold("b")
    await gpu.after(1)
    assert client.place == "cuda:1/float16"
    assert evicted(gpu) == []
    assert gpu.events(ModelFellBack) == []


async def test_smaller_compute_type_on_the_gpu_is_preferred_to_the_cpu(gpu):
    gpu.model("busy", CARD, size=5)
    gpu.model("b", CARD, HALF, HOST, size=4)
    gpu.footprints.saved[FootprintKey("b", "cuda:0", "int8_float16")] = 2 * GIB
    await gpu.start()
    gpu.hold("busy")
    await gpu.after(1)
    client = gpu.hold("b")
    await gpu.after(1)
    assert client.place == HALF


async def test_placement_on_a_missing_device_is_skipped(world):
    world.model("a", CARD, HOST)
    world.model("b", CARD)
    await world.start()
    assert str(await world.use("a")) == HOST
    with pytest.raises(DeviceLostError, match="no cuda:0"):
        await world.use("b")


async def test_pinned_model_is_never_evicted(gpu):
    gpu.model("pinned", CARD, size=6, pinned=True)
    gpu.model("b", CARD, HOST, size=4)
    await gpu.start()
    await gpu.use("pinned")
    client = gpu.hold("b")
    await gpu.after(1)
    assert client.place == HOST
    gpu.coordinator.update_policy("pinned", pinned=False)
    await gpu.use("b")
    await gpu.after(5)
    assert evicted(gpu) == [("pinned", "b")]


async def test_requests_for_one_model_share_one_load(world):
    world.model("a")
    world.behave("a", load_seconds=2.0)
    await world.start()
    clients = [world.hold("a") for _ in range(5)]
    await world.after(3)
    assert all(client.lease for client in clients)
    assert world.launcher.loads("a") == 1


async def test_tts_model_is_loaded_before_an_older_asr_request(gpu):
    gpu.model("holder", CARD, size=7)
    gpu.model("asr", CARD, size=6, task=Task.ASR)
    gpu.model("tts", CARD, size=6, task=Task.TTS)
    await gpu.start()
    holder = gpu.hold("holder")
    await gpu.after(1)
    asr, tts = gpu.hold("asr"), gpu.hold("tts")
    await gpu.after(2)
    await holder.release()
    await gpu.after(1)
    assert tts.place == CARD
    assert not asr.done
    await tts.release()
    await gpu.after(1)
    assert asr.place == CARD


async def test_smaller_requests_overtake_within_the_queue_jump_window_only(gpu):
    gpu.model("holder", CARD, size=4)
    for name in ("large", "small", "late"):
        gpu.model(name, CARD, size=6 if name == "large" else 2)
    await gpu.start()
    holder = gpu.hold("holder")
    await gpu.after(1)
    large = gpu.hold("large")
    await gpu.after(1)
    small = gpu.hold("small")
    await gpu.after(1)
    assert small.place == CARD
    await small.release()
    await gpu.after(10)  # the queue-jump window of the large one is over
    late = gpu.hold("late")
    await gpu.after(2)
    assert not late.done
    await holder.release()
    await gpu.after(1)
    assert large.place == CARD
    await gpu.after(1)
    assert late.place == CARD


async def test_busy_models_are_drained_after_the_queue_jump_window(gpu):
    gpu.model("popular", CARD, size=6)
    gpu.model("starved", CARD, size=6)
    await gpu.start()
    current = gpu.hold("popular")
    await gpu.after(1)
    starved = gpu.hold("starved")
    others = []
    for _ in range(15):
        following = gpu.hold("popular")
        others.append(following)
        await gpu.after(1)
        await current.release()
        current = following
        if current.lease is None:
            break
    await gpu.after(1)
    assert starved.place == CARD
    assert current.error is None
    await starved.release()
    await gpu.after(1)
    assert current.place == CARD


async def test_long_lived_lease_is_not_drained(gpu):
    gpu.model("wake", CARD, size=6, task=Task.WAKE)
    gpu.model("b", CARD, size=6)
    await gpu.start()
    stream = gpu.hold("wake")
    await gpu.after(30)
    client = gpu.hold("b")
    await gpu.after(30)
    assert not client.done
    second = gpu.hold("wake")
    await gpu.after(1)
    assert second.place == CARD
    assert stream.lease is not None


async def test_prefetch_loads_what_fits_and_evicts_nothing(gpu):
    gpu.model("a", CARD, size=6)
    gpu.model("b", CARD, size=6)
    gpu.model("c", CARD, size=2)
    await gpu.start()
    await gpu.use("a")
    gpu.coordinator.prefetch("b", "speech")
    gpu.coordinator.prefetch("c", "speech")
    await gpu.after(1)
    assert gpu.status("b").state is ModelState.UNLOADED
    assert gpu.status("c").state is ModelState.READY
    assert evicted(gpu) == []
    await gpu.after(11)
    assert gpu.coordinator._runtime.planner.state.queue.get("b") is None


async def test_request_joins_a_prefetched_load(world):
    world.model("a")
    world.behave("a", load_seconds=2.0)
    await world.start()
    world.coordinator.prefetch("a", "speech")
    await world.after(1)
    client = world.hold("a")
    await world.after(1.1)
    assert client.lease is not None
    assert world.launcher.loads("a") == 1


async def test_speculative_load_is_evicted_for_a_request(gpu):
    gpu.model("guess", CARD, size=6)
    gpu.model("real", CARD, size=6)
    gpu.behave("guess", load_seconds=30.0)
    await gpu.start()
    gpu.coordinator.prefetch("guess", "wake word")
    await gpu.after(1)
    assert gpu.status("guess").state is ModelState.LOADING
    client = gpu.hold("real")
    await gpu.after(1)
    assert client.place == CARD
    assert evicted(gpu) == [("guess", "real")]


async def test_preload_loads_one_by_one_and_yields_to_requests(world):
    for name in ("a", "b", "c"):
        world.model(name)
        world.behave(name, load_seconds=2.0)
    await world.start()
    world.coordinator.preload(["a", "b", "unknown"])
    await world.after(1)
    assert [w.spec.id for w in world.launcher.running] == ["a"]
    client = world.hold("c")
    await world.after(1.5)
    assert sorted(w.spec.id for w in world.launcher.running) == ["a", "c"]
    await world.after(3.1)
    assert client.lease is not None
    assert world.status("b").state is ModelState.READY


async def test_preload_evicts_nothing(gpu):
    gpu.model("a", CARD, size=6)
    gpu.model("b", CARD, size=6)
    await gpu.start()
    gpu.coordinator.preload(["a", "b"])
    await gpu.after(5)
    assert gpu.status("a").state is ModelState.READY
    assert gpu.status("b").state is ModelState.UNLOADED
    assert evicted(gpu) == []


async def test_loads_run_in_parallel_up_to_a_limit(world):
    for n in range(6):
        world.model(f"m{n}", size=0.5)
        world.behave(f"m{n}", load_seconds=10.0)
    await world.start()
    clients = [world.hold(f"m{n}") for n in range(6)]
    await world.after(1)
    assert len(world.launcher.running) == 4
    await world.after(20)
    assert all(client.lease for client in clients)


async def test_reservation_uses_the_measured_footprint(gpu):
    gpu.model("a", CARD, size=2)
    gpu.behave("a", memory_bytes=int(3.5 * GIB))
    await gpu.start()
    await gpu.use("a")
    await gpu.after(1)
    await gpu.coordinator.unload("a")
    await gpu.after(1)
    await gpu.use("a")
    loads = gpu.events(ModelLoading)
    assert [e.reserved_bytes for e in loads] == [2 * GIB, int(3.5 * GIB)]


async def test_queue_jump_window_ends_despite_rounding(gpu):
    gpu.model("holder", CARD, size=6)
    gpu.model("b", CARD, size=4)
    await gpu.start()
    holder = gpu.hold("holder")
    await gpu.clock.advance(18.687050846691058)  # (now + 10) - now is less than 10 here
    assert (gpu.clock.now() + 10.0) - gpu.clock.now() < 10.0
    gpu.hold("b", timeout=30.0)
    ticks = []
    handle = gpu.coordinator._runtime.planner.handle
    gpu.coordinator._runtime.planner.handle = lambda *a: (ticks.append(a[1]), handle(*a))[1]
    for _ in range(40):
        await gpu.clock.run_ready_tasks(1)
        await gpu.clock.advance(0.5)
    assert max(Counter(ticks).values()) < 5  # a timer that is set again at once would spin
    assert holder.lease is not None
