"""Decodes a recording of any format in a child process, as chunks of speech."""

import asyncio
import json
import logging
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import BadRequestError, DeadlineError, InternalError
from wyoming_servers.media.recording_chunker import MAX_CHUNK_SECONDS, RecordingChunk
from wyoming_servers.media.subprocess import describe_exit, kill_and_wait, read_stderr, spawn_child

_LOGGER: Final = logging.getLogger(__name__)

_STALL_TIMEOUT_SECONDS: Final = 300.0
"""Longest time without output; the child reports every ten seconds of recording."""

_MAX_CHUNK_BYTES: Final = SPEECH_FORMAT.bytes_for(2 * MAX_CHUNK_SECONDS)


@dataclass(frozen=True, slots=True)
class RecordingOpened:
    """The recording can be decoded."""

    duration: float | None
    """Seconds, according to the file; None if it does not contain its duration."""


@dataclass(frozen=True, slots=True)
class SilenceSkipped:
    """There is nothing to transcribe before `position`."""

    position: float
    """Seconds from the start of the recording."""


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """The whole recording was decoded."""

    duration: float
    """Seconds."""


RecordingEvent = RecordingOpened | RecordingChunk | SilenceSkipped | RecordingEnded


class RecordingDecoder(Protocol):
    """Opens recordings; `decode_recording` implements it."""

    def __call__(
        self, path: Path, *, skip: float = 0.0, vad: bool = True, max_seconds: float = ...
    ) -> AbstractAsyncContextManager[AsyncIterator[RecordingEvent]]: ...


@asynccontextmanager
async def decode_recording(
    path: Path, *, skip: float = 0.0, vad: bool = True, max_seconds: float = 86_400.0
) -> AsyncIterator[AsyncIterator[RecordingEvent]]:
    """Decode `path` from second `skip` on; the last event is RecordingEnded. Leaving kills the
    child.

    With `vad`, chunks contain speech and end at silences; without, they are 30 s each. Iterating
    raises BadRequestError for a file that cannot be decoded, or that needs more processor time than
    a recording of `max_seconds`, DeadlineError for a child that hangs, InternalError for a fault of
    the decoder.
    """
    arguments = [
        str(path),
        f"--skip={skip}",
        f"--max-seconds={max_seconds}",
        *([] if vad else ["--no-vad"]),
    ]
    process = await spawn_child("decoder_process", *arguments)
    stderr_task = asyncio.create_task(read_stderr(process), name="decoder stderr")
    try:
        yield _events(process, stderr_task)
    finally:
        await kill_and_wait(process)
        stderr_task.cancel()
        await asyncio.wait([stderr_task])


async def _events(
    process: Process, stderr_task: asyncio.Task[str]
) -> AsyncIterator[RecordingEvent]:
    assert process.stdout is not None  # noqa: S101  (a pipe)
    while True:
        event: RecordingEvent | None
        try:
            async with asyncio.timeout(_STALL_TIMEOUT_SECONDS):
                event = await _read_event(process.stdout)
        except asyncio.IncompleteReadError:
            event = None
        except TimeoutError as err:
            raise DeadlineError("The recording took too long to decode.") from err
        if event is None:
            code = await process.wait()
            exit_status = describe_exit(code)
            message = await stderr_task
            _LOGGER.warning("the decoder ended with %s: %s", exit_status, message or "no message")
            if code == -signal.SIGXCPU:
                raise BadRequestError(
                    "The file cannot be decoded: it needs more processor time than the longest "
                    "recording may take.",
                    hint="Send it in parts, or raise jobs.max_duration.",
                )
            raise BadRequestError(
                f"The file cannot be decoded: the decoder ended with {exit_status}.",
                hint="Convert it to a common format, such as WAV or MP3, and send it again.",
            )
        yield event
        if isinstance(event, RecordingEnded):
            return


async def _read_event(stdout: asyncio.StreamReader) -> RecordingEvent | None:
    """Return the next event; None if the output ends instead."""
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
        case "chunk" if entry["bytes"] <= _MAX_CHUNK_BYTES:
            pcm = await stdout.readexactly(entry["bytes"])
            return RecordingChunk(entry["start"], entry["end"], pcm)
        case "error":
            raise BadRequestError(entry["message"], hint=entry["hint"])
        case "failure":
            raise InternalError(f"The decoder failed: {entry['message']}")
    raise InternalError(f"The decoder wrote {line[:80]!r}.")
