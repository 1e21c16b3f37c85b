import asyncio

from wyoming_servers.core import events
from wyoming_servers.core.domain import ModelSpec, ModelState, Placement, Task
from wyoming_servers.core.event_bus import BACKLOG, EventBus
from wyoming_servers.scheduling.status import DeviceStatus, ModelStatus, Snapshot
from wyoming_servers.telemetry.metrics import Metrics

SPEC = ModelSpec(id="whisper/base", task=Task.ASR, engine="fake")

SNAPSHOT = Snapshot(
    models=(
        ModelStatus(
            spec=SPEC, state=ModelState.READY, placement=Placement(), memory_bytes=1000, leases=2
        ),
        ModelStatus(
            spec=ModelSpec(id="piper/x", task=Task.TTS, engine="fake"),
            state=ModelState.UNLOADED,
            placement=Placement(),
            memory_bytes=500,
        ),
    ),
    devices=(
        DeviceStatus(
            device="cpu", name="CPU", total=100, free=60, budget=90, reserved=5, committed=20
        ),
    ),
    queue_depth=3,
)


def make() -> Metrics:
    return Metrics(lambda: SNAPSHOT, "1.2.3")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"wyoming_conductor_{name}", labels)


def test_model_load_is_counted_with_its_duration() -> None:
    metrics = make()
    metrics.observe(events.ModelLoaded(model="m", seconds=1.5, memory_bytes=10))
    assert value(metrics, "model_loads_total", model="m", device="cpu") == 1
    assert value(metrics, "model_load_seconds_sum", model="m", device="cpu") == 1.5


def test_model_events_are_counted_by_cause() -> None:
    metrics = make()
    metrics.observe(events.ModelUnloaded(model="m", reason="idle"))
    metrics.observe(events.ModelEvicted(model="m", for_model="n", memory_bytes=1, idle_seconds=1))
    metrics.observe(
        events.ModelWaiting(
            model="m", device="cuda:0", needed_bytes=2, free_bytes=1, retry_seconds=3
        )
    )
    metrics.observe(
        events.ModelFellBack(model="m", to_device="cpu", to_compute_type="int8", reason="x")
    )
    metrics.observe(events.ModelFailed(model="m", code="OOM", message="x"))
    metrics.observe(events.WakeWordDetected(client="c", word="alexa", score=1))
    assert value(metrics, "model_unloads_total", model="m", reason="idle") == 1
    assert value(metrics, "model_evictions_total", model="m") == 1
    assert value(metrics, "model_waits_total", model="m", device="cuda:0") == 1
    assert value(metrics, "model_fallbacks_total", model="m", to_device="cpu") == 1
    assert value(metrics, "model_failures_total", model="m", code="OOM") == 1
    assert value(metrics, "wake_detections_total", word="alexa") == 1


def test_speculations_are_counted_by_outcome() -> None:
    metrics = make()
    for outcome in ("used", "void", "used"):
        metrics.observe(
            events.SpeculationEnded(client="c", model="m", outcome=outcome, seconds=0.2)
        )
    assert value(metrics, "speculations_total", model="m", outcome="used") == 2
    assert value(metrics, "speculations_total", model="m", outcome="void") == 1


def test_retry_is_counted_by_the_first_error() -> None:
    metrics = make()
    metrics.observe(events.RequestRetried(kind="asr", model="m", client="c", code="OOM"))
    assert value(metrics, "request_retries_total", kind="asr", code="OOM") == 1
    assert value(metrics, "requests_total", kind="asr", code="OK") is None


def test_request_is_counted_with_the_duration_of_each_stage() -> None:
    metrics = make()
    metrics.observe(
        events.RequestFinished(
            kind="asr", model="m", client="c", seconds=0.4, stages={"queue": 0.1, "inference": 0.3}
        )
    )
    assert value(metrics, "requests_total", kind="asr", code="OK") == 1
    assert value(metrics, "request_seconds_count", kind="asr", model="m") == 1
    assert value(metrics, "request_stage_seconds_sum", kind="asr", stage="inference") == 0.3


def test_failed_request_is_counted_without_its_duration() -> None:
    metrics = make()
    metrics.observe(
        events.RequestFinished(kind="asr", model="m", client="c", seconds=60, code="TIMEOUT")
    )
    assert value(metrics, "requests_total", kind="asr", code="TIMEOUT") == 1
    assert value(metrics, "request_seconds_count", kind="asr", model="m") is None


def test_gauges_show_the_snapshot_at_the_scrape() -> None:
    metrics = make()
    assert value(metrics, "queue_depth") == 3
    assert value(metrics, "info", version="1.2.3") == 1
    assert value(metrics, "model_state", model="piper/x", kind="tts", state="unloaded") == 1
    assert value(metrics, "model_memory_bytes", model="whisper/base", device="cpu") == 1000
    assert value(metrics, "model_active_requests", model="whisper/base") == 2
    assert value(metrics, "device_memory_bytes", device="cpu", what="free") == 60
    assert value(metrics, "device_memory_bytes", device="cpu", what="committed") == 20


def test_the_estimate_of_a_model_that_is_not_loaded_is_no_memory_use() -> None:
    assert value(make(), "model_memory_bytes", model="piper/x", device="cpu") == 0


def test_metrics_of_two_servers_are_independent() -> None:
    first, second = make(), make()
    first.observe(events.ModelEvicted(model="m", for_model="n", memory_bytes=1, idle_seconds=1))
    assert value(first, "model_evictions_total", model="m") == 1
    assert value(second, "model_evictions_total", model="m") is None


def test_metrics_never_name_a_client() -> None:
    metrics = make()
    metrics.observe(events.RequestFinished(kind="asr", model="m", client="kitchen", seconds=1))
    metrics.observe(events.WakeWordDetected(client="kitchen", word="alexa", score=1))
    assert b"kitchen" not in metrics.render()
    assert b"wyoming_conductor_requests_total" in metrics.render()


async def test_metrics_count_events_of_the_bus_and_lost_events() -> None:
    metrics, bus = make(), EventBus()
    task = asyncio.create_task(metrics.run(bus))
    await asyncio.sleep(0)
    for _ in range(BACKLOG + 2):
        bus.publish(events.WakeWordDetected(client="c", word="alexa", score=1))
    for _ in range(3):
        await asyncio.sleep(0)
    assert value(metrics, "wake_detections_total", word="alexa") == BACKLOG
    assert value(metrics, "events_lost_total") == 2
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
