"""Reads and writes whole WAV files, up to a size."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from wyoming_servers.audio import pcm as codec
from wyoming_servers.audio.pcm import convert
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    AudioFormat,
)
from wyoming_servers.core.errors import BadRequestError

MAX_BYTES: Final = 512 * 1024 * 1024
"""Largest file that is read: 4.6 hours of 16 kHz speech."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN_SIZE: Final = 0xFFFF_FFFF
"""Length in the header of a stream, whose length is unknown when it starts."""


@dataclass(frozen=True, slots=True)
class Wav:
    """A recording in memory."""

    format: AudioFormat
    pcm: bytes
    """Whole frames, signed."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.format.seconds(len(self.pcm))

    def speech(self) -> bytes:
        """Return the audio in the format of speech-to-text and wake words: 16 kHz, 16 bit, mono."""
        return convert(self.pcm, self.format, SPEECH_FORMAT)

    def render(self) -> bytes:
        """Return the bytes of a WAV file."""
        data = self.pcm
        if self.format.width == 1:
            data = _flip_sign(data)  # 8-bit WAV alone is unsigned
        return header(self.format, len(data)) + data + bytes(len(data) % 2)


def header(audio: AudioFormat, size: int | None = None) -> bytes:
    """Return the 44 bytes before the samples; without `size`, for a stream of unknown length."""
    length = _UNKNOWN_SIZE if size is None else size
    riff = _UNKNOWN_SIZE if size is None else size + size % 2 + 36
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        riff,
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        audio.channels,
        audio.rate,
        audio.rate * audio.frame_bytes,
        audio.frame_bytes,
        audio.width * 8,
        b"data",
        length,
    )


def parse(data: bytes) -> Wav:
    """Parse a WAV file: PCM of 8 to 32 bit, or 32-bit and 64-bit float, which become 16 bit.

    A truncated file, or one without a length, is read as far as it goes. Raises BadRequestError.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise BadRequestError("This is not a WAV file.", hint="Convert it with ffmpeg or sox.")
    layout: tuple[int, AudioFormat] | None = None
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + size]
        if name == b"fmt ":
            layout = _layout(body)
        elif name == b"data":
            if layout is None:
                break
            return _samples(body, *layout)
        position += 8 + size + size % 2
    raise BadRequestError("The WAV file contains no audio.")


def read(path: Path, max_bytes: int = MAX_BYTES) -> Wav:
    """Read a WAV file. Raises BadRequestError if it is invalid or too large, and OSError."""
    size = path.stat().st_size
    if size > max_bytes:
        raise BadRequestError(
            f"{path.name} has {size} bytes; at most {max_bytes} are read at once.",
            hint="Split it into shorter files.",
        )
    return parse(path.read_bytes())


def write(path: Path, recording: Wav) -> None:
    """Write a WAV file."""
    path.write_bytes(recording.render())


def _layout(chunk: bytes) -> tuple[int, AudioFormat]:
    """Return the encoding (PCM or float) and the format of a `fmt ` chunk."""
    if len(chunk) < 16:
        raise BadRequestError("The WAV file's header is damaged.")
    encoding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if encoding == _EXTENSIBLE and len(chunk) >= 26:
        (encoding,) = struct.unpack_from("<H", chunk, 24)
    if encoding == _FLOAT and bits in (32, 64):
        codec.check_format(AudioFormat(rate, 4, channels))
    elif encoding == _PCM and bits % 8 == 0:
        codec.check_format(AudioFormat(rate, bits // 8, channels))
    else:
        raise BadRequestError(
            f"The WAV file is compressed (encoding {encoding}, {bits} bit).",
            hint="Convert it to 16-bit PCM with ffmpeg or sox.",
        )
    return encoding, AudioFormat(rate, bits // 8, channels)


def _samples(body: bytes, encoding: int, audio: AudioFormat) -> Wav:
    body = body[: len(body) - len(body) % audio.frame_bytes]
    if encoding == _FLOAT:
        with np.errstate(over="ignore"):  # Becomes infinite, which is clipped.
            samples = np.frombuffer(body, f"<f{audio.width}").astype(np.float32)
        clean = np.nan_to_num(samples, posinf=1.0, neginf=-1.0)
        return Wav(AudioFormat(audio.rate, 2, audio.channels), codec.to_s16(clean))
    return Wav(audio, _flip_sign(body) if audio.width == 1 else body)


def _flip_sign(data: bytes) -> bytes:
    """Convert unsigned 8-bit samples to signed ones and back, by half of the range."""
    return (np.frombuffer(data, np.uint8) ^ 0x80).tobytes()
