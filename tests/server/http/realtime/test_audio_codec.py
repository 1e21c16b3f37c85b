"""Audio formats of `/v1/realtime`."""

import numpy as np
import pytest

from wyoming_servers.audio.eight_bit import ENCODINGS
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.http.realtime.audio_codec import G711_NAMES, InputDecoder, OutputEncoder


@pytest.mark.parametrize("media", G711_NAMES)
def test_g711_survives_decoding_and_encoding(media: str) -> None:
    codes = bytes(range(256))
    decoder = InputDecoder(media, 24_000)
    assert decoder.format == AudioFormat(rate=8_000)
    pcm = decoder.decode(codes)
    encoded = OutputEncoder(media, 24_000, AudioFormat(rate=8_000)).encode(pcm)
    table = ENCODINGS[G711_NAMES[media]]
    # µ-law has two codes for zero.
    assert np.array_equal(table[list(codes)], table[list(encoded)])


def test_audio_is_resampled_to_the_rate_of_the_client() -> None:
    encoder = OutputEncoder("audio/pcm", 24_000, AudioFormat(rate=22_050))
    size = len(encoder.encode(bytes(44_100))) + len(encoder.flush())
    assert abs(size - 48_000) <= 2
