"""Audio formats of `/v1/realtime`: 16-bit PCM, and G.711 for telephones."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.audio.eight_bit import ENCODINGS
from wyoming_servers.audio.pcm import Converter, from_s16, to_s16
from wyoming_servers.core.domain import AudioFormat

G711_RATE: Final = 8_000

G711_NAMES: Final = {"audio/pcmu": "mu-law", "audio/pcma": "a-law"}
"""Names of the encodings by media type."""


class InputDecoder:
    """Turns the audio of a client into 16-bit mono PCM."""

    def __init__(self, media_type: str, rate: int) -> None:
        self._table = ENCODINGS[G711_NAMES[media_type]] if media_type in G711_NAMES else None
        self.format = AudioFormat(rate=rate if self._table is None else G711_RATE)
        """Of the result."""

    def decode(self, audio: bytes) -> bytes:
        if self._table is None:
            return audio
        return to_s16(self._table[np.frombuffer(audio, np.uint8)])


class OutputEncoder:
    """Turns the audio of one answer into the format of a client."""

    def __init__(self, media_type: str, rate: int, source: AudioFormat) -> None:
        name = G711_NAMES.get(media_type)
        self._codes = None if name is None else _Codes(ENCODINGS[name])
        self._converter = Converter(source, AudioFormat(rate=rate if name is None else G711_RATE))

    def encode(self, pcm: bytes) -> bytes:
        return self._compress(self._converter.feed(pcm))

    def flush(self) -> bytes:
        """Return the audio that was held back."""
        return self._compress(self._converter.flush())

    def _compress(self, pcm: bytes) -> bytes:
        return pcm if self._codes is None else self._codes.nearest(pcm)


class _Codes:
    """Finds the code whose sample is nearest."""

    def __init__(self, table: NDArray[np.float32]) -> None:
        self._order = np.argsort(table, kind="stable").astype(np.uint8)
        ordered = table[self._order]
        self._limits = (ordered[1:] + ordered[:-1]) / 2

    def nearest(self, pcm: bytes) -> bytes:
        codes: NDArray[np.uint8] = self._order[np.searchsorted(self._limits, from_s16(pcm))]
        return codes.tobytes()
