"""The fake engine answers as a real one would; its failures are used in the tests of the worker."""

from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.engines.base import Output, Session, SupportsBatchFeed, SupportsBatchFinish
from wyoming_servers.engines.fake import FakeEngine


def load(kind: Task, **options: Any) -> FakeEngine:
    engine = FakeEngine()
    spec = ModelSpec(id="fake", task=kind, engine="fake", options=options)
    engine.load(spec, Placement(), lambda phase, percent: None)
    engine.warm_up()
    return engine


def finish(session: Session) -> tuple[list[Output], Any]:
    outputs, steps = [], session.finish()
    try:
        while True:
            outputs.append(next(steps))
    except StopIteration as end:
        session.close()
        return outputs, end.value


def test_load_reports_progress_and_model_info() -> None:
    phases: list[tuple[str, int]] = []
    spec = ModelSpec(id="f", task=Task.TTS, engine="fake", options={"sample_rate": 16_000})
    info = FakeEngine().load(spec, Placement(), lambda *step: phases.append(step))
    assert info["sample_rate"] == 16_000
    assert phases == [("load", 0), ("load", 100)]


def test_unknown_option_is_rejected() -> None:
    with pytest.raises(BadRequestError, match="'colour'"):
        load(Task.ASR, colour="red")


def test_transcription_returns_the_configured_text() -> None:
    session = load(Task.ASR, text="one two three", chunks=2).open({"language": "de"})
    session.feed(b"\x01\x00" * 16_000, {})
    outputs, result = finish(session)
    assert [output.data["text"] for output in outputs] == ["one", "two three"]
    assert result["text"] == "one two three"
    assert result["language"] == "de"
    assert result["duration"] == 1.0


@pytest.mark.parametrize("audio", [b"", b"\x00" * 3_200])
def test_silence_is_transcribed_as_nothing(audio: bytes) -> None:
    session = load(Task.ASR).open({})
    session.feed(audio, {})
    outputs, result = finish(session)
    assert outputs == []
    assert result["text"] == ""


def test_speech_length_follows_text_and_speed() -> None:
    engine = load(Task.TTS, sample_rate=16_000, chunks=3)
    outputs, result = finish(engine.open({"text": "x" * 50}))
    assert result == {"samples": 48_000}
    assert sum(len(output.payload) for output in outputs) == 96_000
    assert len(outputs) == 3
    assert any(outputs[0].payload)
    whole, _ = finish(engine.open({"text": "x" * 50, "fake": {"chunks": 1}}))
    assert b"".join(output.payload for output in outputs) == whole[0].payload
    assert finish(engine.open({"text": "x" * 50, "speed": 2.0}))[1] == {"samples": 24_000}


def test_synthesis_without_text_is_rejected() -> None:
    with pytest.raises(BadRequestError):
        finish(load(Task.TTS).open({}))


def test_wake_word_is_detected_across_chunks() -> None:
    session = load(Task.WAKE).open({"words": ["hey_jarvis"]})
    assert list(session.feed(b"\x00" * 3_196 + b"hey_", {"timestamp": 1_000})) == []
    (output,) = session.feed(b"jarvis" + b"\x00" * 3_194, {"timestamp": 1_100})
    assert output.data == {
        "word": "hey_jarvis",
        "score": 0.99,
        "timestamp": 1_100,
        "sample": 1_603,
    }
    assert finish(session)[1] == {"samples": 3_200}


def test_words_not_requested_are_not_reported() -> None:
    session = load(Task.WAKE).open({"words": ["alexa"]})
    assert list(session.feed(b"hey_jarvis", {})) == []


@pytest.mark.parametrize("threshold", [0.995, {"alexa": 0.995}])
def test_threshold_above_the_score_prevents_detection(threshold: Any) -> None:
    session = load(Task.WAKE).open({"words": ["alexa"], "threshold": threshold})
    assert list(session.feed(b"alexa", {})) == []


def test_refractory_time_suppresses_detections() -> None:
    session = load(Task.WAKE).open({"words": ["alexa"], "refractory": 0.1})
    detections = [len(list(session.feed(b"alexa\x00" * 2, {}))) for _ in range(3)]
    assert detections == [1, 0, 0]
    list(session.feed(b"\x00" * 3_200, {}))
    assert len(list(session.feed(b"alexa\x00", {}))) == 1


def test_engine_feeds_and_finishes_batches() -> None:
    engine = load(Task.ASR, batch=4)
    assert isinstance(engine, SupportsBatchFeed)
    assert isinstance(engine, SupportsBatchFinish)
    sessions = [engine.open({}) for _ in range(2)]
    engine.feed_batch([(session, b"\x01\x00", {}) for session in sessions])
    first, second = engine.finish_batch(sessions)
    assert not isinstance(first, Exception)
    assert first.result["batch_size"] == 2
    assert first == second


def test_request_overrides_behavior_for_one_run() -> None:
    engine = load(Task.ASR)
    with pytest.raises(RuntimeError, match="told to fail"):
        finish(engine.open({"fake": {"failure": "raise"}}))
    finish(engine.open({}))


def test_failure_with_once_file_happens_once(tmp_path: Path) -> None:
    once_file = tmp_path / "once"
    once_file.touch()
    engine = load(Task.ASR, failure="raise", once_file=str(once_file))
    assert once_file.exists()  # the warm-up never fails
    with pytest.raises(RuntimeError, match="told to fail"):
        finish(engine.open({}))
    assert not once_file.exists()
    assert finish(engine.open({}))[1]["text"] == ""
