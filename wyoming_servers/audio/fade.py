"""Short fades, trimmed silence and pauses, to join pieces of speech without clicks.

All audio is 16-bit mono PCM of `rate` samples per second.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FADE: Final = 0.005
"""Length of a fade in seconds: a shorter one clicks, a longer one softens a first consonant."""

QUIET_DBFS: Final = -50.0
"""Peak below which the ends of synthesized speech are silence; its pauses are near -60 dBFS."""


def fade(pcm: bytes, rate: int, *, begin: bool = True, end: bool = True) -> bytes:
    """Fade the first and the last 5 ms in and out."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    length = min(int(FADE * rate), len(samples) // 2)
    if not length:
        return pcm
    # A raised cosine has no corner at either end.
    ramp = ((1.0 - np.cos(np.pi * np.arange(length) / length)) / 2.0).astype(np.float32)
    if begin:
        samples[:length] *= ramp
    if end:
        samples[-length:] *= ramp[::-1]
    return np.rint(samples).astype("<i2").tobytes()


def trim(
    pcm: bytes, rate: int, *, keep: float = 0.02, begin: bool = True, end: bool = True
) -> bytes:
    """Trim silence at the ends to `keep` seconds; audio that is all silence becomes empty."""
    samples: NDArray[np.int16] = np.frombuffer(pcm, "<i2")
    limit = _limit()
    loud = np.flatnonzero((samples > limit) | (samples < -limit))
    if not loud.size:
        return b""
    spare = int(keep * rate)
    first = max(0, int(loud[0]) - spare) if begin else 0
    last = min(len(samples), int(loud[-1]) + 1 + spare) if end else len(samples)
    return samples[first:last].tobytes()


class Trimmer:
    """Trims silence at the ends of audio that arrives in chunks.

    Silence is held back until more sound or the end follows.
    """

    def __init__(self, rate: int, *, begin: float | None = None, end: float | None = None) -> None:
        """Keep `begin` seconds of silence before the sound and `end` after it; None keeps all."""
        self._limit = _limit()
        self._begin = None if begin is None else int(begin * rate)
        self._end = None if end is None else int(end * rate)
        self._held: NDArray[np.int16] = np.zeros(0, np.int16)
        self._sound_started = begin is None
        """Whether there was sound."""

    def feed(self, pcm: bytes) -> bytes:
        """Add audio; return the audio that is kept for certain."""
        samples = np.concatenate((self._held, np.frombuffer(pcm, "<i2")))
        loud = np.flatnonzero((samples > self._limit) | (samples < -self._limit))
        if not loud.size:
            if self._sound_started and self._end is None:
                return self._take(samples, len(samples))
            self._held = (
                samples if self._sound_started else samples[max(0, len(samples) - self._spare) :]
            )
            return b""
        if not self._sound_started:
            self._sound_started = True
            first = max(0, int(loud[0]) - self._spare)
            samples, loud = samples[first:], loud - first
        return self._take(samples, len(samples) if self._end is None else int(loud[-1]) + 1)

    def finish(self) -> bytes:
        """Return the rest of the audio, empty if all of it was silence."""
        return self._held[: self._end].tobytes() if self._sound_started else b""

    @property
    def _spare(self) -> int:
        return self._begin or 0

    def _take(self, samples: NDArray[np.int16], count: int) -> bytes:
        self._held = samples[count:]
        return samples[:count].tobytes()


def _limit() -> float:
    """Return the sample value below which audio is silence."""
    return float(32_768.0 * 10.0 ** (QUIET_DBFS / 20.0))


def silence(seconds: float, rate: int) -> bytes:
    """Return digital silence."""
    return bytes(2 * round(seconds * rate))
