"""Speech to text over Wyoming: transcribe, audio-start, audio-chunk …, audio-stop → transcript.

`select-program` selects the model of a connection.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Any, ClassVar, Final, Self

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
    PartialText,
    Utterance,
    VoiceStarted,
    VoiceStopped,
)
from wyoming_servers.speech.speaker.scoring import SpeakerMatch
from wyoming_servers.text.vocabulary import MAX_CHARACTERS
from wyoming_servers.wyoming.session import (
    ClientConnection,
    DisconnectedError,
    client_label,
    is_valid_unicode,
    optional_bool,
    optional_mapping,
    optional_str,
    optional_str_list,
    parse_audio_format,
)

_LOGGER: Final = logging.getLogger(__name__)


_MAX_WORDS: Final = 1_000
"""Names, and terms, of one request that are kept; many more than a model considers."""


class _Phase(Enum):
    """What the session does with the next audio."""

    IDLE = auto()
    """Audio opens an utterance."""
    ANNOUNCED = auto()
    """`transcribe` has opened an utterance; its audio has not started."""
    RECEIVING = auto()
    """Audio goes to the open utterance."""
    DISCARDING = auto()
    """The utterance has an answer or gets one: audio is discarded until `audio-stop` or a start."""
    REFUSED = auto()
    """The last `transcribe` was answered by an error: audio is discarded until `audio-stop`."""


class AsrClientSession:
    """Transcribes the utterances of one client, one after the other.

    An utterance begins with `transcribe`, `audio-start` or the first `audio-chunk` and gets exactly
    one answer: a `transcript` or an `error`. The answer may come before `audio-stop`; the rest of
    the audio is then discarded. Answers keep the order of their utterances.

    `voice-started` is sent with the first speech, and `voice-stopped` when the turn has ended.
    A transcript is sent twice: in chunks between `transcript-start` and `transcript-stop`, for
    clients that show it while it grows, and as one `transcript` before `transcript-stop`, for all
    others. The concatenated chunks are the transcript.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {"transcribe", "audio-start", "audio-chunk", "audio-stop"}
    )

    def __init__(self, client: ClientConnection, pipeline: AsrPipeline) -> None:
        self._client = client
        self._pipeline = pipeline
        self.idle = asyncio.Event()
        self.idle.set()
        self._request = AsrRequest(client=client.name)
        """The options of the last `transcribe`; they hold until the next one."""
        self._phase = _Phase.IDLE
        self._format: AudioFormat | None = None
        self._utterance: Utterance | None = None
        """The open utterance, in the phases ANNOUNCED and RECEIVING."""
        self._answer: asyncio.Task[None] | None = None
        """Answers the open utterance, or the one before it."""

    @property
    def is_processing(self) -> bool:
        """Whether an utterance is complete and its answer not sent yet."""
        return self._utterance is None and not self.idle.is_set()

    @property
    def has_request(self) -> bool:
        """Whether an utterance is open or its answer not sent yet."""
        return not self.idle.is_set()

    @property
    def held_bytes(self) -> int:
        """Bytes of the audio of the open utterance."""
        return 0 if self._utterance is None else self._utterance.held_bytes

    async def handle(self, event: Event) -> None:
        """Handle the next event. An exception is the answer to the open utterance."""
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
        self._phase = _Phase.REFUSED  # until the request is accepted
        self._request = AsrRequest(client=self._client.name)
        self._request = _parse_request(event, self._client.name)
        await self._open()

    async def _on_audio_start(self, event: Event) -> None:
        if self._phase is _Phase.REFUSED:
            return
        if self._phase is _Phase.RECEIVING:
            # The client starts again without an audio-stop.
            await self._abandon()
        await self._wait_for_previous_answer()
        try:
            self._format = parse_audio_format(event.data)
        except BadRequestError:
            await self._discard_rest()
            raise
        if self._utterance is None:
            self._phase = _Phase.DISCARDING  # until the request is accepted
            await self._open()
        if self._utterance is not None:
            self._phase = _Phase.RECEIVING

    async def _on_audio_chunk(self, event: Event) -> None:
        utterance = await self._utterance_for_audio()
        if utterance is None:
            return
        self._phase = _Phase.RECEIVING
        try:
            self._format = parse_audio_format(event.data, self._format)
            await utterance.feed(event.payload or b"", self._format)
        except Exception:
            await self._discard_rest()
            raise
        if utterance.ended.is_set():
            self._detach(_Phase.DISCARDING)

    async def _on_audio_stop(self) -> None:
        utterance = await self._utterance_for_audio()
        self._detach(_Phase.IDLE)
        if utterance is not None:
            await utterance.end()

    async def _utterance_for_audio(self) -> Utterance | None:
        """Return the open utterance, or a new one; None while audio is discarded."""
        if self._phase in (_Phase.REFUSED, _Phase.DISCARDING):
            return None
        if self._utterance is None:
            self._phase = _Phase.DISCARDING  # until the request is accepted
            await self._open()
        return self._utterance

    async def _open(self) -> None:
        """Open an utterance and start the task that answers it. Raises if it is refused."""
        await self._wait_for_previous_answer()
        utterance = self._pipeline.open(self._request)
        entered = asyncio.Event()
        self.idle.clear()
        answer = self._answer = asyncio.create_task(
            self._send_answer(utterance, entered), name=f"asr answer {self._client.name}"
        )
        answer.add_done_callback(lambda _: entered.set())
        # Audio is fed only once the task is there to clean up.
        await entered.wait()
        if answer.done():
            # The utterance failed at once, and the client has the error.
            self._detach(_Phase.DISCARDING)
        else:
            self._utterance = utterance
            self._phase = _Phase.ANNOUNCED

    async def _wait_for_previous_answer(self) -> None:
        """Wait for the answer to the utterance before the next one, to keep their order."""
        if self._utterance is None and self._answer is not None:
            await asyncio.wait([self._answer])

    def _detach(self, phase: _Phase) -> None:
        """Stop feeding the utterance; the answer task sends its answer."""
        self._utterance = None
        self._phase = phase

    async def _abandon(self) -> None:
        """Cancel the open utterance without an answer."""
        if self._utterance is not None and self._answer is not None:
            self._detach(_Phase.IDLE)
            await cancel_and_wait(self._answer)

    async def _discard_rest(self) -> None:
        """Cancel the open utterance, which an error answers, and discard the rest of its audio."""
        await self._abandon()
        self._phase = _Phase.DISCARDING

    async def _send_answer(self, utterance: Utterance, entered: asyncio.Event) -> None:
        """Send the one answer to an utterance, as it becomes known."""
        try:
            async with utterance:
                entered.set()
                answer = await self._send_transcript(utterance)
                await self._client.send(answer.event())
            # A client that needs only the transcript may have left by now.
            await self._client.send(TranscriptStop().event())
        except DisconnectedError:
            pass  # The reading task notices it as well and ends the connection.
        except Exception as err:  # noqa: BLE001  (`fail` logs and sends it)
            with suppress(DisconnectedError):
                await self._client.fail(err)
        finally:
            if self._utterance is utterance:
                # Answered before audio-stop: the rest of the audio is of no use.
                self._detach(_Phase.DISCARDING)
            self.idle.set()

    async def _send_transcript(self, utterance: Utterance) -> Transcript:
        """Send what becomes known during the turn, and then the rest of the transcript."""
        sent = ""
        async for update in utterance.updates():
            match update:
                case VoiceStarted(at):
                    await self._client.send(
                        Event("voice-started", {"timestamp": round(1_000 * at)})
                    )
                case VoiceStopped(at):
                    await self._client.send(
                        Event("voice-stopped", {"timestamp": round(1_000 * at)})
                    )
                case PartialText(text):
                    if not sent:
                        await self._client.send(TranscriptStart().event())
                    sent += text
                    await self._client.send(TranscriptChunk(text).event())
        transcript = await utterance.finish()
        if not sent:
            await self._client.send(TranscriptStart(language=transcript.language).event())
        if rest := transcript.text.removeprefix(sent):
            await self._client.send(TranscriptChunk(rest).event())
        return Transcript(
            text=transcript.text,
            language=transcript.language,
            context=_speaker_context(transcript.speaker),
        )


