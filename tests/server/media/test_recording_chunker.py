"""Recordings cut at their silences."""

from wyoming_servers.audio.silero import WINDOW_SAMPLES
from wyoming_servers.audio.vad import FRAME_SECONDS, VadFrame
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.media.recording_chunker import (
    MAX_CHUNK_SECONDS,
    Cut,
    FixedLengthChunker,
    SpeechChunker,
)

STEP = WINDOW_SAMPLES * 2


class Script:
    """Speech where the test says, by seconds; softer inside `soft`."""

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
            speaks = any(start <= middle < end for start, end in self.spans)
            likely = 0.6 if self.soft[0] <= middle < self.soft[1] else 0.95
            frames.append(VadFrame(self.time, likely if speaks else 0.0))
        return frames


def numbered(seconds: float) -> bytes:
    """Audio whose samples say where they are, modulo 30,000."""
    count = int(seconds * SPEECH_FORMAT.rate)
    return b"".join((number % 30_000).to_bytes(2, "little") for number in range(count))


def cut(cutter: SpeechChunker | FixedLengthChunker, seconds: float, step: int = 7_000) -> list[Cut]:
    audio = numbered(seconds)
    cuts: list[Cut] = []
    for start in range(0, len(audio), step):
        cuts += cutter.feed(audio[start : start + step])
    return [*cuts, *cutter.finish()]


def spans(cuts: list[Cut]) -> list[tuple[float, float]]:
    return [(round(piece.start, 1), round(piece.end, 1)) for piece in cuts]


def test_speech_is_cut_out_with_a_little_around_it() -> None:
    assert spans(cut(SpeechChunker(Script((3.0, 6.0))), 12.0)) == [(2.8, 6.2)]


def test_a_recording_without_speech_has_no_pieces() -> None:
    assert cut(SpeechChunker(Script()), 5.0) == []


def test_a_short_pause_does_not_end_a_short_piece() -> None:
    assert spans(cut(SpeechChunker(Script((1.0, 2.0), (2.8, 4.0))), 8.0)) == [(0.8, 4.2)]


def test_the_same_pause_ends_a_longer_piece() -> None:
    cuts = cut(SpeechChunker(Script((1.0, 8.0), (8.8, 10.0))), 15.0)
    assert spans(cuts) == [(0.8, 8.2), (8.6, 10.2)]


def test_nobody_may_speak_longer_than_a_model_can_hear() -> None:
    cuts = cut(SpeechChunker(Script((0.0, 70.0))), 75.0)
    assert all(piece.end - piece.start <= MAX_CHUNK_SECONDS for piece in cuts)
    assert cuts[0].end == cuts[1].start
    assert cuts[-1].end > 70.0


def test_who_never_pauses_is_cut_where_speech_is_least_likely() -> None:
    cuts = cut(SpeechChunker(Script((0.0, 40.0), soft=(25.0, 25.1))), 45.0)
    assert round(cuts[0].end, 1) in (25.0, 25.1)


def test_the_audio_of_a_piece_is_that_of_its_time() -> None:
    for piece in cut(SpeechChunker(Script((3.0, 6.0), (9.0, 12.0))), 15.0):
        first = int.from_bytes(piece.pcm[:2], "little")
        assert abs(first - round(piece.start * SPEECH_FORMAT.rate) % 30_000) <= 1
        assert abs(SPEECH_FORMAT.seconds(len(piece.pcm)) - (piece.end - piece.start)) < 0.001


def test_times_count_from_where_the_recording_begins() -> None:
    cutter = SpeechChunker(Script((3.0, 6.0)), start=100.0)
    assert spans(cut(cutter, 12.0)) == [(102.8, 106.2)]


def test_the_position_stays_before_speech_that_is_not_cut_yet() -> None:
    cutter = SpeechChunker(Script((3.0, 6.0)))
    assert list(cutter.feed(numbered(2.0))) == []
    assert cutter.position == 2.0
    assert list(cutter.feed(numbered(3.0))) == []
    assert round(cutter.position, 1) == 2.8


def test_little_is_kept_while_nobody_speaks() -> None:
    cutter = SpeechChunker(Script())
    for _ in range(100):
        list(cutter.feed(bytes(32_000)))
    assert len(cutter._buffer) < SPEECH_FORMAT.bytes_for(1.0)


def test_the_even_cutter_takes_everything() -> None:
    cuts = cut(FixedLengthChunker(10.0), 65.0)
    assert spans(cuts) == [(10.0, 40.0), (40.0, 70.0), (70.0, 75.0)]
    assert b"".join(piece.pcm for piece in cuts) == numbered(65.0)
