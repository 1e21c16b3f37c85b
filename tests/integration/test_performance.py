"""Request statistics, benchmark texts and the response timer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.wyoming_conductor.api import ServerEvent, Trace
from custom_components.wyoming_conductor.performance import (
    number_sentences,
    percentiles,
    statistics_by_model,
)
from custom_components.wyoming_conductor.sensor import ResponseTimer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def trace(model: str, seconds: float, *, code: str = "", age: float = 0, **stages: float) -> Trace:
    """Return a trace that ended `age` seconds ago."""
    return Trace(
        kind="asr",
        model=model,
        device="cpu",
        client="c",
        ended_at=NOW - timedelta(seconds=age),
        seconds=seconds,
        code=code,
        message="",
        stages=stages,
    )


def finished_request(kind: str, seconds: Any = 0.5, **fields: Any) -> ServerEvent:
    """Return a `request_finished` event."""
    data = {"kind": kind, "seconds": seconds, "code": "", **fields}
    return ServerEvent(type="request_finished", data=data)


def test_number_sentences_changes_each_sentence() -> None:
    assert number_sentences("Hello there. How are you?", 42) == "42 Hello there. 42 How are you?"
    assert number_sentences("It is 1.5 degrees", 7) == "7 It is 1.5 degrees"


def test_percentiles_use_nearest_rank() -> None:
    found = percentiles([float(value) for value in range(1, 101)])
    assert found == {"p50": 50.0, "p90": 90.0, "p95": 95.0, "max": 100.0}
    assert percentiles([0.5]) == {"p50": 0.5, "p90": 0.5, "p95": 0.5, "max": 0.5}
    assert percentiles([]) == {}


def test_statistics_by_model_count_errors_and_stages() -> None:
    traces = [
        trace("slow", 2.0, queue=0.5, inference=1.5),
        trace("quick", 0.2, inference=0.2),
        trace("quick", 0.4, inference=0.3),
        trace("quick", 60.0, code="TIMEOUT"),
        trace("quick", 0.1, code="CANCELLED"),
        trace("quick", 9.0, age=7200),
    ]
    quick, slow = statistics_by_model(traces, NOW - timedelta(hours=1))
    assert (quick["model"], quick["requests"], quick["errors"]) == ("quick", 3, 1)
    assert quick["seconds"]["max"] == 0.4
    assert slow["stages"]["queue"]["p50"] == 0.5


def test_response_timer_measures_utterance_end_to_first_audio() -> None:
    timer = ResponseTimer()
    # The utterance ended at 9.7; its synthesis started at 10.5, with the first audio at 10.6.
    assert timer.handle_event(finished_request("asr", 0.3), 10.0) is None
    answer = finished_request("tts", 1.5, stages={"first_audio": 0.1})
    assert timer.handle_event(answer, 12.0) == pytest.approx(0.9)
    assert timer.handle_event(answer, 14.0) is None  # no utterance since


@pytest.mark.parametrize(
    "event",
    [
        ServerEvent(type="model_ready", data={"model": "m"}),
        finished_request("tts", code="BUSY"),
        finished_request("tts", "long"),
        finished_request("tts"),
        finished_request("wake"),
    ],
)
def test_response_timer_ignores_other_events(event: ServerEvent) -> None:
    timer = ResponseTimer()
    timer.handle_event(finished_request("asr", 0.3), 10.0)
    assert timer.handle_event(event, 11.0) is None
    assert (
        timer.handle_event(finished_request("tts", 0.5, stages={"first_audio": 0.1}), 11.0)
        is not None
    )


def test_response_timer_ignores_late_synthesis() -> None:
    timer = ResponseTimer()
    timer.handle_event(finished_request("asr", 0.3), 10.0)
    assert (
        timer.handle_event(finished_request("tts", 0.5, stages={"first_audio": 0.1}), 600.0) is None
    )
