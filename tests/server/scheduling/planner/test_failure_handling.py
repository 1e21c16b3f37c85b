"""Failed loads and crashed workers, as clients see them."""

import itertools

import pytest

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    DeadlineError,
    DeviceLostError,
    InferenceFailedError,
    LoadFailedError,
    ModelMissingError,
    OutOfMemoryError,
)
from wyoming_servers.core.events import (
    ModelEvicted,
    ModelFailed,
    ModelFellBack,
    ModelUnloaded,
)
from wyoming_servers.devices.probe import FakeDevice
from wyoming_servers.worker.fake import FakeAnswer, WorkerBehavior

GIB = 2**30
CARD, HALF, HOST = "cuda:0/float16", "cuda:0/int8_float16", "cpu/int8"


@pytest.fixture
def gpu(world):
    """A machine with a GPU of 8 GiB."""
    world.probe.machine["cuda:0"] = FakeDevice(8 * GIB)
    return world


def fail_times(world, name: str, times: int, error: Exception, device: str = "") -> None:
    """Let the first loads of a model fail and the later ones succeed."""
    left = [times]

    def behavior() -> WorkerBehavior:
        left[0] -= 1
        return WorkerBehavior(load_error=error if left[0] >= 0 else None)

    world.behaviors[name, device] = behavior


async def test_worker_killed_while_idle_is_replaced_for_the_next_request(world):
    world.model("a")
    await world.start()
    await world.use("a")
    world.launcher.launched[0].die()
    await world.after(0)
    assert world.status("a").state is ModelState.FAILED
    assert [(e.reason, e.freed_bytes) for e in world.events(ModelUnloaded)] == [("crash", GIB)]
    assert await world.use_after("a", 0.1)
    assert world.launcher.loads("a") == 2


async def test_worker_killed_in_a_run_fails_it_and_the_next_request_is_served(world):
    world.model("a")
    world.behave("a", run_seconds=50.0)
    await world.start()
    async with world.coordinator.lease("a") as lease, lease.open({}) as run:
        world.launcher.launched[0].die()
        with pytest.raises(InferenceFailedError, match="killed by signal 9"):
            await run.result()
    await world.after(0)
    assert world.status("a").leases == 0
    assert await world.use_after("a", 0.1)


async def test_model_with_negative_keep_alive_is_reloaded_after_a_crash(world):
    world.model("a", keep_alive=-1)
    await world.start()
    await world.use("a")
    world.launcher.launched[0].die()
    await world.after(0.1)
    assert world.status("a").state is ModelState.READY


async def test_workers_that_die_in_their_first_run_open_the_circuit(world):
    world.model("a")
    await world.start()
    started = []
    for _ in range(5):
        client = world.hold("a", timeout=20)
        for _ in range(100):
            if client.done:
                break
            await world.after(0.1)
        assert client.lease is not None
        started.append(world.clock.now())
        world.workers("a")[0].die()
        await world.after(0)
        await client.release()
    pauses = [later - earlier for earlier, later in itertools.pairwise(started)]
    assert pauses == pytest.approx([0.1, 1, 2, 4], abs=0.25)
    with pytest.raises(BusyError, match="failed too often") as refused:
        await world.use("a")
    assert 50 < refused.value.retry_after <= 60
    assert "killed by signal 9" in refused.value.message
    status = world.status("a")
    assert (status.state, status.error_code) == (ModelState.FAILED, "INFERENCE_FAILED")
    assert "killed by signal 9" in status.error_message
    assert status.retry_in == pytest.approx(refused.value.retry_after)
    assert world.events(ModelFailed)[-1].retry_seconds is None


async def test_successful_run_resets_the_failures(world):
    world.model("a")
    await world.start()
    for _ in range(8):
        client = world.hold("a")
        await world.after(0.1)
        async with client.lease.open({}) as run:
            await run.result()
        await client.release()
        world.workers("a")[0].die()
        await world.after(0.1)
    assert await world.use_after("a", 0.1)


async def test_request_waits_for_another_load_after_a_failed_one(world):
    world.model("a")
    fail_times(world, "a", 1, LoadFailedError("It would not open."))
    await world.start()
    client = world.hold("a")
    await world.after(0.5)
    assert not client.done
    await world.after(1)
    assert client.lease is not None
    (failed,) = world.events(ModelFailed)
    assert (failed.code, failed.attempt, failed.retry_seconds) == ("LOAD_FAILED", 1, 1.0)


