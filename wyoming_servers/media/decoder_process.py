"""A child process: any audio or video file in, pieces of speech out.

    python -m wyoming_servers.media.decoder_process FILE [--skip SECONDS] [--no-vad]

Files come from strangers and decoders have bugs: a crash, a hang or a bomb ends this process and
nothing else. It may open no file but the one it was given and no network: playlists and the like,
which make a decoder open other files, find every protocol refused. It writes lines of JSON, each
followed by as many bytes of 16 kHz, 16-bit mono audio as its `bytes` says:

{"type": "opened", "duration": seconds or null}
{"type": "piece", "start": s, "end": s, "bytes": n, "position": s}
{"type": "silence", "position": s}       nothing to transcribe up to there
{"type": "end", "duration": s}
{"type": "error", "message": "…", "hint": "…"}

`position` is where another run can go on with `--skip`. A full pipe makes it wait, so memory stays
flat however long the recording is; it ends when its stdin is closed, which the kernel does if the
server dies.
"""

import argparse
import contextlib
import json
import os
import resource
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import av
import av.error
import av.logging

from wyoming_servers.audio.vad import VoiceActivityDetector
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.media.recording_chunker import Cut, FixedLengthChunker, SpeechChunker

_MAX_ADDRESS_SPACE: Final = 3 * 1024**3
"""Address space; far above what decoding takes, far below what hurts."""

_NICE: Final = 10
"""Live speech goes first on the processor as well."""

_PROGRESS_SECONDS: Final = 10.0
"""Of recording without speech, after which a line says how far it is."""

_MAX_BROKEN_PACKETS: Final = 1_000
"""Broken packets that are skipped; a file with more is not a recording."""

_CONTAINER_OPTIONS: Final = {"protocol_whitelist": "none", "max_streams": "64"}


def main() -> int:
    """Decode the file named on the command line; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--skip", type=float, default=0.0)
    parser.add_argument("--no-vad", action="store_true")
    arguments = parser.parse_args()
    _limit_resources()
    threading.Thread(target=_exit_with_parent, name="parent", daemon=True).start()
    av.logging.set_level(av.logging.PANIC)
    out = sys.stdout.buffer
    try:
        with arguments.file.open("rb") as file:
            _decode(file, out, arguments.skip, vad=not arguments.no_vad)
    except BrokenPipeError:
        # Nobody reads any more; the interpreter must not try to flush what is left.
        os._exit(0)
    except Exception as err:  # noqa: BLE001  (whatever it was, the reader is told)
        with contextlib.suppress(BrokenPipeError):
            _write(out, {"type": "error", **_error_entry(err)})
        return 1
    return 0


class _NoAudioError(Exception):
    """Raised when the file has nothing to hear."""


def _decode(file: IO[bytes], out: IO[bytes], skip: float, *, vad: bool) -> None:
    duration = _duration(file)
    file.seek(0)
    with av.open(file, "r", options=_CONTAINER_OPTIONS, metadata_errors="ignore") as container:
        if not container.streams.audio:
            raise _NoAudioError
        _write(out, {"type": "opened", "duration": duration})
        cutter = SpeechChunker(VoiceActivityDetector(), skip) if vad else FixedLengthChunker(skip)
        left = SPEECH_FORMAT.bytes_for(skip)
        total = 0
        told = skip
        for pcm in _samples(container):
            total += len(pcm)
            if left >= len(pcm):
                left -= len(pcm)
                continue
            piece, left = pcm[left:], 0
            for cut in cutter.feed(piece):
                _write_chunk(out, cut)
                told = cut.end
            if cutter.position - told >= _PROGRESS_SECONDS:
                told = cutter.position
                _write(out, {"type": "silence", "position": told})
        for cut in cutter.finish():
            _write_chunk(out, cut)
        if not total:
            raise _NoAudioError
        _write(out, {"type": "end", "duration": SPEECH_FORMAT.seconds(total)})


def _samples(container: Any) -> Iterator[bytes]:
    """Yield the first audio stream as 16 kHz mono; broken packets are left out."""
    stream = container.streams.audio[0]
    stream.codec_context.thread_count = 1
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SPEECH_FORMAT.rate)
    faults = 0
    packets = iter(container.demux(stream))
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            frames = packet.decode()
        except (av.error.InvalidDataError, av.error.EOFError):
            faults += 1
            if faults > _MAX_BROKEN_PACKETS:
                raise
            continue
        for frame in frames:
            # Timestamps with gaps would make the resampler raise; time is counted in samples.
            frame.pts = None
            for ready in resampler.resample(frame):
                yield bytes(ready.planes[0])[: ready.samples * SPEECH_FORMAT.width]
    for ready in resampler.resample(None):
        yield bytes(ready.planes[0])[: ready.samples * SPEECH_FORMAT.width]


def _duration(file: IO[bytes]) -> float | None:
    """Return how long the recording says it is, without decoding it; None if it does not."""
    with av.open(file, "r", options=_CONTAINER_OPTIONS, metadata_errors="ignore") as container:
        if not container.streams.audio:
            raise _NoAudioError
        stream = container.streams.audio[0]
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        if container.duration is not None:
            return float(container.duration) / av.time_base
    return None


def _write_chunk(out: IO[bytes], cut: Cut) -> None:
    _write(
        out,
        {
            "type": "piece",
            "start": cut.start,
            "end": cut.end,
            "position": cut.end,
            "bytes": len(cut.pcm),
        },
        cut.pcm,
    )


def _write(out: IO[bytes], line: dict[str, Any], payload: bytes = b"") -> None:
    out.write(json.dumps(line).encode() + b"\n" + payload)
    out.flush()


def _error_entry(err: Exception) -> dict[str, str]:
    if isinstance(err, _NoAudioError):
        return {
            "message": "The file has no sound in it.",
            "hint": "Send audio, or a video with it.",
        }
    if isinstance(err, av.error.FFmpegError):
        reason = err.strerror or type(err).__name__
        return {
            "message": f"The file cannot be decoded: {reason}.",
            "hint": "Send audio or video in a usual format, such as WAV, MP3, M4A, OGG or MP4.",
        }
    return {"message": f"The file cannot be decoded: {type(err).__name__}: {err}", "hint": ""}


def _limit_resources() -> None:
    os.nice(_NICE)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MAX_ADDRESS_SPACE if most == resource.RLIM_INFINITY else min(_MAX_ADDRESS_SPACE, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _exit_with_parent() -> None:
    # Not sys.stdin: a thread that holds its lock would make the interpreter's own end a crash.
    while os.read(0, 4_096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
