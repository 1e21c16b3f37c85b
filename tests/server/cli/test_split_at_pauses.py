import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.cli.wyoming_client import split_at_pauses
from wyoming_servers.core.domain import SPEECH_FORMAT


def loud(seconds: float) -> bytes:
    return np.full(int(seconds * 16_000), 8_000, "<i2").tobytes()


def test_short_recording_is_not_split() -> None:
    assert split_at_pauses(loud(3), 5) == [loud(3)]
    assert split_at_pauses(b"", 5) == [b""]


def test_long_recording_is_split_at_a_pause() -> None:
    pause = bytes(len(loud(0.6)))
    first, second = split_at_pauses(loud(4) + pause + loud(4), 5)
    at = SPEECH_FORMAT.seconds(len(first))
    assert 4 < at < 4.6
    assert SPEECH_FORMAT.seconds(len(second)) < 5


@given(st.floats(0.1, 20), st.floats(1, 6))
def test_split_keeps_every_sample_and_the_maximum_length(seconds: float, longest: float) -> None:
    recording = np.arange(int(seconds * 16_000), dtype="<i2").tobytes()
    clips = split_at_pauses(recording, longest)
    assert b"".join(clips) == recording
    assert all(len(clip) <= SPEECH_FORMAT.bytes_for(longest) for clip in clips)
    assert all(len(clip) % 2 == 0 for clip in clips)
