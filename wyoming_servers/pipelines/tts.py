"""Speak a text: sentence by sentence, the next one made while the last is on its way."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.audio.fade import silence
from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.config.schema import Config
from wyoming_servers.coordinator.face import CoordinatorFace, Lease
from wyoming_servers.domain import AudioFormat, Kind, ModelSpec, Priority
from wyoming_servers.errors import BadRequestError, ConductorError, InternalError
from wyoming_servers.pipelines.deadline import Deadline
from wyoming_servers.pipelines.join import Joiner
from wyoming_servers.pipelines.measure import Measure
from wyoming_servers.pipelines.retry import Retry
from wyoming_servers.pipelines.together import stop
from wyoming_servers.pipelines.voices import Voice, VoiceBook, check_speaker
from wyoming_servers.store.phrases import Phrase, PhraseCache, phrase_key
from wyoming_servers.text import mix
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.normalize import normalize
from wyoming_servers.text.plain import speakable
from wyoming_servers.text.segment import Segment, Segmenter

CHUNK_SAMPLES: Final = 2_048
"""Samples of one piece of output: 93 ms at 22.05 kHz, so a player starts early."""

AHEAD: Final = 2
"""Sentences in hand: the one being sent and the next. More would push other clients back."""

COMFORT_SECONDS: Final = 2.0
"""A listener who has so much audio left to hear can wait for one who has yet to hear anything."""

NOTHING: Final = AudioFormat(rate=22_050)
"""The format of the silence that answers a text without words; it needs no model."""

NOTHING_SECONDS: Final = 0.1
"""A player needs some audio: Home Assistant takes an answer without any for a failure."""

MIN_SPEED: Final = mix.MIN_SPEED
MAX_SPEED: Final = mix.MAX_SPEED


@dataclass(frozen=True, slots=True)
class TtsRequest:
    """How to speak; None leaves the choice to the configuration."""

    voice: str | None = None
    speaker: str | None = None
    language: str | None = None
    """Chooses the voice if none is named."""
    speed: float | None = None
    """0.5 to 2.0; 1.0 is the voice's own pace."""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Manner:
    """How to speak, all choices made."""

    voice: Voice
    speaker: str | None
    speed: float
    client: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """What to speak next: words, or a pause alone."""

    text: str
    """As the engine is given it: lexicon applied, numbers in words; empty for a pause."""
    pause: float
    """Seconds of silence due behind it, before what follows."""
    speed: float


class _Mark(Enum):
    """What stands between pieces of audio."""

    SENTENCE = "the end of a sentence"
    END = "the end of all"


class TtsPipeline:
    """Speaks with any installed voice."""

    def __init__(
        self,
        coordinator: CoordinatorFace,
        specs: Mapping[str, ModelSpec],
        config: Config,
        bus: EventBus,
        clock: Clock,
        phrases: PhraseCache | None = None,
        lexicon: Lexicon | None = None,
    ) -> None:
        self._coordinator = coordinator
        self._config = config
        self._bus = bus
        self.lexicon = lexicon
        """How words are said; None for none."""
        self.phrases = phrases
        """What was said before; None if nothing is kept."""
        self._clock = clock
        self.voices = VoiceBook(specs, config.tts.voice, tuple(config.tts.presets))

    @property
    def max_text(self) -> int:
        """Most characters of one text."""
        return self._config.tts.max_text

    def open(self, request: TtsRequest) -> "Speech":
        """Prepare to speak; no model is held before the first text.

        Raises ModelMissingError, UnsupportedLanguageError or BadRequestError for a voice, a
        language, a speaker or a speed that does not exist.
        """
        measure = Measure(Kind.TTS, request.client, self._bus, self._clock)
        try:
            manner = self._choose(request)
        except Exception as err:
            measure.finish(err)
            raise
        measure.model = manner.voice.spec.id
        return Speech(
            self._coordinator,
            self._config,
            self._clock,
            measure,
            manner,
            self.phrases,
            self.lexicon,
        )

    def _choose(self, request: TtsRequest) -> Manner:
        voice = self.voices.find(request.voice, request.language)
        speed = self._config.tts.speed if request.speed is None else request.speed
        if not MIN_SPEED <= speed <= MAX_SPEED:
            raise BadRequestError(
                f"A speed of {speed:g} is not possible.",
                hint=f"Choose {MIN_SPEED:g} to {MAX_SPEED:g}.",
            )
        # Both wishes count, as far as a voice can follow.
        speed = min(max(speed * voice.speed, MIN_SPEED), MAX_SPEED)
        return Manner(voice, check_speaker(voice, request.speaker), speed, request.client)


