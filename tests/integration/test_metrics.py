"""How quick models have been, and how quick an answer was: sums without a Home Assistant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.wyoming_conductor.api import ServerEvent, Trace
from custom_components.wyoming_conductor.benchmark import numbered
from custom_components.wyoming_conductor.metrics import by_model, percentiles
from custom_components.wyoming_conductor.response import Stopwatch

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def trace(model: str, seconds: float, *, code: str = "", age: float = 0, **stages: float) -> Trace:
    """Return a request that ended `age` seconds ago."""
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


def request(kind: str, seconds: Any = 0.5, **fields: Any) -> ServerEvent:
    """Return the end of a request as the server tells it."""
    data = {"kind": kind, "seconds": seconds, "code": "", **fields}
    return ServerEvent(type="request_finished", data=data)


def test_each_sentence_of_a_benchmark_is_a_new_one() -> None:
    assert numbered("Hello there. How are you?", 42) == "42 Hello there. 42 How are you?"
    assert numbered("It is 1.5 degrees", 7) == "7 It is 1.5 degrees"


def test_percentiles_are_values_that_were_measured() -> None:
    found = percentiles([float(value) for value in range(1, 101)])
    assert found == {"p50": 50.0, "p90": 90.0, "p95": 95.0, "max": 100.0}
    assert percentiles([0.5]) == {"p50": 0.5, "p90": 0.5, "p95": 0.5, "max": 0.5}
    assert percentiles([]) == {}


def test_models_are_told_by_use_with_their_failures_and_stages() -> None:
    traces = [
        trace("slow", 2.0, queue=0.5, inference=1.5),
        trace("quick", 0.2, inference=0.2),
        trace("quick", 0.4, inference=0.3),
        trace("quick", 60.0, code="TIMEOUT"),
        trace("quick", 0.1, code="CANCELLED"),
        trace("quick", 9.0, age=7200),
    ]
    quick, slow = by_model(traces, NOW - timedelta(hours=1))
    assert (quick["model"], quick["requests"], quick["errors"]) == ("quick", 3, 1)
    assert quick["seconds"]["max"] == 0.4
    assert slow["stages"]["queue"]["p50"] == 0.5


def test_an_answer_is_timed_from_the_end_of_the_question_to_its_first_sound() -> None:
    stopwatch = Stopwatch()
    # The utterance ended at 9.7; the answer began to be made at 10.5 and sounded at 10.6.
    assert stopwatch.take(request("asr", 0.3), 10.0) is None
    answer = request("tts", 1.5, stages={"first_audio": 0.1})
    assert stopwatch.take(answer, 12.0) == pytest.approx(0.9)
    assert stopwatch.take(answer, 14.0) is None  # nobody has asked again


@pytest.mark.parametrize(
    "event",
    [
        ServerEvent(type="model_ready", data={"model": "m"}),
        request("tts", code="BUSY"),
        request("tts", "long"),
        request("tts"),
        request("wake"),
    ],
)
def test_what_is_no_answer_is_passed_over(event: ServerEvent) -> None:
    stopwatch = Stopwatch()
    stopwatch.take(request("asr", 0.3), 10.0)
    assert stopwatch.take(event, 11.0) is None
    assert stopwatch.take(request("tts", 0.5, stages={"first_audio": 0.1}), 11.0) is not None


def test_an_announcement_long_after_is_no_answer() -> None:
    stopwatch = Stopwatch()
    stopwatch.take(request("asr", 0.3), 10.0)
    assert stopwatch.take(request("tts", 0.5, stages={"first_audio": 0.1}), 600.0) is None