def _speaker_context(speaker: SpeakerMatch | None) -> dict[str, Any] | None:
    """Return the speaker in a transcript's context: an extension of the protocol."""
    if speaker is None:
        return None
    return {"speaker": speaker.name, "confidence": round(speaker.confidence, 3)}


def _parse_request(event: Event, client: str) -> AsrRequest:
    """Translate a `transcribe` event. Raises BadRequestError for a field of a wrong type.

    Five fields of `context` are extensions of the protocol. `satellite` and `assistant`: names for
    traces and events. `turn_detection`: a client that sends
    a recording turns it off, so that a pause does not end the recording. `partials`: a client that
    shows the transcript while it grows turns it on. `task`: `translate` translates into English.
    """
    data = event.data
    for name in ("name", "language"):
        optional_str(data, name)
    sensitivity = optional_str(data, "vad_sensitivity")
    context = optional_mapping(data, "context")
    task = optional_str(context, "task") or "transcribe"
    if task not in ("transcribe", "translate"):
        raise BadRequestError("The field `task` must be `transcribe` or `translate`.")
    names = _parse_words(data, "transcript_names")
    terms = _parse_words(data, "transcript_terms")
    parsed = Transcribe.from_event(event)
    return AsrRequest(
        language=parsed.language or None,
        model=parsed.name or None,
        names=names,
        terms=terms,
        task="translate" if task == "translate" else "transcribe",
        vad_sensitivity=sensitivity,
        turn_detection=optional_bool(context, "turn_detection"),
        partials=optional_bool(context, "partials"),
        client=client_label(client, context),
    )


def _parse_words(data: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Return names or terms. Raises BadRequestError for what the stored vocabulary refuses too."""
    words = optional_str_list(data, field)[:_MAX_WORDS]
    for number, word in enumerate(words):
        if len(word) > MAX_CHARACTERS:
            raise BadRequestError(
                f"The field `{field}` has a text of more than {MAX_CHARACTERS} characters "
                f"(number {number + 1}).",
                hint="Send names as people say them.",
            )
        if not is_valid_unicode(word):
            raise BadRequestError(
                f"The field `{field}` has a text that is not valid Unicode (number {number + 1})."
            )
    return words