async def test_request_is_rejected_after_two_failed_loads(world):
    world.model("a")
    fail_times(world, "a", 9, LoadFailedError("It would not open."))
    await world.start()
    client = world.hold("a")
    await world.after(1.1)
    assert isinstance(client.error, LoadFailedError)
    assert "would not open" in client.error.message
    assert client.error.retry_after == pytest.approx(2.0)
    assert client.error.attempt == 2


async def test_request_without_time_for_a_retry_is_rejected_at_once(world):
    world.model("a")
    fail_times(world, "a", 9, LoadFailedError("It would not open."))
    await world.start()
    client = world.hold("a", timeout=0.9)
    await world.after(0.1)
    assert isinstance(client.error, LoadFailedError)
    assert client.error.retry_after == pytest.approx(1.0)


async def test_load_with_a_non_retryable_error_is_not_retried(world):
    world.model("a")
    fail_times(world, "a", 9, ModelMissingError("model.bin is missing."))
    await world.start()
    client = world.hold("a")
    await world.after(0.1)
    assert isinstance(client.error, ModelMissingError)
    with pytest.raises(ModelMissingError, match=r"model\.bin"):
        await world.use("a")
    assert world.launcher.loads("a") == 1


async def test_open_circuit_allows_one_attempt_after_its_timeout(world):
    world.model("a")
    fail_times(world, "a", 4, LoadFailedError("It would not open."))
    await world.start()
    for _ in range(4):
        world.hold("a")
        await world.after(9)
    assert world.launcher.loads("a") == 4
    with pytest.raises(BusyError):
        await world.use("a")
    await world.after(60)
    assert await world.use_after("a", 0.1)
    assert world.status("a").error_code == ""


async def test_load_command_closes_the_circuit(world):
    world.model("a")
    fail_times(world, "a", 4, LoadFailedError("It would not open."))
    await world.start()
    await world.coordinator.load("a")
    await world.after(20)
    assert world.launcher.loads("a") == 4
    assert world.status("a").state is ModelState.FAILED
    assert await world.coordinator.load("a") is False
    await world.after(0.1)
    assert world.status("a").state is ModelState.READY


async def test_cpu_serves_while_the_gpu_fails_and_the_model_moves_back_afterwards(gpu):
    gpu.model("a", CARD, HOST)
    fail_times(gpu, "a", 1, LoadFailedError("No cuBLAS."), device="cuda:0")
    await gpu.start()
    client = gpu.hold("a")
    await gpu.after(0.5)
    assert client.place == HOST
    assert gpu.status("a").fallback_reason == "No cuBLAS."
    await gpu.after(2)
    assert str(gpu.status("a").placement) == CARD
    assert client.place == HOST  # it keeps what it has


async def test_oom_evicts_idle_models_and_retries_once(gpu):
    gpu.model("idle", CARD, size=2)
    gpu.model("pinned", CARD, size=1, pinned=True)
    gpu.model("a", CARD, HALF, HOST, size=2)
    fail_times(gpu, "a", 1, OutOfMemoryError("CUDA out of memory."), device="cuda:0")
    await gpu.start()
    await gpu.use("idle")
    await gpu.use("pinned")
    client = gpu.hold("a")
    await gpu.after(1)
    assert client.place == CARD
    assert [(e.model, e.for_model) for e in gpu.events(ModelEvicted)] == [("idle", "a")]
    assert gpu.status("pinned").state is ModelState.READY


async def test_second_oom_uses_the_fallback_placement(gpu):
    gpu.model("a", CARD, HALF, HOST, size=2, keep_alive=0)
    tried = []
    gpu.launcher._script = lambda spec, place: (
        tried.append(str(place)),
        WorkerBehavior(
            load_error=OutOfMemoryError("CUDA out of memory.") if place.device == "cuda:0" else None
        ),
    )[1]
    await gpu.start()
    client = gpu.hold("a")
    await gpu.after(2)
    assert client.place == HOST
    assert tried == [CARD, CARD, HALF, HALF, HOST]
    assert gpu.status("a").fallback_reason == "CUDA out of memory."
    assert gpu.status("a").error_code == "OOM"
    (fell,) = [e for e in gpu.events(ModelFellBack) if e.to_device == "cpu"]
    assert fell.reason == "CUDA out of memory."
    await client.release()
    await gpu.after(1)
    assert str(await gpu.use_after("a", 1)) == HOST  # remembered
    assert len(tried) == 6


