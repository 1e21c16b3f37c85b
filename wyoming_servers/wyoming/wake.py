"""Wyoming's wake words: detect, audio-start, audio-chunk … → detection …, not-detected."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Final, Self

from wyoming.event import Event
from wyoming.wake import Detection, NotDetected

from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.protocol.codec import Frame
from wyoming_servers.speech.wake.pipeline import (
    WakeDetectionStream,
    WakePipeline,
    WakePipelineRequest,
)
from wyoming_servers.wyoming import fields
from wyoming_servers.wyoming.session import ClientConnection, DisconnectedError

_MAX_EXACT: Final = 2**53
"""Milliseconds below which every number is exact; `fields` has a word about others."""


class WakeClientSession:
    """Listens to one client's endless audio and tells every wake word in it.

    What `detect` asks for holds until the next `detect`; without one, all words count.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {"detect", "audio-start", "audio-chunk", "audio-stop"}
    )

    def __init__(self, peer: ClientConnection, pipeline: WakePipeline) -> None:
        self._client = peer
        self._pipeline = pipeline
        self.idle = asyncio.Event()
        self.idle.set()
        """Always: a stream has no end, so a server that stops does not wait for it."""
        self._request = WakePipelineRequest(client=peer.name)
        self._refused = False
        """Whether the last `detect` was refused."""
        self._deaf = False
        """Whether the stream was answered by an error: its audio is thrown away."""
        self._format: AudioFormat | None = None
        self._format_fields: tuple[int, int, int] | None = None
        """The same as rate, width and channels."""
        self._stream: WakeDetectionStream | None = None
        self._answer: asyncio.Task[None] | None = None

    @property
    def is_processing(self) -> bool:
        """Never: a client that listens for a wake word sends audio."""
        return False

    def try_handle(self, frame: Frame) -> bool:
        """Take more audio of the stream that is open, in the format it has."""
        listening, known, data = self._stream, self._format, frame.data
        if frame.type != "audio-chunk" or listening is None or known is None or self._deaf:
            return False
        if (data.get("rate"), data.get("width"), data.get("channels")) != self._format_fields:
            return False
        at = data.get("timestamp")
        if at is not None and not (type(at) is int and 0 <= at < _MAX_EXACT):
            return False
        return listening.try_feed(frame.payload, known, at)

    async def handle(self, event: Event) -> None:
        """Take the next event. What it raises ends the stream."""
        match event.type:
            case "detect":
                await self._on_detect(event)
            case "audio-start":
                await self._on_audio_start(event)
            case "audio-chunk":
                await self._on_audio_chunk(event)
            case "audio-stop":
                await self._on_audio_stop()
            case _:
                raise AssertionError(event.type)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close_stream()

    async def _on_detect(self, event: Event) -> None:
        await self._close_stream()
        self._refused = True
        self._deaf = False
        fields.mapping(event.data, "context")
        names = fields.str_list(event.data, "names")
        self._request = WakePipelineRequest(names=names or None, client=self._client.name)
        # The model is called now, the audio follows at once.
        await self._open()
        self._refused = False

    async def _on_audio_start(self, event: Event) -> None:
        if self._refused:
            return
        self._deaf = True
        self._format = fields.audio_format(event.data)
        self._format_fields = None
        self._deaf = False

    async def _on_audio_chunk(self, event: Event) -> None:
        if self._refused or self._deaf:
            return
        listening = self._stream or await self._open()
        try:
            audio = self._format = fields.audio_format(event.data, self._format)
            self._format_fields = (audio.rate, audio.width, audio.channels)
            at = fields.timestamp(event.data)
            await listening.feed(event.payload or b"", audio, at)
        except Exception:
            await self._close_stream()
            self._deaf = True
            raise

    async def _on_audio_stop(self) -> None:
        if self._refused or self._deaf:
            # A bad `detect` stays bad: it is for the client to send another.
            self._deaf = False
            return
        listening = self._stream or await self._open()
        listening.end()
        if self._answer is not None:
            await asyncio.wait([self._answer])

    async def _open(self) -> WakeDetectionStream:
        """Begin a stream and the task that tells what is heard in it."""
        self._deaf = True  # Should it be refused.
        listening = self._pipeline.open(self._request)
        self._deaf = False
        entered = asyncio.Event()
        self._answer = asyncio.create_task(
            self._send_detections(listening, entered), name=f"tell {self._client.name}"
        )
        # Nothing is fed before somebody is there to clean up.
        await entered.wait()
        self._stream = listening
        return listening

    async def _close_stream(self) -> None:
        """End the stream without a word."""
        self._stream = None
        if self._answer is not None:
            await cancel_and_wait(self._answer)
            self._answer = None

    async def _send_detections(
        self, listening: WakeDetectionStream, entered: asyncio.Event
    ) -> None:
        """Send every detection until the stream ends."""
        heard = False
        try:
            async with listening:
                entered.set()
                async for found in listening:
                    heard = True
                    answer = Detection(name=found.word, timestamp=found.timestamp)
                    await self._client.send(answer.event())
                if not heard:
                    await self._client.send(NotDetected().event())
        except DisconnectedError:
            pass  # The reading task sees it too, and ends the connection.
        except Exception as err:  # noqa: BLE001  (`fail` logs it, and the client is told)
            self._deaf = True
            with suppress(DisconnectedError):
                await self._client.fail(err)
        finally:
            if self._stream is listening:
                self._stream = None
