"""Scores become detections."""

from wyoming_servers.engines.wake.session import Trigger

STEP = 1280


def _detections(trigger: Trigger, scores: list[float]) -> list[int]:
    return [i for i, score in enumerate(scores) if trigger.update(score, (i + 1) * STEP)]


def test_score_at_the_threshold_is_a_detection() -> None:
    assert _detections(Trigger(0.5, 1, 0), [0.49, 0.5, 0.1]) == [1]


def test_trigger_level_counts_consecutive_frames() -> None:
    scores = [0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.1]
    assert _detections(Trigger(0.5, 3, 0), scores) == [5]


def test_trigger_level_applies_to_every_detection() -> None:
    scores = [0.9, 0.9, 0.1, 0.9, 0.1, 0.9, 0.9]
    assert _detections(Trigger(0.5, 2, 0), scores) == [1, 6]


def test_refractory_time_suppresses_detections() -> None:
    assert _detections(Trigger(0.5, 1, 3 * STEP), [0.9] * 8) == [0, 3, 6]


def test_frames_in_refractory_time_are_not_counted() -> None:
    assert _detections(Trigger(0.5, 2, 3 * STEP), [0.9] * 8) == [1, 5]
