"""When scores become a detection."""

from wyoming_servers.engines.wake.session import Trigger

STEP = 1280


def _detections(trigger: Trigger, scores: list[float]) -> list[int]:
    return [i for i, score in enumerate(scores) if trigger.update(score, (i + 1) * STEP)]


def test_a_score_at_the_threshold_is_a_detection() -> None:
    assert _detections(Trigger(0.5, 1, 0), [0.49, 0.5, 0.1]) == [1]


def test_the_trigger_level_counts_consecutive_frames_only() -> None:
    scores = [0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.1]
    assert _detections(Trigger(0.5, 3, 0), scores) == [5]


def test_the_trigger_level_guards_every_detection_and_not_only_the_first() -> None:
    scores = [0.9, 0.9, 0.1, 0.9, 0.1, 0.9, 0.9]
    assert _detections(Trigger(0.5, 2, 0), scores) == [1, 6]


def test_after_a_detection_the_word_is_silent_for_the_refractory_time_of_the_audio() -> None:
    assert _detections(Trigger(0.5, 1, 3 * STEP), [0.9] * 8) == [0, 3, 6]


def test_frames_within_the_refractory_time_do_not_count_towards_the_next_detection() -> None:
    assert _detections(Trigger(0.5, 2, 3 * STEP), [0.9] * 8) == [1, 5]
