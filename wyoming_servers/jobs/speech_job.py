"""The work on one speech job: line by line through the voice, each written down, then one file."""

import asyncio
from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import InternalError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import JobProgressed
from wyoming_servers.jobs import cue_timing
from wyoming_servers.jobs.files import PARTIAL_SUFFIX, JobFiles, PcmTrack
from wyoming_servers.jobs.job import CueTiming, Job, JobSegment, SpeechOptions
from wyoming_servers.jobs.line_synthesizer import LineSynthesizer, ReadingOptions
from wyoming_servers.jobs.retry import LeaseRetrier, LeaseRetryPolicy
from wyoming_servers.jobs.speech_script import ScriptLine, read_script
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.jobs.throttle import LiveTrafficGate
from wyoming_servers.media.encoder import encode_file
from wyoming_servers.scheduling.interface import CoordinatorProtocol

RETRY_POLICY: Final = LeaseRetryPolicy(
    attempt_timeout=300.0, max_attempts=3, max_capacity_wait=600.0
)
"""For a piece of 8 s; the slowest voice on a small processor needs half a minute."""


class SpeechJob:
    """One job from where the last run of the server left off; `run` it once."""

    def __init__(
        self,
        job: Job,
        files: JobFiles,
        coordinator: CoordinatorProtocol,
        storage: JobStorage,
        bus: EventBus,
        clock: Clock,
        *,
        reading: ReadingOptions,
        quota: int,
    ) -> None:
        self._job = job
        self._options = _speech_options(job)
        self._files = files
        self._storage = storage
        self._bus = bus
        self._reading = reading
        self._track = PcmTrack(files.samples(job.id), quota)
        attempts = LeaseRetrier(coordinator, clock, job.model, RETRY_POLICY, client=f"job {job.id}")
        self._synthesizer = LineSynthesizer(
            attempts,
            LiveTrafficGate(coordinator, bus, clock),
            self._options,
            job.language or "",
            reading,
        )
        self._synthesizer.rate = job.rate
        self._position = job.position
        self._segments = len(job.segments)

    async def run(self) -> None:
        """Speak the rest of the text and render the file; ends early if the job was cancelled.

        Raises BadRequestError for a text that cannot be read, and what the coordinator and the
        worker raise when trying again did not help.
        """
        lines = await asyncio.to_thread(
            read_script,
            self._files.upload(self._job.id),
            self._options.source,
            self._job.language or "",
            self._reading.sentence_silence,
        )
        total = sum(len(line.text) for line in lines)
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
            raise InternalError("The voice said nothing of all the text.")
        target = self._files.result(self._job)
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
        """Have a line spoken and written behind the others; None if it makes no sound."""
        pcm = await self._synthesizer.synthesize(line.text)
        audio = self._audio
        if not pcm or audio is None:
            return None
        due = self._position + line.pause if line.cue is None else line.cue.start
        at = cue_timing.cue_start(due, self._position)
        fitted = None
        if line.cue is not None:
            natural = audio.seconds(len(pcm))
            pace = cue_timing.required_speedup(natural, line.cue.end - at, self._options.speed)
            if pace > 1.0:
                faster = await self._synthesizer.synthesize(line.text, pace)
                # A voice need not follow a speed; then the first try is as good.
                pcm = min(pcm, faster, key=len) if faster else pcm
            fitted = CueTiming(line.cue.start, line.cue.end, natural, pace)
        end = await self._track.write_at(pcm, audio, at, self._position)
        self._position = end
        return JobSegment(self._segments, at, end, line.text, fit=fitted)

    async def _save_progress(
        self, segment: JobSegment | None, percent: int, chunk: int, total: int
    ) -> bool:
        """Write down how far it is, then say so; False if the job does not run any more."""
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
        self._segments += segment is not None
        if running:
            self._bus.publish(
                JobProgressed(job=self._job.id, percent=percent, chunk=chunk, chunks_total=total)
            )
        return running


def _speech_options(job: Job) -> SpeechOptions:
    if job.speech is None:
        raise InternalError("A job that is to speak does not say how.")
    return job.speech
