"""Speech that is sped up without a change of pitch."""

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
def test_time_stretch_has_the_requested_length_and_keeps_the_pitch(factor: float) -> None:
    shorter = time_stretch(tone(2.0), RATE, factor)
    assert len(shorter) == pytest.approx(2 * RATE / factor, abs=0.05 * RATE)
    assert pitch(shorter) == pytest.approx(180, abs=3)


def test_time_stretch_joins_windows_smoothly() -> None:
    sound = tone(1.0)
    shorter = time_stretch(sound, RATE, 1.5)
    middle = shorter[1_000:-1_000]
    assert np.abs(middle).max() < 0.55
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert np.abs(np.diff(middle)).max() < 1.3 * np.abs(np.diff(sound)).max()


def test_time_stretch_moves_sounds_by_the_factor() -> None:
    sound = np.concatenate([tone(1.0), np.zeros(RATE, np.float32)])
    shorter = time_stretch(sound, RATE, 2.0)
    loud = np.flatnonzero(np.abs(shorter) > 0.1)
    assert loud[-1] == pytest.approx(RATE / 2, abs=0.04 * RATE)


@pytest.mark.parametrize("sound", [tone(2.0), tone(0.01), np.zeros(0, np.float32)])
def test_time_stretch_leaves_factor_one_and_short_audio(sound) -> None:
    assert time_stretch(sound, RATE, 1.0) is sound
    if len(sound) < 1_000:
        assert time_stretch(sound, RATE, 1.7) is sound


def test_time_stretch_keeps_silence_silent() -> None:
    assert not time_stretch(np.zeros(RATE, np.float32), RATE, 1.5).any()