class Speech:
    """One answer on its way from text to audio; use it with `async with`.

    Text goes in with `feed`, then `end`; audio comes out of `async for` as 16-bit mono PCM in
    pieces of 2,048 samples, shorter at the end of a sentence. One run of the worker makes one
    sentence, so that the sentences of several clients take turns.
    """

    def __init__(
        self,
        coordinator: CoordinatorFace,
        config: Config,
        clock: Clock,
        measure: Measure,
        manner: Manner,
        phrases: PhraseCache | None = None,
        lexicon: Lexicon | None = None,
    ) -> None:
        self._phrases = phrases
        self._lexicon = lexicon
        self._coordinator = coordinator
        self._config = config
        self._clock = clock
        self._measure = measure
        self._manner = manner
        self._language = next(iter(manner.voice.languages), "")
        self._segmenter = Segmenter(self._language)
        self._speed = manner.speed
        self._characters = 0
        self._segments: deque[_Piece] = deque()
        self._ended = False
        self._more = asyncio.Event()
        """Set when there is a segment to speak, or the text has ended."""
        self._format: asyncio.Future[AudioFormat] = asyncio.get_running_loop().create_future()
        self._audio: asyncio.Queue[bytes | _Mark] = asyncio.Queue()
        self._in_hand = asyncio.Semaphore(AHEAD)
        self._made = 0.0
        """Seconds of audio made so far."""
        self._begun = 0.0
        """When the first of it was made."""
        self._until = 0.0
        """When the model must be ready, were it the second time."""
        self._retry = Retry(measure)
        self._joiner: Joiner | None = None

    @property
    def voice(self) -> str:
        """The voice that speaks."""
        return self._manner.voice.offer.name

    def feed(self, text: str) -> None:
        """Add text, of any length. Raises BadRequestError when all of it is over `tts.max_text`."""
        if self._ended:
            raise RuntimeError("text after the end of a speech")
        self._characters += len(text)
        limit = self._config.tts.max_text
        if self._characters > limit:
            raise BadRequestError(
                f"The text is longer than {limit} characters.",
                hint="Send it in several requests, or raise tts.max_text.",
            )
        self._add(self._segmenter.feed(text))

    def pause(self, seconds: float) -> None:
        """Let a silence follow the text so far."""
        self._add(self._segmenter.finish())
        self._segments.append(_Piece("", seconds, self._speed))
        self._more.set()

    def pace(self, factor: float) -> None:
        """Speak the text that follows this much faster than was asked for, as far as it goes."""
        self._add(self._segmenter.finish())
        self._speed = min(max(self._manner.speed * factor, MIN_SPEED), MAX_SPEED)

    def end(self) -> None:
        """Say that the text is complete; later calls change nothing."""
        if not self._ended:
            self._ended = True
            self._add(self._segmenter.finish())
            self._more.set()

    async def format(self) -> AudioFormat:
        """Wait until it is known what the audio is. Raises what iterating raises."""
        either: list[asyncio.Future[Any]] = [self._format, self._producer]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self._format.done():
            await self._producer
        return self._format.result()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (item := await self._audio.get()) is not _Mark.END:
            if isinstance(item, bytes):
                self._measure.mark("first_audio")
                yield item
            else:
                self._in_hand.release()
        await self._producer

    async def __aenter__(self) -> Self:
        self._coordinator.prefetch(self._manner.voice.spec.id, "a text is coming")
        self._producer = asyncio.create_task(self._produce(), name=f"speech by {self.voice}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = await stop(self._producer)
        if failure is None and self._producer.cancelled():
            failure = asyncio.CancelledError()
        self._measure.finish(error or failure)

    def _add(self, segments: Iterable[Segment]) -> None:
        gap = self._config.tts.sentence_silence
        for segment in segments:
            text = segment.text
            if self._lexicon is not None:
                text = self._lexicon.apply(text, self._language)
            text = normalize(text, self._language)
            # A segment of signs alone has no sound; engines answer it with noise or an error.
            if speakable(text):
                pause = gap if segment.ends_sentence else 0.0
                self._segments.append(_Piece(text, pause, self._speed))
                self._more.set()

    async def _produce(self) -> None:
        """Make all audio; however it ends, the mark of the end follows."""
        try:
            if await self._has_next():
                await self._speak_all()
            if not self._made:
                audio = self._format.result() if self._format.done() else NOTHING
                self._say_format(audio)
                self._audio.put_nowait(silence(NOTHING_SECONDS, audio.rate))
        finally:
            self._audio.put_nowait(_Mark.END)

    async def _speak_all(self) -> None:
        """Speak segment after segment; the first one that is not in the cache takes a lease.

        A second lease is taken if the first was of no use at all.
        """
        self._until = self._clock.now() + self._config.limits.request
        async with AsyncExitStack() as stack:
            lease: Lease | None = None
            while await self._has_next():
                await self._in_hand.acquire()
                segment = self._segments[0]
                if not segment.text:
                    self._rest(segment)
                elif not await self._repeat(segment):
                    lease = lease or await self._lease(stack)
                    if not await self._speak(segment, lease, self._joined(_rate(lease))):
                        self._in_hand.release()
                        device = lease.placement.device
                        lease, self._joiner = None, None
                        await stack.aclose()
                        await self._retry.settle(self._coordinator, self._clock, device)
                        continue
                self._segments.popleft()
                self._audio.put_nowait(_Mark.SENTENCE)

    def _rest(self, piece: _Piece) -> None:
        """Let a pause follow what was said; before the first word there is nothing to wait for."""
        if self._joiner is not None:
            self._joiner.rest(piece.pause)

    def _joined(self, rate: int) -> Joiner:
        """Return what joins the segments; the first one decides about the format."""
        self._say_format(AudioFormat(rate))
        if self._joiner is None:
            self._joiner = Joiner(rate, CHUNK_SAMPLES)
        if self._format.result().rate != rate:
            raise InternalError(f"{self._measure.model} changed its sample rate.")
        return self._joiner

    async def _repeat(self, segment: _Piece) -> bool:
        """Hand on a segment's audio from the cache; False if it is not there."""
        if self._phrases is None:
            return False
        phrase = await self._phrases.get(self._key(segment))
        if phrase is None or (self._format.done() and phrase.rate != self._format.result().rate):
            return False
        joiner = self._joined(phrase.rate)
        self._hand_on(joiner.begin())
        self._hand_on(joiner.feed(phrase.pcm))
        self._hand_on(joiner.finish(segment.pause))
        self._measure.phrases += 1
        self._measure.cached += 1
        return True

    def _key(self, segment: _Piece) -> str:
        """Return the name of a segment's audio: everything that decides how it sounds."""
        spec = self._manner.voice.spec
        return phrase_key(
            model=spec.id,
            version=spec.version,
            options={key: str(value) for key, value in spec.options.items()},
            voice=self._manner.voice.name,
            speaker=self._manner.speaker,
            speed=segment.speed,
            text=segment.text,
        )

    async def _lease(self, stack: AsyncExitStack) -> Lease:
        """Hold the voice's model until the stack is left."""
        model = self._manner.voice.spec.id
        left = max(0.0, self._until - self._clock.now())
        with self._measure.stage("queue"):
            async with Deadline(self._clock, left, f"for {model} to become ready"):
                return await stack.enter_async_context(
                    self._coordinator.lease(model, client=self._manner.client)
                )

    async def _speak(self, segment: _Piece, lease: Lease, joiner: Joiner) -> bool:
        """Make the audio of one segment, handing on each piece as the worker yields it.

        False if its worker has failed and the segment is to be spoken once more by another.
        """
        request = {
            "text": segment.text,
            "voice": self._manner.voice.name,
            "speaker": self._manner.speaker,
            "speed": segment.speed,
        }
        limit = self._config.limits.request
        heard: list[bytes] = []
        with self._measure.stage("inference"):
            async with Deadline(self._clock, limit, "for the next piece of speech") as deadline:
                self._hand_on(joiner.begin())
                try:
                    async with lease.open(request, priority=self._urgency()) as run:
                        async for chunk in run:
                            deadline.extend()
                            heard.append(chunk.payload)
                            self._hand_on(joiner.feed(chunk.payload))
                except ConductorError as err:
                    # Audio that was handed on cannot be taken back, nor said twice.
                    if self._made or self._clock.now() >= self._until or not self._retry.take(err):
                        raise
                    return False
                self._hand_on(joiner.finish(segment.pause))
        self._measure.phrases += 1
        self._measure.audio_seconds += self._format.result().seconds(sum(map(len, heard)))
        if self._phrases is not None and (audio := b"".join(heard)):
            phrase = Phrase(self.voice, self._format.result().rate, audio, segment.text)
            self._phrases.put(self._key(segment), phrase)
        return True

    def _urgency(self) -> Priority:
        """Return how urgent the next segment is: the listener may have enough to hear yet."""
        left = self._begun + self._made - self._clock.now()
        return Priority.OTHER if self._made and left > COMFORT_SECONDS else Priority.TTS

    def _hand_on(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            if not self._made:
                self._begun = self._clock.now()
            self._made += self._format.result().seconds(len(chunk))
            self._audio.put_nowait(chunk)

    def _say_format(self, audio: AudioFormat) -> None:
        if not self._format.done():
            self._format.set_result(audio)

    async def _has_next(self) -> bool:
        """Wait for a segment; False if the text has ended and all of it was spoken."""
        while not self._segments:
            if self._ended:
                return False
            self._more.clear()
            await self._more.wait()
        return True


def _rate(lease: Lease) -> int:
    rate = lease.info.get("sample_rate")
    if not isinstance(rate, int) or rate <= 0:
        raise InternalError(f"{lease.spec.id} did not say its sample rate.")
    return rate
