"""Wyoming's text-to-speech: synthesize, whole or as a stream → audio-start, chunks, audio-stop."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Final, Self

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeStart, SynthesizeStopped, SynthesizeTextFormat

from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
)
from wyoming_servers.speech.tts.pipeline import (
    SynthesisStream,
    TtsPipeline,
    TtsRequest,
)
from wyoming_servers.text.ssml import (
    Break,
    ProsodyRate,
    SpeakText,
    SsmlEvent,
    SsmlParser,
)
from wyoming_servers.wyoming import fields
from wyoming_servers.wyoming.session import ClientConnection, DisconnectedError

_WHOLE: Final = "synthesize"


@dataclass(slots=True)
class _Stream:
    """A text that comes in pieces."""

    speech: SynthesisStream
    ssml: SsmlParser | None
    """Set if the text is SSML."""
    task: asyncio.Task[None]

    def feed(self, text: str) -> None:
        if self.ssml is None:
            self.speech.feed(text)
        else:
            _feed_ssml(self.speech, self.ssml.events(text))

    def end(self) -> None:
        if self.ssml is not None:
            _feed_ssml(self.speech, self.ssml.events("", complete=True))
        self.speech.end()


class TtsClientSession:
    """Speaks to one client, one text after the other.

    A text is answered by audio in one format, or by an `error`; after an error comes neither
    `audio-stop` nor `synthesize-stopped`, since clients keep what they take for complete.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {_WHOLE, "synthesize-start", "synthesize-chunk", "synthesize-stop"}
    )

    def __init__(self, peer: ClientConnection, pipeline: TtsPipeline) -> None:
        self._client = peer
        self._pipeline = pipeline
        self.idle = asyncio.Event()
        self.idle.set()
        self._stream: _Stream | None = None
        """The text that is coming."""
        self._failed = False
        """Whether the stream has been answered by an error, and its rest is still coming."""
        self._speaking = False
        """Whether a text is complete and being spoken."""

    @property
    def is_processing(self) -> bool:
        """Whether a text is complete and its audio due."""
        return self._speaking

    async def handle(self, event: Event) -> None:
        """Take the next event. What it raises is the answer to the open text."""
        match event.type:
            case "synthesize":
                # Inside a stream it repeats the text, for servers that know no streams.
                if self._stream is None and not self._failed:
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
        """Speak a whole text; the events behind it wait until it is done."""
        text = fields.require_str(event.data, "text")
        request = _parse_request(event, self._client.name)
        asked = Synthesize.from_event(_without_voice(event))
        events: list[SsmlEvent] = [SpeakText(text)]
        if asked.text_format == SynthesizeTextFormat.SSML:
            events = SsmlParser(self._pipeline.max_text).events(text, complete=True)
        self.idle.clear()
        self._speaking = True
        try:
            async with self._pipeline.open(request) as speech:
                match events:
                    case [*before, SpeakText(last)]:
                        _feed_ssml(speech, before)
                        speech.end(last)
                    case _:
                        _feed_ssml(speech, events)
                        speech.end()
                await self._send_audio(speech)
        finally:
            self._speaking = False
            self.idle.set()

    async def _on_synthesize_start(self, event: Event) -> None:
        """Begin a stream; one that is still open is forgotten."""
        await self._abandon()
        self._failed = True  # Should it be refused.
        speech = self._pipeline.open(_parse_request(event, self._client.name))
        asked = SynthesizeStart.from_event(_without_voice(event))
        markup = (
            SsmlParser(self._pipeline.max_text)
            if asked.text_format == SynthesizeTextFormat.SSML
            else None
        )
        entered = asyncio.Event()
        self.idle.clear()
        task = asyncio.create_task(
            self._answer_stream(speech, entered), name=f"speak to {self._client.name}"
        )
        self._stream = _Stream(speech, markup, task)
        # Nothing is fed before somebody is there to clean up.
        await entered.wait()
        self._failed = False

    async def _on_synthesize_chunk(self, event: Event) -> None:
        if self._failed or self._stream is None:
            return
        try:
            self._stream.feed(fields.require_str(event.data, "text"))
        except ConductorError:
            # The error is the answer, so no more audio may follow.
            await self._abandon()
            self._failed = True
            raise

    async def _on_synthesize_stop(self) -> None:
        """The text is complete; the events behind it wait until it has been spoken."""
        if self._failed:
            self._failed = False
            return
        if self._stream is None:
            raise BadRequestError("There was no `synthesize-start` before `synthesize-stop`.")
        stream, self._stream = self._stream, None
        self._speaking = True
        try:
            stream.end()
            await asyncio.wait([stream.task])
        finally:
            self._speaking = False
            await cancel_and_wait(stream.task)

    async def _abandon(self) -> None:
        """Forget the open stream, without an answer."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await cancel_and_wait(stream.task)

    async def _answer_stream(self, speech: SynthesisStream, entered: asyncio.Event) -> None:
        """Send the audio of a stream while its text comes."""
        try:
            async with speech:
                entered.set()
                await self._send_audio(speech)
                await self._client.send(SynthesizeStopped().event())
        except DisconnectedError:
            pass  # The reading task sees it too, and ends the connection.
        except Exception as err:  # noqa: BLE001  (`fail` logs it, and the client is told)
            if self._stream is not None and self._stream.speech is speech:
                self._stream = None
                self._failed = True
            with suppress(DisconnectedError):
                await self._client.fail(err)
        finally:
            self.idle.set()

    async def _send_audio(self, speech: SynthesisStream) -> None:
        """Send all audio of a speech; `audio-stop` only if it is complete."""
        audio = await speech.format()
        form = {"rate": audio.rate, "width": audio.width, "channels": audio.channels}
        sent = 0
        await self._client.send(AudioStart(**form, timestamp=0).event())
        async for chunk in speech:
            at = round(1_000 * audio.seconds(sent))
            await self._client.send(AudioChunk(**form, audio=chunk, timestamp=at).event())
            sent += len(chunk)
        await self._client.send(AudioStop(timestamp=round(1_000 * audio.seconds(sent))).event())


def _feed_ssml(speech: SynthesisStream, events: list[SsmlEvent]) -> None:
    for event in events:
        match event:
            case SpeakText():
                speech.feed(event.text)
            case Break():
                speech.pause(event.seconds)
            case ProsodyRate():
                speech.set_speed_factor(event.factor)


def _parse_request(event: Event, client: str) -> TtsRequest:
    """Translate the voice that is wished. Raises BadRequestError for fields of a wrong type.

    `context.speed` is ours: the protocol has no field for it.
    """
    fields.optional_str(event.data, "text_format")
    context = fields.mapping(event.data, "context")
    voice = fields.mapping(event.data, "voice")
    return TtsRequest(
        voice=fields.optional_str(voice, "name") or None,
        speaker=fields.optional_str(voice, "speaker") or None,
        language=fields.optional_str(voice, "language") or None,
        speed=fields.optional_float(context, "speed"),
        client=client,
    )


def _without_voice(event: Event) -> Event:
    """Return the event without its voice, which was read already; the library dislikes null."""
    return Event(event.type, {key: value for key, value in event.data.items() if key != "voice"})
