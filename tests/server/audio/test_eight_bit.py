"""Real speech in every 8-bit encoding, in chunks of a live client."""

import wave
from pathlib import Path

import numpy as np
import pytest
import soxr

from wyoming_servers.audio.eight_bit import ENCODINGS, EightBitDecoder
from wyoming_servers.audio.pcm import Converter
from wyoming_servers.core.domain import SPEECH_FORMAT, AudioFormat

RECORDING = Path(__file__).parents[2] / "e2e/recordings/turn_on_the_kitchen_light.wav"


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    with wave.open(str(RECORDING)) as file:
        assert file.getframerate() == 16_000
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return soxr.resample(samples.astype(np.float32) / 32_768, 16_000, 8_000)


def encode(samples: np.ndarray, encoding: str) -> bytes:
    """Return the codes whose samples are nearest."""
    table = ENCODINGS[encoding]
    order = np.argsort(table, kind="stable")
    middles = (table[order][1:] + table[order][:-1]) / 2
    return order[np.searchsorted(middles, samples)].astype(np.uint8).tobytes()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_speech_of_every_8_bit_encoding_is_converted(
    speech: np.ndarray, encoding: str, gain: float
) -> None:
    silence = np.zeros(4_000, np.float32)
    data = encode(np.concatenate([silence, gain * speech]), encoding)
    converter = Converter(AudioFormat(8_000, 1, 1), find_encoding=True)
    pcm = b"".join(converter.feed(data[start : start + 240]) for start in range(0, len(data), 240))
    pcm += converter.flush()
    found = np.frombuffer(pcm, np.int16).astype(np.float64)
    expected = np.frombuffer(
        convert_16_bit(np.concatenate([silence, gain * speech])), np.int16
    ).astype(np.float64)
    assert len(found) == pytest.approx(len(expected), abs=2)
    length = min(len(found), len(expected))
    correlation = np.corrcoef(found[:length], expected[:length])[0, 1]
    assert correlation > 0.97, encoding


def convert_16_bit(samples: np.ndarray) -> bytes:
    converter = Converter(AudioFormat(8_000, 2, 1), SPEECH_FORMAT)
    whole = (samples * 32_767).astype("<i2").tobytes()
    return converter.feed(whole) + converter.flush()


def test_g711_tables_have_the_standards_values() -> None:
    mu_law, a_law = (np.round(ENCODINGS[name] * 32_768) for name in ("mu-law", "a-law"))
    assert [mu_law[code] for code in (0x00, 0x7F, 0x80, 0xFF)] == [-32_124, 0, 32_124, 0]
    assert [a_law[code] for code in (0x2A, 0x55, 0xAA, 0xD5)] == [-32_256, -8, 32_256, 8]
    for table in (mu_law, a_law):
        assert sorted(table[:128]) == sorted(-table[128:])


def test_digital_silence_stays_silent_until_the_encoding_is_known() -> None:
    decoder = EightBitDecoder(100)
    assert not decoder.feed(b"\x80" * 250).any()
    assert decoder.encoding == ""
    assert decoder.feed(b"\x80\x84\x90\x84\x80\x7c\x70\x7c" * 20).any()
    assert decoder.encoding == "unsigned"


def test_end_of_the_audio_decides_with_what_there_is() -> None:
    decoder = EightBitDecoder(1_000)
    assert not decoder.feed(b"\x00\x04\x08\x04\x00\xfc").size
    assert len(decoder.flush()) == 6
    assert (decoder.encoding, decoder.flush().size) == ("signed", 0)
