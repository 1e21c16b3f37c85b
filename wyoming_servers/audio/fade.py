"""Joins that do not click: silence trimmed from the ends of spoken pieces, short fades, pauses.

All audio is 16-bit mono PCM of `rate` samples per second.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FADE: Final = 0.005
"""Seconds. Shorter fades are heard as a click, longer ones soften a first consonant."""

QUIET_DBFS: Final = -50.0
"""Peak below which the ends of synthetic speech are silence; its pauses are near -60."""


def fade(pcm: bytes, rate: int, *, begin: bool = True, end: bool = True) -> bytes:
    """Ramp the first and the last 5 ms from and to silence."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    length = min(int(FADE * rate), len(samples) // 2)
    if not length:
        return pcm
    # Raised cosine: no corner at either end of the ramp.
    ramp = ((1.0 - np.cos(np.pi * np.arange(length) / length)) / 2.0).astype(np.float32)
    if begin:
        samples[:length] *= ramp
    if end:
        samples[-length:] *= ramp[::-1]
    return np.rint(samples).astype("<i2").tobytes()


def trim(
    pcm: bytes, rate: int, *, keep: float = 0.02, begin: bool = True, end: bool = True
) -> bytes:
    """Cut silence from the ends, leaving `keep` seconds of it; all silence gives no audio."""
    samples: NDArray[np.int16] = np.frombuffer(pcm, "<i2")
    limit = 32_768.0 * 10.0 ** (QUIET_DBFS / 20.0)
    loud = np.flatnonzero((samples > limit) | (samples < -limit))
    if not loud.size:
        return b""
    spare = int(keep * rate)
    first = max(0, int(loud[0]) - spare) if begin else 0
    last = min(len(samples), int(loud[-1]) + 1 + spare) if end else len(samples)
    return samples[first:last].tobytes()


def silence(seconds: float, rate: int) -> bytes:
    """Return digital silence."""
    return bytes(2 * round(seconds * rate))
