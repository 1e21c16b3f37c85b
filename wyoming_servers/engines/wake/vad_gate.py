"""Skips the frames of a stream in which nobody speaks.

A wake word needs a voice, and most rooms are silent most of the time. While webrtcvad (10 µs per
frame) finds no voice, frames are kept in a backlog instead of being computed; when it finds one,
the backlog is computed first, so that the scores are as if nothing had been skipped.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

import webrtcvad

from wyoming_servers.engines.wake.features import RATE, STEP

VAD_MODE: Final = 1
"""Aggressiveness from 0 (passes everything) to 3. With 1, speech 30 dB below the normal level
passes, and a quiet room does not."""
HANGOVER_FRAMES: Final = 15
"""Frames (1.2 s) that are computed after the last voice: a score peaks after its word."""
BACKLOG_FRAMES: Final = 26
"""Frames kept: after 10 an embedding no longer depends on earlier audio, and 16 embeddings are
scored together."""
_VAD_FRAME_BYTES: Final = 2 * RATE // 100


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """`STEP` samples of a stream."""

    pcm: bytes
    end: int
    """Position of the end, in samples since the stream began."""
    gap: bool = False
    """Whether frames were skipped right before this one."""


class Gate(Protocol):
    """Decides which frames of one stream are computed."""

    def push(self, frame: AudioFrame) -> list[AudioFrame]:
        """Take the next frame; return the frames to compute now."""
        ...


class NoGate:
    """Passes every frame."""

    def push(self, frame: AudioFrame) -> list[AudioFrame]:
        return [frame]


class VadGate:
    """Passes frames with voice activity, and those around them."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(VAD_MODE)
        self._hangover_left = 0
        self._backlog: deque[AudioFrame] = deque(maxlen=BACKLOG_FRAMES)
        self._dropped = False

    def push(self, frame: AudioFrame) -> list[AudioFrame]:
        """Take the next frame; return it, after the backlog, if there is voice activity."""
        if any(
            self._vad.is_speech(frame.pcm[at : at + _VAD_FRAME_BYTES], RATE)
            for at in range(0, 2 * STEP, _VAD_FRAME_BYTES)
        ):
            self._hangover_left = HANGOVER_FRAMES
        elif self._hangover_left:
            self._hangover_left -= 1
        else:
            self._dropped |= len(self._backlog) == BACKLOG_FRAMES
            self._backlog.append(frame)
            return []
        frames = [*self._backlog, frame]
        if self._dropped:
            frames[0] = AudioFrame(frames[0].pcm, frames[0].end, gap=True)
        self._backlog.clear()
        self._dropped = False
        return frames
