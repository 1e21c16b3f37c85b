"""Runs one speech job: each line of its text through the voice, then all into one file."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Final

from wyoming_servers.audio.pcm import convert
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import InternalError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import JobProgressed
from wyoming_servers.core.files import ensure_free_space
from wyoming_servers.jobs.files import PARTIAL_SUFFIX, JobFiles, PcmTrack
from wyoming_servers.jobs.job import (
    CueTiming,
    Job,
    JobSegment,
    LineOptions,
    LineVoice,
    SpeechOptions,
)
from wyoming_servers.jobs.length_limit import SECONDS_PER_CHARACTER, LengthLimit
from wyoming_servers.jobs.line_synthesizer import (
    RETRY_POLICY,
    LineSynthesizer,
    PhraseCaches,
    ReadingOptions,
)
from wyoming_servers.jobs.peaks import PeakFile
from wyoming_servers.jobs.retry import LeaseRetrier
from wyoming_servers.jobs.speech_script import ScriptLine, cue_start, read_script, required_speedup
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.jobs.throttle import LiveTrafficGate
from wyoming_servers.media.encoder import encode_file
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.text.subtitles import Cue

MAX_CACHED_CHARACTERS: Final = 2_000
"""Phrases of longer texts are added to the cache of the jobs alone: a book would replace the
phrases of the home."""


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
        self._peaks = PeakFile(files.peaks(job.id)) if job.kept else None
        self._coordinator = coordinator
        self._clock = clock
        self._gate = gate
        self._voices = JobVoices(job)
        self._synthesizers: dict[str, LineSynthesizer] = {}
        """By the name of the voice."""
        self._adds_phrases = False
        self._rate = job.rate
        self._position = job.position
        self._segment_count = len(job.segments)

    async def run(self) -> None:
        """Synthesize the rest of the text and encode the file; returns early if it was cancelled.

        Raises BadRequestError for a text that cannot be read, TooLargeError and LongJobError for
        one that is too long, BusyError if the disk is nearly full, and the errors of leases and
        runs after all retries.
        """
        lines = await self._read_lines()
        total = max(1, sum(len(line.text) for line in lines))
        self._adds_phrases = total <= MAX_CACHED_CHARACTERS
        self._limit.check(_estimated_seconds(lines))
        done = sum(len(line.text) for line in lines[: self._job.chunk])
        await self._track.resume(self._audio, self._position)
        for number in range(self._job.chunk, len(lines)):
            line = lines[number]
            segment = await self._process_line(line)
            if self._job.scripted:
                segment = self._replace_segment(number, segment)
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
        return None if self._rate is None else AudioFormat(self._rate)

    async def _read_lines(self) -> list[ScriptLine]:
        """Return all lines: those of an edited job, or those of the text."""
        if self._job.scripted:
            return [script_line(segment) for segment in self._job.segments]
        return await asyncio.to_thread(
            read_script,
            self._files.upload(self._job.id),
            self._options.source,
            self._job.language or "",
            self._reading.sentence_silence,
        )

    async def _process_line(self, line: ScriptLine) -> JobSegment | None:
        """Synthesize a line and append it to the track; None if it has no audio."""
        voice = self._voices.of(line)
        pcm = await self._synthesize(line, voice, line.speed)
        audio = self._audio
        if not pcm or audio is None:
            return None
        due = self._position + line.pause if line.cue is None else line.cue.start
        start = cue_start(due, self._position)
        self._limit.check(start + audio.seconds(len(pcm)))
        timing = None
        if line.cue is not None:
            natural = audio.seconds(len(pcm))
            speed = voice.speed * line.speed
            speedup = required_speedup(natural, line.cue.end - start, speed)
            if speedup > 1.0:
                faster = await self._synthesize(line, voice, line.speed * speedup)
                # A voice may not follow the speed; then the first audio is as good.
                pcm = min(pcm, faster, key=len) if faster else pcm
            timing = CueTiming(line.cue.start, line.cue.end, natural, speedup)
        end = await self._track.write_at(pcm, audio, start, self._position)
        if self._peaks is not None:
            await self._peaks.write(pcm, start, audio.rate)
        self._position = end
        return JobSegment(
            self._segment_count,
            start,
            end,
            line.text,
            fit=timing,
            speaker=line.speaker,
            line=LineOptions(line.voice, line.speed, line.pause),
        )

    def _replace_segment(self, number: int, spoken: JobSegment | None) -> JobSegment:
        """Return the segment of an edited job after its line; one without audio has no length."""
        if spoken is None:
            segment = self._job.segments[number]
            return replace(segment, start=self._position, end=self._position)
        return replace(spoken, index=number)

    async def _synthesize(self, line: ScriptLine, voice: LineVoice, speedup: float) -> bytes:
        """Return a line at the sample rate of the job, which the first line decides."""
        synthesizer = self._synthesizers.get(voice.name) or self._create_synthesizer(voice)
        pcm = await synthesizer.synthesize(line.text, speedup)
        if synthesizer.rate is None or not pcm:
            return b""
        if self._rate is None:
            self._rate = synthesizer.rate
        if synthesizer.rate == self._rate:
            return pcm
        source, target = AudioFormat(synthesizer.rate), AudioFormat(self._rate)
        return await asyncio.to_thread(convert, pcm, source, target)

    def _create_synthesizer(self, voice: LineVoice) -> LineSynthesizer:
        client = f"job {self._job.id}"
        retrier = LeaseRetrier(
            self._coordinator, self._clock, voice.model, RETRY_POLICY, client=client
        )
        models = self._coordinator.snapshot().models
        spec = next((status.spec for status in models if status.spec.id == voice.model), None)
        caches = PhraseCaches(self._reading, spec, adds_to_live=self._adds_phrases)
        synthesizer = LineSynthesizer(retrier, self._gate, voice, self._reading, caches)
        self._synthesizers[voice.name] = synthesizer
        return synthesizer

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
            rate=self._rate,
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


def script_line(segment: JobSegment) -> ScriptLine:
    """Return the line that an edited segment stands for."""
    options = segment.line or LineOptions()
    cue = None
    if segment.fit is not None:
        cue = Cue(segment.fit.start, segment.fit.end, segment.text, segment.speaker)
    return ScriptLine(
        segment.text, cue, options.pause, options.speed, segment.speaker, options.voice
    )


class JobVoices:
    """The voices of a speech job: a line has its own, that of its speaker, or that of the job."""

    def __init__(self, job: Job) -> None:
        options = _speech_options(job)
        self._main = LineVoice(
            options.voice,
            options.sound,
            options.speaker,
            job.model,
            job.language or "",
            options.speed,
        )
        self._others = {voice.name: voice for voice in options.voices}
        self._speakers = options.speakers

    def of(self, line: ScriptLine) -> LineVoice:
        """Return the voice of a line."""
        name = line.voice or self._speakers.get(line.speaker, "")
        return self._others.get(name, self._main)
