"""Reads a recording of any format through the decoding child process, piece by piece."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import BadRequestError, DeadlineError, InternalError
from wyoming_servers.media.recording_chunker import MAX_CHUNK_SECONDS
from wyoming_servers.media.subprocess import kill_and_wait

_LOGGER: Final = logging.getLogger(__name__)

_STALL_TIMEOUT_SECONDS: Final = 300.0
"""Longest silence of the child; it tells of every ten seconds of recording."""

_MAX_LINE_BYTES: Final = 65_536
_MAX_CHUNK_BYTES: Final = SPEECH_FORMAT.bytes_for(2 * MAX_CHUNK_SECONDS)
_MAX_STDERR_BYTES: Final = 2_000

_PASSED_VARIABLES: Final = (
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "TMPDIR",
)
"""Variables that Python and its libraries are found by."""


@dataclass(frozen=True, slots=True)
class RecordingOpened:
    """The recording can be decoded."""

    duration: float | None
    """Seconds, as the file says; None if it does not."""


@dataclass(frozen=True, slots=True)
class RecordingChunk:
    """Some speech, in seconds from the beginning of the recording."""

    start: float
    end: float
    pcm: bytes
    """16 kHz, 16-bit mono."""


@dataclass(frozen=True, slots=True)
class SilenceSkipped:
    """There is nothing to transcribe up to `position`."""

    position: float


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """The recording is over."""

    duration: float


RecordingEvent = RecordingOpened | RecordingChunk | SilenceSkipped | RecordingEnded


class RecordingDecoder(Protocol):
    """What opens recordings; `open_recording` is one."""

    def __call__(
        self, path: Path, *, skip: float = 0.0, vad: bool = True
    ) -> AbstractAsyncContextManager[AsyncIterator[RecordingEvent]]: ...


@asynccontextmanager
async def decode_recording(
    path: Path, *, skip: float = 0.0, vad: bool = True
) -> AsyncIterator[AsyncIterator[RecordingEvent]]:
    """Decode `path` from `skip` seconds on; the parts end with Ended. Leaving kills the child.

    Iterating raises BadRequestError for a file that cannot be decoded, DeadlineError for a child
    that says nothing any more.
    """
    command = [
        sys.executable,
        "-m",
        "wyoming_servers.media.decoder_process",
        str(path),
        f"--skip={skip}",
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        *([] if vad else ["--no-vad"]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_MAX_LINE_BYTES,
        env=_environment(),
        start_new_session=True,
    )
    assert process.stderr is not None  # noqa: S101  (asked for above)
    grumbling = asyncio.create_task(_read_stderr(process.stderr), name="decoder's stderr")
    try:
        yield _events(process, grumbling)
    finally:
        await kill_and_wait(process)
        grumbling.cancel()
        await asyncio.wait([grumbling])


async def _events(
    process: asyncio.subprocess.Process, grumbling: asyncio.Task[str]
) -> AsyncIterator[RecordingEvent]:
    assert process.stdout is not None  # noqa: S101  (asked for by the caller)
    while True:
        part: RecordingEvent | None
        try:
            async with asyncio.timeout(_STALL_TIMEOUT_SECONDS):
                part = await _read_event(process.stdout)
        except asyncio.IncompleteReadError:
            part = None
        except TimeoutError as err:
            raise DeadlineError("The recording took too long to decode.") from err
        if part is None:
            code = await process.wait()
            said = await grumbling
            _LOGGER.warning(
                "the decoder ended with %s: %s", _describe_exit(code), said or "no word"
            )
            raise BadRequestError(
                f"The file cannot be decoded: the decoder ended with {_describe_exit(code)}.",
                hint="Convert it to a usual format, such as WAV or MP3, and send it again.",
            )
        yield part
        if isinstance(part, RecordingEnded):
            return


async def _read_event(stdout: asyncio.StreamReader) -> RecordingEvent | None:
    line = await stdout.readline()
    if not line.endswith(b"\n"):
        return None
    entry: dict[str, Any] = json.loads(line)
    match entry["type"]:
        case "opened":
            return RecordingOpened(entry["duration"])
        case "silence":
            return SilenceSkipped(entry["position"])
        case "end":
            return RecordingEnded(entry["duration"])
        case "piece" if entry["bytes"] <= _MAX_CHUNK_BYTES:
            return RecordingChunk(
                entry["start"], entry["end"], await stdout.readexactly(entry["bytes"])
            )
        case "error":
            raise BadRequestError(entry["message"], hint=entry["hint"])
    raise InternalError(f"The decoder wrote {line[:80]!r}.")


async def _read_stderr(stderr: asyncio.StreamReader) -> str:
    """Read to the end, so that the child never waits; return the last of it."""
    said = b""
    while piece := await stderr.read(_MAX_STDERR_BYTES):
        said = (said + piece)[-_MAX_STDERR_BYTES:]
    return said.decode(errors="replace").strip()


def _environment() -> dict[str, str]:
    """Return what the child needs and no more: whoever takes it over finds no secret there.

    One thread is enough, and on a machine with many processors their stacks and buffers alone
    would fill the address space that the child allows itself.
    """
    kept = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name
