import numpy as np
import pytest

from wyoming_servers.speech.speaker.scoring import (
    SHORT_ALLOWANCE,
    THRESHOLD_RANGE,
    Candidate,
    Embedding,
    confidence,
    effective_threshold,
    equal_error_rate,
    find_speaker,
    group_voices,
    mean_embedding,
    measure_threshold,
    own_scores,
)


def voice(degrees: float) -> Embedding:
    angle = np.radians(degrees)
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def test_threshold_lies_between_own_and_foreign_speech() -> None:
    own = [voice(0), voice(10), voice(20)]
    foreign = [voice(60), voice(75)]
    found = measure_threshold(own, foreign, 0.85)
    assert max(each @ mean_embedding(own) for each in foreign) < found < min(own_scores(own))


def test_threshold_without_evidence_is_that_of_the_model() -> None:
    assert measure_threshold([voice(0)], [], 0.7) == pytest.approx(0.7)


def test_threshold_moves_for_foreign_speech_that_is_similar() -> None:
    assert measure_threshold([voice(0)], [voice(44)], 0.7) > np.cos(np.radians(44))


def test_threshold_stays_near_that_of_the_model() -> None:
    low, high = THRESHOLD_RANGE
    assert measure_threshold([voice(0), voice(90)], [], 0.7) == pytest.approx(0.7 + low)
    assert measure_threshold([voice(0)], [voice(1)], 0.7) == pytest.approx(0.7 + high)


def test_confidence_is_one_half_at_the_threshold_and_grows() -> None:
    assert confidence(0.7, 0.7) == pytest.approx(0.5)
    assert confidence(0.9, 0.7) > 0.95
    assert confidence(0.5, 0.7) < 0.05


def test_short_speech_needs_less_similarity() -> None:
    assert effective_threshold(0.7, 3.0) == pytest.approx(0.7)
    assert effective_threshold(0.7, 0.0) == pytest.approx(0.7 - SHORT_ALLOWANCE)


def test_most_similar_speaker_is_found_or_nobody() -> None:
    candidates = [Candidate("a", "Anna", voice(0), 0.8), Candidate("b", "Ben", voice(90), 0.8)]
    anna = find_speaker(voice(10), 2.0, candidates)
    assert anna is not None
    assert (anna.name, anna.known) == ("Anna", True)
    between = find_speaker(voice(44), 2.0, candidates)
    assert between is not None
    assert (between.name, between.known) == ("Anna", False)
    assert find_speaker(voice(0), 2.0, []) is None


def test_voices_are_grouped_by_similarity() -> None:
    voices = [voice(0), voice(90), voice(5), voice(85), voice(45)]
    assert group_voices(voices, 0.9) == [0, 1, 0, 1, 2]


def test_equal_error_rate_of_separate_and_of_equal_scores() -> None:
    rate, threshold = equal_error_rate([0.8, 0.9, 0.95], [0.1, 0.2, 0.5])
    assert rate == 0.0
    assert 0.5 < threshold <= 0.8
    rate, _ = equal_error_rate([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4])
    assert rate == pytest.approx(0.5, abs=0.13)
    with pytest.raises(ValueError, match="no scores"):
        equal_error_rate([], [0.1])
