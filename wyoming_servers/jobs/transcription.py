"""Transcribes recordings chunk by chunk: as a job, or at once for a waiting client."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import SPEECH_FORMAT, Priority
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import JobProgressed
from wyoming_servers.jobs.job import Job, JobSegment, NewJob, TimedWord
from wyoming_servers.jobs.length_limit import LengthLimit
from wyoming_servers.jobs.peaks import PeakFile
from wyoming_servers.jobs.retry import LeaseRetrier, LeaseRetryPolicy
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.jobs.throttle import LiveTrafficGate
from wyoming_servers.media.decoder import (
    RecordingDecoder,
    RecordingEnded,
    RecordingEvent,
    RecordingOpened,
    SilenceSkipped,
    decode_recording,
)
from wyoming_servers.media.recording_chunker import MAX_CHUNK_SECONDS, RecordingChunk
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease
from wyoming_servers.speech.asr.transcriber import VocabularySource
from wyoming_servers.worker.interface import OutputChunk

RETRY_POLICY: Final = LeaseRetryPolicy(
    # The slowest model on a small processor needs two minutes for a chunk of 30 s.
    attempt_timeout=600.0,
    max_attempts=3,
    max_capacity_wait=600.0,
)

_MAX_LIVE_SECONDS: Final = MAX_CHUNK_SECONDS
"""Longest recording that may be a voice command, and so gets the priority of live speech."""


@dataclass(frozen=True, slots=True)
class TranscriptionDefaults:
    """Settings of this server for all recordings."""

    beam_size: int = 1
    languages: tuple[str, ...] = ()
    """Languages to detect from, if a job names none; empty for all languages of the model."""
    vocabulary: VocabularySource | None = None
    """Names and terms of this home; read for each chunk."""


NO_TRANSCRIPTION_DEFAULTS: Final = TranscriptionDefaults()


@dataclass(frozen=True, slots=True)
class ChunkTranscript:
    """The transcript of one chunk of a recording."""

    segments: tuple[JobSegment, ...]
    language: str | None


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
        limit: LengthLimit | None = None,
        decoder: RecordingDecoder = decode_recording,
        peaks: PeakFile | None = None,
    ) -> None:
        """`peaks` keeps the peaks of the speech, if they are needed."""
        self._peaks = peaks
        self._job = job
        self._limit = limit or LengthLimit(inf)
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

        Raises BadRequestError for a recording that cannot be decoded, TooLargeError and
        LongJobError for one that is too long, and the errors of leases and runs after all retries.
        """
        decoding = self._decoder(
            self._recording,
            skip=self._position,
            vad=self._job.vad,
            max_seconds=self._limit.max_seconds,
        )
        async with decoding as events:
            async for event in events:
                segments: tuple[JobSegment, ...] = ()
                # Each time: a file can be longer than it says.
                self._limit.check(_known_length(event))
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
        if self._peaks is not None:
            await self._peaks.write(chunk.pcm, chunk.start, SPEECH_FORMAT.rate)
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


async def transcribe_recording(
    coordinator: CoordinatorProtocol,
    clock: Clock,
    recording: Path,
    job: NewJob,
    *,
    limit: float,
    max_duration: float = inf,
    defaults: TranscriptionDefaults = NO_TRANSCRIPTION_DEFAULTS,
    client: str = "",
    decoder: RecordingDecoder = decode_recording,
) -> AsyncGenerator[ChunkTranscript | RecordingEnded, None]:
    """Yield the transcript of each chunk as soon as it is known, then RecordingEnded.

    Each chunk may take `limit` seconds, including one retry after a failure of the worker. Nothing
    is stored. Raises BadRequestError for a recording that cannot be decoded, TooLargeError for one
    of more than `max_duration` seconds, DeadlineError, and the errors of leases and runs.
    """
    policy = LeaseRetryPolicy(
        attempt_timeout=limit,
        total_timeout=limit,
        max_attempts=2,
        # The client waits, so a server without capacity answers at once.
        max_capacity_wait=0.0,
        initial_delay=0.0,
    )
    retrier = LeaseRetrier(coordinator, clock, job.model, policy, client=client)
    priority, language, index = Priority.BACKGROUND, job.language, 0
    length = LengthLimit(max_duration)
    async with decoder(recording, vad=job.vad, max_seconds=max_duration) as events:
        async for event in events:
            length.check(_known_length(event))
            match event:
                case RecordingOpened(duration) if (
                    duration is not None and duration <= _MAX_LIVE_SECONDS
                ):
                    priority = Priority.ASR
                case RecordingEnded():
                    yield event
                case RecordingChunk():
                    transcribe = partial(
                        transcribe_chunk,
                        chunk=event,
                        job=job,
                        language=language,
                        index=index,
                        defaults=defaults,
                        priority=priority,
                    )
                    description = f"Transcribing a chunk of {event.end - event.start:.0f} s"
                    transcript = await retrier.run(transcribe, description, priority=priority)
                    language = language or transcript.language
                    index += len(transcript.segments)
                    yield transcript


def _known_length(event: RecordingEvent) -> float | None:
    """Return the seconds that a recording has at least."""
    match event:
        case RecordingOpened(duration) | RecordingEnded(duration):
            return duration
        case SilenceSkipped(position):
            return position
        case RecordingChunk():
            return event.end


async def transcribe_chunk(
    lease: Lease,
    chunk: RecordingChunk,
    job: NewJob,
    *,
    language: str | None,
    index: int,
    defaults: TranscriptionDefaults = NO_TRANSCRIPTION_DEFAULTS,
    priority: Priority = Priority.BACKGROUND,
) -> ChunkTranscript:
    """Transcribe one chunk; segments are numbered from `index`, with times in the recording.

    Raises the errors of the run; cancelling cancels the run.
    """
    vocabulary = defaults.vocabulary
    request = {
        "language": language,
        "languages": list(defaults.languages),
        "beam_size": defaults.beam_size,
        "task": job.task,
        "initial_prompt": job.prompt or None,
        "names": list(vocabulary.names) if vocabulary else [],
        "terms": list(vocabulary.terms) if vocabulary else [],
        "word_timestamps": job.word_timestamps,
    }
    segments: list[JobSegment] = []
    async with lease.open(request, streaming=True, priority=priority) as run:
        await run.send(chunk.pcm)
        await run.end()
        async for output in run:
            segment = _segment(output, chunk, index + len(segments))
            if segment is not None:
                segments.append(segment)
        result = await run.result()
    detected = result.get("language")
    return ChunkTranscript(tuple(segments), detected if isinstance(detected, str) else language)


def _segment(output: OutputChunk, chunk: RecordingChunk, index: int) -> JobSegment | None:
    text = str(output.data.get("text", "")).strip()
    if not text:
        return None
    words = tuple(_word(word, chunk) for word in output.data.get("words") or ())
    return JobSegment(
        index,
        _time_in_recording(chunk, output.data.get("start", 0.0)),
        _time_in_recording(chunk, output.data.get("end", chunk.end - chunk.start)),
        text,
        words,
    )


def _word(word: Mapping[str, Any], chunk: RecordingChunk) -> TimedWord:
    return TimedWord(
        str(word["word"]).strip(),
        _time_in_recording(chunk, word["start"]),
        _time_in_recording(chunk, word["end"]),
        float(word.get("probability", 1.0)),
    )


def _time_in_recording(chunk: RecordingChunk, seconds: float) -> float:
    """Convert a time in the chunk, clamped to the chunk, to a time in the recording."""
    return round(min(chunk.start + max(0.0, float(seconds)), chunk.end), 3)
