import asyncio
import dataclasses
import logging

import pytest

from wyoming_servers.core import events
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import Event
from wyoming_servers.telemetry import event_logger

SAMPLES: list[tuple[Event, int, str]] = [
    (
        events.ServerStarted(ports={"asr": 10300, "api": 10380}),
        logging.INFO,
        "serving asr on 10300, api on 10380",
    ),
    (events.ServerStarted(ports={}), logging.INFO, "no port is open"),
    (events.ServerStopping(), logging.INFO, "shutting down"),
    (
        events.FileSetAside(
            path="/d/jobs.sqlite", moved_to="/d/jobs.sqlite.broken-1", reason="why"
        ),
        logging.ERROR,
        "/d/jobs.sqlite was set aside as /d/jobs.sqlite.broken-1: why",
    ),
    (
        events.SettingIgnored(
            key="asr.beam", message="is not a key.", suggestion="asr.beam_size", where="c, line 2"
        ),
        logging.WARNING,
        "asr.beam: is not a key. Did you mean `asr.beam_size`? (c, line 2)",
    ),
    (
        events.ModelStateChanged(model="m", state="failed", reason="why"),
        logging.DEBUG,
        "m is failed (why)",
    ),
    (events.ModelQueued(model="m", priority=5, position=2), logging.DEBUG, "at position 2"),
    (events.ModelJoined(model="m", waiting=3), logging.DEBUG, "3 requests are waiting for m"),
    (
        events.ModelWaiting(
            model="m",
            device="cuda:0",
            needed_bytes=3_900_000_000,
            free_bytes=500_000_000,
            retry_seconds=30,
        ),
        logging.WARNING,
        "m needs 3.9 GB on cuda:0, but only 500 MB are free; retrying in 30 s",
    ),
    (events.ModelLoading(model="m", compute_type="int8"), logging.INFO, "loading m on cpu (int8)"),
    (
        events.RequestRetried(kind="asr", model="m", client="c", code="OOM", message="Full."),
        logging.WARNING,
        "asr for c with m failed, retrying once [OOM]: Full.",
    ),
    (
        events.TranscriptGrew(client="c", model="m", text="turn on"),
        logging.DEBUG,
        "c: partial transcript of 7 characters",
    ),
    (
        events.SpeculationEnded(client="c", model="m", outcome="used", seconds=0.25),
        logging.DEBUG,
        "c: speculative transcription took 0.25 s, used",
    ),
    (events.ModelInstalled(model="m"), logging.INFO, "m was installed"),
    (events.ModelRemoved(model="m"), logging.INFO, "m was removed"),
    (events.JobQueued(job="j", model="m"), logging.INFO, "job j for m was queued"),
    (events.JobStarted(job="j", model="m"), logging.INFO, "job j for m started"),
    (events.JobProgressed(job="j", percent=4, chunk=1, chunks_total=9), logging.DEBUG, "4%"),
    (events.JobFinished(job="j", model="m", status="done"), logging.INFO, "job j is done"),
    (
        events.JobFinished(job="j", model="m", status="failed", code="OOM", message="Full."),
        logging.WARNING,
        "job j failed [OOM]: Full.",
    ),
    (events.ModelProgressed(model="m", phase="load", percent=40), logging.DEBUG, "m: load 40%"),
    (events.ModelProgressed(model="m", phase="warmup", percent=-1), logging.DEBUG, "m: warmup"),
    (
        events.ModelLoaded(model="m", seconds=1.25, memory_bytes=350_000_000),
        logging.INFO,
        "m is ready on cpu after 1.2 s, 350 MB",
    ),
    (
        events.ModelUnloaded(model="m", reason="idle", freed_bytes=1_000_000),
        logging.INFO,
        "m was unloaded (idle), 1 MB freed",
    ),
    (events.ModelUnloaded(model="m", reason="crash"), logging.WARNING, "m was unloaded (crash)"),
    (
        events.ModelEvicted(model="m", for_model="n", memory_bytes=2_000_000, idle_seconds=61),
        logging.INFO,
        "m was evicted to load n: frees 2 MB, idle for 61 s",
    ),
    (
        events.ModelFailed(model="m", code="OOM", message="Full.", attempt=2, retry_seconds=4),
        logging.ERROR,
        "m failed, attempt 2 [OOM]: Full. (retrying in 4 s)",
    ),
    (
        events.ModelFailed(model="m", code="OOM", message="Full.", attempt=3),
        logging.ERROR,
        "retrying at the next request",
    ),
    (
        events.ModelFellBack(
            model="m",
            device="cuda:0",
            compute_type="float16",
            to_device="cpu",
            to_compute_type="int8",
            reason="not enough memory",
        ),
        logging.WARNING,
        "m runs on cpu (int8) instead of cuda:0 (float16): not enough memory",
    ),
    (
        events.PressureChanged(device="cpu", level="critical", used_fraction=0.951),
        logging.WARNING,
        "memory use of cpu is critical: 95%",
    ),
    (
        events.PressureChanged(device="cpu", level="normal", used_fraction=0.5),
        logging.INFO,
        "normal",
    ),
    (
        events.ConfigChanged(revision=2, changed=("tts.speed",), restart_needed=("asr.port",)),
        logging.INFO,
        "settings changed: tts.speed; after a restart: asr.port",
    ),
    (events.PinsChanged(owner="home", models=("a", "b")), logging.INFO, "home keeps loaded: a, b"),
    (events.ReferencesChanged(owner="home"), logging.DEBUG, "home declared the models"),
    (events.AcceptingChanged(accepting=False), logging.WARNING, "paused: new requests are"),
    (events.AcceptingChanged(accepting=True), logging.INFO, "resumed: new requests"),
    (events.SpeechStarted(client="c"), logging.DEBUG, "c: speech started"),
    (
        events.SpeakerRecognized(client="c", speaker="Anna", speaker_id="a", confidence=0.876),
        logging.DEBUG,
        "c: an enrolled speaker (confidence 0.88)",
    ),
    (
        events.SpeakerRecognized(client="c", confidence=0.1, refused=True),
        logging.INFO,
        "c: no enrolled speaker (confidence 0.10); the speech is not answered",
    ),
    (events.SpeakersChanged(count=2), logging.INFO, "speakers changed: 2 are enrolled"),
    (
        events.WakeWordDetected(client="c", word="hey_jarvis", score=0.987),
        logging.INFO,
        "c: detected hey_jarvis (score 0.99)",
    ),
    (
        events.RequestFinished(
            kind="asr", model="m", client="c", seconds=0.5, stages={"queue": 0.1, "inference": 0.4}
        ),
        logging.INFO,
        "asr for c with m: done in 0.50 s (queue 0.10, inference 0.40)",
    ),
    (
        events.RequestFinished(
            kind="tts", model="", client="c", seconds=1, code="BUSY", message="Full."
        ),
        logging.WARNING,
        "tts for c with no model failed after 1.00 s [BUSY]: Full.",
    ),
    (
        events.RequestFinished(kind="tts", model="m", client="c", seconds=1, code="CANCELLED"),
        logging.INFO,
        "cancelled by the client in 1.00 s",
    ),
]


