"""Speech fitted into the time of its cue."""

import pytest

from wyoming_servers.jobs.cue_timing import MAX_SPEEDUP, cue_start, required_speedup


def test_a_cue_begins_when_it_is_due_or_when_the_last_has_ended() -> None:
    assert cue_start(5.0, 3.0) == 5.0
    assert cue_start(5.0, 6.5) == 6.5


@pytest.mark.parametrize(
    ("natural", "room", "speed", "expected"),
    [
        (1.0, 2.0, 1.0, 1.0),
        (2.04, 2.0, 1.0, 1.0),
        (2.2, 2.0, 1.0, 1.122),
        (4.0, 2.0, 1.0, MAX_SPEEDUP),
        (4.0, -1.0, 1.0, MAX_SPEEDUP),
        (4.0, 2.0, 1.8, 2.0 / 1.8),
        (4.0, 2.0, 2.0, 1.0),
        (0.2, -1.0, 0.5, MAX_SPEEDUP),
    ],
)
def test_speech_is_hurried_only_as_far_as_needed_and_gentle(
    natural: float, room: float, speed: float, expected: float
) -> None:
    assert required_speedup(natural, room, speed) == pytest.approx(expected)
