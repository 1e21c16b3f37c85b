"""Bytes of PCM to numpy samples and back.

Samples are float32 in [-1, 1); one-dimensional where mono, (frames, channels) otherwise.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BadRequestError

Samples = NDArray[np.float32]

MIN_RATE: Final = 4_000
MAX_RATE: Final = 384_000
MAX_CHANNELS: Final = 32

_FULL_SCALE: Final = 32_768.0


def check_format(audio: AudioFormat) -> AudioFormat:
    """Return the format if it can be converted; raises BadRequestError otherwise.

    Formats come from clients: a rate of 1 Hz or 2**31 channels must fail here, not allocate.
    """
    if not MIN_RATE <= audio.rate <= MAX_RATE:
        raise BadRequestError(
            f"A sample rate of {audio.rate} Hz is not supported.",
            hint=f"Send between {MIN_RATE} and {MAX_RATE} Hz, best 16000.",
        )
    if audio.width not in (1, 2, 3, 4):
        raise BadRequestError(
            f"Samples of {audio.width} bytes are not supported.", hint="Send 16-bit PCM (width 2)."
        )
    if not 1 <= audio.channels <= MAX_CHANNELS:
        raise BadRequestError(
            f"Audio with {audio.channels} channels is not supported.", hint="Send one channel."
        )
    return audio


def decode(pcm: bytes | memoryview, audio: AudioFormat) -> Samples:
    """Turn whole frames into samples of shape (frames, channels).

    All widths are signed; 24 bit is packed in three bytes.
    """
    samples: Samples
    if audio.width == 2:
        samples = from_s16(pcm)
    elif audio.width == 1:
        samples = np.frombuffer(pcm, np.int8).astype(np.float32) / 128.0
    elif audio.width == 3:
        # The three bytes become the upper ones of a 32-bit number, which keeps the sign.
        wide = np.zeros((len(pcm) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(pcm, np.uint8).reshape(-1, 3)
        samples = _from_s32(wide.view("<i4").reshape(-1))
    else:
        samples = _from_s32(np.frombuffer(pcm, "<i4"))
    return samples.reshape(-1, audio.channels)


def mix_down(samples: Samples) -> Samples:
    """Turn (frames, channels) into mono by the mean, which can not clip."""
    if samples.ndim == 1:
        return samples
    if samples.shape[1] == 1:
        return samples[:, 0]
    mono: Samples = samples.mean(axis=1, dtype=np.float32)
    return mono


def from_s16(pcm: bytes | memoryview) -> Samples:
    """Turn 16-bit mono PCM into samples."""
    samples: Samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    samples /= _FULL_SCALE
    return samples


def to_s16(samples: Samples) -> bytes:
    """Turn mono samples into 16-bit PCM; what is louder than full scale is clipped."""
    scaled = np.rint(samples * _FULL_SCALE)
    whole: NDArray[np.int16] = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1.0).astype("<i2")
    return whole.tobytes()


def rms_dbfs(pcm: bytes | memoryview) -> float:
    """Return the RMS level of 16-bit PCM in dBFS; -120 for digital silence and no audio."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    if not samples.size:
        return -120.0
    power = float(np.dot(samples, samples)) / samples.size / _FULL_SCALE**2
    return max(-120.0, 10.0 * float(np.log10(power + 1e-12)))


def _from_s32(values: NDArray[np.int32]) -> Samples:
    samples: Samples = (values.astype(np.float64) / 2.0**31).astype(np.float32)
    return samples


class Chunker:
    """Bytes in pieces of any size to pieces of exactly `size` bytes."""

    def __init__(self, size: int) -> None:
        if size <= 0:
            raise ValueError(f"a chunk of {size} bytes is not possible")
        self._size = size
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next bytes, return the chunks they complete."""
        data = self._rest + piece if self._rest else piece
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        return [data[start : start + self._size] for start in range(0, whole, self._size)]

    def flush(self) -> bytes:
        """Return the incomplete last chunk, empty if there is none. It can begin anew."""
        rest, self._rest = self._rest, b""
        return rest
