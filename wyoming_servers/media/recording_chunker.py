"""Cuts a recording of any length at its silences, into chunks that a model transcribes at once.

The longer a chunk is, the shorter the silence that ends it:

up to 5 s     1.2 s of silence (another utterance follows)
up to 15 s    0.6 s (the end of a sentence)
up to 30 s    0.2 s (any breath)
30 s          cut where speech was least likely in the last 8 s

Short chunks cost little (a model encodes no more than there is), make good subtitles, and let live
speech run in between. Audio without speech is left out.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from wyoming_servers.audio.vad import FRAME_SECONDS, VadFrame
from wyoming_servers.core.domain import SPEECH_FORMAT

MAX_CHUNK_SECONDS: Final = 30.0
"""Whisper's window."""

_END_SILENCES: Final = ((5.0, 1.2), (15.0, 0.6), (MAX_CHUNK_SECONDS, 0.2))
"""(length of the chunk so far, silence that ends it), in seconds."""

_PADDING_SECONDS: Final = 0.2
"""Kept around speech: a detector does not take a soft consonant for speech."""

_SEARCH_SECONDS: Final = 8.0
"""The best place for a forced cut is searched in this time before the limit."""

_ROUNDING_SECONDS: Final = 1e-6
"""Keeps a sum of floats from ending one sample too early."""


class SpeechDetector(Protocol):
    """Tells speech from other sound; `audio.vad.VoiceActivityDetector` implements it."""

    def feed(self, pcm: bytes) -> list[VadFrame]: ...


@dataclass(frozen=True, slots=True)
class RecordingChunk:
    """A part of a recording with speech in it; seconds from the start of the recording."""

    start: float
    end: float
    pcm: bytes
    """16 kHz, 16-bit mono."""


class SpeechChunker:
    """Takes 16 kHz, 16-bit mono audio and yields chunks of speech; buffers at most 30 s."""

    def __init__(self, detector: SpeechDetector, start: float = 0.0) -> None:
        """`start` is the position of the audio in the recording, in seconds."""
        self._detector = detector
        self._offset = start
        self._buffer = bytearray()
        self._buffer_start = 0.0
        self._fed = 0.0
        self._chunk_start: float | None = None
        """Start of the current chunk; None between two chunks."""
        self._earliest_start = 0.0
        """End of the last chunk: the next one must not begin before it."""
        self._speech_end = 0.0
        self._recent: deque[VadFrame] = deque(maxlen=int(_SEARCH_SECONDS / FRAME_SECONDS))

    @property
    def position(self) -> float:
        """Seconds of the recording before which no audio waits to be cut."""
        return self._offset + (self._fed if self._chunk_start is None else self._chunk_start)

    def feed(self, pcm: bytes) -> Iterator[RecordingChunk]:
        """Add audio of any length; yield the chunks that it completes."""
        self._buffer += pcm
        self._fed += SPEECH_FORMAT.seconds(len(pcm))
        for frame in self._detector.feed(pcm):
            yield from self._process_frame(frame)
        if self._chunk_start is None:
            self._discard_until(self._fed - _PADDING_SECONDS - 2 * FRAME_SECONDS)

    def finish(self) -> Iterator[RecordingChunk]:
        """Yield the last chunk at the end of the recording."""
        if self._chunk_start is not None:
            yield self._cut(self._fed)

    def _process_frame(self, frame: VadFrame) -> Iterator[RecordingChunk]:
        self._recent.append(frame)
        if frame.speech:
            if self._chunk_start is None:
                self._chunk_start = max(
                    self._earliest_start, frame.time - FRAME_SECONDS - _PADDING_SECONDS
                )
                self._recent.clear()
                self._recent.append(frame)
            self._speech_end = frame.time
        if self._chunk_start is None:
            return
        if frame.time - self._chunk_start >= MAX_CHUNK_SECONDS - FRAME_SECONDS:
            quietest = min(reversed(self._recent), key=lambda frame: frame.probability)
            speaking = self._speech_end > quietest.time
            yield self._cut(quietest.time)
            if speaking:
                self._chunk_start = quietest.time
        elif frame.time - self._speech_end >= _end_silence(self._speech_end - self._chunk_start):
            yield self._cut(min(frame.time, self._speech_end + _PADDING_SECONDS))

    def _cut(self, end: float) -> RecordingChunk:
        start = self._chunk_start or 0.0
        self._discard_until(start)
        size = SPEECH_FORMAT.bytes_for(end - self._buffer_start + _ROUNDING_SECONDS)
        pcm = bytes(self._buffer[:size])
        self._discard_until(end)
        self._chunk_start, self._earliest_start = None, end
        return RecordingChunk(self._offset + start, self._offset + end, pcm)

    def _discard_until(self, until: float) -> None:
        """Drop the buffered audio before a position."""
        wanted = SPEECH_FORMAT.bytes_for(until - self._buffer_start + _ROUNDING_SECONDS)
        size = min(len(self._buffer), wanted)
        if size > 0:
            del self._buffer[:size]
            self._buffer_start += SPEECH_FORMAT.seconds(size)


class FixedLengthChunker:
    """Cuts every 30 s without looking for speech: for recordings that a detector gets wrong."""

    def __init__(self, start: float = 0.0) -> None:
        self._start = start
        self._buffer = bytearray()

    @property
    def position(self) -> float:
        """As `SpeechChunker.position`."""
        return self._start

    def feed(self, pcm: bytes) -> Iterator[RecordingChunk]:
        """As `SpeechChunker.feed`."""
        self._buffer += pcm
        size = SPEECH_FORMAT.bytes_for(MAX_CHUNK_SECONDS)
        while len(self._buffer) >= size:
            yield self._cut(size)

    def finish(self) -> Iterator[RecordingChunk]:
        """As `SpeechChunker.finish`."""
        if self._buffer:
            yield self._cut(len(self._buffer))

    def _cut(self, size: int) -> RecordingChunk:
        end = self._start + SPEECH_FORMAT.seconds(size)
        chunk = RecordingChunk(self._start, end, bytes(self._buffer[:size]))
        del self._buffer[:size]
        self._start = end
        return chunk


def _end_silence(length: float) -> float:
    return next(silence for limit, silence in _END_SILENCES if length <= limit)
