"""A child process, and the other side of it: samples in a file to a WAV, FLAC or MP3 file.

    python -m wyoming_servers.jobs.render SAMPLES RATE TARGET {wav,flac,mp3}

A file, other than a stream, can say how long it is: its head is written last.
"""

import argparse
import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import IO, Final

import av
from av.audio import AudioStream

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import DeadlineError, InternalError
from wyoming_servers.jobs.files import PARTIAL_SUFFIX
from wyoming_servers.jobs.job import JobAudioFormat

_NICE: Final = 10
"""Live speech goes first on the processor as well."""

_READ_BYTES: Final = 64 * 1024
_MIN_TIMEOUT_SECONDS: Final = 60.0
"""For the start of the process; beyond that, encoding is faster than listening everywhere."""

_CODECS: Final = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame"}
_CONTAINER_OPTIONS: Final = {
    # Beyond 4 GB a WAV file needs another head.
    "wav": {"rf64": "auto"},
    "flac": {},
    "mp3": {},
}
_MP3_BITS: Final = 96_000
_MP3_RATES: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


async def write_audio_file(
    samples: Path, audio: AudioFormat, target: Path, name: JobAudioFormat
) -> None:
    """Write 16-bit mono samples as a file, whole or not at all. Leaving early kills the child.

    Raises InternalError with what the child said, DeadlineError.
    """
    part = target.with_name(target.name + PARTIAL_SUFFIX)
    size = (await asyncio.to_thread(samples.stat)).st_size
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wyoming_servers.jobs.render"),
        *(str(samples), str(audio.rate), str(part), name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None  # noqa: S101  (asked for)
    try:
        async with asyncio.timeout(_MIN_TIMEOUT_SECONDS + audio.seconds(size)):
            said = await process.stderr.read()
            code = await process.wait()
    except TimeoutError as err:
        raise DeadlineError(f"The {name} file took too long to write.") from err
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        reason = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise InternalError(f"The {name} file could not be written: {reason or code}.")
    await asyncio.to_thread(part.replace, target)


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("samples", type=Path)
    parser.add_argument("rate", type=int)
    parser.add_argument("target", type=Path)
    parser.add_argument("format", choices=_CODECS)
    arguments = parser.parse_args()
    os.nice(_NICE)
    threading.Thread(target=_exit_with_parent, name="parent", daemon=True).start()
    with arguments.samples.open("rb") as source, arguments.target.open("wb") as target:
        _write(source, arguments.rate, target, arguments.format)
    return 0


def _write(source: IO[bytes], rate: int, target: IO[bytes], name: str) -> None:
    out_rate = rate if name != "mp3" or rate in _MP3_RATES else 44_100
    with av.open(target, "w", format=name, options=_CONTAINER_OPTIONS[name]) as container:
        stream = container.add_stream(_CODECS[name], rate=out_rate, layout="mono")
        assert isinstance(stream, AudioStream)  # noqa: S101  (of an audio codec)
        if name == "mp3":
            stream.bit_rate = _MP3_BITS
        stream.codec_context.open()
        fitting = av.AudioResampler(
            stream.codec_context.format, "mono", out_rate, stream.codec_context.frame_size or 4_096
        )
        while piece := source.read(_READ_BYTES):
            frame = av.AudioFrame("s16", "mono", len(piece) // 2, align=1)
            frame.planes[0].update(piece[: len(piece) // 2 * 2])
            frame.rate = rate
            for fitted in fitting.resample(frame):
                container.mux(stream.encode(fitted))
        for fitted in fitting.resample(None):
            container.mux(stream.encode(fitted))
        container.mux(stream.encode(None))


def _exit_with_parent() -> None:
    # Not sys.stdin: a thread that holds its lock would make the interpreter's own end a crash.
    while os.read(0, 4_096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
