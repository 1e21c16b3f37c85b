"""Counting what each model has served."""

from typing import Any

from wyoming_servers.events import RequestFinished
from wyoming_servers.telemetry.tallies import Tallies, Tally


def request(**fields: Any) -> RequestFinished:
    """Return a request that ended."""
    known: dict[str, Any] = {"kind": "asr", "model": "m", "client": "c", "seconds": 0.5}
    return RequestFinished(**{**known, **fields})


def test_a_model_nobody_has_asked_has_an_empty_tally() -> None:
    assert Tallies().of("m") == Tally()


def test_requests_and_failures_are_counted_for_each_model() -> None:
    tallies = Tallies()
    for event in (request(), request(code="OOM", seconds=9.0), request(model="n")):
        tallies.take(event)
    tally = tallies.of("m")
    assert (tally.requests, tally.errors, tally.last_seconds) == (2, 1, 0.5)
    assert tallies.of("n").requests == 1


def test_a_client_that_left_and_a_request_without_a_model_do_not_count() -> None:
    tallies = Tallies()
    tallies.take(request(code="CANCELLED"))
    tallies.take(request(model="", code="BUSY"))
    assert tallies.of("m") == Tally()
    assert tallies.of("") == Tally()


def test_the_real_time_factor_is_that_of_the_last_inference() -> None:
    tallies = Tallies()
    tallies.take(request(stages={"inference": 0.5}, audio_seconds=2.0))
    assert tallies.of("m").real_time_factor == 0.25
    tallies.take(request(stages={"first_audio": 0.01}))  # all of it came from the cache
    assert tallies.of("m").real_time_factor == 0.25
