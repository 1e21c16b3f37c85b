"""Requests as OpenTelemetry spans, received by a collector."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.event_bus import EventBus, SequencedEvent
from wyoming_servers.core.events import ModelLoaded, RequestFinished
from wyoming_servers.telemetry.otlp import OtlpExporter, render
from wyoming_servers.telemetry.request_records import RequestTimer
from wyoming_servers.telemetry.traces import Trace, TraceBuffer

NOW = 1_700_000_000.0

UTTERANCE = RequestFinished(
    kind="asr", model="whisper/base", client="c", seconds=1.5,
    stages={"speech": 2.0, "queue": 1.0, "inference": 0.5},
    spans=(("speech", 3.5, 1.5), ("queue", 1.5, 0.5), ("inference", 0.5, 0.0)),
)  # fmt: skip


def times(span: dict[str, Any]) -> tuple[float, float]:
    start, end = (int(span[name]) / 1e9 for name in ("startTimeUnixNano", "endTimeUnixNano"))
    return pytest.approx(start - NOW, abs=1e-3), pytest.approx(end - NOW, abs=1e-3)


def spans_of(traces: TraceBuffer) -> list[dict[str, Any]]:
    document = render(traces.latest())
    spans: list[dict[str, Any]] = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return spans


def test_stages_are_child_spans_of_the_utterance() -> None:
    traces = TraceBuffer(lambda model: "cpu")
    loaded = ModelLoaded(model="whisper/base", seconds=5.0, memory_bytes=1)
    traces.observe(SequencedEvent(1, loaded, NOW - 0.6))
    traces.observe(SequencedEvent(2, UTTERANCE, NOW))
    request, *stages = spans_of(traces)
    assert request["name"] == "asr"
    assert "parentSpanId" not in request
    assert times(request) == (-3.5, 0.0)
    assert [event["name"] for event in request["events"]] == ["speech_end"]
    assert int(request["events"][0]["timeUnixNano"]) / 1e9 - NOW == pytest.approx(-1.5, abs=1e-3)
    assert {span["name"]: times(span) for span in stages} == {
        "speech": (-3.5, -1.5),
        "load": (-3.5, -0.6),
        "queue": (-1.5, -0.5),
        "decode": (-0.5, 0.0),
    }
    assert {span["parentSpanId"] for span in stages} == {request["spanId"]}
    assert {span["traceId"] for span in stages} == {request["traceId"]}
    assert len({span["spanId"] for span in stages}) == len(stages)


def test_earlier_load_is_not_part_of_the_request() -> None:
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


async def test_timed_request_has_the_times_of_its_stages(clock: FakeClock) -> None:
    bus = EventBus(clock)
    timer = RequestTimer(Task.TTS, "c", bus, clock)
    with timer.stage("queue"):
        await asyncio.gather(clock.sleep(1), clock.advance(1))
    for _ in range(2):
        with timer.stage("inference"):
            await asyncio.gather(clock.sleep(2), clock.advance(2))
        timer.mark("first_audio")
    timer.finish()
    (event,) = [item.event for item in bus.recent()]
    assert event.spans == (
        ("queue", 5, 4), ("inference", 4, 2), ("first_audio", 5, 2), ("inference", 2, 0),
    )  # fmt: skip
    assert event.stages == {"queue": 1, "inference": 4, "first_audio": 3}


async def test_collector_receives_the_spans(clock: FakeClock) -> None:
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


async def test_full_queue_drops_no_trace_that_is_unsent_while_a_batch_is_sent(
    clock: FakeClock,
) -> None:
    """A full queue drops its oldest traces; those sent already must not count as dropped."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        spans = json.loads(request.content)["resourceSpans"][0]["scopeSpans"][0]["spans"]
        sent.extend(span["name"] for span in spans)
        if len(sent) == 100:
            for number in range(1_000, 1_050):
                exporter.add(trace(number))
        return httpx.Response(200)

    def trace(number: int) -> Trace:
        return Trace("a" * 32, str(number), "c", "m", "cpu", 1.0, 0.5)

    exporter = OtlpExporter(
        "http://collector",
        clock,
        client_factory=lambda: httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )
    for number in range(1_000):
        exporter.add(trace(number))
    task = asyncio.create_task(exporter.run())
    async with asyncio.timeout(10):
        while len(sent) < 1_050:
            await clock.advance(1)
            await asyncio.sleep(0.002)
    assert sent == [str(number) for number in range(1_050)]
    task.cancel()
    await asyncio.wait([task])


async def test_failed_batch_is_sent_again_before_newer_traces(clock: FakeClock) -> None:
    statuses = [500, 200]
    sent: list[list[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        spans = json.loads(request.content)["resourceSpans"][0]["scopeSpans"][0]["spans"]
        sent.append([span["name"] for span in spans])
        if len(sent) == 1:
            exporter.add(Trace("b" * 32, "new", "c", "m", "cpu", 1.0, 0.5))
        return httpx.Response(statuses.pop(0))

    exporter = OtlpExporter(
        "http://collector",
        clock,
        client_factory=lambda: httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )
    exporter.add(Trace("a" * 32, "old", "c", "m", "cpu", 1.0, 0.5))
    task = asyncio.create_task(exporter.run())
    async with asyncio.timeout(10):
        while statuses:
            await clock.advance(1)
            await asyncio.sleep(0.002)
    assert sent == [["old"], ["old", "new"]]
    task.cancel()
    await asyncio.wait([task])
