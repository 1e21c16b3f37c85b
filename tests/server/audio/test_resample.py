from itertools import cycle

import numpy as np
import pytest
from numpy.typing import NDArray

from wyoming_servers.audio.pcm import Converter, Resampler, convert
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    AudioFormat,
)
from wyoming_servers.core.errors import BadRequestError


def sine(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def in_chunks(converter: Converter, data: bytes, sizes: tuple[int, ...]) -> bytes:
    out, start = b"", 0
    for size in cycle(sizes):
        out += converter.feed(data[start : start + size])
        start += size
        if start >= len(data):
            return out + converter.flush()
    raise AssertionError


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_resampler_keeps_pitch_level_and_length_of_a_tone(rate: int) -> None:
    data = (sine(rate) * 32_767).astype("<i2").tobytes()
    out = np.frombuffer(convert(data, AudioFormat(rate)), "<i2") / 32_767
    assert len(out) == pytest.approx(16_000, abs=2)
    wanted = sine(16_000)[: len(out)]
    assert np.abs(out[800:-800] - wanted[800 : len(out) - 800]).max() < 0.01


def test_resampler_filters_frequencies_above_the_target_rate() -> None:
    data = (sine(48_000, hertz=12_000.0) * 32_767).astype("<i2").tobytes()
    out = np.frombuffer(convert(data, AudioFormat(48_000)), "<i2")
    assert np.abs(out[800:-800]).max() < 10


@pytest.mark.parametrize(
    "source",
    [
        AudioFormat(16_000),
        AudioFormat(44_100, 2, 2),
        AudioFormat(48_000, 3, 2),
        AudioFormat(8_000, 1, 1),
        AudioFormat(22_050, 4, 3),
    ],
)
def test_converter_returns_the_same_for_odd_chunks_as_for_the_whole(source: AudioFormat) -> None:
    data = np.random.default_rng(1).bytes(source.frame_bytes * 5_000)
    whole = convert(data, source)
    chunks = in_chunks(Converter(source), data, (1, 7, 320, 4_099, 2))
    assert whole
    assert chunks == whole


def test_converter_passes_speech_format_in_whole_samples() -> None:
    converter = Converter(SPEECH_FORMAT)
    assert converter.feed(b"\x01\x02\x03") == b"\x01\x02"
    assert converter.feed(b"\x04") == b"\x03\x04"
    assert converter.feed(b"\x05") == b""
    assert converter.flush() == b""


def test_converter_can_be_used_again_after_flush() -> None:
    converter = Converter(AudioFormat(48_000))
    data = np.random.default_rng(2).bytes(9_600)
    assert converter.feed(data) + converter.flush() == converter.feed(data) + converter.flush()


def test_converter_converts_to_another_rate() -> None:
    assert len(convert(bytes(44_100), AudioFormat(22_050), AudioFormat(48_000))) == 96_000


def test_converter_rejects_targets_other_than_16_bit_mono() -> None:
    with pytest.raises(BadRequestError):
        Converter(SPEECH_FORMAT, AudioFormat(16_000, 2, 2))


def test_converter_rejects_an_impossible_format_before_any_audio() -> None:
    with pytest.raises(BadRequestError, match="Hz"):
        Converter(AudioFormat(1))


def test_resampler_passes_audio_of_equal_rates() -> None:
    samples = np.ones(10, np.float32)
    resampler = Resampler(16_000, 16_000)
    assert resampler.feed(samples) is samples
    assert not resampler.flush().size
