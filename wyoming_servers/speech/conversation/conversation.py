"""A spoken conversation with one client: turns in, answers out, with barge-in.

Speech becomes a turn (`speech.asr`), its transcript goes to the conversation agent, whose answer
is spoken while it is written (`speech.tts`). Speech while an answer plays stops it, and the
history keeps what was played of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Self

import httpx

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.aio import cancel_and_wait, run_all
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
    ConflictError,
    InternalError,
    NotFoundError,
    TooLargeError,
)
from wyoming_servers.speech.asr.pipeline import (
    AsrPipeline,
    AsrRequest,
    PartialText,
    Utterance,
    VoiceStarted,
    VoiceStopped,
)
from wyoming_servers.speech.conversation.agents import (
    Agent,
    AgentRequest,
    FunctionCall,
    make_agent,
    make_http_client,
)
from wyoming_servers.speech.conversation.events import (
    Answer,
    AnswerAudioExtended,
    AnswerEnded,
    AnswerItemAdded,
    AnswerItemEnded,
    AnswerStarted,
    AnswerStatus,
    AnswerTextExtended,
    ConversationEvent,
    ConversationSettings,
    TranscriptExtended,
    TranscriptionFailed,
    TurnCommitted,
    TurnTranscribed,
    UserStartedSpeaking,
    UserStoppedSpeaking,
)
from wyoming_servers.speech.conversation.history import History, Item, new_id
from wyoming_servers.speech.conversation.optional_steps import (
    ignore_result,
    is_flagged,
    summarize,
    within_budget,
)
from wyoming_servers.speech.tts.pipeline import SynthesisStream, TtsPipeline, TtsRequest

MAX_BUFFER_SECONDS: Final = 300.0
"""Longest turn that the client ends."""

SLICE_SECONDS: Final = 0.1
"""Audio that is processed at once; what follows the end of a turn belongs to the next one."""

INTERRUPTION_SECONDS: Final = 0.09
"""Speech that starts a turn, and stops an answer. Shorter than for a voice command, for a quick
stop; noise that is mistaken for speech has no words, so it gets no answer."""

_SENSITIVITY: Final = {"low": "relaxed", "high": "aggressive"}
"""`eagerness` of `semantic_vad` as a `vad_sensitivity`."""

_Voice = tuple[SynthesisStream, Item]
"""The synthesis of an answer, and the message that it speaks."""

Emit = Callable[[ConversationEvent], Awaitable[None]]

_LOGGER: Final = logging.getLogger(__name__)


class ConversationServices:
    """What conversations share; create it once, `close` it at the end."""

    def __init__(
        self, asr: AsrPipeline, tts: TtsPipeline, config: ConfigHolder, clock: Clock
    ) -> None:
        self.asr = asr
        self.tts = tts
        self._config = config
        self.clock = clock
        self._client: httpx.AsyncClient | None = None
        self.open_count = 0
        """Open conversations."""

    @property
    def config(self) -> Config:
        """The configuration in effect now."""
        return self._config.current

    async def http_client(self) -> httpx.AsyncClient:
        """Return the client for agents; it is created when it is needed first."""
        if self._client is None:
            client = await asyncio.to_thread(make_http_client)
            if self._client is None:
                self._client = client
        return self._client

    async def close(self) -> None:
        """Close the connections to agents."""
        if self._client is not None:
            await self._client.aclose()


@dataclass(slots=True)
class _Turn:
    """A turn that is spoken or transcribed."""

    utterance: Utterance
    item: Item
    offset: float
    """Seconds of audio before it."""
    is_automatic: bool
    """Whether the server ends it."""
    entered: asyncio.Event
    task: asyncio.Task[None] | None = None
    is_committed: bool = False
    is_speaking: bool = False
    has_audio: bool = False


class Conversation:
    """One client's conversation; use it with `async with`. Methods must not run concurrently.

    What happens is told to `emit`, in order. Audio of the user comes with `feed`; with turn
    detection, turns are answered by themselves.
    """

    def __init__(
        self,
        services: ConversationServices,
        emit: Emit,
        settings: ConversationSettings | None = None,
    ) -> None:
        self._services = services
        self._emit = emit
        self.settings = settings or ConversationSettings()
        """May be replaced at any time; applies to the next turn and the next answer."""
        self.history = History()
        self._turn: _Turn | None = None
        """Gets the next audio."""
        self._seconds = 0.0
        """Length of all audio."""
        self._turns: set[asyncio.Task[None]] = set()
        """Tasks of turns, that of `_turn` included."""
        self._answer: Answer | None = None
        """The last answer."""
        self._answering: asyncio.Task[None] | None = None
        """Task of the last answer."""
        self._background: set[asyncio.Task[None]] = set()
        self._agent: tuple[tuple[object, ...], Agent] | None = None
        """The agent of the last answer, and the settings that it was made of."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [*self._turns, *self._background]
        if self._answering is not None:
            tasks.append(self._answering)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @property
    def is_answering(self) -> bool:
        """Whether an answer is being written or spoken."""
        return self._answering is not None and not self._answering.done()

    # Turns

    async def feed(self, pcm: bytes, audio: AudioFormat) -> None:
        """Take audio of the user. Raises the errors of `AsrPipeline.open`, and TooLargeError."""
        step = audio.bytes_for(SLICE_SECONDS)
        for start in range(0, len(pcm), step):
            part = pcm[start : start + step]
            turn = self._turn or await self._open_turn()
            if not turn.is_automatic and self._seconds - turn.offset > MAX_BUFFER_SECONDS:
                raise TooLargeError(
                    f"The audio buffer holds {MAX_BUFFER_SECONDS:g} s at most.",
                    hint="Commit or clear it, or turn on turn detection.",
                )
            await turn.utterance.feed(part, audio)
            turn.has_audio = True
            self._seconds += audio.seconds(len(part))
            if turn.utterance.ended.is_set():
                self._turn = None
            # The turn's task says what has happened before more audio is processed.
            await asyncio.sleep(0)

    async def commit(self) -> None:
        """End the turn. Raises BadRequestError if there is no audio."""
        turn, self._turn = self._turn, None
        if turn is None or not turn.has_audio:
            self._turn = turn
            raise BadRequestError(
                "The audio buffer is empty.", hint="Append audio before you commit it."
            )
        turn.is_automatic = False  # the client decides about the answer as well
        if not turn.is_committed:
            await self._commit(turn)
        await turn.utterance.end()

    async def clear(self) -> None:
        """Discard the audio of a turn that has not ended."""
        turn, self._turn = self._turn, None
        if turn is not None and turn.task is not None:
            await cancel_and_wait(turn.task)

    async def _open_turn(self) -> _Turn:
        settings = self.settings
        is_automatic = settings.turn_detection is not None
        is_semantic = settings.turn_detection == "semantic_vad"
        request = AsrRequest(
            language=settings.language,
            model=settings.asr_model,
            initial_prompt=settings.prompt,
            client=settings.client,
            turn_detection=is_automatic,
            partials=settings.partials,
            vad_sensitivity=_SENSITIVITY.get(settings.eagerness) if is_semantic else None,
            end_silence=settings.end_silence if is_automatic and not is_semantic else None,
            min_speech=INTERRUPTION_SECONDS if is_automatic else None,
            continuous=is_automatic,
        )
        item = Item(new_id("item"), role="user", is_audio=True, status="in_progress")
        utterance = self._services.asr.open(request)
        turn = _Turn(utterance, item, self._seconds, is_automatic, asyncio.Event())
        turn.task = asyncio.create_task(self._follow(turn), name="turn of a conversation")
        self._turns.add(turn.task)
        turn.task.add_done_callback(self._turns.discard)
        turn.task.add_done_callback(lambda _: turn.entered.set())
        # Audio is fed only once the task is there to clean up.
        await turn.entered.wait()
        if not turn.task.done():
            self._turn = turn
        return turn

    async def _follow(self, turn: _Turn) -> None:
        """Tell what becomes known of a turn; answer it."""
        try:
            async with turn.utterance as utterance:
                turn.entered.set()
                async for update in utterance.updates():
                    await self._on_update(turn, update)
                transcript = await utterance.finish()
            if not turn.is_committed:
                return
            turn.item.text = transcript.text
            turn.item.status = "completed"
            if transcript.speaker is not None and transcript.speaker.known:
                turn.item.speaker = transcript.speaker.name
            await self._emit(TurnTranscribed(turn.item, transcript.seconds))
        except ConductorError as err:
            await self._emit(TranscriptionFailed(turn.item.id, err))
            return
        finally:
            if self._turn is turn:
                self._turn = None
        if turn.is_automatic and self.settings.create_response and transcript.text:
            await self._answer_turn(transcript.language or "")

    async def _answer_turn(self, language: str) -> None:
        if self._turn is not None and self._turn.is_speaking:
            return  # the next turn is answered, with the words of this one
        while self.is_answering:
            if not self.settings.interrupt_response:
                return
            await self._stop("turn_detected")
        self._start(Answer(self.settings, self._services.clock), language)

    async def _on_update(
        self, turn: _Turn, update: VoiceStarted | VoiceStopped | PartialText
    ) -> None:
        match update:
            case VoiceStarted(at):
                turn.is_speaking = True
                if turn.is_automatic:
                    interrupts = self.settings.interrupt_response
                    if interrupts and self._answering is not None:
                        self._answering.cancel()
                    await self._emit(UserStartedSpeaking(turn.item.id, turn.offset + at))
                    if interrupts:
                        await self._stop("turn_detected")
            case VoiceStopped(at):
                turn.is_speaking = False
                if turn.is_automatic:
                    await self._emit(UserStoppedSpeaking(turn.item.id, turn.offset + at))
                    if not turn.is_committed:
                        await self._commit(turn)
            case PartialText(text):
                await self._emit(TranscriptExtended(turn.item.id, text))

    async def _commit(self, turn: _Turn) -> None:
        turn.is_committed = True
        await self._emit(TurnCommitted(turn.item, self.history.add(turn.item)))

    # Answers

    async def respond(self, answer: Answer) -> None:
        """Start an answer. Raises ConflictError while another one is in progress."""
        if self.is_answering:
            raise ConflictError(
                "The conversation has an active answer already.",
                hint="Wait for its end, or cancel it.",
            )
        self._start(answer, self.settings.language or "")

    async def cancel(self, answer_id: str | None = None) -> None:
        """Stop the answer in progress. Raises NotFoundError if there is none, or another one."""
        answer = self._answer
        if answer is None or not self.is_answering or answer_id not in (None, answer.id):
            raise NotFoundError("There is no such answer in progress.")
        await self._stop("client_cancelled", truncate=False)

    def _start(self, answer: Answer, language: str) -> None:
        self._answer = answer
        self._answering = asyncio.create_task(self._run(answer, language), name="answer")

    async def _stop(self, reason: str, *, truncate: bool = True) -> None:
        """Stop the answer, and keep in the history what was played of it."""
        answer, task = self._answer, self._answering
        if answer is None or task is None:
            return
        position, was_playing = answer.position, answer.is_playing
        answer.end_playback()
        error = await cancel_and_wait(task)
        if error is not None and not isinstance(error, asyncio.CancelledError):
            _LOGGER.error("Unexpected error in an answer", exc_info=error)
        if truncate and (was_playing or answer.status == "in_progress"):
            for item in answer.items:
                if item.is_audio and any(item is other for other in self.history):
                    self.history.truncate(item.id, position)
        if answer.status == "in_progress":
            await self._end(answer, "cancelled", reason)
        elif not answer.has_ended:
            await self._end(answer, answer.status, answer.reason)

    async def _run(self, answer: Answer, language: str) -> None:
        try:
            await self._emit(AnswerStarted(answer))
            await self._produce(answer, language)
        except ConductorError as err:
            answer.error = err
            await self._end(answer, "failed", "")
        except Exception as err:
            _LOGGER.exception("An answer failed")
            answer.error = InternalError("The answer failed.")
            answer.error.__cause__ = err
            await self._end(answer, "failed", "")
        else:
            if answer.status == "in_progress":
                await self._end(answer, "completed", "")

    async def _end(self, answer: Answer, status: AnswerStatus, reason: str) -> None:
        answer.status, answer.reason = status, reason
        for item in answer.items[answer.ended_items :]:
            if item.status == "in_progress":
                item.status = "completed" if status == "completed" else "incomplete"
            await self._end_item(answer, item)
        await self._emit(AnswerEnded(answer))
        answer.has_ended = True
        self._limit_history(answer.settings)

    async def _produce(self, answer: Answer, language: str) -> None:
        """Ask the agent, and speak its answer while it is written."""
        pending = [
            task for task in self._turns if self._turn is None or task is not self._turn.task
        ]
        if pending := [task for task in pending if task is not asyncio.current_task()]:
            await asyncio.wait(pending)
        settings, config = answer.settings, self._services.config.conversation
        instructions = settings.instructions
        history = History(list(answer.input)) if answer.input is not None else self.history
        request = AgentRequest(
            messages=history.messages(
                config.instructions if instructions is None else instructions
            ),
            model=settings.model,
            language=language,
            tools=settings.tools,
            tool_choice=settings.tool_choice,
            max_tokens=settings.max_tokens,
        )
        agent = await self._find_agent(settings)
        moderation: asyncio.Task[bool] | None = None
        if config.moderation_url and request.last_text:
            client = await self._services.http_client()
            moderation = asyncio.create_task(
                is_flagged(client, config.moderation_url, config.openai.api_key, request.last_text),
                name="moderation",
            )
        voice: asyncio.Future[_Voice | None] = asyncio.get_running_loop().create_future()
        try:
            await run_all(
                self._write(answer, agent, request, voice, moderation), self._speak(answer, voice)
            )
        finally:
            if moderation is not None:
                moderation.cancel()

    async def _write(
        self,
        answer: Answer,
        agent: Agent,
        request: AgentRequest,
        voice: "asyncio.Future[_Voice | None]",
        moderation: asyncio.Task[bool] | None,
    ) -> None:
        """Pass the answer on as it grows, to the client and to the voice."""
        config = self._services.config.conversation
        item: Item | None = None
        stream: SynthesisStream | None = None
        async with aclosing(agent.answer(request)) as outputs:
            async for output in outputs:
                if moderation is not None:
                    budget = config.optional_timeout
                    clock = self._services.clock
                    if await within_budget(moderation, budget, clock, "Moderation"):
                        voice.set_result(None)
                        await self._end(answer, "incomplete", "content_filter")
                        return
                    moderation = None
                if isinstance(output, FunctionCall):
                    await self._add_call(answer, output)
                    continue
                if item is None:
                    item = await self._add_message(answer)
                    if answer.settings.is_spoken:
                        stream = self._open_voice(answer.settings)
                        item.segments = stream.segments
                        voice.set_result((stream, item))
                if not item.is_truncated:
                    item.text += output.text
                item.whole_text += output.text
                await self._emit(AnswerTextExtended(answer, item, output.text))
                if stream is not None:
                    stream.feed(output.text)
        if stream is not None:
            stream.end()
        else:
            voice.set_result(None)

    async def _speak(self, answer: Answer, voice: "asyncio.Future[_Voice | None]") -> None:
        chosen = await voice
        if chosen is None:
            return
        stream, item = chosen
        async with stream:
            audio = await stream.format()
            async for pcm in stream:
                answer.add_audio(audio.seconds(len(pcm)))
                await self._emit(AnswerAudioExtended(answer, item, pcm, audio))

    def _open_voice(self, settings: ConversationSettings) -> SynthesisStream:
        return self._services.tts.open(
            TtsRequest(voice=settings.voice, speed=settings.speed, client=settings.client)
        )

    async def _add_message(self, answer: Answer) -> Item:
        item = Item(
            new_id("item"),
            role="assistant",
            is_audio=answer.settings.is_spoken,
            status="in_progress",
        )
        await self._add_item(answer, item)
        return item

    async def _add_call(self, answer: Answer, call: FunctionCall) -> None:
        item = Item(
            new_id("item"),
            kind="function_call",
            role="assistant",
            status="in_progress",
            name=call.name,
            call_id=call.call_id,
            arguments=call.arguments,
        )
        await self._add_item(answer, item)
        item.status = "completed"

    async def _end_item(self, answer: Answer, item: Item) -> None:
        await self._emit(AnswerItemEnded(answer, item))
        answer.ended_items += 1

    async def _add_item(self, answer: Answer, item: Item) -> None:
        answer.items.append(item)
        previous = None if answer.input is not None else self.history.add(item)
        await self._emit(AnswerItemAdded(answer, item, previous))

    async def _find_agent(self, settings: ConversationSettings) -> Agent:
        """Return the agent; the same one, unless settings have changed."""
        config = self._services.config.conversation
        key = (settings.agent or config.agent, config.openai, config.home_assistant)
        if self._agent is None or self._agent[0] != key:
            client = await self._services.http_client()
            self._agent = key, make_agent(client, config, settings.agent)
        return self._agent[1]

    # History

    def truncate(self, item_id: str, seconds: float) -> None:
        """Keep of a spoken answer what was played until `seconds` of its audio.

        Raises NotFoundError, and BadRequestError for an item that is no spoken answer.
        """
        self.history.truncate(item_id, seconds)

    def _limit_history(self, settings: ConversationSettings) -> None:
        config = self._services.config.conversation
        dropped = self.history.drop_oldest(config.max_history)
        if dropped and config.summarize:
            task = asyncio.create_task(
                ignore_result(self._summarize(settings, dropped)), name="summary"
            )
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _summarize(self, settings: ConversationSettings, dropped: Sequence[Item]) -> None:
        agent = await self._find_agent(settings)
        history = self.history
        summary = await summarize(agent, settings.model, history.summary, list(dropped))
        history.summary = summary or history.summary
