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
def test_every_width_is_signed_and_of_full_scale_one(width: int, data: bytes) -> None:
    samples = pcm.decode(data, AudioFormat(16_000, width))
    assert samples.dtype == np.float32
    assert samples[:, 0].tolist() == [0.0, 0.5, -1.0, -0.5]


def test_channels_are_mixed_by_their_mean() -> None:
    stereo = np.array([[0.5, -0.5], [1.0, 0.0]], np.float32)
    assert pcm.mix_down(stereo).tolist() == [0.0, 0.5]


def test_loud_samples_are_clipped_not_wrapped() -> None:
    loud = np.array([2.0, -2.0, 0.0], np.float32)
    assert pcm.to_s16(loud) == b"\xff\x7f\x00\x80\x00\x00"


def test_all_16_bit_samples_survive_the_way_there_and_back() -> None:
    every = np.arange(-32_768, 32_768).astype("<i2").tobytes()
    assert pcm.to_s16(pcm.from_s16(every)) == every


def test_the_level_of_a_full_scale_square_wave_is_zero() -> None:
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
def test_an_impossible_format_is_refused(audio: AudioFormat) -> None:
    with pytest.raises(BadRequestError):
        pcm.check_format(audio)
