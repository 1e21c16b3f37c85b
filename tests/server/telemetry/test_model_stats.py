"""Counting what each model has served."""

from typing import Any

from wyoming_servers.core.events import RequestFinished
from wyoming_servers.telemetry.model_stats import ModelStats, ModelStatsRegistry


def request(**fields: Any) -> RequestFinished:
    """Return a request that ended."""
    known: dict[str, Any] = {"kind": "asr", "model": "m", "client": "c", "seconds": 0.5}
    return RequestFinished(**{**known, **fields})


def test_a_model_nobody_has_asked_has_an_empty_tally() -> None:
    assert ModelStatsRegistry().get("m") == ModelStats()


def test_requests_and_failures_are_counted_for_each_model() -> None:
    tallies = ModelStatsRegistry()
    for event in (request(), request(code="OOM", seconds=9.0), request(model="n")):
        tallies.record(event)
    tally = tallies.get("m")
    assert (tally.requests, tally.errors, tally.last_seconds) == (2, 1, 0.5)
    assert tallies.get("n").requests == 1


def test_a_client_that_left_and_a_request_without_a_model_do_not_count() -> None:
    tallies = ModelStatsRegistry()
    tallies.record(request(code="CANCELLED"))
    tallies.record(request(model="", code="BUSY"))
    assert tallies.get("m") == ModelStats()
    assert tallies.get("") == ModelStats()


def test_the_real_time_factor_is_that_of_the_last_inference() -> None:
    tallies = ModelStatsRegistry()
    tallies.record(request(stages={"inference": 0.5}, audio_seconds=2.0))
    assert tallies.get("m").real_time_factor == 0.25
    tallies.record(request(stages={"first_audio": 0.01}))  # all of it came from the cache
    assert tallies.get("m").real_time_factor == 0.25
