"""One speech synthesis: text in, audio out, while the text is still arriving."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.audio.fade import AudioJoiner, silence
from wyoming_servers.config.schema import Config
from wyoming_servers.core.aio import ClockTimeout, SizedQueue, cancel_and_wait
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import ConductorError, InternalError
from wyoming_servers.protocol.session import OUTPUT_WINDOW
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease
from wyoming_servers.speech.retry import Retry
from wyoming_servers.speech.tts.phrase_cache import Phrase, PhraseCache, phrase_key
from wyoming_servers.speech.tts.text_frontend import TextChunk, TextFrontend
from wyoming_servers.speech.tts.voices import Voice
from wyoming_servers.telemetry.request_records import RequestArchive, RequestContent, RequestTimer
from wyoming_servers.text.lexicon import Lexicon

CHUNK_SAMPLES: Final = 2_048
"""Samples per chunk of output: 93 ms at 22.05 kHz, so that players start early."""

MAX_QUEUED_SENTENCES: Final = 2
"""Sentences computed but not sent: the one that is being sent and the next. More would delay other
clients."""

MAX_QUEUED_BYTES: Final = 256 * 1024
"""Audio that was not sent yet: 6 s at 22.05 kHz, in which the next sentence is synthesized."""

HELD_BYTES: Final = MAX_QUEUED_BYTES + OUTPUT_WINDOW
"""Audio that a synthesis may hold for a client that does not read: queued here, and sent by the
worker."""

MAX_PHRASE_BYTES: Final = 1024 * 1024
"""Longer sentences (24 s at 22.05 kHz) are not cached, so that they need not be kept."""

SLICE_BYTES: Final = 64 * 1024
"""Audio that is prepared for sending at once."""

SILENCE_FORMAT: Final = AudioFormat(rate=22_050)
"""Format of the silence that answers a text without words; no model is needed for it."""

SILENCE_SECONDS: Final = 0.1
"""Home Assistant treats an answer without any audio as a failure."""

_STREAM_IDS: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class TtsRequest:
    """Options of a request; None selects the configured default."""

    voice: str | None = None
    speaker: str | None = None
    language: str | None = None
    """Selects the voice if none is named."""
    speed: float | None = None
    """0.5 to 2.0; 1.0 is the voice's own speed."""
    client: str = ""


@dataclass(frozen=True, slots=True)
class SynthesisOptions:
    """Resolved options of a request."""

    voice: Voice
    speaker: str | None
    speed: float
    client: str


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    """A part of the text, and where its audio is in the whole audio."""

    text: str
    start: float
    """Seconds."""
    end: float


class _Marker(Enum):
    """Separates chunks of audio in the output queue."""

    SENTENCE = "end of a sentence"
    END = "end of the audio"


class _Playback:
    """What the client has received, and when its player has played all of it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """Audio seconds sent so far."""
        self._underrun_at: float | None = None

    def buffered_seconds(self, now: float) -> float | None:
        """Return the audio seconds left to play; None before the first audio."""
        return None if self._underrun_at is None else max(0.0, self._underrun_at - now)

    def add(self, seconds: float, now: float) -> None:
        """Count audio that is sent."""
        start = now if self._underrun_at is None else max(now, self._underrun_at)
        self._underrun_at = start + seconds
        self.seconds += seconds


class _Recording:
    """Audio of a sentence for the phrase cache; none if it is too long for it."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of all audio."""
        self.pcm: list[bytes] = []

    def add(self, pcm: bytes) -> None:
        self.size += len(pcm)
        self.pcm.append(pcm)
        if self.size > MAX_PHRASE_BYTES:
            self.pcm = []


