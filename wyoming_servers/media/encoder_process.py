"""A child process: 16-bit mono PCM on stdin, a compressed stream on stdout.

    python -m wyoming_servers.media.encoder_process {mp3,aac,flac,opus} RATE

The encoders are large libraries in C that the server itself need not hold. What is encoded leaves
at once, so that a player starts before the last word is made. `encoder` is the other side.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Final

import av
from av.audio import AudioStream

_READ_BYTES: Final = 8_192


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """How a compressed stream is made."""

    container: str
    codec: str
    rate: int | None = None
    """Samples per second; None: those of the input, as far as the codec can."""
    bit_rate: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the container."""


STREAM_FORMATS: Final[Mapping[str, StreamFormat]] = {
    # No tags and no table of contents: both are written at the end, into the beginning.
    "mp3": StreamFormat(
        "mp3", "libmp3lame", None, 96_000, {"write_xing": "0", "id3v2_version": "0"}
    ),
    "aac": StreamFormat("adts", "aac", None, 96_000),
    "flac": StreamFormat("flac", "flac"),
    # A page every 200 ms; a second, as usual, is what the listener would wait for.
    "opus": StreamFormat("ogg", "libopus", 48_000, 48_000, {"page_duration": "200000"}),
}

_MP3_RATES: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


class _PipeWriter:
    """Stdout as PyAV wants it: it can be written and nothing else."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, data: bytes) -> int:
        self._out.write(data)
        self._out.flush()
        return len(data)


def main() -> int:
    """Encode stdin; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("format", choices=STREAM_FORMATS)
    parser.add_argument("rate", type=int)
    arguments = parser.parse_args()
    try:
        encode(
            sys.stdin.buffer, sys.stdout.buffer, STREAM_FORMATS[arguments.format], arguments.rate
        )
    except BrokenPipeError:
        # The listener has left; the interpreter must not try to flush what is left.
        os._exit(0)
    return 0


def encode(source: IO[bytes], target: IO[bytes], chosen: StreamFormat, rate: int) -> None:
    """Encode everything in `source`."""
    out_rate = chosen.rate or (rate if rate in _MP3_RATES else 44_100)
    options = {"flush_packets": "1", **chosen.options}
    with av.open(_PipeWriter(target), "w", format=chosen.container, options=options) as container:
        stream = container.add_stream(chosen.codec, rate=out_rate, layout="mono")
        assert isinstance(stream, AudioStream)  # noqa: S101  (of an audio codec)
        if chosen.bit_rate is not None:
            stream.bit_rate = chosen.bit_rate
        stream.codec_context.open()
        fitting = av.AudioResampler(
            stream.codec_context.format, "mono", out_rate, stream.codec_context.frame_size or 4_096
        )
        while piece := _read(source):
            frame = av.AudioFrame("s16", "mono", len(piece) // 2, align=1)
            frame.planes[0].update(piece)
            frame.rate = rate
            for fitted in fitting.resample(frame):
                container.mux(stream.encode(fitted))
        for fitted in fitting.resample(None):
            container.mux(stream.encode(fitted))
        container.mux(stream.encode(None))


def _read(source: IO[bytes]) -> bytes:
    """Return what is there, whole samples; empty at the end."""
    # `read1` does not wait until the piece is full.
    piece: bytes = source.read1(_READ_BYTES)  # type: ignore[attr-defined]
    if len(piece) % 2:
        piece += source.read(1)
    return piece[: len(piece) - len(piece) % 2]


if __name__ == "__main__":
    sys.exit(main())
