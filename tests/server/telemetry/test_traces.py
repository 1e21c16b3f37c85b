"""The trace buffer and the form of its traces."""

import asyncio
import json
from typing import Any

import httpx

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.event_bus import EventBus, SequencedEvent
from wyoming_servers.core.events import ModelUnloaded, RequestFinished
from wyoming_servers.telemetry.otlp import OtlpExporter, render
from wyoming_servers.telemetry.traces import ModelStats, ModelStatsRegistry, Trace, TraceBuffer


def finished(seconds: float = 1.0, kind: str = "asr", code: str = "") -> RequestFinished:
    return RequestFinished(
        kind=kind, model="whisper/base", client="c", seconds=seconds, code=code,
        message="Oh." if code else "", stages={"queue": 0.25},
    )  # fmt: skip


def filled(*events, kept: int = 10) -> TraceBuffer:
    traces = TraceBuffer(lambda model: "cuda:0", kept=kept)
    for number, event in enumerate(events):
        traces.observe(SequencedEvent(number, event, 1_700_000_000.0 + number))
    return traces


def test_trace_is_made_of_a_finished_request_only() -> None:
    (trace,) = filled(finished(), ModelUnloaded(model="m", reason="idle")).latest()
    assert (trace.kind, trace.model, trace.device) == ("asr", "whisper/base", "cuda:0")
    assert (trace.seconds, trace.stages, trace.ended) == (1.0, {"queue": 0.25}, 1_700_000_000.0)
    assert len(trace.id) == 32


def test_trace_buffer_keeps_the_newest_traces_first() -> None:
    traces = filled(*(finished(float(n)) for n in range(5)), kept=3)
    assert [trace.seconds for trace in traces.latest()] == [4.0, 3.0, 2.0]
    assert [trace.seconds for trace in traces.latest(1)] == [4.0]


def test_traces_can_be_filtered_by_kind_and_duration() -> None:
    traces = filled(finished(1.0), finished(3.0, "tts"), finished(4.0))
    assert [trace.seconds for trace in traces.latest(kind="asr")] == [4.0, 1.0]
    assert [trace.seconds for trace in traces.latest(slower_than=2.0)] == [4.0, 3.0]


async def test_trace_buffer_follows_the_event_bus(clock: FakeClock) -> None:
    bus, traces, received = EventBus(clock), TraceBuffer(lambda model: ""), []
    traces.add_listener(received.append)
    task = asyncio.create_task(traces.run(bus))
    await asyncio.sleep(0)
    bus.publish(finished())
    await clock.run_ready_tasks()
    assert traces.latest() == received
    assert len(received) == 1
    task.cancel()
    await asyncio.wait([task])


def test_span_has_times_and_error() -> None:
    (trace,) = filled(finished(2.0, code="OOM")).latest()
    resource = render([trace], "1.2.3")["resourceSpans"][0]
    (span,) = resource["scopeSpans"][0]["spans"]
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == 2_000_000_000
    assert span["traceId"] == trace.id
    assert len(span["spanId"]) == 16
    assert span["status"] == {"code": 2, "message": "Oh."}
    attributes = {item["key"]: item["value"] for item in span["attributes"]}
    assert attributes["conductor.stage.queue_seconds"] == {"doubleValue": 0.25}
    assert attributes["error.type"] == {"stringValue": "OOM"}
    assert json.dumps(resource)


async def test_exporter_retries_until_the_collector_responds(clock: FakeClock) -> None:
    answers, bodies = [503, 200, 200], []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append((request.url.path, json.loads(request.content)))
        return httpx.Response(answers.pop(0))

    exporter = OtlpExporter(
        "http://collector:4318/",
        clock,
        client_factory=lambda: httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )
    trace = Trace("a" * 32, "asr", "c", "m", "cpu", 1.0, 0.5)
    for _ in range(150):
        exporter.add(trace)
    task = asyncio.create_task(exporter.run())
    async with asyncio.timeout(10):
        while answers:
            await clock.advance(1)
            await asyncio.sleep(0.005)
    await clock.run_ready_tasks()
    sizes = [len(body["resourceSpans"][0]["scopeSpans"][0]["spans"]) for _, body in bodies]
    assert sizes == [100, 100, 50]
    assert {path for path, _ in bodies} == {"/v1/traces"}
    task.cancel()
    await asyncio.wait([task])


def request(**fields: Any) -> RequestFinished:
    """Return the event of a finished request."""
    known: dict[str, Any] = {"kind": "asr", "model": "m", "client": "c", "seconds": 0.5}
    return RequestFinished(**{**known, **fields})


def test_model_without_requests_has_empty_stats() -> None:
    assert ModelStatsRegistry().get("m") == ModelStats()


def test_stats_count_requests_and_failures_per_model() -> None:
    registry = ModelStatsRegistry()
    for event in (request(), request(code="OOM", seconds=9.0), request(model="n")):
        registry.record(event)
    stats = registry.get("m")
    assert (stats.requests, stats.errors, stats.last_seconds) == (2, 1, 0.5)
    assert registry.get("n").requests == 1


def test_stats_ignore_cancelled_requests_and_requests_without_a_model() -> None:
    registry = ModelStatsRegistry()
    registry.record(request(code="CANCELLED"))
    registry.record(request(model="", code="BUSY"))
    assert registry.get("m") == ModelStats()
    assert registry.get("") == ModelStats()


def test_real_time_factor_is_that_of_the_last_inference() -> None:
    registry = ModelStatsRegistry()
    registry.record(request(stages={"inference": 0.5}, audio_seconds=2.0))
    assert registry.get("m").real_time_factor == 0.25
    registry.record(request(stages={"first_audio": 0.01}))  # all of it came from the cache
    assert registry.get("m").real_time_factor == 0.25
