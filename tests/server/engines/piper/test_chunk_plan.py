"""A text is divided into chunks without gaps."""

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

CONTEXT = 2
GEOMETRY = ChunkGeometry(frame_seconds=0.0116, samples_context=CONTEXT, features_context=27)
FAST = ThroughputEstimate(features=0.00024, samples=0.0004)
SLOW = ThroughputEstimate(features=0.0012, samples=0.002)


def plan(frames: int, threads: int, throughput: ThroughputEstimate = FAST) -> ChunkPlan:
    return plan_chunks(frames, GEOMETRY, threads, throughput)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("frames", [1, 2, 23, 24, 25, 47, 65, 110, 160, 161, 455, 3_000])
def test_chunks_cover_all_frames_in_order(frames: int, threads: int) -> None:
    for chunks in (
        plan(frames, threads).features,
        plan(frames, threads).samples,
    ):
        assert chunks[0].start == 0
        assert chunks[-1].stop == frames
        assert all(one.stop == other.start for one, other in pairwise(chunks))
        assert all(chunks)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("frames", [200, 455, 3_000])
def test_first_samples_need_the_first_features_only(frames: int, threads: int) -> None:
    planned = plan(frames, threads)
    assert planned.features[0].stop == planned.samples[1].stop + CONTEXT
    assert [part.stop for part in planned.samples[:2]] == [
        FIRST_CHUNK,
        MIN_LEAD if threads > 1 else MIN_LEAD_SINGLE_THREAD,
    ]


@pytest.mark.parametrize("threads", [1, 2])
def test_chunks_have_a_maximum_length(threads: int) -> None:
    planned = plan(5_000, threads)
    assert max(map(len, planned.features)) <= MAX_FEATURE_CHUNK
    assert max(map(len, planned.samples)) <= MAX_CHUNK


def test_several_threads_share_a_short_text_evenly() -> None:
    planned = plan(110, 2)
    assert [len(part) for part in planned.features] == [55, 55]
    assert [len(part) for part in planned.samples] == [10, 14, 31, 55]


def test_single_thread_computes_features_of_a_short_text_at_once() -> None:
    assert plan(110, 1).features == (range(110),)


@pytest.mark.parametrize("threads", [1, 2])
def test_slow_machine_gets_a_lead_that_lasts_until_the_next_chunk(threads: int) -> None:
    planned = plan(455, threads, SLOW)
    first = planned.samples[1].stop
    assert MIN_LEAD < first <= MAX_LEAD
    others = [len(part) + 2 * GEOMETRY.features_context for part in planned.features[1:]]
    wait = max(others) * SLOW.features + MAX_CHUNK * SLOW.samples
    assert first * GEOMETRY.frame_seconds >= wait + MAX_UNSENT_SECONDS


def test_lead_is_limited_on_a_very_slow_machine() -> None:
    assert plan(3_000, 1, ThroughputEstimate(features=1.0, samples=1.0)).samples[1].stop == MAX_LEAD


def test_text_may_be_shorter_than_its_first_chunks() -> None:
    assert plan(100, 1, ThroughputEstimate(features=1.0, samples=1.0)).samples == (
        range(10),
        range(10, 100),
    )
    assert plan(7, 2).samples == (range(3), range(3, 7))


def test_throughput_estimate_is_smoothed() -> None:
    throughput = ThroughputEstimate()
    throughput.record_features(100, 1.0)
    throughput.record_samples(50, 1.0)
    assert (throughput.features, throughput.samples) == (0.01, 0.02)
    throughput.record_features(100, 2.0)
    assert 0.01 < throughput.features < 0.015
