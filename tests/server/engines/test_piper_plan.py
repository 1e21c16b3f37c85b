"""A text is cut into stretches that leave nothing out."""

from itertools import pairwise

import pytest

from wyoming_servers.engines.piper_plan import FIRST, FIRST_OF_ONE, MOST, MOST_FEATURES, plan

MARGIN = 2


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("frames", [1, 2, 23, 24, 25, 47, 65, 110, 160, 161, 455, 3_000])
def test_stretches_follow_each_other_from_the_first_frame_to_the_last(
    frames: int, threads: int
) -> None:
    for stretches in (
        plan(frames, MARGIN, threads).features,
        plan(frames, MARGIN, threads).samples,
    ):
        assert stretches[0].start == 0
        assert stretches[-1].stop == frames
        assert all(one.stop == other.start for one, other in pairwise(stretches))
        assert all(stretches)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("frames", [200, 455, 3_000])
def test_the_first_sound_needs_the_first_features_alone(frames: int, threads: int) -> None:
    found = plan(frames, MARGIN, threads)
    assert found.features[0].stop == found.samples[0].stop + MARGIN
    assert len(found.samples[0]) == (FIRST if threads > 1 else FIRST_OF_ONE)


@pytest.mark.parametrize("threads", [1, 2])
def test_no_stretch_is_too_long(threads: int) -> None:
    found = plan(5_000, MARGIN, threads)
    assert max(map(len, found.features)) <= MOST_FEATURES
    assert max(map(len, found.samples)) <= MOST


def test_several_threads_share_a_short_text_evenly() -> None:
    found = plan(110, MARGIN, 2)
    assert [len(part) for part in found.features] == [55, 55]
    assert [len(part) for part in found.samples] == [24, 31, 55]


def test_one_thread_makes_the_features_of_a_short_text_at_once() -> None:
    assert plan(110, MARGIN, 1).features == (range(110),)
