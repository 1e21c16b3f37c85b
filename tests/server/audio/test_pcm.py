import numpy as np
import pytest

from wyoming_servers.audio import pcm
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BadRequestError


@pytest.mark.parametrize(
    ("width", "data"),
    [
        (1, bytes([0x00, 0x40, 0x80, 0xC0])),
        (2, b"\x00\x00\x00\x40\x00\x80\x00\xc0"),
        (3, b"\x00\x00\x00\x00\x00\x40\x00\x00\x80\x00\x00\xc0"),
        (4, bytes(4) + b"\x00\x00\x00\x40" + b"\x00\x00\x00\x80" + b"\x00\x00\x00\xc0"),
    ],
)
def test_decode_reads_every_width_as_signed_with_full_scale_one(width: int, data: bytes) -> None:
    samples = pcm.decode(data, AudioFormat(16_000, width))
    assert samples.dtype == np.float32
    assert samples[:, 0].tolist() == [0.0, 0.5, -1.0, -0.5]


def test_mix_down_takes_the_mean_of_the_channels() -> None:
    stereo = np.array([[0.5, -0.5], [1.0, 0.0]], np.float32)
    assert pcm.mix_down(stereo).tolist() == [0.0, 0.5]


def test_to_s16_clips_loud_samples() -> None:
    loud = np.array([2.0, -2.0, 0.0], np.float32)
    assert pcm.to_s16(loud) == b"\xff\x7f\x00\x80\x00\x00"


def test_s16_round_trip_keeps_every_sample() -> None:
    every = np.arange(-32_768, 32_768).astype("<i2").tobytes()
    assert pcm.to_s16(pcm.from_s16(every)) == every


def test_rms_dbfs_of_a_full_scale_square_wave_is_zero() -> None:
    assert pcm.rms_dbfs(b"\xff\x7f\x00\x80" * 100) == pytest.approx(0.0, abs=0.01)
    assert pcm.rms_dbfs(bytes(200)) == -120.0
    assert pcm.rms_dbfs(b"") == -120.0


@pytest.mark.parametrize(
    "audio",
    [
        AudioFormat(0),
        AudioFormat(2**31),
        AudioFormat(16_000, width=5),
        AudioFormat(16_000, width=0),
        AudioFormat(16_000, channels=0),
        AudioFormat(16_000, channels=2**31),
    ],
)
def test_check_format_rejects_impossible_formats(audio: AudioFormat) -> None:
    with pytest.raises(BadRequestError):
        pcm.check_format(audio)
