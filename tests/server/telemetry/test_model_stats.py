"""Statistics of each model."""

from typing import Any

from wyoming_servers.core.events import RequestFinished
from wyoming_servers.telemetry.model_stats import ModelStats, ModelStatsRegistry


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