@pytest.mark.parametrize(
    ("event", "level", "text"), SAMPLES, ids=[f"{s[0].type}-{i}" for i, s in enumerate(SAMPLES)]
)
def test_event_is_described_by_level_and_one_line(event: Event, level: int, text: str) -> None:
    found, line = event_logger.describe_event(event)
    assert found == level
    assert text in line
    assert "\n" not in line


def test_every_event_type_has_a_description() -> None:
    abstract = {events.Event, events.ModelEvent, events.JobEvent}
    kinds = {
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event) and kind not in abstract
    }
    assert kinds == {type(sample[0]) for sample in SAMPLES}


def test_unknown_event_is_logged_with_all_fields() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Odd(Event):
        thing: int

    assert event_logger.describe_event(Odd(thing=7)) == (
        logging.DEBUG,
        "event {'type': 'event', 'thing': 7}",
    )


async def test_events_published_before_cancellation_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "wyoming_servers.events")
    bus = EventBus()
    task = asyncio.create_task(event_logger.log_events(bus))
    await asyncio.sleep(0)
    bus.publish(events.ServerStarted(ports={"asr": 1}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [record.message for record in caplog.records] == ["serving asr on 1"]
    bus.publish(events.ServerStopping())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert caplog.records[-1].message.startswith("shutting down")
    assert caplog.records[-1].event == {"type": "server_stopping"}  # type: ignore[attr-defined]
