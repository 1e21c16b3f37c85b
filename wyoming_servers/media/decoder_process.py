"""A child process: any audio or video file in, chunks of speech out.

    python -m wyoming_servers.media.decoder_process FILE [--max-seconds SECONDS]
        [--skip SECONDS] [--no-vad]

Files come from strangers and decoders have bugs: a crash, a hang or a decompression bomb ends this
process and nothing else. It may open no other file and no network connection: playlists and similar
formats, which make a decoder open other files, find every protocol refused, and the kernel refuses
files and sockets to the whole process (`child.DECODER`). Formats and codecs that recordings do not
have are refused. The output is lines of
JSON, each followed by as many bytes of 16 kHz, 16-bit mono audio as its `bytes` field says:

{"type": "opened", "duration": seconds or null}
{"type": "chunk", "start": s, "end": s, "bytes": n, "position": s}
{"type": "silence", "position": s}       nothing to transcribe before this position
{"type": "end", "duration": s}
{"type": "error", "message": "…", "hint": "…"}     the recording is at fault
{"type": "failure", "message": "…"}                 the decoder is at fault

`position` is where another run can continue with `--skip`. A full pipe makes the process wait, so
memory stays flat however long the recording is. The process exits when its stdin is closed, which
the kernel does if the server dies.
"""

import argparse
import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import av
import av.error
import av.logging

from wyoming_servers.audio.vad import VoiceActivityDetector
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.media.child import confine_child, decoder_policy, run_in_background
from wyoming_servers.media.recording_chunker import (
    FixedLengthChunker,
    RecordingChunk,
    SpeechChunker,
)

_MAX_SECONDS: Final = 86_400.0
"""Length of the longest recording, unless the command line says otherwise."""

_PROGRESS_SECONDS: Final = 10.0
"""Interval of `silence` lines, in seconds of recording without speech."""

_MAX_BROKEN_PACKETS: Final = 1_000
"""Broken packets that are skipped; decoding a file with more fails."""

_FORMATS: Final = (
    *("wav", "w64", "aiff", "caf", "au", "mp3", "flac", "ogg", "aac", "ac3", "eac3", "amr"),
    *("amrnb", "amrwb", "mov", "mp4", "m4a", "matroska", "webm", "avi", "asf", "mpeg", "mpegts"),
)
"""FFmpeg's names of the files that recorders, phones and video tools make. The rest of its 350
formats (games, playlists, devices) is code that nobody needs and that strangers could reach."""

