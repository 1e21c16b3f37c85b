"""Finds out how 8-bit audio is encoded: Wyoming names the width of samples, but not their encoding.

Telephone systems send G.711 (A-law or µ-law), WAV files have unsigned samples, and sound cards
signed ones. Decoded in a wrong way, speech jumps from one end of the scale to the other, so the
encoding with the smallest jumps is the right one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_Table = NDArray[np.float32]


def _signed() -> NDArray[np.int64]:
    codes = np.arange(256, dtype=np.int64)
    samples: NDArray[np.int64] = np.where(codes < 128, codes, codes - 256) * 256
    return samples


def _unsigned() -> NDArray[np.int64]:
    samples: NDArray[np.int64] = (np.arange(256, dtype=np.int64) - 128) * 256
    return samples


def _mu_law() -> NDArray[np.int64]:
    """ITU-T G.711, table 2: the bits are inverted, the segment is the exponent."""
    code = ~np.arange(256, dtype=np.int64) & 0xFF
    size = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    samples: NDArray[np.int64] = np.where(code & 0x80, -size, size)
    return samples


def _a_law() -> NDArray[np.int64]:
    """ITU-T G.711, table 1: even bits are inverted, the sign bit means positive."""
    code = np.arange(256, dtype=np.int64) ^ 0x55
    segment = (code >> 4) & 7
    size = ((code & 0x0F) << 4) + np.where(segment > 0, 0x108, 8)
    size = size << np.maximum(segment - 1, 0)
    samples: NDArray[np.int64] = np.where(code & 0x80, size, -size)
    return samples


ENCODINGS: Final[dict[str, _Table]] = {
    name: (table / 32_768.0).astype(np.float32)
    for name, table in (
        ("signed", _signed()),
        ("unsigned", _unsigned()),
        ("mu-law", _mu_law()),
        ("a-law", _a_law()),
    )
}
"""The sample in [-1, 1) for each byte, by encoding; the first one is Wyoming's own."""


_LEVEL_WEIGHT: Final = 0.05
"""Quiet audio may be smooth in two encodings; in the wrong one it is far from zero."""


class EightBitDecoder:
    """Decodes 8-bit audio of any encoding, in chunks of any size."""

    def __init__(self, decision_bytes: int) -> None:
        """`decision_bytes` is how much audio that is not silent decides on the encoding."""
        self._decision_bytes = decision_bytes
        self._waiting = b""
        self.encoding = ""
        """Empty until it is known."""

    def feed(self, data: bytes) -> NDArray[np.float32]:
        """Take the next bytes, return the samples that are ready."""
        if not self.encoding:
            self._waiting += data
            if len(self._waiting) < self._decision_bytes:
                return np.zeros(0, np.float32)
            data = self._decide()
        return self._decode(data)

    def flush(self) -> NDArray[np.float32]:
        """Return the samples that were held back."""
        return self._decode(self._decide()) if self._waiting else np.zeros(0, np.float32)

    def _decide(self) -> bytes:
        """Choose the encoding, unless all is digital silence; return the waiting bytes."""
        data, self._waiting = self._waiting, b""
        codes = np.frombuffer(data, np.uint8)
        if len(np.unique(codes)) > 1:
            faults = {name: _fault(table[codes]) for name, table in ENCODINGS.items()}
            self.encoding = min(faults, key=faults.__getitem__)
        return data

    def _decode(self, data: bytes) -> NDArray[np.float32]:
        if not self.encoding:
            return np.zeros(len(data), np.float32)
        samples: NDArray[np.float32] = ENCODINGS[self.encoding][np.frombuffer(data, np.uint8)]
        return samples


def _fault(samples: NDArray[np.float32]) -> float:
    jumps, level = np.square(np.diff(samples)).sum(), np.square(samples).sum()
    return float(jumps + _LEVEL_WEIGHT * level)
