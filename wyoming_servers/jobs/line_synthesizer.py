"""Synthesizes lines of a speech job with one voice, as far as they are not in a phrase cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wyoming_servers.audio.fade import fade, silence
from wyoming_servers.core.domain import ModelSpec, Priority
from wyoming_servers.core.errors import InternalError
from wyoming_servers.jobs.job import LineVoice
from wyoming_servers.jobs.retry import LeaseRetrier, LeaseRetryPolicy
from wyoming_servers.jobs.throttle import LiveTrafficGate
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.speech.tts.phrase_cache import Phrase, PhraseCache, phrase_key
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.normalize.normalizer import normalize
from wyoming_servers.text.segment import Segmenter, is_speakable
from wyoming_servers.text.voice_expression import MAX_SPEED, MIN_SPEED, parse_variant

RETRY_POLICY: Final = LeaseRetryPolicy(
    attempt_timeout=300.0, max_attempts=3, max_capacity_wait=600.0
)
"""For a chunk of 8 s; the slowest voice on a small processor needs half a minute."""

MAX_CHUNK_CHARACTERS: Final = 120
"""Longest chunk, about 8 s of speech; a voice cannot be interrupted within one."""

_MAX_CHUNK_SECONDS: Final = 180.0
"""Longest audio of one chunk; a model that generates more has failed."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """Settings of this server for reading texts, the same for live voices and jobs."""

    lexicon: Lexicon | None = None
    sentence_silence: float = 0.2
    """Seconds of silence between two sentences."""
    phrase_cache: PhraseCache | None = None
    """Phrases of live voices; None if they are not cached."""
    job_cache: PhraseCache | None = None
    """Phrases of all speech jobs: when one is edited, only what has changed is made again."""


@dataclass(frozen=True, slots=True)
class _LineChunk:
    text: str
    """Normalized, as the engine gets it."""
    pause: float
    """Seconds of silence after it, if another chunk follows."""


class PhraseCaches:
    """The phrases of live voices and those of the jobs, for one model."""

    def __init__(
        self, reading: ReadingOptions, spec: ModelSpec | None, *, adds_to_live: bool
    ) -> None:
        """Without the model's `spec`, nothing is cached."""
        self._spec = spec
        self._live = reading.phrase_cache
        self._jobs = reading.job_cache
        self._adds_to_live = adds_to_live

    async def read(self, voice: LineVoice, text: str, speed: float) -> Phrase | None:
        """Return a phrase, or None."""
        if self._spec is None:
            return None
        key = _phrase_key(self._spec, voice, text, speed)
        for cache in (self._live, self._jobs):
            if cache is not None and (phrase := await cache.get(key)) is not None:
                return phrase
        return None

    def add(self, voice: LineVoice, text: str, speed: float, rate: int, pcm: bytes) -> None:
        """Add a phrase."""
        if self._spec is None or not pcm:
            return
        key = _phrase_key(self._spec, voice, text, speed)
        phrase = Phrase(voice.name, rate, pcm, text)
        if self._jobs is not None:
            self._jobs.put(key, phrase)
        if self._live is not None and self._adds_to_live:
            self._live.put(key, phrase)


def _phrase_key(spec: ModelSpec, voice: LineVoice, text: str, speed: float) -> str:
    variant = parse_variant(voice.sound)
    return phrase_key(
        spec,
        voice=variant.voice,
        speaker=voice.speaker,
        speed=speed,
        text=text,
        settings=variant.options,
    )


class LineSynthesizer:
    """Synthesizes the lines of one job with one voice."""

    def __init__(
        self,
        retrier: LeaseRetrier,
        gate: LiveTrafficGate,
        voice: LineVoice,
        reading: ReadingOptions,
        caches: PhraseCaches,
    ) -> None:
        self._retrier = retrier
        self._gate = gate
        self._voice = voice
        self._variant = parse_variant(voice.sound)
        self._language = voice.language
        self._reading = reading
        self._caches = caches
        self.rate: int | None = None
        """Samples per second; None before the first audio."""

    async def synthesize(self, text: str, speedup: float = 1.0) -> bytes:
        """Return a line as 16-bit mono PCM, `speedup` times as fast as the voice usually speaks.

        Empty for a line without words. Raises the errors of leases and runs after all retries.
        """
        parts: list[bytes] = []
        pause = 0.0
        for chunk in self._chunks(text):
            speed = min(max(self._voice.speed * speedup, MIN_SPEED), MAX_SPEED)
            audio = await self._read_cached(chunk.text, speed)
            if audio is None:
                await self._gate.wait()
                audio = await self._synthesize_chunk(chunk.text, speed)
                if self.rate is not None:
                    self._caches.add(self._voice, chunk.text, speed, self.rate, audio)
            if self.rate is None or not audio:
                continue
            parts += [silence(pause, self.rate), fade(audio, self.rate)]
            pause = chunk.pause
        return b"".join(parts)

    def _chunks(self, text: str) -> Sequence[_LineChunk]:
        """Cut and normalize a line as live voices do: lexicon first, then numbers and symbols."""
        segmenter = Segmenter(self._language, MAX_CHUNK_CHARACTERS, early=False)
        chunks = []
        for segment in (*segmenter.feed(text), *segmenter.finish()):
            spoken = segment.text
            if self._reading.lexicon is not None:
                spoken = self._reading.lexicon.apply(spoken, self._language)
            spoken = normalize(spoken, self._language)
            if is_speakable(spoken):
                pause = self._reading.sentence_silence if segment.ends_sentence else 0.0
                chunks.append(_LineChunk(spoken, pause))
        return chunks

    async def _read_cached(self, text: str, speed: float) -> bytes | None:
        """Return the audio of a phrase from the caches, or None."""
        phrase = await self._caches.read(self._voice, text, speed)
        if phrase is None or self.rate not in (None, phrase.rate):
            return None
        self.rate = phrase.rate
        return phrase.pcm

    async def _synthesize_chunk(self, text: str, speed: float) -> bytes:
        request = {
            **self._variant.options,
            "text": text,
            "voice": self._variant.voice,
            "speaker": self._voice.speaker,
            "speed": speed,
        }

        async def run_chunk(lease: Lease) -> bytes:
            rate = lease.info.sample_rate
            limit = int(_MAX_CHUNK_SECONDS * rate) * 2
            audio = bytearray()
            async with lease.open(request, priority=Priority.BACKGROUND) as run:
                async for output in run:
                    audio += output.payload
                    if len(audio) > limit:
                        raise InternalError(f"{lease.spec.id} does not stop generating audio.")
            if self.rate not in (None, rate):
                raise InternalError(f"{lease.spec.id} changed its sample rate.")
            self.rate = rate
            return bytes(audio)

        return await self._retrier.run(run_chunk, f"Synthesizing a text of {len(text)} characters")
