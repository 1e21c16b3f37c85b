"""PCM audio: bytes to samples and back, conversion between formats, and chunks of one size.

Samples are float32 in [-1, 1); one-dimensional where mono, (frames, channels) otherwise.
"""

from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from wyoming_servers.audio.eight_bit import EightBitDecoder
from wyoming_servers.core.domain import SPEECH_FORMAT, AudioFormat
from wyoming_servers.core.errors import BadRequestError

Samples = NDArray[np.float32]

DECISION_SECONDS: Final = 0.25
"""Audio from which the encoding of 8-bit samples is found."""

MIN_RATE: Final = 4_000
MAX_RATE: Final = 384_000
MAX_CHANNELS: Final = 32

_FULL_SCALE: Final = 32_768.0


class Converter:
    """Converts PCM of any supported format to 16-bit mono of another rate, in chunks of any size.

    A chunk may end inside a frame or a sample: the remaining bytes wait for the next chunk.
    Raises BadRequestError for a format that cannot be converted.
    """

    def __init__(
        self,
        source: AudioFormat,
        target: AudioFormat = SPEECH_FORMAT,
        *,
        find_encoding: bool = False,
    ) -> None:
        """`find_encoding` is for 8-bit audio of a client, which may be unsigned or compressed."""
        self._eight_bit: EightBitDecoder | None = None
        if find_encoding and source.width == 1:
            self._eight_bit = EightBitDecoder(source.bytes_for(DECISION_SECONDS))
        self._source = check_format(source)
        if (check_format(target).width, target.channels) != (2, 1):
            raise BadRequestError("The target format must be 16-bit mono.")
        self._resampler = Resampler(source.rate, target.rate)
        self._same = source == target
        self._partial = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes, return the converted audio that is ready."""
        data = self._partial + chunk if self._partial else chunk
        whole = len(data) - len(data) % self._source.frame_bytes
        self._partial = data[whole:]
        frames = data if whole == len(data) else data[:whole]
        if self._same or not whole:
            return frames
        return self._convert(
            decode(frames, self._source)
            if self._eight_bit is None
            else self._eight_bit.feed(frames).reshape(-1, self._source.channels)
        )

    def flush(self) -> bytes:
        """Return the audio that was held back, without an incomplete last frame; starts over."""
        self._partial = b""
        if self._same:
            return b""
        rest = b""
        if self._eight_bit is not None:
            rest = self._convert(self._eight_bit.flush().reshape(-1, self._source.channels))
        return rest + to_s16(self._resampler.flush())

    def _convert(self, samples: Samples) -> bytes:
        return to_s16(self._resampler.feed(mix_down(samples)))


def convert(pcm: bytes, source: AudioFormat, target: AudioFormat = SPEECH_FORMAT) -> bytes:
    """Convert a whole recording; call it outside of the event loop for a long one."""
    converter = Converter(source, target)
    return converter.feed(pcm) + converter.flush()


class Resampler:
    """Resamples mono audio in chunks of any length.

    The filter holds back some milliseconds of audio until `flush`, after which it starts over.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        """Rates in Hz."""
        self._stream: soxr.ResampleStream | None = None
        if source_rate != target_rate:
            # HQ takes 10 µs for 10 ms of 48 kHz audio and keeps 90 % of the band.
            self._stream = soxr.ResampleStream(
                source_rate, target_rate, 1, dtype="float32", quality="HQ"
            )

    def feed(self, samples: Samples) -> Samples:
        """Take mono samples, return those that are ready."""
        if self._stream is None or not samples.size:
            return samples
        ready: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples))
        return ready

    def flush(self) -> Samples:
        """Return the samples that the filter held back."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        rest: Samples = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self._stream.clear()
        return rest


class Chunker:
    """Regroups bytes in chunks of any size into chunks of exactly `size` bytes."""

    def __init__(self, size: int) -> None:
        if size <= 0:
            raise ValueError(f"invalid chunk size: {size}")
        self._size = size
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes, return the chunks they complete."""
        data = self._rest + data if self._rest else data
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        return [data[start : start + self._size] for start in range(0, whole, self._size)]

    def flush(self) -> bytes:
        """Return the incomplete last chunk, empty if there is none; starts over."""
        rest, self._rest = self._rest, b""
        return rest


def check_format(audio: AudioFormat) -> AudioFormat:
    """Return the format if it can be converted; raises BadRequestError otherwise.

    Formats come from clients: a rate of 1 Hz or 2**31 channels must fail here, not allocate.
    """
    if not MIN_RATE <= audio.rate <= MAX_RATE:
        raise BadRequestError(
            f"A sample rate of {audio.rate} Hz is not supported.",
            hint=f"Send audio of {MIN_RATE} to {MAX_RATE} Hz, ideally 16000 Hz.",
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
        # As the upper three bytes of a 32-bit number they keep the sign.
        wide = np.zeros((len(pcm) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(pcm, np.uint8).reshape(-1, 3)
        samples = _from_s32(wide.view("<i4").reshape(-1))
    else:
        samples = _from_s32(np.frombuffer(pcm, "<i4"))
    return samples.reshape(-1, audio.channels)


def mix_down(samples: Samples) -> Samples:
    """Turn (frames, channels) into mono by the mean, which cannot clip."""
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
    """Turn mono samples into 16-bit PCM; values beyond full scale are clipped."""
    scaled = np.rint(np.clip(samples, -1.0, 1.0) * _FULL_SCALE)
    whole: NDArray[np.int16] = np.minimum(scaled, _FULL_SCALE - 1.0).astype("<i2")
    return whole.tobytes()


def rms_dbfs(pcm: bytes | memoryview) -> float:
    """Return the RMS level of 16-bit PCM in dBFS; -120 for digital silence and for no audio."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    if not samples.size:
        return -120.0
    power = float(np.dot(samples, samples)) / samples.size / _FULL_SCALE**2
    return max(-120.0, 10.0 * float(np.log10(power + 1e-12)))


def _from_s32(values: NDArray[np.int32]) -> Samples:
    samples: Samples = (values.astype(np.float64) / 2.0**31).astype(np.float32)
    return samples
