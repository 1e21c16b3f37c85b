"""Steps of a stream that are worth computing: those in which somebody may be speaking.

A wake word needs a voice, and most rooms are silent most of the time. While webrtcvad (10 µs a
step) hears none, steps are only kept; when it does, the kept ones come first, so that the word
is heard as if nothing had been left out.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

import webrtcvad

from wyoming_servers.engines.wake.features import (
    RATE,
    STEP,
)

VAD_MODE: Final = 1
"""Of 0 (lets all pass) to 3; 1 passes speech of 30 dB below normal and stops a quiet room."""
HANGOVER_FRAMES: Final = 15
"""Steps (1.2 s) that are computed after the last voice: a score peaks after its word."""
BACKLOG_FRAMES: Final = 26
"""Steps kept: 10 until an embedding no longer depends on what was before, and 16 embeddings."""
_FRAME_BYTES: Final = 2 * RATE // 100


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """STEP samples of a stream, in bytes, and where they end."""

    pcm: bytes
    end: int
    """Samples since the stream began."""
    gap: bool = False
    """Whether steps were left out right before it."""


class Gate(Protocol):
    """Decides which steps of one stream are computed."""

    def push(self, step: AudioFrame) -> list[AudioFrame]:
        """Take the next step; return what is to be computed now."""
        ...


class NoGate:
    """Lets every step pass."""

    def push(self, step: AudioFrame) -> list[AudioFrame]:
        return [step]


class VadGate:
    """Lets steps pass while somebody may be speaking."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(VAD_MODE)
        self._hangover_left = 0
        self._backlog: deque[AudioFrame] = deque(maxlen=BACKLOG_FRAMES)
        self._dropped = False

    def push(self, step: AudioFrame) -> list[AudioFrame]:
        """As `Gate.pass_on`; with the first step of speech come those kept before it."""
        if any(
            self._vad.is_speech(step.pcm[at : at + _FRAME_BYTES], RATE)
            for at in range(0, 2 * STEP, _FRAME_BYTES)
        ):
            self._hangover_left = HANGOVER_FRAMES
        elif self._hangover_left:
            self._hangover_left -= 1
        else:
            self._dropped |= len(self._backlog) == BACKLOG_FRAMES
            self._backlog.append(step)
            return []
        steps = [*self._backlog, step]
        if self._dropped:
            steps[0] = AudioFrame(steps[0].pcm, steps[0].end, gap=True)
        self._backlog.clear()
        self._dropped = False
        return steps
