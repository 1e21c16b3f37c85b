"""The work on one job: the recording piece by piece through the model, each result written down."""

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
    ChunkTranscript,
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
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease

RETRY_POLICY: Final = LeaseRetryPolicy(
    # The slowest model on a small processor needs two minutes for a piece of 30 s.
    attempt_timeout=600.0,
    max_attempts=3,
    max_capacity_wait=600.0,
)


class TranscriptionJob:
    """One job from where the last run of the server left off; `run` it once."""

    def __init__(
        self,
        job: Job,
        recording: Path,
        coordinator: CoordinatorProtocol,
        storage: JobStorage,
        bus: EventBus,
        clock: Clock,
        *,
        manner: TranscriptionDefaults = NO_TRANSCRIPTION_DEFAULTS,
        decoder: RecordingDecoder = decode_recording,
    ) -> None:
        self._job = job
        self._recording = recording
        self._storage = storage
        self._bus = bus
        self._defaults = manner
        self._gate = LiveTrafficGate(coordinator, bus, clock)
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
        """Transcribe the rest of the recording; ends early if the job was cancelled.

        Raises BadRequestError for a recording that cannot be decoded, and what the coordinator
        and the worker raise when trying again did not help.
        """
        decoding = self._decoder(self._recording, skip=self._position, vad=self._job.vad)
        async with decoding as parts:
            async for part in parts:
                heard: tuple[JobSegment, ...] = ()
                match part:
                    case RecordingOpened():
                        self._duration = part.duration or self._duration
                    case SilenceSkipped():
                        self._position = part.position
                    case RecordingChunk():
                        heard = await self._process_chunk(part)
                    case RecordingEnded():
                        self._position = self._duration = part.duration
                if not await self._save_progress(heard):
                    return

    async def _process_chunk(self, piece: RecordingChunk) -> tuple[JobSegment, ...]:
        await self._gate.wait()
        heard = await self._transcribe(piece)
        self._language = self._language or heard.language
        self._index += len(heard.segments)
        self._position, self._chunk = piece.end, self._chunk + 1
        return heard.segments

    async def _transcribe(self, piece: RecordingChunk) -> ChunkTranscript:
        async def hear(lease: Lease) -> ChunkTranscript:
            return await transcribe_chunk(
                lease,
                piece,
                self._job,
                language=self._language,
                index=self._index,
                manner=self._defaults,
            )

        return await self._retrier.run(hear, f"A piece of {piece.end - piece.start:.0f} s")

    async def _save_progress(self, segments: tuple[JobSegment, ...]) -> bool:
        """Write down how far it is, then say so; False if the job does not run any more."""
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
        """Estimate how many pieces there will be: as dense as those so far."""
        if not self._chunk or not self._position or not self._duration:
            return max(1, self._chunk)
        left = max(0.0, self._duration - self._position)
        return self._chunk + round(left * self._chunk / self._position)
