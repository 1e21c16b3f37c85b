"""Speech made shorter."""

import numpy as np
import pytest

from wyoming_servers.audio.time_stretch import time_stretch

RATE = 24_000


def tone(seconds: float, hertz: float = 180.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(
        np.float32
    )


def pitch(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


@pytest.mark.parametrize("factor", [1.1, 4 / 3, 2.0])
def test_it_lasts_as_long_as_it_should_and_keeps_its_pitch(factor: float) -> None:
    shorter = time_stretch(tone(2.0), RATE, factor)
    assert len(shorter) == pytest.approx(2 * RATE / factor, abs=0.05 * RATE)
    assert pitch(shorter) == pytest.approx(180, abs=3)


def test_joins_are_no_louder_or_steeper_than_the_sound() -> None:
    sound = tone(1.0)
    shorter = time_stretch(sound, RATE, 1.5)
    middle = shorter[1_000:-1_000]
    assert np.abs(middle).max() < 0.55
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert np.abs(np.diff(middle)).max() < 1.3 * np.abs(np.diff(sound)).max()


def test_what_comes_later_comes_earlier_by_the_factor() -> None:
    sound = np.concatenate([tone(1.0), np.zeros(RATE, np.float32)])
    shorter = time_stretch(sound, RATE, 2.0)
    loud = np.flatnonzero(np.abs(shorter) > 0.1)
    assert loud[-1] == pytest.approx(RATE / 2, abs=0.04 * RATE)


@pytest.mark.parametrize("sound", [tone(2.0), tone(0.01), np.zeros(0, np.float32)])
def test_nothing_changes_where_nothing_is_asked_for_or_too_little_is_there(sound) -> None:
    assert time_stretch(sound, RATE, 1.0) is sound
    if len(sound) < 1_000:
        assert time_stretch(sound, RATE, 1.7) is sound


def test_silence_stays_silent() -> None:
    assert not time_stretch(np.zeros(RATE, np.float32), RATE, 1.5).any()
