"""Wake words over Wyoming: detect, audio-start, audio-chunk … → detection …, not-detected."""

import asyncio
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import ClassVar, Self

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
from wyoming_servers.wyoming.session import (
    MAX_EXACT,
    ClientConnection,
    DisconnectedError,
    client_label,
    optional_mapping,
    optional_str_list,
    optional_timestamp,
    parse_audio_format,
)


class _Phase(Enum):
    """What the session does with the next audio."""

    ACCEPTING = auto()
    """Audio goes to the stream, or opens one."""
    DISCARDING = auto()
    """An error answered the stream: audio is discarded until `audio-start` or `audio-stop`."""
    REFUSED = auto()
    """An error answered the last `detect`: audio is discarded until the next one."""


class WakeClientSession:
    """Sends a client every wake word that is detected in its endless audio.

    A name that is not installed is answered by an `error`; the others are detected nevertheless.
    The options of `detect` hold until the next `detect`; without one, all words are detected.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {"detect", "audio-start", "audio-chunk", "audio-stop"}
    )

    def __init__(self, client: ClientConnection, pipeline: WakePipeline) -> None:
        self._client = client
        self._pipeline = pipeline
        self.idle = asyncio.Event()
        self.idle.set()
        """Always set: a stream has no end, so a server that stops does not wait for it."""
        self._request = WakePipelineRequest(client=client.name)
        self._phase = _Phase.ACCEPTING
        self._format: AudioFormat | None = None
        self._format_fields: tuple[int, int, int] | None = None
        """Rate, width and channels of `_format`, for a fast comparison."""
        self._stream: WakeDetectionStream | None = None
        self._answer: asyncio.Task[None] | None = None

    @property
    def is_processing(self) -> bool:
        """Never: a client that waits for a wake word keeps sending audio."""
        return False

    @property
    def has_request(self) -> bool:
        """Whether a stream of audio is open."""
        return self._stream is not None

    @property
    def held_bytes(self) -> int:
        """Bytes of audio that wait for the models."""
        return 0 if self._stream is None else self._stream.held_bytes

    def try_handle(self, frame: Frame) -> bool:
        """Feed more audio of the open stream, in its format."""
        stream, known, data = self._stream, self._format, frame.data
        if (
            frame.type != "audio-chunk"
            or stream is None
            or known is None
            or self._phase is not _Phase.ACCEPTING
        ):
            return False
        if (data.get("rate"), data.get("width"), data.get("channels")) != self._format_fields:
            return False
        timestamp = data.get("timestamp")
        if timestamp is not None and not (type(timestamp) is int and 0 <= timestamp < MAX_EXACT):
            return False
        return stream.try_feed(frame.payload, known, timestamp)

    async def handle(self, event: Event) -> None:
        """Handle the next event. An exception ends the stream."""
        match event.type:
            case "detect":
                await self._on_detect(event)
            case "audio-start":
                self._on_audio_start(event)
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
        self._phase = _Phase.REFUSED  # until the request is accepted
        context = optional_mapping(event.data, "context")
        names = optional_str_list(event.data, "names")
        client = client_label(self._client.name, context)
        self._request = WakePipelineRequest(names=names or None, client=client)
        # The model is requested now; the audio follows at once.
        await self._open()
        if self._stream is not None and self._stream.error is not None:
            await self._client.fail(self._stream.error)

    def _on_audio_start(self, event: Event) -> None:
        if self._phase is _Phase.REFUSED:
            return
        self._phase = _Phase.DISCARDING  # until the format is accepted
        self._format = parse_audio_format(event.data)
        self._format_fields = None
        self._phase = _Phase.ACCEPTING

    async def _on_audio_chunk(self, event: Event) -> None:
        stream = await self._stream_for_audio()
        if stream is None:
            return
        try:
            audio = self._format = parse_audio_format(event.data, self._format)
            self._format_fields = (audio.rate, audio.width, audio.channels)
            timestamp = optional_timestamp(event.data)
            await stream.feed(event.payload or b"", audio, timestamp)
        except Exception:
            await self._close_stream()
            self._phase = _Phase.DISCARDING
            raise

    async def _on_audio_stop(self) -> None:
        if self._phase is _Phase.DISCARDING:
            self._phase = _Phase.ACCEPTING
            return
        stream = await self._stream_for_audio()
        if stream is None:
            return
        stream.end()
        if self._answer is not None:
            await asyncio.wait([self._answer])

    async def _stream_for_audio(self) -> WakeDetectionStream | None:
        """Return the open stream, or a new one; None while audio is discarded."""
        if self._phase is not _Phase.ACCEPTING:
            return None
        if self._stream is None:
            self._phase = _Phase.DISCARDING  # until the request is accepted
            await self._open()
        return self._stream

    async def _open(self) -> None:
        """Open a stream and start the task that sends its detections. Raises if it is refused."""
        stream = self._pipeline.open(self._request)
        self._phase = _Phase.ACCEPTING
        entered = asyncio.Event()
        answer = self._answer = asyncio.create_task(
            self._send_detections(stream, entered), name=f"wake detections {self._client.name}"
        )
        answer.add_done_callback(lambda _: entered.set())
        # Audio is fed only once the task is there to clean up.
        await entered.wait()
        if not answer.done():
            self._stream = stream

    async def _close_stream(self) -> None:
        """End the stream without an answer."""
        self._stream = None
        if self._answer is not None:
            await cancel_and_wait(self._answer)
            self._answer = None

    async def _send_detections(self, stream: WakeDetectionStream, entered: asyncio.Event) -> None:
        """Send every detection until the stream ends."""
        detected = False
        try:
            async with stream:
                entered.set()
                async for found in stream:
                    detected = True
                    answer = Detection(
                        name=found.word, timestamp=found.timestamp, speaker=found.speaker or None
                    )
                    await self._client.send(answer.event())
                if not detected:
                    await self._client.send(NotDetected().event())
        except DisconnectedError:
            pass  # The reading task notices it as well and ends the connection.
        except Exception as err:  # noqa: BLE001  (`fail` logs and sends it)
            self._phase = _Phase.DISCARDING
            with suppress(DisconnectedError):
                await self._client.fail(err)
        finally:
            if self._stream is stream:
                self._stream = None
