"""Runs one speech job: each line of its text through the voice, then all into one file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from wyoming_servers.audio.fade import fade, silence
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import AudioFormat, ModelSpec, Priority
from wyoming_servers.core.errors import InternalError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import JobProgressed
from wyoming_servers.core.files import ensure_free_space
from wyoming_servers.jobs.files import PARTIAL_SUFFIX, JobFiles, PcmTrack
from wyoming_servers.jobs.job import CueTiming, Job, JobSegment, SpeechOptions
from wyoming_servers.jobs.length_limit import SECONDS_PER_CHARACTER, LengthLimit
from wyoming_servers.jobs.retry import LeaseRetrier, LeaseRetryPolicy
from wyoming_servers.jobs.speech_script import ScriptLine, cue_start, read_script, required_speedup
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.jobs.throttle import LiveTrafficGate
from wyoming_servers.media.encoder import encode_file
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease
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

MAX_CACHED_CHARACTERS: Final = 2_000
"""Phrases of longer texts are played from the phrase cache, but not added: a book would replace
the phrases of the home."""

_MAX_CHUNK_SECONDS: Final = 180.0
"""Longest audio of one chunk; a model that generates more has failed."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """Settings of this server for reading texts, the same for live voices and jobs."""

    lexicon: Lexicon | None = None
    sentence_silence: float = 0.2
    """Seconds of silence between two sentences."""
    phrase_cache: PhraseCache | None = None
    """None if phrases are not cached."""


class SpeechJob:
    """Continues one job at its stored line; `run` it once."""

    def __init__(
        self,
        job: Job,
        files: JobFiles,
        coordinator: CoordinatorProtocol,
        storage: JobStorage,
        bus: EventBus,
        clock: Clock,
        *,
        gate: LiveTrafficGate,
        reading: ReadingOptions,
        quota: int,
        min_free: int = 0,
        limit: LengthLimit | None = None,
    ) -> None:
        """`quota` bounds the bytes of all synthesized audio on disk; `min_free` stay free."""
        self._job = job
        self._options = _speech_options(job)
        self._files = files
        self._storage = storage
        self._bus = bus
        self._reading = reading
        self._min_free = min_free
        self._limit = limit or LengthLimit(inf)
        self._track = PcmTrack(files.samples(job.id), quota, min_free)
        retrier = LeaseRetrier(coordinator, clock, job.model, RETRY_POLICY, client=f"job {job.id}")
        models = coordinator.snapshot().models
        spec = next((status.spec for status in models if status.spec.id == job.model), None)
        self._synthesizer = LineSynthesizer(
            retrier, gate, self._options, job.language or "", reading, spec
        )
        self._synthesizer.rate = job.rate
        self._position = job.position
        self._segment_count = len(job.segments)

    async def run(self) -> None:
        """Synthesize the rest of the text and encode the file; returns early if it was cancelled.

        Raises BadRequestError for a text that cannot be read, TooLargeError and LongJobError for
        one that is too long, BusyError if the disk is nearly full, and the errors of leases and
        runs after all retries.
        """
        lines = await asyncio.to_thread(
            read_script,
            self._files.upload(self._job.id),
            self._options.source,
            self._job.language or "",
            self._reading.sentence_silence,
        )
        total = sum(len(line.text) for line in lines)
        self._synthesizer.adds_phrases = total <= MAX_CACHED_CHARACTERS
        self._limit.check(_estimated_seconds(lines))
        done = sum(len(line.text) for line in lines[: self._job.chunk])
        await self._track.resume(self._audio, self._position)
        for number in range(self._job.chunk, len(lines)):
            line = lines[number]
            segment = await self._process_line(line)
            done += len(line.text)
            if not await self._save_progress(segment, 99 * done // total, number + 1, len(lines)):
                return
        audio = self._audio
        if audio is None:
            raise InternalError("The voice produced no audio for the text.")
        target = self._files.result(self._job)
        # A WAV file is as large as its samples; other formats are smaller.
        size = audio.bytes_for(self._position)
        await asyncio.to_thread(ensure_free_space, target.parent, size, self._min_free)
        await encode_file(
            self._files.samples(self._job.id),
            audio,
            target,
            self._options.audio,
            partial=target.with_name(target.name + PARTIAL_SUFFIX),
        )

    @property
    def _audio(self) -> AudioFormat | None:
        rate = self._synthesizer.rate
        return None if rate is None else AudioFormat(rate)

    async def _process_line(self, line: ScriptLine) -> JobSegment | None:
        """Synthesize a line and append it to the track; None if it has no audio."""
        pcm = await self._synthesizer.synthesize(line.text, line.speed)
        audio = self._audio
        if not pcm or audio is None:
            return None
        due = self._position + line.pause if line.cue is None else line.cue.start
        start = cue_start(due, self._position)
        self._limit.check(start + audio.seconds(len(pcm)))
        timing = None
        if line.cue is not None:
            natural = audio.seconds(len(pcm))
            speedup = required_speedup(natural, line.cue.end - start, self._options.speed)
            if speedup > 1.0:
                faster = await self._synthesizer.synthesize(line.text, speedup)
                # A voice may not follow the speed; then the first audio is as good.
                pcm = min(pcm, faster, key=len) if faster else pcm
            timing = CueTiming(line.cue.start, line.cue.end, natural, speedup)
        end = await self._track.write_at(pcm, audio, start, self._position)
        self._position = end
        return JobSegment(self._segment_count, start, end, line.text, fit=timing)

    async def _save_progress(
        self, segment: JobSegment | None, percent: int, chunk: int, total: int
    ) -> bool:
        """Store and publish the progress; return False if the job is no longer running."""
        running = await self._storage.advance(
            self._job.id,
            position=self._position,
            duration=self._position if chunk == total else None,
            progress=percent,
            chunk=chunk,
            chunks_total=total,
            language=self._job.language,
            rate=self._synthesizer.rate,
            segments=() if segment is None else (segment,),
        )
        self._segment_count += segment is not None
        if running:
            self._bus.publish(
                JobProgressed(job=self._job.id, percent=percent, chunk=chunk, chunks_total=total)
            )
        return running


def _estimated_seconds(lines: Sequence[ScriptLine]) -> float:
    """Return about how long the speech will be: at least the last cue's end."""
    spoken = sum(len(line.text) for line in lines) * SECONDS_PER_CHARACTER
    return max([spoken, *(line.cue.end for line in lines if line.cue is not None)])


