"""Hear an utterance: audio of any format in, one transcript out."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self

from wyoming_servers.audio import endpoint
from wyoming_servers.audio.resample import Converter
from wyoming_servers.audio.vad import WINDOW, VadFrame, VoiceActivity
from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.config.schema import Config
from wyoming_servers.coordinator.face import CoordinatorFace, Lease
from wyoming_servers.domain import SPEECH_FORMAT, AudioFormat, Kind, ModelSpec
from wyoming_servers.errors import ConductorError, InternalError
from wyoming_servers.events import SpeechStarted
from wyoming_servers.pipelines.deadline import Deadline
from wyoming_servers.pipelines.listener import Listener, choose_listener
from wyoming_servers.pipelines.measure import Measure
from wyoming_servers.pipelines.retry import Retry
from wyoming_servers.pipelines.together import stop

SLICE_SECONDS: Final = 0.25
"""Audio that is worked on before others get their turn; a client may send minutes at once."""

LEAD_SECONDS: Final = 1.0
"""Audio kept from before the speech: a soft first consonant is not yet speech to a detector."""

PIECE_BYTES: Final = 256 * 1024
"""Largest piece of audio sent to a worker in one message (8 s)."""

MAX_PROMPT: Final = 600
"""Characters of a prompt: Whisper reads 224 tokens of it, and drops the beginning of a longer."""


class Activity(Protocol):
    """What tells speech from other sound; `audio.vad.VoiceActivity` is one."""

    async def listen(self, pcm: bytes) -> list[VadFrame]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class AsrRequest:
    """How to listen; None leaves the choice to the configuration."""

    language: str | None = None
    """A code in any usual spelling, or `auto` to detect it."""
    model: str | None = None
    initial_prompt: str | None = None
    names: tuple[str, ...] = ()
    """Names that may occur, such as those of rooms and devices."""
    terms: tuple[str, ...] = ()
    """Words that may occur; the first to go if the prompt becomes too long."""
    task: Literal["transcribe", "translate"] = "transcribe"
    vad_sensitivity: str | None = None
    """`default`, `relaxed` or `aggressive`: how soon silence ends the turn."""
    client: str = ""
    turn_detection: bool | None = None
    """Whether to end the utterance ourselves when the speaker has finished."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said; an empty text if nothing was."""

    text: str
    language: str | None = None
    seconds: float = 0.0
    """Length of the audio that was transcribed."""


class AsrPipeline:
    """Understands speech with the configured model, or one that knows the language asked for."""

    def __init__(
        self,
        coordinator: CoordinatorFace,
        specs: Mapping[str, ModelSpec],
        config: Config,
        bus: EventBus,
        clock: Clock,
        *,
        activity: Callable[[], Activity] = VoiceActivity,
    ) -> None:
        self._coordinator = coordinator
        self._specs = specs
        self._config = config
        self._bus = bus
        self._clock = clock
        self._activity = activity

    def open(self, request: AsrRequest) -> "Utterance":
        """Begin to listen; no model is held before somebody speaks.

        Raises ModelMissingError for an unknown model and UnsupportedLanguageError for a language
        that no installed model, or not the one named, understands.
        """
        measure = Measure(Kind.ASR, request.client, self._bus, self._clock)
        try:
            listener = choose_listener(
                self._specs, self._config.asr, request.model, request.language
            )
        except Exception as err:
            measure.finish(err)
            raise
        measure.model = listener.spec.id
        return Utterance(
            self._coordinator,
            self._config,
            self._bus,
            self._clock,
            measure,
            request,
            listener,
            self._activity(),
        )


