"""Encodes samples: a stream for a client that plays it as it comes, or a file."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from wyoming_servers.audio.pcm import Converter
from wyoming_servers.audio.wav import header
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import DeadlineError, InternalError
from wyoming_servers.core.files import publish_file
from wyoming_servers.media.formats import AudioFileFormat
from wyoming_servers.media.subprocess import kill_and_wait, read_stderr, spawn_child

PCM_FORMAT: Final = AudioFormat(rate=24_000)
"""Format of `pcm` streams: OpenAI's clients expect it, since the stream has no header."""

_PROCESS: Final = "encoder_process"
_READ_BYTES: Final = 16_384

_MIN_TIMEOUT_SECONDS: Final = 60.0
"""For the start of the child; beyond that, any machine encodes faster than real time."""


class StreamEncoder:
    """Encodes one stream in one of `MEDIA_TYPES`; use it with `async with`, then `async for`.

    A task reads the samples from an iterator; iterating the encoder yields encoded bytes. An error
    of the samples' iterator is raised there, after what was encoded before it.
    """

    def __init__(self, name: str, samples: AsyncIterator[bytes], audio: AudioFormat) -> None:
        """`samples` is 16-bit mono PCM at the rate of `audio`."""
        self._name = name
        self._samples = samples
        self._audio = audio
        self._process: Process | None = None
        self._feed_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._name not in ("wav", "pcm"):
            arguments = ("stream", self._name, str(self._audio.rate))
            self._process = await spawn_child(_PROCESS, *arguments, errors=False)
            self._feed_task = asyncio.create_task(self._feed(self._process), name="encoder input")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            await kill_and_wait(self._process)
        if self._feed_task is not None:
            self._feed_task.cancel()
            await asyncio.wait([self._feed_task])
            if not self._feed_task.cancelled():
                # `__aiter__` has raised it; asking for it here only keeps asyncio from logging it.
                self._feed_task.exception()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._process is not None:
            async for encoded in self._encoded(self._process):
                yield encoded
        elif self._name == "wav":
            yield header(self._audio)
            async for pcm in self._samples:
                yield pcm
        else:
            converter = Converter(self._audio, PCM_FORMAT)
            async for pcm in self._samples:
                yield converter.feed(pcm)
            yield converter.flush()

    async def _encoded(self, process: Process) -> AsyncIterator[bytes]:
        assert process.stdout is not None  # noqa: S101  (a pipe)
        assert self._feed_task is not None  # noqa: S101  (started with the process)
        while encoded := await process.stdout.read(_READ_BYTES):
            yield encoded
        await self._feed_task
        if code := await process.wait():
            raise InternalError(f"The {self._name} encoder failed with exit code {code}.")

    async def _feed(self, process: Process) -> None:
        assert process.stdin is not None  # noqa: S101  (a pipe)
        try:
            async for pcm in self._samples:
                process.stdin.write(pcm)
                await process.stdin.drain()
        except ConnectionError as err:
            raise InternalError(f"The {self._name} encoder exited too early.") from err
        finally:
            process.stdin.close()


async def encode_file(
    samples: Path, audio: AudioFormat, target: Path, file_format: AudioFileFormat, partial: Path
) -> None:
    """Encode a file of 16-bit mono samples; `target` appears complete or not at all.

    `partial` is the path of the unfinished file, in the folder of `target`. Cancelling kills the
    child. Raises InternalError with the child's message, DeadlineError.
    """
    size = (await asyncio.to_thread(samples.stat)).st_size
    arguments = ("file", file_format, str(audio.rate), str(samples), str(partial))
    process = await spawn_child(_PROCESS, *arguments, output=False)
    try:
        async with asyncio.timeout(_MIN_TIMEOUT_SECONDS + audio.seconds(size)):
            message = await read_stderr(process)
            code = await process.wait()
    except TimeoutError as err:
        raise DeadlineError(f"Encoding the {file_format} file took too long.") from err
    finally:
        await kill_and_wait(process)
    if code:
        reason = message.rpartition("\n")[2]
        raise InternalError(f"The {file_format} file could not be written: {reason or code}.")
    await asyncio.to_thread(publish_file, partial, target)
