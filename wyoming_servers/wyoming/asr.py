"""Wyoming's speech-to-text: transcribe, audio-start, audio-chunk …, audio-stop → transcript."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Self

from wyoming.asr import (
    Transcribe,
    Transcript,
    TranscriptChunk,
    TranscriptStart,
    TranscriptStop,
)
from wyoming.event import Event

from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.speech.asr.pipeline import (
    AsrPipeline,
    AsrRequest,
    Utterance,
)
from wyoming_servers.wyoming import fields
from wyoming_servers.wyoming.session import ClientConnection, DisconnectedError


class AsrClientSession:
    """Listens to one client, utterance after utterance.

    An utterance begins with `transcribe`, `audio-start` or the first `audio-chunk` and gets
    exactly one answer: a `transcript` or an `error`. The answer may come before `audio-stop`; the
    rest of the audio is then thrown away. Answers keep the order of their utterances.

    A transcript comes twice: in pieces between `transcript-start` and `transcript-stop`, for those
    who show it while it grows, and as one `transcript` before that stop, for all others. The pieces
    put together are the transcript.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {"transcribe", "audio-start", "audio-chunk", "audio-stop"}
    )

    def __init__(self, peer: ClientConnection, pipeline: AsrPipeline) -> None:
        self._client = peer
        self._pipeline = pipeline
        self.idle = asyncio.Event()
        self.idle.set()
        self._request = AsrRequest(client=peer.name)
        """What the last `transcribe` asked for; it holds until the next."""
        self._refused = False
        """Whether the last `transcribe` was refused: the utterance it announced has its answer."""
        self._deaf = False
        """Whether the utterance has its answer, or will have: what audio comes is thrown away."""
        self._format: AudioFormat | None = None
        self._started = False
        """Whether the open utterance had its `audio-start` or audio."""
        self._utterance: Utterance | None = None
        """The one that is being heard."""
        self._answer: asyncio.Task[None] | None = None
        """Answers the utterance that is being heard, or the one before it."""

    @property
    def is_processing(self) -> bool:
        """Whether an utterance is over and its answer is due."""
        return self._utterance is None and not self.idle.is_set()

    async def handle(self, event: Event) -> None:
        """Take the next event. What it raises is the answer to the open utterance."""
        match event.type:
            case "transcribe":
                await self._on_transcribe(event)
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
        if self._answer is not None:
            await cancel_and_wait(self._answer)

    async def _on_transcribe(self, event: Event) -> None:
        await self._abandon()
        await self._wait_for_previous_answer()
        self._refused = True
        self._request = AsrRequest(client=self._client.name)
        self._request = _parse_request(event, self._client.name)
        await self._open()
        self._refused = False

    async def _on_audio_start(self, event: Event) -> None:
        if self._refused:
            return
        if self._started:
            # The client began anew without an audio-stop, and so do we.
            await self._abandon()
        await self._wait_for_previous_answer()
        try:
            self._format = fields.audio_format(event.data)
        except BadRequestError:
            await self._discard_rest()
            raise
        if self._utterance is None:
            await self._open()
        self._started = True

    async def _on_audio_chunk(self, event: Event) -> None:
        if self._refused or self._deaf:
            return
        utterance = self._utterance or await self._open()
        self._started = True
        try:
            self._format = fields.audio_format(event.data, self._format)
            await utterance.feed(event.payload or b"", self._format)
        except Exception:
            await self._discard_rest()
            raise
        if utterance.ended.is_set():
            self._detach()
            self._deaf = True

    async def _on_audio_stop(self) -> None:
        if self._refused or self._deaf:
            self._refused = self._deaf = False
            return
        utterance = self._utterance or await self._open()
        self._detach()
        await utterance.end()

    async def _open(self) -> Utterance:
        """Begin an utterance, and the task to answer it."""
        await self._wait_for_previous_answer()
        self._deaf = True  # Should it be refused.
        utterance = self._pipeline.open(self._request)
        self._deaf = False
        entered = asyncio.Event()
        self.idle.clear()
        self._answer = asyncio.create_task(
            self._send_answer(utterance, entered), name=f"answer {self._client.name}"
        )
        # Nothing is fed before somebody is there to clean up.
        await entered.wait()
        self._utterance = utterance
        return utterance

    async def _wait_for_previous_answer(self) -> None:
        """Wait for the answer to the utterance before, so that answers keep their order."""
        if self._utterance is None and self._answer is not None:
            await asyncio.wait([self._answer])

    def _detach(self) -> None:
        """The utterance has been heard; its answer comes by itself."""
        self._utterance = None
        self._started = False

    async def _abandon(self) -> None:
        """Forget the utterance that is being heard, without an answer."""
        if self._utterance is not None and self._answer is not None:
            self._detach()
            await cancel_and_wait(self._answer)

    async def _discard_rest(self) -> None:
        """The utterance is answered by an error: no transcript, and no more of its audio."""
        await self._abandon()
        self._deaf = True

    async def _send_answer(self, utterance: Utterance, entered: asyncio.Event) -> None:
        """Send the one answer to an utterance, as it becomes known."""
        try:
            async with utterance:
                entered.set()
                answer = await self._send_transcript(utterance)
                await self._client.send(answer.event())
            # The client may have left with its transcript: then nobody misses this.
            await self._client.send(TranscriptStop().event())
        except DisconnectedError:
            pass  # The reading task sees it too, and ends the connection.
        except Exception as err:  # noqa: BLE001  (`fail` logs it, and the client is told)
            with suppress(DisconnectedError):
                await self._client.fail(err)
        finally:
            if self._utterance is utterance:
                # Over before audio-stop: nobody hears the rest of its audio.
                self._detach()
                self._deaf = True
            self.idle.set()

    async def _send_transcript(self, utterance: Utterance) -> Transcript:
        """Send the transcript in pieces, those that are certain before its end first; return it."""
        told = ""
        async for piece in utterance.partial_texts():
            if not told:
                await self._client.send(TranscriptStart().event())
            told += piece
            await self._client.send(TranscriptChunk(piece).event())
        transcript = await utterance.finish()
        if not told:
            await self._client.send(TranscriptStart(language=transcript.language).event())
        if rest := transcript.text.removeprefix(told):
            await self._client.send(TranscriptChunk(rest).event())
        return Transcript(text=transcript.text, language=transcript.language)


def _parse_request(event: Event, client: str) -> AsrRequest:
    """Translate `transcribe`. Raises BadRequestError for fields of a wrong type.

    Three fields of `context` are ours. `turn_detection`: a client that sends a recording turns it
    off, so that a pause in the recording does not end it. `partials`: a client that shows what is
    said while somebody speaks turns it on. `task`: `translate` has it put in English.
    """
    data = event.data
    for name in ("name", "language"):
        fields.optional_str(data, name)
    sensitivity = fields.optional_str(data, "vad_sensitivity")
    context = fields.mapping(data, "context")
    task = fields.optional_str(context, "task") or "transcribe"
    if task not in ("transcribe", "translate"):
        raise BadRequestError("The field `task` is neither `transcribe` nor `translate`.")
    names = fields.str_list(data, "transcript_names")
    terms = fields.str_list(data, "transcript_terms")
    asked = Transcribe.from_event(event)
    return AsrRequest(
        language=asked.language or None,
        model=asked.name or None,
        names=names,
        terms=terms,
        task="translate" if task == "translate" else "transcribe",
        vad_sensitivity=sensitivity,
        turn_detection=fields.optional_bool(context, "turn_detection"),
        partials=fields.optional_bool(context, "partials"),
        client=client,
    )
