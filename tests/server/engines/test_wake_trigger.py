"""When scores become a detection, and whose clock a detection tells."""

from wyoming_servers.engines.wake_trigger import ClientClock, Trigger

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


def test_without_a_stamp_the_clients_clock_is_unknown() -> None:
    assert ClientClock(16_000).at(STEP) is None


def test_the_clients_clock_runs_with_the_samples_from_the_newest_stamp_before() -> None:
    clock = ClientClock(16_000)
    clock.mark(0, 5_000)
    clock.mark(1600, 9_000)
    assert clock.at(800) == 5_050
    assert clock.at(1600) == 5_100
    assert clock.at(3200) == 9_100


def test_a_clock_of_a_long_stream_keeps_few_marks() -> None:
    clock = ClientClock(16_000)
    for piece in range(1000):
        clock.mark(piece * STEP, piece * 80)
        assert clock.at((piece + 1) * STEP) == (piece + 1) * 80
    assert len(clock._marks) <= 2