async def test_placement_after_its_oom_cooldown_is_tried_without_evictions(gpu):
    gpu.model("a", CARD, HOST, size=2, keep_alive=-1)
    gpu.model("idle", CARD, size=2, keep_alive=-1)
    fail_times(gpu, "a", 2, OutOfMemoryError("CUDA out of memory."), device="cuda:0")
    await gpu.start()
    assert str(await gpu.use_after("a", 2)) == HOST
    await gpu.use_after("idle", 1)
    await gpu.after(310)
    assert str(gpu.status("a").placement) == CARD
    assert gpu.status("idle").state is ModelState.READY
    assert gpu.status("a").fallback_reason == ""


async def test_oom_on_all_placements_rejects_with_retry_after(gpu):
    gpu.model("a", CARD, HOST, size=2)
    fail_times(gpu, "a", 9, OutOfMemoryError("Out of memory."))
    await gpu.start()
    client = gpu.hold("a")
    await gpu.after(3)
    assert isinstance(client.error, OutOfMemoryError)
    assert 0 < client.error.retry_after <= 60
    with pytest.raises(OutOfMemoryError):
        await gpu.use("a")


async def test_oom_in_a_run_evicts_idle_models_and_the_second_uses_the_fallback(gpu):
    gpu.model("idle", CARD, size=1)
    gpu.model("a", CARD, HOST, size=2)
    gpu.behave(
        "a", "cuda:0", reply=lambda *_: FakeAnswer(error=OutOfMemoryError("CUDA OOM in decoder."))
    )
    await gpu.start()
    await gpu.use("idle")

    async def run_once() -> str:
        async with gpu.coordinator.lease("a") as lease, lease.open({}) as run:
            try:
                await run.result()
            except OutOfMemoryError:
                return "OOM"
            return str(lease.placement)

    async def run_and_wait() -> str:
        task = gpu.start_task(run_once())
        await gpu.after(1)
        return await task

    assert await run_and_wait() == "OOM"
    assert [e.model for e in gpu.events(ModelEvicted)] == ["idle"]
    assert str(gpu.status("a").placement) == CARD
    assert await run_and_wait() == "OOM"
    assert await run_and_wait() == HOST
    assert gpu.events(ModelUnloaded)[-1].reason == "out of memory"


async def test_invalid_request_does_not_count_as_a_failure_of_the_worker(gpu):
    gpu.model("a")
    gpu.behave("a", reply=lambda *_: FakeAnswer(error=BadRequestError("No such speaker.")))
    await gpu.start()
    for _ in range(6):
        with pytest.raises(BadRequestError):
            async with gpu.coordinator.lease("a") as lease, lease.open({}) as run:
                await run.result()
    assert gpu.launcher.loads("a") == 1


async def test_device_lost_in_a_run_kills_the_worker_and_the_next_request_gets_a_new_one(gpu):
    gpu.model("a", CARD, HOST)
    gpu.behave("a", reply=lambda *_: FakeAnswer(error=DeviceLostError("illegal address")))
    await gpu.start()
    with pytest.raises(DeviceLostError):
        async with gpu.coordinator.lease("a") as lease, lease.open({}) as run:
            await run.result()
    await gpu.after(0)
    assert gpu.launcher.launched[0].killed
    assert str(await gpu.use_after("a", 1)) == CARD


async def test_device_lost_twice_is_not_used_until_a_load_command(gpu):
    gpu.model("a", CARD, HOST)
    gpu.model("only", CARD)
    gpu.behave("a", "cuda:0", load_error=DeviceLostError("CUDA: unknown error"))
    await gpu.start()
    client = gpu.hold("a")
    await gpu.after(1)
    assert client.place == HOST
    assert gpu.launcher.loads("a") == 3
    with pytest.raises(DeviceLostError, match="lost repeatedly"):
        await gpu.use("only")
    await gpu.after(1_000)
    with pytest.raises(DeviceLostError):
        await gpu.use("only")
    assert await gpu.coordinator.load("only") is False
    await gpu.after(1)
    assert gpu.status("only").state is ModelState.READY


async def test_load_that_takes_too_long_is_killed_with_timeout(world):
    world.model("a")
    world.behave("a", load_seconds=1_000.0)
    await world.start()
    client = world.hold("a", timeout=500)
    await world.after(121)
    assert not client.done
    await world.after(122)
    assert isinstance(client.error, DeadlineError)
    assert "not ready after 120 s" in client.error.message
    assert [w.killed for w in world.launcher.launched] == [True, True]


async def test_failing_model_does_not_affect_other_models(world):
    world.model("broken")
    world.model("fine")
    fail_times(world, "broken", 99, LoadFailedError("It would not open."))
    await world.start()
    world.hold("broken")
    await world.use_after("fine", 0.1)
    for _ in range(20):
        await world.after(1)
        assert await world.use("fine")
