"""PCM to what players want, piece by piece: raw, WAV, or compressed by the encoding process."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Final, Self

from wyoming_servers.audio.resample import Converter
from wyoming_servers.audio.wav import header
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import InternalError
from wyoming_servers.media.subprocess import kill_and_wait

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Every format there is, with its name on the web."""

PCM_FORMAT: Final = AudioFormat(rate=24_000)
"""What `pcm` is to OpenAI's clients, which are told no rate."""

_READ_BYTES: Final = 16_384


class StreamEncoder:
    """One stream in one of `MEDIA_TYPES`; use it with `async with`.

    The samples are read from an iterator in the background; what they become comes out of
    `async for`. An error of the iterator is raised there, after what was encoded before it.
    """

    def __init__(self, name: str, samples: AsyncIterator[bytes], audio: AudioFormat) -> None:
        """`samples` is 16-bit mono PCM of `audio`'s rate."""
        self._name = name
        self._samples = samples
        self._audio = audio
        self._process: asyncio.subprocess.Process | None = None
        self._feed_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._name not in ("wav", "pcm"):
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "wyoming_servers.media.encoder_process"),
                *(self._name, str(self._audio.rate)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            self._feed_task = asyncio.create_task(self._feed(self._process), name="encoder's input")
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
                self._feed_task.exception()  # raised to whoever iterates; seen here

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._process is not None:
            async for piece in self._encoded(self._process):
                yield piece
        elif self._name == "wav":
            yield header(self._audio)
            async for piece in self._samples:
                yield piece
        else:
            converter = Converter(self._audio, PCM_FORMAT)
            async for piece in self._samples:
                yield converter.feed(piece)
            yield converter.flush()

    async def _encoded(self, process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
        assert process.stdout is not None  # noqa: S101  (asked for)
        assert self._feed_task is not None  # noqa: S101  (begun with the process)
        while piece := await process.stdout.read(_READ_BYTES):
            yield piece
        await self._feed_task
        if code := await process.wait():
            raise InternalError(f"The {self._name} encoder ended with {code}.")

    async def _feed(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101  (asked for)
        try:
            async for piece in self._samples:
                process.stdin.write(piece)
                await process.stdin.drain()
        except ConnectionError as err:
            raise InternalError(f"The {self._name} encoder has left.") from err
        finally:
            process.stdin.close()
