"""A text is cut into stretches that leave nothing out."""

from itertools import pairwise

import pytest

from wyoming_servers.core.domain import MAX_UNSENT_SECONDS
from wyoming_servers.engines.piper.streaming import (
    FIRST_CHUNK,
    MAX_CHUNK,
    MAX_FEATURE_CHUNK,
    MAX_LEAD,
    MIN_LEAD,
    MIN_LEAD_SINGLE_THREAD,
    ChunkGeometry,
    ChunkPlan,
    ThroughputEstimate,
    plan_chunks,
)

MARGIN = 2
NEEDS = ChunkGeometry(frame_seconds=0.0116, samples_context=MARGIN, features_context=27)
QUICK = ThroughputEstimate(features=0.00024, samples=0.0004)
SLOW = ThroughputEstimate(features=0.0012, samples=0.002)


def cut(frames: int, threads: int, pace: ThroughputEstimate = QUICK) -> ChunkPlan:
    return plan_chunks(frames, NEEDS, threads, pace)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("frames", [1, 2, 23, 24, 25, 47, 65, 110, 160, 161, 455, 3_000])
def test_stretches_follow_each_other_from_the_first_frame_to_the_last(
    frames: int, threads: int
) -> None:
    for stretches in (
        cut(frames, threads).features,
        cut(frames, threads).samples,
    ):
        assert stretches[0].start == 0
        assert stretches[-1].stop == frames
        assert all(one.stop == other.start for one, other in pairwise(stretches))
        assert all(stretches)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("frames", [200, 455, 3_000])
def test_the_first_sound_needs_the_first_features_alone(frames: int, threads: int) -> None:
    found = cut(frames, threads)
    assert found.features[0].stop == found.samples[1].stop + MARGIN
    assert [part.stop for part in found.samples[:2]] == [
        FIRST_CHUNK,
        MIN_LEAD if threads > 1 else MIN_LEAD_SINGLE_THREAD,
    ]


@pytest.mark.parametrize("threads", [1, 2])
def test_no_stretch_is_too_long(threads: int) -> None:
    found = cut(5_000, threads)
    assert max(map(len, found.features)) <= MAX_FEATURE_CHUNK
    assert max(map(len, found.samples)) <= MAX_CHUNK


def test_several_threads_share_a_short_text_evenly() -> None:
    found = cut(110, 2)
    assert [len(part) for part in found.features] == [55, 55]
    assert [len(part) for part in found.samples] == [10, 14, 31, 55]


def test_one_thread_makes_the_features_of_a_short_text_at_once() -> None:
    assert cut(110, 1).features == (range(110),)


@pytest.mark.parametrize("threads", [1, 2])
def test_on_a_slow_machine_the_first_stretch_lasts_until_the_next_is_made(threads: int) -> None:
    found = cut(455, threads, SLOW)
    first = found.samples[1].stop
    assert MIN_LEAD < first <= MAX_LEAD
    others = [len(part) + 2 * NEEDS.features_context for part in found.features[1:]]
    wait = max(others) * SLOW.features + MAX_CHUNK * SLOW.samples
    assert first * NEEDS.frame_seconds >= wait + MAX_UNSENT_SECONDS


def test_on_a_machine_that_is_too_slow_the_listener_waits_for_two_seconds_at_most() -> None:
    assert cut(3_000, 1, ThroughputEstimate(features=1.0, samples=1.0)).samples[1].stop == MAX_LEAD


def test_a_text_may_be_shorter_than_its_first_stretches() -> None:
    assert cut(100, 1, ThroughputEstimate(features=1.0, samples=1.0)).samples == (
        range(10),
        range(10, 100),
    )
    assert cut(7, 2).samples == (range(3), range(3, 7))


def test_what_a_frame_takes_is_learned_from_all_stretches_the_newest_most() -> None:
    pace = ThroughputEstimate()
    pace.record_features(100, 1.0)
    pace.record_samples(50, 1.0)
    assert (pace.features, pace.samples) == (0.01, 0.02)
    pace.record_features(100, 2.0)
    assert 0.01 < pace.features < 0.015