def _speech_options(job: Job) -> SpeechOptions:
    if job.speech is None:
        raise InternalError("The speech job has no speech options.")
    return job.speech


@dataclass(frozen=True, slots=True)
class _LineChunk:
    text: str
    """Normalized, as the engine gets it."""
    pause: float
    """Seconds of silence after it, if another chunk follows."""


class LineSynthesizer:
    """Synthesizes the lines of one job with one voice."""

    def __init__(
        self,
        retrier: LeaseRetrier,
        gate: LiveTrafficGate,
        options: SpeechOptions,
        language: str,
        reading: ReadingOptions,
        spec: ModelSpec | None = None,
    ) -> None:
        """Without the model's `spec`, the phrase cache is not used."""
        self._spec = spec
        self.adds_phrases = False
        """Whether synthesized phrases are added to the cache."""
        self._retrier = retrier
        self._gate = gate
        self._options = options
        self._variant = parse_variant(options.sound)
        self._language = language
        self._reading = reading
        self.rate: int | None = None
        """Samples per second; None before the first audio."""

    async def synthesize(self, text: str, speedup: float = 1.0) -> bytes:
        """Return a line as 16-bit mono PCM, `speedup` times as fast as the job's options say.

        Empty for a line without words. Raises the errors of leases and runs after all retries.
        """
        parts: list[bytes] = []
        pause = 0.0
        for chunk in self._chunks(text):
            speed = min(max(self._options.speed * speedup, MIN_SPEED), MAX_SPEED)
            audio = await self._read_cached(chunk.text, speed)
            if audio is None:
                await self._gate.wait()
                audio = await self._synthesize_chunk(chunk.text, speed)
                self._cache(chunk.text, speed, audio)
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
        """Return the audio of a phrase from the cache, or None."""
        cache, spec = self._reading.phrase_cache, self._spec
        if cache is None or spec is None:
            return None
        phrase = await cache.get(self._phrase_key(spec, text, speed))
        if phrase is None or self.rate not in (None, phrase.rate):
            return None
        self.rate = phrase.rate
        return phrase.pcm

    def _cache(self, text: str, speed: float, pcm: bytes) -> None:
        cache, spec = self._reading.phrase_cache, self._spec
        if self.adds_phrases and cache is not None and spec is not None and pcm and self.rate:
            phrase = Phrase(self._options.voice, self.rate, pcm, text)
            cache.put(self._phrase_key(spec, text, speed), phrase)

    def _phrase_key(self, spec: ModelSpec, text: str, speed: float) -> str:
        return phrase_key(
            spec,
            voice=self._variant.voice,
            speaker=self._options.speaker,
            speed=speed,
            text=text,
            settings=self._variant.options,
        )

    async def _synthesize_chunk(self, text: str, speed: float) -> bytes:
        request = {
            **self._variant.options,
            "text": text,
            "voice": self._variant.voice,
            "speaker": self._options.speaker,
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
