"""Cuts an endless recording at its silences into pieces that a model can hear at once.

The longer a piece has become, the shorter a silence ends it:

up to 5 s     1.2 s of silence (another utterance follows)
up to 15 s    0.6 s (the end of a sentence)
up to 30 s    0.2 s (any breath)
30 s          cut where speech was least likely in the last 8 s

Short pieces cost little (a model encodes as much as there is), make good subtitles, and let live
speech in between. What is not speech is left out.
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
"""Length of a piece so far, and the silence that ends it; seconds."""

_PADDING_SECONDS: Final = 0.2
"""Seconds kept around speech: a soft consonant is not yet speech to a detector."""

_SEARCH_SECONDS: Final = 8.0
"""Seconds before the limit in which the best place for a forced cut is looked for."""


class SpeechDetector(Protocol):
    """What tells speech from other sound; `audio.vad.VoiceActivityDetector` is one."""

    def feed(self, pcm: bytes) -> list[VadFrame]: ...


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece of the recording with speech in it."""

    start: float
    """Seconds from the beginning of the recording."""
    end: float
    pcm: bytes


class SpeechChunker:
    """16 kHz, 16-bit mono audio in, pieces of speech out; holds at most 30 s."""

    def __init__(self, activity: SpeechDetector, start: float = 0.0) -> None:
        """`start` is where the audio begins in the recording, in seconds."""
        self._detector = activity
        self._offset = start
        self._buffer = bytearray()
        self._buffer_start = 0.0
        self._fed = 0.0
        self._chunk_start: float | None = None
        """Where the piece begins; None between two."""
        self._earliest_start = 0.0
        """Where the last piece ended: the next must not begin before."""
        self._speech_end = 0.0
        self._recent: deque[VadFrame] = deque(maxlen=int(_SEARCH_SECONDS / FRAME_SECONDS))

    @property
    def position(self) -> float:
        """Seconds of the recording before which nothing is waiting to be cut."""
        return self._offset + (self._fed if self._chunk_start is None else self._chunk_start)

    def feed(self, pcm: bytes) -> Iterator[Cut]:
        """Take the next audio, of any length; yield the pieces that it completes."""
        self._buffer += pcm
        self._fed += SPEECH_FORMAT.seconds(len(pcm))
        for frame in self._detector.feed(pcm):
            yield from self._process_frame(frame)
        if self._chunk_start is None:
            self._discard_until(self._fed - _PADDING_SECONDS - 2 * FRAME_SECONDS)

    def finish(self) -> Iterator[Cut]:
        """The recording has ended: yield what is left."""
        if self._chunk_start is not None:
            yield self._cut(self._fed)

    def _process_frame(self, frame: VadFrame) -> Iterator[Cut]:
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

    def _cut(self, end: float) -> Cut:
        begin = self._chunk_start or 0.0
        self._discard_until(begin)
        size = SPEECH_FORMAT.bytes_for(end - self._buffer_start + 1e-6)
        cut = Cut(self._offset + begin, self._offset + end, bytes(self._buffer[:size]))
        self._discard_until(end)
        self._chunk_start, self._earliest_start = None, end
        return cut

    def _discard_until(self, until: float) -> None:
        """Let go of the audio before a moment."""
        size = min(len(self._buffer), SPEECH_FORMAT.bytes_for(until - self._buffer_start + 1e-6))
        if size > 0:
            del self._buffer[:size]
            self._buffer_start += SPEECH_FORMAT.seconds(size)


class FixedLengthChunker:
    """Cuts every 30 s, whatever is heard: for those who know better than a detector."""

    def __init__(self, start: float = 0.0) -> None:
        self._start = start
        self._buffer = bytearray()

    @property
    def position(self) -> float:
        """Seconds of the recording before which nothing is waiting to be cut."""
        return self._start

    def feed(self, pcm: bytes) -> Iterator[Cut]:
        """As `SpeechChunker.feed`."""
        self._buffer += pcm
        size = SPEECH_FORMAT.bytes_for(MAX_CHUNK_SECONDS)
        while len(self._buffer) >= size:
            yield self._cut(size)

    def finish(self) -> Iterator[Cut]:
        """As `SpeechChunker.finish`."""
        if self._buffer:
            yield self._cut(len(self._buffer))

    def _cut(self, size: int) -> Cut:
        end = self._start + SPEECH_FORMAT.seconds(size)
        cut = Cut(self._start, end, bytes(self._buffer[:size]))
        del self._buffer[:size]
        self._start = end
        return cut


def _end_silence(length: float) -> float:
    return next(silence for limit, silence in _END_SILENCES if length <= limit)
