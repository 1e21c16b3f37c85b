"""Text to speech over Wyoming: synthesize, whole or streamed → audio-start, chunks, audio-stop."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import ClassVar, Self

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeStart, SynthesizeStopped, SynthesizeTextFormat

from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.core.errors import BadRequestError, ConductorError
from wyoming_servers.speech.tts.pipeline import (
    SynthesisStream,
    TtsPipeline,
    TtsRequest,
    end_ssml,
    feed_ssml,
)
from wyoming_servers.speech.tts.synthesis import HELD_BYTES
from wyoming_servers.text.ssml import SsmlParser
from wyoming_servers.wyoming.session import (
    ClientConnection,
    DisconnectedError,
    client_label,
    optional_float,
    optional_mapping,
    optional_str,
    require_str,
)


class _Phase(Enum):
    """What the session does with the next event."""

    IDLE = auto()
    """The next text starts."""
    RECEIVING = auto()
    """The chunks of a streamed text go to the open stream."""
    DISCARDING = auto()
    """An error answered the streamed text: the rest of it is discarded until its end."""
    SYNTHESIZING = auto()
    """A complete text is being synthesized."""


@dataclass(slots=True)
class _TextStream:
    """A text that arrives in chunks."""

    synthesis: SynthesisStream
    ssml: SsmlParser | None
    """Set if the text is SSML."""
    task: asyncio.Task[None]

    def feed(self, text: str) -> None:
        if self.ssml is None:
            self.synthesis.feed(text)
        else:
            feed_ssml(self.synthesis, self.ssml.events(text))

    def end(self) -> None:
        if self.ssml is not None:
            feed_ssml(self.synthesis, self.ssml.events("", complete=True))
        self.synthesis.end()


class TtsClientSession:
    """Synthesizes the texts of one client, one after the other.

    A text is answered by audio in one format, or by an `error`. Neither `audio-stop` nor
    `synthesize-stopped` follows an error, because clients keep the audio as complete then.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {"synthesize", "synthesize-start", "synthesize-chunk", "synthesize-stop"}
    )

    def __init__(self, client: ClientConnection, pipeline: TtsPipeline) -> None:
        self._client = client
        self._pipeline = pipeline
        self.idle = asyncio.Event()
        self.idle.set()
        self._phase = _Phase.IDLE
        self._stream: _TextStream | None = None
        """The streamed text, in the phase RECEIVING."""

    @property
    def is_processing(self) -> bool:
        """Whether a text is complete and its audio not sent yet."""
        return self._phase is _Phase.SYNTHESIZING

    @property
    def has_request(self) -> bool:
        """Whether a text is open."""
        return not self.idle.is_set()

    @property
    def held_bytes(self) -> int:
        """What the audio of the open text may take; the text itself is short."""
        return 0 if self.idle.is_set() else HELD_BYTES

    async def handle(self, event: Event) -> None:
        """Handle the next event. An exception is the answer to the open text."""
        match event.type:
            case "synthesize":
                # Inside a stream it repeats the text, for servers without streaming.
                if self._phase is _Phase.IDLE:
                    await self._on_synthesize(event)
            case "synthesize-start":
                await self._on_synthesize_start(event)
            case "synthesize-chunk":
                await self._on_synthesize_chunk(event)
            case "synthesize-stop":
                await self._on_synthesize_stop()
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
        await self._abandon()

    async def _on_synthesize(self, event: Event) -> None:
        """Synthesize a whole text; later events wait until it is done."""
        text = require_str(event.data, "text")
        request = _parse_request(event, self._client.name)
        parsed = Synthesize.from_event(_without_voice(event))
        is_ssml = parsed.text_format == SynthesizeTextFormat.SSML
        if is_ssml and len(text) > self._pipeline.max_text:
            raise BadRequestError("The SSML is too long.", hint="Send it in several requests.")
        self.idle.clear()
        self._phase = _Phase.SYNTHESIZING
        try:
            async with self._pipeline.open(request) as synthesis:
                if is_ssml:
                    end_ssml(synthesis, text)
                else:
                    synthesis.end(text)
                await self._send_audio(synthesis)
        finally:
            self._phase = _Phase.IDLE
            self.idle.set()

    async def _on_synthesize_start(self, event: Event) -> None:
        """Open a stream; a stream that is still open is abandoned."""
        await self._abandon()
        self._phase = _Phase.DISCARDING  # until the request is accepted
        synthesis = self._pipeline.open(_parse_request(event, self._client.name))
        parsed = SynthesizeStart.from_event(_without_voice(event))
        is_ssml = parsed.text_format == SynthesizeTextFormat.SSML
        entered = asyncio.Event()
        self.idle.clear()
        task = asyncio.create_task(
            self._answer_stream(synthesis, entered), name=f"tts answer {self._client.name}"
        )
        task.add_done_callback(lambda _: entered.set())
        ssml = SsmlParser(self._pipeline.max_text) if is_ssml else None
        self._stream = _TextStream(synthesis, ssml, task)
        # Text is fed only once the task is there to clean up.
        await entered.wait()
        if not task.done():
            self._phase = _Phase.RECEIVING

    async def _on_synthesize_chunk(self, event: Event) -> None:
        if self._stream is None:
            return
        try:
            self._stream.feed(require_str(event.data, "text"))
        except ConductorError:
            # The error is the answer, so no more audio may follow.
            await self._abandon()
            self._phase = _Phase.DISCARDING
            raise

    async def _on_synthesize_stop(self) -> None:
        """Synthesize the rest of the streamed text; later events wait until it is done."""
        if self._phase is _Phase.DISCARDING:
            self._phase = _Phase.IDLE
            return
        if self._stream is None:
            raise BadRequestError("`synthesize-stop` was sent without a `synthesize-start`.")
        stream, self._stream = self._stream, None
        self._phase = _Phase.SYNTHESIZING
        try:
            stream.end()
            await asyncio.wait([stream.task])
        finally:
            self._phase = _Phase.IDLE
            await cancel_and_wait(stream.task)

    async def _abandon(self) -> None:
        """Cancel the open stream without an answer."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            self._phase = _Phase.IDLE
            await cancel_and_wait(stream.task)

    async def _answer_stream(self, synthesis: SynthesisStream, entered: asyncio.Event) -> None:
        """Send the audio of a stream while its text arrives."""
        try:
            async with synthesis:
                entered.set()
                await self._send_audio(synthesis)
                await self._client.send(SynthesizeStopped().event())
        except DisconnectedError:
            pass  # The reading task notices it as well and ends the connection.
        except Exception as err:  # noqa: BLE001  (`fail` logs and sends it)
            if self._stream is not None and self._stream.synthesis is synthesis:
                self._stream = None
                self._phase = _Phase.DISCARDING
            with suppress(DisconnectedError):
                await self._client.fail(err)
        finally:
            self.idle.set()

    async def _send_audio(self, synthesis: SynthesisStream) -> None:
        """Send all audio; `audio-stop` follows only if the audio is complete."""
        audio = await synthesis.format()
        form = {"rate": audio.rate, "width": audio.width, "channels": audio.channels}
        sent = 0
        await self._client.send(AudioStart(**form, timestamp=0).event())
        async for chunk in synthesis:
            timestamp = round(1_000 * audio.seconds(sent))
            await self._client.send(AudioChunk(**form, audio=chunk, timestamp=timestamp).event())
            sent += len(chunk)
        await self._client.send(AudioStop(timestamp=round(1_000 * audio.seconds(sent))).event())


def _parse_request(event: Event, client: str) -> TtsRequest:
    """Translate the requested voice. Raises BadRequestError for a field of a wrong type.

    `speed`, `satellite` and `assistant` of `context` are extensions of the protocol.
    """
    optional_str(event.data, "text_format")
    context = optional_mapping(event.data, "context")
    voice = optional_mapping(event.data, "voice")
    return TtsRequest(
        voice=optional_str(voice, "name") or None,
        speaker=optional_str(voice, "speaker") or None,
        language=optional_str(voice, "language") or None,
        speed=optional_float(context, "speed"),
        client=client_label(client, context),
    )


def _without_voice(event: Event) -> Event:
    """Return the event without its voice, which is already parsed: the library rejects null."""
    return Event(event.type, {key: value for key, value in event.data.items() if key != "voice"})
