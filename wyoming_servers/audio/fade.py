"""Shapes synthesized speech: level, limiter, fades, trimmed silence and pauses.

PCM is 16-bit mono of `rate` samples per second; `Samples` are floats with full scale 1.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.audio.pcm import Chunker, Samples

FADE: Final = 0.005
"""Length of a fade in seconds: a shorter one clicks, a longer one softens a first consonant."""

EDGE_SECONDS: Final = 2 * FADE
"""Audio at either end of a sentence that a fade works on."""

QUIET_DBFS: Final = -50.0
"""Peak below which the ends of synthesized speech are silence; its pauses are near -60 dBFS."""

SAMPLE_TEXT: Final = "1, 2, 3, 4, 5."
"""Can be spoken in every language; warms a network up and measures the loudness of a voice."""

LEADING_SILENCE: Final = 0.02
"""Seconds of silence kept before speech."""

_TARGET_DBFS: Final = -18.0
"""RMS level of speech without pauses, in dBFS, of every voice; peaks are near full scale."""

_MAX_GAIN: Final = 4.0
_LIMITER_KNEE: Final = 0.8
"""Level above which peaks are compressed instead of clipped."""

_TRAILING_SILENCES: Final[Mapping[str, float]] = {
    ",": 0.15,
    ";": 0.2,
    ":": 0.2,
    "，": 0.15,
    "、": 0.1,
}
"""Maximum seconds of silence kept after a clause, by its last character."""

_DEFAULT_TRAILING_SILENCE: Final = 0.04
"""The same after other characters: the caller adds the pauses between sentences."""


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


def trailing_silence(text: str) -> float:
    """Return the seconds of silence to keep after a text."""
    return _TRAILING_SILENCES.get(text.rstrip()[-1:], _DEFAULT_TRAILING_SILENCE)


def loudness_gain(samples: Samples) -> float:
    """Return the factor that brings speech to the target level.

    One gain for all sentences of a voice keeps its dynamics. Scaling each sentence by its peak
    makes consecutive clauses differ by up to 5 dB.
    """
    # Pauses have no influence on how loud a voice is.
    speech = samples[np.abs(samples) > 0.01]
    if not speech.size:
        return 1.0
    power = float(np.dot(speech, speech)) / speech.size
    factor = math.pow(10.0, _TARGET_DBFS / 20.0) / math.sqrt(power)
    return min(max(factor, 1.0 / _MAX_GAIN), _MAX_GAIN)


def soft_limit(samples: Samples) -> Samples:
    """Compress peaks above the knee, so that none is clipped."""
    over = np.abs(samples) > _LIMITER_KNEE
    if not over.any():
        return samples
    room = 1.0 - _LIMITER_KNEE
    soft = np.sign(samples) * (
        _LIMITER_KNEE + room * np.tanh((np.abs(samples) - _LIMITER_KNEE) / room)
    )
    limited: Samples = np.where(over, soft, samples).astype(np.float32)
    return limited


class AudioJoiner:
    """Concatenates the 16-bit mono audio of sentences without clicks, in chunks of `samples`.

    Call `begin`, `feed` … and `finish` for each sentence; all return chunks that are ready. Only
    the last 10 ms of a sentence are held back until its end is known, because they may be faded.
    """

    def __init__(self, rate: int, samples: int) -> None:
        self._rate = rate
        self._chunk_bytes = 2 * samples
        self._chunker = Chunker(self._chunk_bytes)
        self._edge = 2 * int(EDGE_SECONDS * rate)
        self._held = b""
        self._fade_in = True
        """Whether the start of the sentence has still to be faded in."""
        self._pause = 0.0
        """Seconds of silence before the next sentence."""

    def begin(self) -> Iterator[bytes]:
        """Start a sentence; the silence before it is made as it is taken, all of it in the end."""
        self._fade_in = True
        pause, self._pause = self._pause, 0.0
        return self._silence(2 * round(pause * self._rate))

    def feed(self, pcm: bytes) -> list[bytes]:
        """Add audio of the sentence, whole samples."""
        audio = self._held + pcm
        if len(audio) < 2 * self._edge:
            self._held = audio
            return []
        if self._fade_in:
            self._fade_in = False
            audio = fade(audio[: self._edge], self._rate, end=False) + audio[self._edge :]
        self._held = audio[-self._edge :]
        return self._chunker.feed(audio[: -self._edge])

    def add_pause(self, seconds: float) -> None:
        """Insert silence before the next sentence, in addition to the pause of `finish`."""
        self._pause += seconds

    def finish(self, pause: float) -> list[bytes]:
        """End the sentence; `pause` seconds of silence follow before the next."""
        tail = fade(self._held, self._rate, begin=self._fade_in) if self._held else b""
        self._held = b""
        self._pause = pause
        chunks = self._chunker.feed(tail)
        # Nothing waits for the next sentence: its text may not be written yet.
        rest = self._chunker.flush()
        return [*chunks, rest] if rest else chunks

    def _silence(self, size: int) -> Iterator[bytes]:
        while size:
            part = min(size, self._chunk_bytes)
            yield from self._chunker.feed(bytes(part))
            size -= part
