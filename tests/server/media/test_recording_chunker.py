"""Recordings cut at their silences."""

from wyoming_servers.audio.vad import FRAME_SECONDS, WINDOW_SAMPLES, VadFrame
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.media.recording_chunker import (
    MAX_CHUNK_SECONDS,
    FixedLengthChunker,
    RecordingChunk,
    SpeechChunker,
)

STEP = WINDOW_SAMPLES * 2


class ScriptedDetector:
    """A detector that finds speech in the given spans of seconds; less certain inside `soft`."""

    def __init__(self, *spans: tuple[float, float], soft: tuple[float, float] = (0, 0)) -> None:
        self.spans = spans
        self.soft = soft
        self.time = 0.0
        self.rest = 0

    def feed(self, pcm: bytes) -> list[VadFrame]:
        self.rest += len(pcm)
        frames = []
        while self.rest >= STEP:
            self.rest -= STEP
            self.time += FRAME_SECONDS
            middle = self.time - FRAME_SECONDS / 2
            speech = any(start <= middle < end for start, end in self.spans)
            probability = 0.6 if self.soft[0] <= middle < self.soft[1] else 0.95
            frames.append(VadFrame(self.time, probability if speech else 0.0))
        return frames


def numbered(seconds: float) -> bytes:
    """Return audio in which each sample is its own position modulo 30,000."""
    count = int(seconds * SPEECH_FORMAT.rate)
    return b"".join((number % 30_000).to_bytes(2, "little") for number in range(count))


def chunks_of(
    chunker: SpeechChunker | FixedLengthChunker, seconds: float, step: int = 7_000
) -> list[RecordingChunk]:
    audio = numbered(seconds)
    chunks: list[RecordingChunk] = []
    for start in range(0, len(audio), step):
        chunks += chunker.feed(audio[start : start + step])
    return [*chunks, *chunker.finish()]


def spans(chunks: list[RecordingChunk]) -> list[tuple[float, float]]:
    return [(round(chunk.start, 1), round(chunk.end, 1)) for chunk in chunks]


def test_chunk_has_padding_around_speech() -> None:
    assert spans(chunks_of(SpeechChunker(ScriptedDetector((3.0, 6.0))), 12.0)) == [(2.8, 6.2)]


def test_recording_without_speech_has_no_chunks() -> None:
    assert chunks_of(SpeechChunker(ScriptedDetector()), 5.0) == []


def test_short_pause_does_not_end_a_short_chunk() -> None:
    assert spans(chunks_of(SpeechChunker(ScriptedDetector((1.0, 2.0), (2.8, 4.0))), 8.0)) == [
        (0.8, 4.2)
    ]


def test_short_pause_ends_a_longer_chunk() -> None:
    chunks = chunks_of(SpeechChunker(ScriptedDetector((1.0, 8.0), (8.8, 10.0))), 15.0)
    assert spans(chunks) == [(0.8, 8.2), (8.6, 10.2)]


def test_chunk_is_at_most_thirty_seconds_long() -> None:
    chunks = chunks_of(SpeechChunker(ScriptedDetector((0.0, 70.0))), 75.0)
    assert all(chunk.end - chunk.start <= MAX_CHUNK_SECONDS for chunk in chunks)
    assert chunks[0].end == chunks[1].start
    assert chunks[-1].end > 70.0


def test_chunk_without_pauses_ends_where_speech_is_least_likely() -> None:
    chunks = chunks_of(SpeechChunker(ScriptedDetector((0.0, 40.0), soft=(25.0, 25.1))), 45.0)
    assert round(chunks[0].end, 1) in (25.0, 25.1)


def test_chunk_audio_matches_its_times() -> None:
    chunks = chunks_of(SpeechChunker(ScriptedDetector((3.0, 6.0), (9.0, 12.0))), 15.0)
    assert len(chunks) == 2
    for chunk in chunks:
        first = int.from_bytes(chunk.pcm[:2], "little")
        assert abs(first - round(chunk.start * SPEECH_FORMAT.rate) % 30_000) <= 1
        assert abs(SPEECH_FORMAT.seconds(len(chunk.pcm)) - (chunk.end - chunk.start)) < 0.001


def test_chunk_times_include_the_start_position() -> None:
    chunker = SpeechChunker(ScriptedDetector((3.0, 6.0)), start=100.0)
    assert spans(chunks_of(chunker, 12.0)) == [(102.8, 106.2)]


def test_position_stays_before_an_unfinished_chunk() -> None:
    chunker = SpeechChunker(ScriptedDetector((3.0, 6.0)))
    assert list(chunker.feed(numbered(2.0))) == []
    assert chunker.position == 2.0
    assert list(chunker.feed(numbered(3.0))) == []
    assert round(chunker.position, 1) == 2.8


def test_silence_is_not_buffered() -> None:
    chunker = SpeechChunker(ScriptedDetector())
    for _ in range(100):
        list(chunker.feed(bytes(32_000)))
    assert len(chunker._buffer) < SPEECH_FORMAT.bytes_for(1.0)


def test_fixed_length_chunker_covers_the_whole_recording() -> None:
    chunks = chunks_of(FixedLengthChunker(10.0), 65.0)
    assert spans(chunks) == [(10.0, 40.0), (40.0, 70.0), (70.0, 75.0)]
    assert b"".join(chunk.pcm for chunk in chunks) == numbered(65.0)