class Utterance:
    """One utterance, from the first sound to the transcript; use it with `async with`.

    Audio goes in with `feed`. The turn is over when `end` was called, or by itself, which
    `ended` tells: when the speaker has finished (with turn detection), when nobody has spoken,
    when it is as long as may be kept, or when the model has failed. Then `finish` gives the
    transcript or raises; there is exactly one.
    """

    def __init__(
        self,
        coordinator: CoordinatorFace,
        config: Config,
        bus: EventBus,
        clock: Clock,
        measure: Measure,
        request: AsrRequest,
        listener: Listener,
        activity: Activity,
    ) -> None:
        self._coordinator = coordinator
        self._config = config
        self._bus = bus
        self._clock = clock
        self._measure = measure
        self._request = request
        self._listener = listener
        self._activity = activity
        self._turn = endpoint.TurnDetector(_turn_settings(config, request))
        self._left = SPEECH_FORMAT.bytes_for(
            config.asr.no_speech_timeout + config.asr.max_utterance
        )
        """Bytes that are listened to at most, were there never any silence or speech."""
        self._format: AudioFormat | None = None
        self._converter: Converter | None = None
        self._audio = bytearray()
        self._work: asyncio.Task[Transcript] | None = None
        """Holds the model from the first speech on."""
        self._finished = False
        self.ended = asyncio.Event()
        """Set when the turn is over: call `finish`, what is fed from now on is ignored."""

    async def feed(self, pcm: bytes, audio: AudioFormat) -> None:
        """Listen to a piece of audio of any length; the format may differ from the last piece's.

        Raises BadRequestError for a format that cannot be converted.
        """
        if self.ended.is_set():
            return
        if self._converter is None or audio != self._format:
            following = Converter(audio, SPEECH_FORMAT)
            await self._flush()
            self._converter, self._format = following, audio
        step = max(audio.frame_bytes, audio.bytes_for(SLICE_SECONDS))
        for start in range(0, len(pcm), step):
            await self._hear(self._converter.feed(pcm[start : start + step]))
            if self.ended.is_set():
                return
            if start + step < len(pcm):
                await asyncio.sleep(0)

    async def end(self) -> None:
        """The client says that the utterance is over; later calls change nothing."""
        if self.ended.is_set():
            return
        await self._flush()
        # A last word may end in a window that is not full yet.
        await self._hear(bytes(WINDOW * SPEECH_FORMAT.width))
        self._close_turn()

    async def finish(self) -> Transcript:
        """End the turn if nobody did, and wait for the transcript; call it once.

        Raises what the coordinator and the worker raise, and DeadlineError after `limits.request`
        seconds.
        """
        await self.end()
        transcript = Transcript("", self._listener.language)
        if self._work is not None:
            waiting = f"for {self._listener.spec.id} to transcribe"
            async with Deadline(self._clock, self._config.limits.request, waiting):
                transcript = await self._work
        self._finished = True
        return transcript

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = await stop(self._work) if self._work is not None else None
        self._activity.close()
        if failure is None and not self._finished:
            failure = asyncio.CancelledError()
        self._measure.finish(error or failure)

    async def _flush(self) -> None:
        if self._converter is not None:
            await self._hear(self._converter.flush())

    async def _hear(self, pcm: bytes) -> None:
        """Keep 16 kHz audio and follow the turn in it."""
        if self.ended.is_set() or not pcm:
            return
        self._audio += pcm
        self._left -= len(pcm)
        for event in self._turn.feed(await self._activity.listen(pcm)):
            if isinstance(event, endpoint.SpeechStarted):
                self._begin()
            elif isinstance(event, endpoint.TurnEnded):
                self._close_turn()
        if self._left <= 0:
            self._close_turn()
        if self._work is None:
            lead = SPEECH_FORMAT.bytes_for(LEAD_SECONDS)
            del self._audio[: max(0, len(self._audio) - lead)]

    def _begin(self) -> None:
        self._bus.publish(SpeechStarted(client=self._request.client))
        self._work = asyncio.create_task(self._transcribe(), name="transcribe")

    def _close_turn(self) -> None:
        if not self.ended.is_set():
            self._measure.restart("speech")
            self.ended.set()

    async def _transcribe(self) -> Transcript:
        """Get hold of the model while the person speaks; transcribe when the turn is over."""
        try:
            result = await self._try_twice()
        finally:
            # A model that fails while somebody speaks: they need not speak to the end.
            self._close_turn()
        text = result.get("text")
        if not isinstance(text, str):
            raise InternalError(f"{self._listener.spec.id} answered without a text.")
        language = result.get("language") or self._listener.language
        return Transcript(text.strip(), language, SPEECH_FORMAT.seconds(len(self._audio)))

    async def _try_twice(self) -> Mapping[str, Any]:
        """Return what the model made of the utterance; `finish` bounds both tries together."""
        model, client = self._listener.spec.id, self._request.client
        retry = Retry(self._measure)
        while True:
            async with self._coordinator.lease(model, client=client) as lease:
                await self.ended.wait()
                self._measure.mark("queue")
                try:
                    return await self._infer(lease)
                except ConductorError as err:
                    if not retry.take(err):
                        raise
            await retry.settle(self._coordinator, self._clock, lease.placement.device)

    async def _infer(self, lease: Lease) -> Mapping[str, Any]:
        """Have all the audio transcribed."""
        audio = bytes(self._audio)
        self._measure.audio_seconds = SPEECH_FORMAT.seconds(len(audio))
        with self._measure.stage("inference"):
            async with lease.open(self._inference(), streaming=True) as run:
                for start in range(0, len(audio), PIECE_BYTES):
                    await run.send(audio[start : start + PIECE_BYTES])
                await run.end()
                return await run.result()

    def _inference(self) -> dict[str, Any]:
        return {
            "language": self._listener.language,
            "beam_size": self._config.asr.beam_size,
            "task": self._request.task,
            "initial_prompt": self._prompt(),
            "word_timestamps": False,
        }

    def _prompt(self) -> str | None:
        """Return the text that biases spelling: configuration, request, names, then terms.

        None for distilled models, which repeat the prompt instead of listening.
        """
        if "distil" in self._listener.spec.id:
            return None
        prompt = self._request.initial_prompt or self._config.asr.initial_prompt
        words = [*self._request.names, *self._request.terms]
        for word in filter(None, map(str.strip, words)):
            longer = f"{prompt}, {word}" if prompt else word
            if len(longer) > MAX_PROMPT:
                break
            prompt = longer
        return prompt[:MAX_PROMPT] or None


def _turn_settings(config: Config, request: AsrRequest) -> endpoint.TurnSettings:
    """Return when the turn ends by itself."""
    asr = config.asr
    wanted = asr.turn_detection if request.turn_detection is None else request.turn_detection
    if not wanted:
        # The client ends it; only the longest utterance is ours to bound.
        return endpoint.TurnSettings(
            silence=math.inf, no_speech_timeout=math.inf, max_utterance=asr.max_utterance
        )
    return endpoint.TurnSettings(
        silence=asr.silence,
        no_speech_timeout=asr.no_speech_timeout,
        max_utterance=asr.max_utterance,
    ).for_sensitivity(request.vad_sensitivity)
