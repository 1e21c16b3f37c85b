"""Log-mel features of speaker embedding models, computed in numpy while audio arrives.

Two front ends, named by the option `features` of a manifest:

- `mel40`: 40 bands on Slaney's mel scale, base-10 logarithm (d-vector encoders in librosa's terms).
- `fbank80`: 80 bands on HTK's mel scale, natural logarithm, pre-emphasis (Kaldi's terms; WeSpeaker,
  CAM++, ERes2Net).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16_000
HOP: Final = 160
"""Samples between two frames: 10 ms."""

FRAME: Final = 400
"""Samples of a frame: 25 ms."""

_FFT: Final = 512

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """A front end, and the windows that its models embed."""

    bands: int
    window: int
    """Frames that are embedded at a time."""
    hop: int
    """Frames between the starts of two windows."""
    compute: Callable[[FloatArray], FloatArray]
    """Turns frames of samples (n, 400), from -1 to 1, into features (n, bands)."""
    normalize: Callable[[FloatArray], FloatArray]
    """Normalizes a window (frames, bands)."""


def _slaney_hz(mel: FloatArray) -> FloatArray:
    """Slaney's mel scale, as in the Auditory Toolbox: linear to 1 kHz, then logarithmic."""
    linear = mel * (200.0 / 3)
    logarithmic = 1000.0 * np.exp((mel - 15.0) * (np.log(6.4) / 27.0))
    return np.where(mel < 15.0, linear, logarithmic).astype(np.float32)


def _slaney_filters(bands: int) -> FloatArray:
    """Return triangular filters of equal area (257, bands)."""
    top = 15.0 + 27.0 * np.log(RATE / 2 / 1000.0) / np.log(6.4)
    edges = _slaney_hz(np.linspace(0.0, top, bands + 2).astype(np.float32))
    frequencies = np.fft.rfftfreq(_FFT, 1 / RATE)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (edges[2:] - edges[:-2])
    return np.asarray(filters, np.float32)


def _htk_filters(bands: int, low: float = 20.0) -> FloatArray:
    """Return Kaldi's filters (257, bands): triangles that are linear in mel, from `low` Hz."""

    def mel(hz: FloatArray) -> FloatArray:
        return np.asarray(1127.0 * np.log1p(hz / 700.0), np.float32)

    first, last = mel(np.array([low, RATE / 2], np.float32))
    edges = np.linspace(first, last, bands + 2)
    points = mel(np.fft.rfftfreq(_FFT, 1 / RATE).astype(np.float32))[:, None]
    rising = (points - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - points) / (edges[2:] - edges[1:-1])
    filters = np.asarray(np.maximum(0.0, np.minimum(rising, falling)), np.float32)
    filters[-1] = 0.0  # Kaldi leaves out the highest frequency
    return filters


def _mel40() -> Callable[[FloatArray], FloatArray]:
    # Periodic, as analysis windows of spectrograms are.
    window = (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
    filters = _slaney_filters(40)

    def compute(frames: FloatArray) -> FloatArray:
        spectrum = np.fft.rfft(frames * window, _FFT)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        return np.asarray(np.log10(power @ filters + 1e-10), np.float32)

    return compute


def _fbank80() -> Callable[[FloatArray], FloatArray]:
    # Symmetric, as Kaldi's.
    window = np.hamming(FRAME).astype(np.float32)
    filters = _htk_filters(80)
    epsilon = np.finfo(np.float32).eps

    def compute(frames: FloatArray) -> FloatArray:
        samples = frames * 32_768.0
        samples = samples - samples.mean(axis=1, keepdims=True)
        before = np.concatenate([samples[:, :1], samples[:, :-1]], axis=1)
        spectrum = np.fft.rfft((samples - 0.97 * before) * window, _FFT)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        return np.asarray(np.log(np.maximum(power @ filters, epsilon)), np.float32)

    return compute


def feature_config(name: str) -> FeatureConfig:
    """Return a front end. Raises KeyError for an unknown name."""
    return _CONFIGS[name]()


_CONFIGS: Final[dict[str, Callable[[], FeatureConfig]]] = {
    "mel40": lambda: FeatureConfig(40, 80, 80, _mel40(), lambda window: window),
    # Two seconds: a network with global pooling needs more context than one with a memory.
    "fbank80": lambda: FeatureConfig(
        80, 200, 100, _fbank80(), lambda window: window - window.mean(axis=0)
    ),
}


class FeatureStream:
    """Frames of one stream of audio, with their features and levels."""

    def __init__(self, config: FeatureConfig) -> None:
        self._config = config
        self._samples = np.zeros(0, np.float32)
        """Audio whose frames are not complete."""
        self.features: FloatArray = np.zeros((0, config.bands), np.float32)
        self.levels: FloatArray = np.zeros(0, np.float32)
        """Level of each frame in dBFS."""

    def add(self, samples: FloatArray) -> None:
        """Append audio from -1 to 1, and compute all frames that are complete."""
        self._samples = np.concatenate([self._samples, samples])
        count = (len(self._samples) - FRAME) // HOP + 1
        if count <= 0:
            return
        frames = np.lib.stride_tricks.sliding_window_view(self._samples, FRAME)[::HOP][:count]
        power = np.einsum("ij,ij->i", frames, frames) / FRAME
        self.levels = np.concatenate([self.levels, 10 * np.log10(power + 1e-10)])
        self.features = np.concatenate([self.features, self._config.compute(frames)])
        self._samples = self._samples[count * HOP :]

    def drop(self, count: int) -> None:
        """Forget the oldest frames."""
        self.features = self.features[count:]
        self.levels = self.levels[count:]
