"""Runs one transcription job: each chunk of its recording through the model, each result stored."""

from functools import partial
from pathlib import Path
from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import JobProgressed
from wyoming_servers.jobs.job import Job, JobSegment
from wyoming_servers.jobs.retry import LeaseRetrier, LeaseRetryPolicy
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.jobs.throttle import LiveTrafficGate
from wyoming_servers.jobs.transcription import (
    NO_TRANSCRIPTION_DEFAULTS,
    TranscriptionDefaults,
    transcribe_chunk,
)
from wyoming_servers.media.decoder import (
    RecordingDecoder,
    RecordingEnded,
    RecordingOpened,
    SilenceSkipped,
    decode_recording,
)
from wyoming_servers.media.recording_chunker import RecordingChunk
from wyoming_servers.scheduling.interface import CoordinatorProtocol

RETRY_POLICY: Final = LeaseRetryPolicy(
    # The slowest model on a small processor needs two minutes for a chunk of 30 s.
    attempt_timeout=600.0,
    max_attempts=3,
    max_capacity_wait=600.0,
)


class TranscriptionJob:
    """Continues one job at its stored position; `run` it once."""

    def __init__(
        self,
        job: Job,
        recording: Path,
        coordinator: CoordinatorProtocol,
        storage: JobStorage,
        bus: EventBus,
        clock: Clock,
        *,
        gate: LiveTrafficGate,
        defaults: TranscriptionDefaults = NO_TRANSCRIPTION_DEFAULTS,
        decoder: RecordingDecoder = decode_recording,
    ) -> None:
        self._job = job
        self._recording = recording
        self._storage = storage
        self._bus = bus
        self._gate = gate
        self._defaults = defaults
        self._retrier = LeaseRetrier(
            coordinator, clock, job.model, RETRY_POLICY, client=f"job {job.id}"
        )
        self._decoder = decoder
        self._position = job.position
        self._duration = job.duration
        self._chunk = job.chunk
        self._language = job.language
        self._index = len(job.segments)

    async def run(self) -> None:
        """Transcribe the rest of the recording; returns early if the job was cancelled.

        Raises BadRequestError for a recording that cannot be decoded, and the errors of leases and
        runs after all retries.
        """
        decoding = self._decoder(self._recording, skip=self._position, vad=self._job.vad)
        async with decoding as events:
            async for event in events:
                segments: tuple[JobSegment, ...] = ()
                match event:
                    case RecordingOpened():
                        self._duration = event.duration or self._duration
                    case SilenceSkipped():
                        self._position = event.position
                    case RecordingChunk():
                        segments = await self._process_chunk(event)
                    case RecordingEnded():
                        self._position = self._duration = event.duration
                if not await self._save_progress(segments):
                    return

    async def _process_chunk(self, chunk: RecordingChunk) -> tuple[JobSegment, ...]:
        await self._gate.wait()
        transcribe = partial(
            transcribe_chunk,
            chunk=chunk,
            job=self._job,
            language=self._language,
            index=self._index,
            defaults=self._defaults,
        )
        transcript = await self._retrier.run(
            transcribe, f"Transcribing a chunk of {chunk.end - chunk.start:.0f} s"
        )
        self._language = self._language or transcript.language
        self._index += len(transcript.segments)
        self._position, self._chunk = chunk.end, self._chunk + 1
        return transcript.segments

    async def _save_progress(self, segments: tuple[JobSegment, ...]) -> bool:
        """Store and publish the progress; return False if the job is no longer running."""
        percent, total = self._percent(), self._estimated_chunks()
        running = await self._storage.advance(
            self._job.id,
            position=self._position,
            duration=self._duration,
            progress=percent,
            chunk=self._chunk,
            chunks_total=total,
            language=self._language,
            segments=segments,
        )
        if running:
            self._bus.publish(
                JobProgressed(
                    job=self._job.id, percent=percent, chunk=self._chunk, chunks_total=total
                )
            )
        return running

    def _percent(self) -> int:
        if not self._duration:
            return 0
        return max(0, min(99, int(100 * self._position / self._duration)))

    def _estimated_chunks(self) -> int:
        """Estimate the number of chunks, assuming that the rest is as dense as the part so far."""
        if not self._chunk or not self._position or not self._duration:
            return max(1, self._chunk)
        remaining = max(0.0, self._duration - self._position)
        return self._chunk + round(remaining * self._chunk / self._position)