_CODECS: Final = (
    *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_u8"),
    *("pcm_s8", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw"),
    *("adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ms", "gsm", "gsm_ms", "g722", "g726", "speex"),
    *("mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "flac", "alac", "vorbis"),
    *("opus", "libopus", "aac", "aac_fixed", "aac_latm", "ac3", "ac3_fixed", "eac3", "dca"),
    *("amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "wmav1", "wmav2", "wmapro"),
    "wmavoice",
)
"""FFmpeg's names of their audio codecs; video is never decoded."""

_CONTAINER_OPTIONS: Final = {
    "protocol_whitelist": "none",
    "format_whitelist": ",".join(_FORMATS),
    "codec_whitelist": ",".join(_CODECS),
    "max_streams": "64",
}

_OPEN_OPTIONS: Final[dict[str, Any]] = (
    {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
"""Titles in an encoding that is not UTF-8 do no harm: PyAV 19 never fails on them and has no option
for it; older versions fail without it."""


def main() -> int:
    """Decode the file named on the command line; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--skip", type=float, default=0.0)
    parser.add_argument("--max-seconds", type=float, default=_MAX_SECONDS)
    parser.add_argument("--no-vad", action="store_true")
    arguments = parser.parse_args()
    av.logging.set_level(av.logging.PANIC)
    out = sys.stdout.buffer
    try:
        with arguments.file.open("rb") as file:
            detector = None if arguments.no_vad else VoiceActivityDetector()
            # From here on the process reads this file and nothing else.
            confine_child(decoder_policy(arguments.max_seconds))
            run_in_background()
            _decode(file, out, arguments.skip, detector)
    except BrokenPipeError:
        # The server has closed the pipe; the interpreter must not try to flush the rest.
        os._exit(0)
    except Exception as err:  # noqa: BLE001  (the server reports it to the client)
        with contextlib.suppress(BrokenPipeError):
            _write(out, _error_entry(err))
        return 1
    return 0


class _NoAudioError(Exception):
    """Raised when the file has no audio."""


class _UnsupportedError(Exception):
    """Raised with the name of a codec that is not among `_CODECS`."""


def _decode(
    file: IO[bytes], out: IO[bytes], skip: float, detector: VoiceActivityDetector | None
) -> None:
    duration = _duration(file)
    file.seek(0)
    with av.open(file, "r", options=_CONTAINER_OPTIONS, **_OPEN_OPTIONS) as container:
        if not container.streams.audio:
            raise _NoAudioError
        _write(out, {"type": "opened", "duration": duration})
        chunker = SpeechChunker(detector, skip) if detector else FixedLengthChunker(skip)
        bytes_to_skip = SPEECH_FORMAT.bytes_for(skip)
        total = 0
        reported = skip
        for pcm in _samples(container):
            total += len(pcm)
            if bytes_to_skip >= len(pcm):
                bytes_to_skip -= len(pcm)
                continue
            rest, bytes_to_skip = pcm[bytes_to_skip:], 0
            for chunk in chunker.feed(rest):
                _write_chunk(out, chunk)
                reported = chunk.end
            if chunker.position - reported >= _PROGRESS_SECONDS:
                reported = chunker.position
                _write(out, {"type": "silence", "position": reported})
        for chunk in chunker.finish():
            _write_chunk(out, chunk)
        if not total:
            raise _NoAudioError
        _write(out, {"type": "end", "duration": SPEECH_FORMAT.seconds(total)})


def _samples(container: Any) -> Iterator[bytes]:
    """Yield the first audio stream as 16 kHz mono, without broken packets."""
    stream = container.streams.audio[0]
    if stream.codec_context.name not in _CODECS:
        raise _UnsupportedError(f"the codec {stream.codec_context.name} is not supported")
    stream.codec_context.thread_count = 1
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SPEECH_FORMAT.rate)
    broken = 0
    packets = iter(container.demux(stream))
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            frames = packet.decode()
        except (av.error.InvalidDataError, av.error.EOFError):
            broken += 1
            if broken > _MAX_BROKEN_PACKETS:
                raise
            continue
        for frame in frames:
            # Gaps between timestamps would make the resampler raise. Time is counted in samples.
            frame.pts = None
            for resampled in resampler.resample(frame):
                yield bytes(resampled.planes[0])[: resampled.samples * SPEECH_FORMAT.width]
    for resampled in resampler.resample(None):
        yield bytes(resampled.planes[0])[: resampled.samples * SPEECH_FORMAT.width]


def _duration(file: IO[bytes]) -> float | None:
    """Return the duration in the file's header, without decoding; None if there is none."""
    with av.open(file, "r", options=_CONTAINER_OPTIONS, **_OPEN_OPTIONS) as container:
        if not container.streams.audio:
            raise _NoAudioError
        stream = container.streams.audio[0]
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        if container.duration is not None:
            return float(container.duration) / av.time_base
    return None


def _write_chunk(out: IO[bytes], chunk: RecordingChunk) -> None:
    entry = {
        "type": "chunk",
        "start": chunk.start,
        "end": chunk.end,
        "position": chunk.end,
        "bytes": len(chunk.pcm),
    }
    _write(out, entry, chunk.pcm)


def _write(out: IO[bytes], entry: dict[str, Any], payload: bytes = b"") -> None:
    out.write(json.dumps(entry).encode() + b"\n" + payload)
    out.flush()


def _error_entry(err: Exception) -> dict[str, str]:
    message = hint = ""
    if isinstance(err, _NoAudioError):
        message = "The file contains no audio."
        hint = "Send audio, or a video with an audio track."
    elif isinstance(err, MemoryError):
        message = "The file cannot be decoded: it needs too much memory."
        hint = "Convert it to a common format, such as WAV or MP3, and send it again."
    elif isinstance(err, av.error.FFmpegError | _UnsupportedError):
        reason = str(err)
        if isinstance(err, av.error.FFmpegError):
            # FFmpeg's answer to a format that is not on the list.
            unlisted = err.errno == errno.EINVAL
            reason = "this format is not supported" if unlisted else err.strerror or reason
        message = f"The file cannot be decoded: {reason}."
        hint = "Send audio or video in a common format, such as WAV, MP3, M4A, OGG or MP4."
    else:
        return {"type": "failure", "message": f"{type(err).__name__}: {err}"}
    return {"type": "error", "message": message, "hint": hint}


if __name__ == "__main__":
    sys.exit(main())
