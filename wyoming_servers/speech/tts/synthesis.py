"""How a text is to be spoken: what a client wishes, and what was chosen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.audio.fade import silence
from wyoming_servers.config.schema import Config
from wyoming_servers.core.aio import ClockTimeout, cancel_and_wait
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import (
    ConductorError,
    InternalError,
)
from wyoming_servers.scheduling.interface import (
    CoordinatorProtocol,
    Lease,
)
from wyoming_servers.scheduling.lease import (
    parallelism,
    sample_rate,
    streams_audio,
)
from wyoming_servers.speech.retry import Retry
from wyoming_servers.speech.tts.concatenate import AudioJoiner
from wyoming_servers.speech.tts.phrase_cache import (
    Phrase,
    PhraseCache,
    phrase_key,
)
from wyoming_servers.speech.tts.scheduler import (
    Playback,
    SynthesisScheduler,
)
from wyoming_servers.speech.tts.text_frontend import (
    TextChunk,
    TextFrontend,
)
from wyoming_servers.speech.tts.voices import Voice
from wyoming_servers.telemetry.request_timer import RequestTimer
from wyoming_servers.text.lexicon import Lexicon


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
class SynthesisOptions:
    """How to speak, all choices made."""

    voice: Voice
    speaker: str | None
    speed: float
    client: str


# One answer on its way from text to audio: the next piece made while the last is on its way.

CHUNK_SAMPLES: Final = 2_048
"""Samples of one piece of output: 93 ms at 22.05 kHz, so a player starts early."""

MAX_QUEUED_SENTENCES: Final = 2
"""Sentences in hand: the one being sent and the next. More would push other clients back."""

SILENCE_FORMAT: Final = AudioFormat(rate=22_050)
"""The format of the silence that answers a text without words; it needs no model."""

SILENCE_SECONDS: Final = 0.1
"""A player needs some audio: Home Assistant takes an answer without any for a failure."""


class _Marker(Enum):
    """What stands between pieces of audio."""

    SENTENCE = "the end of a sentence"
    END = "the end of all"


class SynthesisStream:
    """One answer on its way from text to audio; use it with `async with`.

    Text goes in with `feed`, then `end`; audio comes out of `async for` as 16-bit mono PCM in
    chunks of 2,048 samples, shorter at the end of a sentence. One run of the worker makes one
    piece of the text, so that the pieces of several clients take turns.
    """

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        config: Config,
        clock: Clock,
        measure: RequestTimer,
        manner: SynthesisOptions,
        turns: SynthesisScheduler,
        phrases: PhraseCache | None = None,
        lexicon: Lexicon | None = None,
    ) -> None:
        self._phrases = phrases
        self._coordinator = coordinator
        self._config = config
        self._clock = clock
        self._measure = measure
        self._manner = manner
        self._turns = turns
        self._pieces = TextFrontend(
            next(iter(manner.voice.languages), ""),
            speed=manner.speed,
            gap=config.tts.sentence_silence,
            limit=config.tts.max_text,
            lexicon=lexicon,
            in_stretches=manner.voice.spec.streams_audio,
        )
        self._listener = Playback(self._pieces.sizes)
        self._format: asyncio.Future[AudioFormat] = asyncio.get_running_loop().create_future()
        self._audio: asyncio.Queue[bytes | _Marker] = asyncio.Queue()
        self._in_hand = asyncio.Semaphore(MAX_QUEUED_SENTENCES)
        self._until = 0.0
        """When the model must be ready, were it the second time."""
        self._retry = Retry(measure)
        self._joiner: AudioJoiner | None = None

    @property
    def voice(self) -> str:
        """The voice that speaks."""
        return self._manner.voice.offer.name

    def feed(self, text: str) -> None:
        """Add text, of any length. Raises BadRequestError when all of it is over `tts.max_text`."""
        self._pieces.feed(text)

    def pause(self, seconds: float) -> None:
        """Let a silence follow the text so far."""
        self._pieces.pause(seconds)

    def set_speed_factor(self, factor: float) -> None:
        """Speak the text that follows this much faster than was asked for, as far as it goes."""
        self._pieces.set_speed_factor(factor)

    def end(self, text: str = "") -> None:
        """Say that the text is complete, with this as its end; later calls change nothing.

        A whole text is best given here: it need not be cut early, since all of it is known.
        """
        self._pieces.end(text)

    async def format(self) -> AudioFormat:
        """Wait until it is known what the audio is. Raises what iterating raises."""
        either: list[asyncio.Future[Any]] = [self._format, self._producer]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self._format.done():
            await self._producer
        return self._format.result()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (item := await self._audio.get()) is not _Marker.END:
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
        failure = await cancel_and_wait(self._producer)
        if failure is None and self._producer.cancelled():
            failure = asyncio.CancelledError()
        self._measure.finish(error or failure)

    async def _produce(self) -> None:
        """Make all audio; however it ends, the mark of the end follows."""
        try:
            if await self._pieces.peek() is not None:
                await self._speak_all()
            if not self._listener.heard:
                audio = self._format.result() if self._format.done() else SILENCE_FORMAT
                self._say_format(audio)
                self._audio.put_nowait(silence(SILENCE_SECONDS, audio.rate))
        finally:
            self._audio.put_nowait(_Marker.END)

    async def _speak_all(self) -> None:
        """Speak piece after piece; the first one that is not in the cache takes a lease.

        A second lease is taken if the first was of no use at all.
        """
        self._until = self._clock.now() + self._config.limits.request
        async with AsyncExitStack() as stack:
            lease: Lease | None = None
            while (piece := await self._pieces.peek()) is not None:
                await self._in_hand.acquire()
                if not piece.text:
                    self._rest(piece)
                elif not await self._repeat(piece):
                    lease = lease or await self._lease(stack)
                    self._turns.parallel_runs = parallelism(lease)
                    if not await self._speak(piece, lease, self._joined(sample_rate(lease))):
                        self._in_hand.release()
                        device = lease.placement.device
                        lease, self._joiner = None, None
                        await stack.aclose()
                        await self._retry.wait_for_memory(self._coordinator, self._clock, device)
                        continue
                self._pieces.pop()
                self._audio.put_nowait(_Marker.SENTENCE)

    def _rest(self, piece: TextChunk) -> None:
        """Let a pause follow what was said; before the first word there is nothing to wait for."""
        if self._joiner is not None:
            self._joiner.add_pause(piece.pause)

    def _joined(self, rate: int) -> AudioJoiner:
        """Return what joins the pieces; the first one decides about the format."""
        self._say_format(AudioFormat(rate))
        if self._joiner is None:
            self._joiner = AudioJoiner(rate, CHUNK_SAMPLES)
        if self._format.result().rate != rate:
            raise InternalError(f"{self._measure.model} changed its sample rate.")
        return self._joiner

    async def _repeat(self, piece: TextChunk) -> bool:
        """Hand on a piece's audio from the cache; False if it is not there."""
        if self._phrases is None:
            return False
        phrase = await self._phrases.get(self._key(piece))
        if phrase is None or (self._format.done() and phrase.rate != self._format.result().rate):
            return False
        joiner = self._joined(phrase.rate)
        self._hand_on(joiner.begin())
        self._hand_on(joiner.feed(phrase.pcm))
        self._hand_on(joiner.finish(piece.pause))
        self._measure.phrases += 1
        self._measure.cached += 1
        return True

    def _key(self, piece: TextChunk) -> str:
        """Return the name of a piece's audio: everything that decides how it sounds."""
        spec = self._manner.voice.spec
        return phrase_key(
            model=spec.id,
            version=spec.version,
            options={key: str(value) for key, value in spec.options.items()},
            voice=self._manner.voice.name,
            speaker=self._manner.speaker,
            speed=piece.speed,
            text=piece.text,
        )

    async def _lease(self, stack: AsyncExitStack) -> Lease:
        """Hold the voice's model until the stack is left."""
        model = self._manner.voice.spec.id
        left = max(0.0, self._until - self._clock.now())
        with self._measure.stage("queue"):
            async with ClockTimeout(self._clock, left, f"for {model} to become ready"):
                return await stack.enter_async_context(
                    self._coordinator.lease(model, client=self._manner.client)
                )

    async def _speak(self, piece: TextChunk, lease: Lease, joiner: AudioJoiner) -> bool:
        """Make the audio of one piece, handing it on as the worker yields it.

        False if its worker has failed and the piece is to be spoken once more by another.
        """
        request = {
            "text": piece.text,
            "voice": self._manner.voice.name,
            "speaker": self._manner.speaker,
            "speed": piece.speed,
            "slack": self._listener.slack(self._clock.now()),
        }
        heard: list[bytes] = []
        async with AsyncExitStack() as stack:
            # A worker that makes the sound in short stretches knows best whose turn it is.
            if not streams_audio(lease):
                with self._measure.stage("queue"):
                    what = "for its turn to be spoken"
                    async with ClockTimeout(self._clock, self._config.limits.request, what):
                        await stack.enter_async_context(self._turns.turn(self._listener))
            try:
                await self._run(lease, request, joiner, heard)
            except ConductorError as err:
                # Audio that was handed on cannot be taken back, nor said twice.
                late = self._clock.now() >= self._until
                if self._listener.heard or late or not self._retry.should_retry(err):
                    raise
                return False
            self._hand_on(joiner.finish(piece.pause))
        self._measure.phrases += 1
        self._measure.audio_seconds += self._format.result().seconds(sum(map(len, heard)))
        if self._phrases is not None and (audio := b"".join(heard)):
            phrase = Phrase(self.voice, self._format.result().rate, audio, piece.text)
            self._phrases.put(self._key(piece), phrase)
        return True

    async def _run(
        self, lease: Lease, request: dict[str, Any], joiner: AudioJoiner, heard: list[bytes]
    ) -> None:
        """Let the worker make a piece; note what it was."""
        what = "for the next piece of speech"
        with self._measure.stage("inference"):
            async with ClockTimeout(self._clock, self._config.limits.request, what) as deadline:
                self._hand_on(joiner.begin())
                async with lease.open(request) as run:
                    async for chunk in run:
                        deadline.restart()
                        heard.append(chunk.payload)
                        self._hand_on(joiner.feed(chunk.payload))

    def _hand_on(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self._listener.hear(self._format.result().seconds(len(chunk)), self._clock.now())
            self._audio.put_nowait(chunk)

    def _say_format(self, audio: AudioFormat) -> None:
        if not self._format.done():
            self._format.set_result(audio)
