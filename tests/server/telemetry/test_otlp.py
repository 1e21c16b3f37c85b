"""Requests as OpenTelemetry's spans, received by a collector."""

import asyncio
import json
from typing import Any

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.event_bus import EventBus, SequencedEvent
from wyoming_servers.core.events import ModelLoaded, RequestFinished
from wyoming_servers.telemetry.otlp import OtlpExporter, render
from wyoming_servers.telemetry.request_timer import RequestTimer
from wyoming_servers.telemetry.traces import TraceBuffer

NOW = 1_700_000_000.0

UTTERANCE = RequestFinished(
    kind="asr", model="whisper/base", client="c", seconds=1.5,
    stages={"speech": 2.0, "queue": 1.0, "inference": 0.5},
    spans=(("speech", 3.5, 1.5), ("queue", 1.5, 0.5), ("inference", 0.5, 0.0)),
)  # fmt: skip


def times(span: dict[str, Any]) -> tuple[float, float]:
    began, ended = (int(span[name]) / 1e9 for name in ("startTimeUnixNano", "endTimeUnixNano"))
    return pytest.approx(began - NOW, abs=1e-3), pytest.approx(ended - NOW, abs=1e-3)


def spans_of(traces: TraceBuffer) -> list[dict[str, Any]]:
    document = render(traces.latest())
    spans: list[dict[str, Any]] = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return spans


def test_each_stage_is_a_span_below_that_of_the_utterance() -> None:
    traces = TraceBuffer(lambda model: "cpu")
    loaded = ModelLoaded(model="whisper/base", seconds=5.0, memory_bytes=1)
    traces.observe(SequencedEvent(1, loaded, NOW - 0.6))
    traces.observe(SequencedEvent(2, UTTERANCE, NOW))
    whole, *stages = spans_of(traces)
    assert whole["name"] == "asr"
    assert "parentSpanId" not in whole
    assert times(whole) == (-3.5, 0.0)
    assert [event["name"] for event in whole["events"]] == ["speech_end"]
    assert int(whole["events"][0]["timeUnixNano"]) / 1e9 - NOW == pytest.approx(-1.5, abs=1e-3)
    assert {span["name"]: times(span) for span in stages} == {
        "speech": (-3.5, -1.5),
        "load": (-3.5, -0.6),
        "queue": (-1.5, -0.5),
        "decode": (-0.5, 0.0),
    }
    assert {span["parentSpanId"] for span in stages} == {whole["spanId"]}
    assert {span["traceId"] for span in stages} == {whole["traceId"]}
    assert len({span["spanId"] for span in stages}) == len(stages)


def test_a_load_that_was_over_before_is_not_the_requests() -> None:
    traces = TraceBuffer(lambda model: "cpu")
    traces.observe(
        SequencedEvent(1, ModelLoaded(model="whisper/base", seconds=1, memory_bytes=1), NOW - 9)
    )
    traces.observe(
        SequencedEvent(2, ModelLoaded(model="other", seconds=1, memory_bytes=1), NOW - 1)
    )
    traces.observe(SequencedEvent(3, UTTERANCE, NOW))
    assert "load" not in {span["name"] for span in spans_of(traces)}
    assert "load" not in traces.latest()[0].stages


async def test_a_measured_request_tells_when_its_stages_were(clock: FakeClock) -> None:
    bus = EventBus(clock)
    measure = RequestTimer(Task.TTS, "c", bus, clock)
    with measure.stage("queue"):
        await asyncio.gather(clock.sleep(1), clock.advance(1))
    for _ in range(2):
        with measure.stage("inference"):
            await asyncio.gather(clock.sleep(2), clock.advance(2))
        measure.mark("first_audio")
    measure.finish()
    (event,) = [item.event for item in bus.recent()]
    assert event.spans == (
        ("queue", 5, 4), ("inference", 4, 2), ("first_audio", 5, 2), ("inference", 2, 0),
    )  # fmt: skip
    assert event.stages == {"queue": 1, "inference": 4, "first_audio": 3}


async def test_a_collector_receives_the_spans(clock: FakeClock) -> None:
    received: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        received.put_nowait((head, json.loads(await reader.readexactly(size))))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()

    collector = await asyncio.start_server(collect, "127.0.0.1", 0)
    port = collector.sockets[0].getsockname()[1]
    exporter = OtlpExporter(f"http://127.0.0.1:{port}", clock, version="1.2.3")
    bus, traces = EventBus(clock), TraceBuffer(lambda model: "cuda:0")
    traces.add_listener(exporter.add)
    tasks = [asyncio.create_task(traces.run(bus)), asyncio.create_task(exporter.run())]
    await asyncio.sleep(0)
    bus.publish(UTTERANCE)
    async with asyncio.timeout(10):
        while received.empty():
            await clock.advance(1)
            await asyncio.sleep(0.01)
        head, document = await received.get()
    assert head.startswith(b"POST /v1/traces HTTP/1.1\r\n")
    assert b"content-type: application/json" in head.lower()
    resource = document["resourceSpans"][0]
    assert {"key": "service.version", "value": {"stringValue": "1.2.3"}} in resource["resource"][
        "attributes"
    ]
    names = [span["name"] for span in resource["scopeSpans"][0]["spans"]]
    assert names == ["asr", "speech", "queue", "decode"]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    collector.close()
    await collector.wait_closed()