class SynthesisStream:
    """Audio of one text; use it with `async with`.

    Call `feed` with parts of the text, then `end`; iterate for 16-bit mono PCM in chunks of 2,048
    samples, shorter at the end of a sentence. Each sentence is one run of the worker, which decides
    between the sentences of all clients (`worker.child.run_queue`).
    """

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        config: Config,
        clock: Clock,
        timer: RequestTimer,
        options: SynthesisOptions,
        streaming_models: dict[str, bool],
        phrase_cache: PhraseCache | None = None,
        lexicon: Lexicon | None = None,
        archive: RequestArchive | None = None,
    ) -> None:
        """`streaming_models` says which loaded models have reported that they stream audio."""
        self._phrase_cache = phrase_cache
        self._coordinator = coordinator
        self._config = config
        self._clock = clock
        self._timer = timer
        self._options = options
        self._streaming_models = streaming_models
        spec = options.voice.spec
        self._frontend = TextFrontend(
            next(iter(options.voice.languages), ""),
            speed=options.speed,
            gap=config.tts.sentence_silence,
            limit=config.tts.max_text,
            lexicon=lexicon,
            streams_audio=streaming_models.get(spec.id, spec.streams_audio),
        )
        self._archive = archive
        self._kept_text: list[str] = []
        self._kept_audio: list[bytes] | None = [] if archive and archive.keeps_audio else None
        self._id = next(_STREAM_IDS)
        self._playback = _Playback()
        self._format: asyncio.Future[AudioFormat] = asyncio.get_running_loop().create_future()
        self._audio: SizedQueue[bytes | _Marker] = SizedQueue(MAX_QUEUED_BYTES)
        self._queue_slots = asyncio.Semaphore(MAX_QUEUED_SENTENCES)
        self._retry_until = 0.0
        """A worker that fails after this time on the clock is not replaced by another."""
        self._retry = Retry(timer)
        self._joiner: AudioJoiner | None = None
        self.segments: list[SpokenSegment] = []
        """The parts of the text whose audio is complete."""
        self._segment_start = 0.0

    @property
    def voice(self) -> str:
        """Name of the voice."""
        return self._options.voice.info.name

    def feed(self, text: str) -> None:
        """Add text of any length. Raises BadRequestError when the sum exceeds `tts.max_text`."""
        self._frontend.feed(text)
        self._kept_text.append(text)

    def pause(self, seconds: float) -> None:
        """Insert silence after the text so far."""
        self._frontend.pause(seconds)

    def set_speed_factor(self, factor: float) -> None:
        """Speak the text that follows at this multiple of the requested speed, within limits."""
        self._frontend.set_speed_factor(factor)

    def end(self, text: str = "") -> None:
        """Complete the text, with `text` as its end; later calls change nothing.

        Pass a text that is complete from the start here: its first sentence need not be cut early.
        """
        self._frontend.end(text)
        self._kept_text.append(text)

    async def format(self) -> AudioFormat:
        """Wait until the format is known. Raises the errors that iterating raises."""
        either: list[asyncio.Future[Any]] = [self._format, self._producer]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self._format.done():
            await self._producer
        return self._format.result()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (item := await self._audio.get()) is not _Marker.END:
            if isinstance(item, bytes):
                self._timer.mark("first_audio")
                if self._kept_audio is not None:
                    self._kept_audio.append(item)
                yield item
            else:
                self._queue_slots.release()
        await self._producer

    async def __aenter__(self) -> Self:
        self._coordinator.prefetch(self._options.voice.spec.id, "a text is coming")
        self._producer = asyncio.create_task(self._produce(), name=f"synthesis by {self.voice}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = await cancel_and_wait(self._producer)
        if self._archive is not None and self._format.done() and not self._format.cancelled():
            audio = b"".join(self._kept_audio or ())
            rate = self._format.result().rate
            text = "".join(self._kept_text)
            self._archive.add(self._timer.id, RequestContent(text, audio, rate, self.voice))
        if failure is None and self._producer.cancelled():
            failure = asyncio.CancelledError()
        self._timer.finish(error or failure)

    async def _produce(self) -> None:
        """Produce all audio; the end marker follows in any case."""
        try:
            if await self._frontend.peek() is not None:
                await self._synthesize_all()
            if not self._playback.seconds:
                audio = self._format.result() if self._format.done() else SILENCE_FORMAT
                self._set_format(audio)
                await self._audio.put(silence(SILENCE_SECONDS, audio.rate))
        finally:
            self._audio.put_nowait(_Marker.END)

    async def _synthesize_all(self) -> None:
        """Synthesize chunk after chunk; the first one that is not cached acquires a lease.

        If the worker fails before any audio was sent, a second lease replaces the first.
        """
        self._retry_until = self._clock.now() + self._config.limits.request_timeout
        async with AsyncExitStack() as stack:
            lease: Lease | None = None
            while (chunk := await self._frontend.peek()) is not None:
                await self._queue_slots.acquire()
                if not chunk.text:
                    self._add_pause(chunk)
                elif not await self._play_cached(chunk):
                    if lease is None:
                        lease = await self._acquire_lease(stack)
                        if self._adapt_to(lease):
                            self._queue_slots.release()
                            continue
                    if not await self._synthesize(
                        chunk, lease, self._prepare(lease.info.sample_rate)
                    ):
                        self._queue_slots.release()
                        device = lease.placement.device
                        lease, self._joiner = None, None
                        await stack.aclose()
                        await self._retry.wait_for_memory(self._coordinator, device)
                        continue
                self._frontend.pop()
                if chunk.text:
                    self._add_segment(chunk)
                self._audio.put_nowait(_Marker.SENTENCE)

    def _adapt_to(self, lease: Lease) -> bool:
        """Cut the first sentence as the loaded voice needs it; return whether that changed it."""
        streams = lease.info.streams_audio
        self._streaming_models[lease.spec.id] = streams
        return self._frontend.set_streams_audio(streams)

    def _add_segment(self, chunk: TextChunk) -> None:
        end = self._playback.seconds
        self.segments.append(SpokenSegment(chunk.source, self._segment_start, end))
        self._segment_start = end + chunk.pause

    def _add_pause(self, chunk: TextChunk) -> None:
        """Insert a pause; before the first audio it is dropped."""
        if self._joiner is not None:
            self._joiner.add_pause(chunk.pause)

    def _prepare(self, rate: int) -> AudioJoiner:
        """Return the joiner of all chunks; the first one sets the format."""
        self._set_format(AudioFormat(rate))
        if self._joiner is None:
            self._joiner = AudioJoiner(rate, CHUNK_SAMPLES)
        if self._format.result().rate != rate:
            raise InternalError(f"{self._timer.model} changed its sample rate.")
        return self._joiner

    async def _play_cached(self, chunk: TextChunk) -> bool:
        """Emit the audio of a chunk from the phrase cache; False if it is not cached."""
        if self._phrase_cache is None:
            return False
        phrase = await self._phrase_cache.get(self._phrase_key(chunk))
        if phrase is None or (self._format.done() and phrase.rate != self._format.result().rate):
            return False
        joiner = self._prepare(phrase.rate)
        await self._emit(joiner.begin())
        await self._emit_speech(joiner, phrase.pcm)
        await self._emit(joiner.finish(chunk.pause))
        self._timer.phrases += 1
        self._timer.cached += 1
        return True

    def _phrase_key(self, chunk: TextChunk) -> str:
        return phrase_key(
            self._options.voice.spec,
            voice=self._options.voice.name,
            speaker=self._options.speaker,
            speed=chunk.speed,
            text=chunk.text,
            settings=self._options.voice.options,
        )

    async def _acquire_lease(self, stack: AsyncExitStack) -> Lease:
        """Lease the model until the stack is closed."""
        model = self._options.voice.spec.id
        left = max(0.0, self._retry_until - self._clock.now())
        with self._timer.stage("queue"):
            async with ClockTimeout(self._clock, left, f"for {model} to become ready"):
                return await stack.enter_async_context(
                    self._coordinator.lease(model, client=self._options.client)
                )

    async def _synthesize(self, chunk: TextChunk, lease: Lease, joiner: AudioJoiner) -> bool:
        """Synthesize one chunk, and emit its audio as the worker yields it.

        Returns False if the worker failed and the chunk is to be retried with another.
        """
        recording = _Recording()
        try:
            await self._run(self._request(chunk), lease, joiner, recording)
        except ConductorError as err:
            # Audio that was sent cannot be taken back, and must not be spoken twice.
            late = self._clock.now() >= self._retry_until
            if self._playback.seconds or late or not self._retry.should_retry(err):
                raise
            return False
        await self._emit(joiner.finish(chunk.pause))
        self._timer.phrases += 1
        self._timer.audio_seconds += self._format.result().seconds(recording.size)
        if self._phrase_cache is not None and (pcm := b"".join(recording.pcm)):
            phrase = Phrase(self.voice, self._format.result().rate, pcm, chunk.text)
            self._phrase_cache.put(self._phrase_key(chunk), phrase)
        return True

    def _request(self, chunk: TextChunk) -> dict[str, Any]:
        """Return the request of a run; `engines.base` describes it."""
        return {
            **self._options.voice.options,
            "text": chunk.text,
            "voice": self._options.voice.name,
            "speaker": self._options.speaker,
            "speed": chunk.speed,
            "stream": self._id,
            "buffered_seconds": self._playback.buffered_seconds(self._clock.now()),
            "next_characters": self._frontend.sizes(),
        }

    async def _run(
        self, request: dict[str, Any], lease: Lease, joiner: AudioJoiner, recording: "_Recording"
    ) -> None:
        """Run the request on the worker, and emit and record its audio."""
        what = "for the next chunk of speech"
        with self._timer.stage("inference"):
            async with ClockTimeout(
                self._clock, self._config.limits.request_timeout, what
            ) as timeout:
                timeout.suspend()
                await self._emit(joiner.begin())
                timeout.restart()
                async with lease.open(request) as run:
                    async for output in run:
                        # The client may read as slowly as it plays.
                        timeout.suspend()
                        recording.add(output.payload)
                        await self._emit_speech(joiner, output.payload)
                        timeout.restart()

    async def _emit_speech(self, joiner: AudioJoiner, pcm: bytes) -> None:
        for start in range(0, len(pcm), SLICE_BYTES):
            await self._emit(joiner.feed(pcm[start : start + SLICE_BYTES]))

    async def _emit(self, chunks: Iterable[bytes]) -> None:
        """Send chunks; waits while the client reads slowly."""
        for chunk in chunks:
            await self._audio.put(chunk, len(chunk))
            self._playback.add(self._format.result().seconds(len(chunk)), self._clock.now())

    def _set_format(self, audio: AudioFormat) -> None:
        if not self._format.done():
            self._format.set_result(audio)
