"""Whisper's log-mel features of the last eight seconds of audio, as Smart Turn takes them.

The audio is padded with silence in front, scaled to zero mean and a variance of one, and turned
into 80 mel bands for every 10 ms. The formula and its constants are those of Whisper: windows of
25 ms (Hann), Slaney's mel scale, a dynamic range of eight decades.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.domain import SPEECH_FORMAT

SECONDS: Final = 8
"""Audio that the model hears."""

BANDS: Final = 80
FRAMES: Final = 800
"""Of 10 ms."""

_RATE: Final = SPEECH_FORMAT.rate
_WINDOW: Final = 400
_HOP: Final = 160
_VARIANCE_FLOOR: Final = 1e-7
"""Added to the variance, so that digital silence can be divided by it."""

_LINEAR_HZ: Final = 200 / 3
"""Hertz per mel below 1 kHz on Slaney's scale."""
_LOG_STEP: Final = float(np.log(6.4)) / 27
"""Logarithm of the ratio of two frequencies that are one mel apart, above 1 kHz."""
_BREAK_HZ: Final = 1_000.0


def log_mel(audio: Samples) -> NDArray[np.float32]:
    """Return the features of 16 kHz audio of any length, shape (80, 800)."""
    samples = np.zeros(SECONDS * _RATE, np.float32)
    kept = audio[-len(samples) :]
    if len(kept):
        samples[-len(kept) :] = kept
    samples = (samples - samples.mean()) / np.sqrt(samples.var() + _VARIANCE_FLOOR)
    padded = np.pad(samples, _WINDOW // 2, mode="reflect")
    frames = sliding_window_view(padded, _WINDOW)[::_HOP][:FRAMES]
    power = np.abs(np.fft.rfft(frames * _hann())) ** 2
    mel = _filters() @ power.T.astype(np.float32)
    levels: NDArray[np.float32] = np.log10(np.maximum(mel, 1e-10))
    levels = np.maximum(levels, levels.max() - 8.0)
    scaled: NDArray[np.float32] = (levels + 4.0) / 4.0
    return scaled


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


@cache
def _filters() -> NDArray[np.float32]:
    """Return the triangular mel filters, shape (80, 201); each has an area of one."""
    bins = np.fft.rfftfreq(_WINDOW, 1 / _RATE)
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(_RATE / 2), BANDS + 2))
    low, center, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (center - low)
    falling = (high - bins) / (high - center)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2 / (high - low)).astype(np.float32)


def _hz_to_mel(hertz: float) -> float:
    if hertz < _BREAK_HZ:
        return hertz / _LINEAR_HZ
    return _BREAK_HZ / _LINEAR_HZ + float(np.log(hertz / _BREAK_HZ)) / _LOG_STEP


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    first_log = _BREAK_HZ / _LINEAR_HZ
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mel - first_log))
    return np.where(mel < first_log, mel * _LINEAR_HZ, above)
