"""A text is cut into stretches that leave nothing out."""

from itertools import pairwise

import pytest

from wyoming_servers.audio.chunk import HELD_SECONDS
from wyoming_servers.engines.piper_plan import (
    BEGIN,
    FIRST,
    FIRST_OF_ONE,
    MOST,
    MOST_FEATURES,
    MOST_FIRST,
    Needs,
    Pace,
    Plan,
    plan,
)

MARGIN = 2
NEEDS = Needs(seconds=0.0116, margin=MARGIN, around=27)
QUICK = Pace(features=0.00024, samples=0.0004)
SLOW = Pace(features=0.0012, samples=0.002)


def cut(frames: int, threads: int, pace: Pace = QUICK) -> Plan:
    return plan(frames, NEEDS, threads, pace)


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
        BEGIN,
        FIRST if threads > 1 else FIRST_OF_ONE,
    ]


@pytest.mark.parametrize("threads", [1, 2])
def test_no_stretch_is_too_long(threads: int) -> None:
    found = cut(5_000, threads)
    assert max(map(len, found.features)) <= MOST_FEATURES
    assert max(map(len, found.samples)) <= MOST


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
    assert FIRST < first <= MOST_FIRST
    others = [len(part) + 2 * NEEDS.around for part in found.features[1:]]
    wait = max(others) * SLOW.features + MOST * SLOW.samples
    assert first * NEEDS.seconds >= wait + HELD_SECONDS


def test_on_a_machine_that_is_too_slow_the_listener_waits_for_two_seconds_at_most() -> None:
    assert cut(3_000, 1, Pace(features=1.0, samples=1.0)).samples[1].stop == MOST_FIRST


def test_a_text_may_be_shorter_than_its_first_stretches() -> None:
    assert cut(100, 1, Pace(features=1.0, samples=1.0)).samples == (range(10), range(10, 100))
    assert cut(7, 2).samples == (range(3), range(3, 7))


def test_what_a_frame_takes_is_learned_from_all_stretches_the_newest_most() -> None:
    pace = Pace()
    pace.learn_features(100, 1.0)
    pace.learn_samples(50, 1.0)
    assert (pace.features, pace.samples) == (0.01, 0.02)
    pace.learn_features(100, 2.0)
    assert 0.01 < pace.features < 0.015
