import io
import struct
import wave
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.audio import wav
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    AudioFormat,
)
from wyoming_servers.core.errors import BadRequestError


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_round_trip_keeps_a_recording(width: int, channels: int) -> None:
    audio = AudioFormat(22_050, width, channels)
    recording = wav.Wav(audio, np.random.default_rng(3).bytes(audio.frame_bytes * 101))
    assert wav.parse(recording.render()) == recording


def test_wav_files_can_be_read_by_the_standard_library() -> None:
    data = wav.Wav(AudioFormat(8_000, 1), bytes([0, 64, 128])).render()
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8_000, 1, 1)
        # 8-bit WAV is unsigned, so silence is 128.
        assert file.readframes(10) == bytes([128, 192, 0])


def test_wav_parser_skips_other_chunks() -> None:
    fmt = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    data = riff((b"LIST", b"odd"), (b"fmt ", fmt), (b"fact", bytes(4)), (b"data", b"\x01\x00"))
    assert wav.parse(data) == wav.Wav(SPEECH_FORMAT, b"\x01\x00")


def test_wav_parser_clips_float_samples() -> None:
    fmt = struct.pack("<HHIIHH", 3, 1, 16_000, 64_000, 4, 32)
    samples = struct.pack("<5f", 0.0, 0.5, 2.0, -2.0, float("nan"))
    parsed = wav.parse(riff((b"fmt ", fmt), (b"data", samples)))
    assert parsed.format == SPEECH_FORMAT
    assert np.frombuffer(parsed.pcm, "<i2").tolist() == [0, 16_384, 32_767, -32_768, 0]


@pytest.mark.parametrize(("width", "value"), [(4, 3e38), (8, 1e300)])
def test_wav_parser_clips_samples_far_beyond_full_scale(width: int, value: float) -> None:
    fmt = struct.pack("<HHIIHH", 3, 1, 16_000, 16_000 * width, width, 8 * width)
    samples = struct.pack(f"<2{'f' if width == 4 else 'd'}", value, -value)
    data = riff((b"fmt ", fmt), (b"data", samples))
    assert wav.parse(data).pcm == struct.pack("<2h", 32_767, -32_768)


def test_wav_parser_reads_the_extensible_header() -> None:
    fmt = struct.pack("<HHIIHH", 0xFFFE, 1, 16_000, 32_000, 2, 16) + struct.pack(
        "<HHIH14s", 22, 16, 4, 1, bytes(14)
    )
    assert wav.parse(riff((b"fmt ", fmt), (b"data", b"\x07\x00"))).pcm == b"\x07\x00"


def test_wav_parser_reads_a_stream_without_a_length() -> None:
    data = wav.header(SPEECH_FORMAT) + bytes(101)
    assert wav.parse(data) == wav.Wav(SPEECH_FORMAT, bytes(100))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a WAV"),
        (b"ID3" + bytes(100), "not a WAV"),
        (riff((b"fmt ", b"short")), "damaged"),
        (riff((b"data", bytes(8))), "no audio"),
        (riff((b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16))), "no audio"),
        (riff((b"fmt ", struct.pack("<HHIIHH", 0x55, 2, 44_100, 0, 1, 0))), "compressed"),
        (riff((b"fmt ", struct.pack("<HHIIHH", 1, 1, 3, 6, 2, 16))), "3 Hz"),
        (riff((b"fmt ", struct.pack("<HHIIHH", 1, 0, 16_000, 0, 0, 16))), "0 channels"),
    ],
)
def test_wav_parser_names_the_problem(data: bytes, why: str) -> None:
    with pytest.raises(BadRequestError, match=why):
        wav.parse(data)


@given(st.binary(max_size=80))
def test_wav_parser_raises_only_bad_request_for_any_bytes(garbage: bytes) -> None:
    for data in (garbage, b"RIFF\x00\x00\x00\x00WAVE" + garbage, wav.header(SPEECH_FORMAT)[:20]):
        with suppress(BadRequestError):
            assert wav.parse(data).seconds >= 0.0


def test_wav_reader_rejects_a_file_over_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    wav.write(path, wav.Wav(SPEECH_FORMAT, bytes(1_000)))
    assert wav.read(path).seconds == pytest.approx(500 / 16_000)
    with pytest.raises(BadRequestError, match="at most 999"):
        wav.read(path, max_bytes=999)
