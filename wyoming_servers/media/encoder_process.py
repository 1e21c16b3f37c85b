"""A child process that encodes 16-bit mono PCM: a stream, or a file.

    python -m wyoming_servers.media.encoder_process stream {mp3,aac,flac,opus} RATE
    python -m wyoming_servers.media.encoder_process file {wav,flac,mp3} RATE SAMPLES TARGET

A stream comes on stdin and leaves on stdout at once, so that a player starts before the last word
is synthesized. A file, other than a stream, contains its length: its header is written last.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import av
from av.audio import AudioStream

from wyoming_servers.media.child import ENCODER, confine_child, run_in_background
from wyoming_servers.media.formats import FILE_FORMATS, STREAM_FORMATS, EncodingFormat

_STREAM_READ_BYTES: Final = 8_192
_FILE_READ_BYTES: Final = 64 * 1024


class _PipeWriter:
    """Stdout as PyAV wants it: writable, and not seekable."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, data: bytes) -> int:
        self._out.write(data)
        self._out.flush()
        return len(data)


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    stream = commands.add_parser("stream")
    stream.add_argument("format", choices=STREAM_FORMATS)
    stream.add_argument("rate", type=int)
    file = commands.add_parser("file")
    file.add_argument("format", choices=FILE_FORMATS)
    file.add_argument("rate", type=int)
    file.add_argument("samples", type=Path)
    file.add_argument("target", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "file":
        with arguments.samples.open("rb") as source, arguments.target.open("wb") as target:
            confine_child(ENCODER)
            run_in_background()
            encode_file(source, target, FILE_FORMATS[arguments.format], arguments.rate)
        return 0
    try:
        confine_child(ENCODER)
        stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
        encode_stream(stdin, stdout, STREAM_FORMATS[arguments.format], arguments.rate)
    except BrokenPipeError:
        # The client has disconnected; the interpreter must not try to flush the rest.
        os._exit(0)
    return 0


def encode_stream(
    source: IO[bytes], target: IO[bytes], encoding: EncodingFormat, rate: int
) -> None:
    """Encode everything in `source`, each chunk as soon as it can be read."""
    options = {"flush_packets": "1", **encoding.options}
    chunks = iter(lambda: _read_available(source), b"")
    with av.open(_PipeWriter(target), "w", format=encoding.container, options=options) as container:
        _encode(chunks, container, encoding, rate)


def encode_file(source: IO[bytes], target: IO[bytes], encoding: EncodingFormat, rate: int) -> None:
    """Encode everything in `source` into a seekable file."""
    chunks = iter(lambda: source.read(_FILE_READ_BYTES), b"")
    options = dict(encoding.options)
    with av.open(target, "w", format=encoding.container, options=options) as container:
        _encode(chunks, container, encoding, rate)


def _encode(chunks: Iterator[bytes], container: Any, encoding: EncodingFormat, rate: int) -> None:
    output_rate = encoding.output_rate(rate)
    stream = container.add_stream(encoding.codec, rate=output_rate, layout="mono")
    assert isinstance(stream, AudioStream)  # noqa: S101  (of an audio codec)
    if encoding.bit_rate is not None:
        stream.bit_rate = encoding.bit_rate
    stream.codec_context.open()
    resampler = av.AudioResampler(
        stream.codec_context.format, "mono", output_rate, stream.codec_context.frame_size or 4_096
    )
    for chunk in chunks:
        frame = av.AudioFrame("s16", "mono", len(chunk) // 2, align=1)
        frame.planes[0].update(chunk[: len(chunk) // 2 * 2])
        frame.rate = rate
        for resampled in resampler.resample(frame):
            container.mux(stream.encode(resampled))
    for resampled in resampler.resample(None):
        container.mux(stream.encode(resampled))
    container.mux(stream.encode(None))


def _read_available(source: IO[bytes]) -> bytes:
    """Return what can be read without waiting for more, in whole samples; empty at the end."""
    # `read1` does not wait until the buffer is full.
    chunk: bytes = source.read1(_STREAM_READ_BYTES)  # type: ignore[attr-defined]
    if len(chunk) % 2:
        chunk += source.read(1)
    return chunk[: len(chunk) - len(chunk) % 2]


if __name__ == "__main__":
    sys.exit(main())
