"""Has one piece of a recording transcribed by a model."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Priority
from wyoming_servers.core.errors import DeadlineError
from wyoming_servers.jobs.job import JobSegment, NewJob, TimedWord
from wyoming_servers.jobs.retry import LeaseRetrier, LeaseRetryPolicy
from wyoming_servers.media.decoder import (
    RecordingDecoder,
    RecordingEnded,
    RecordingOpened,
    decode_recording,
)
from wyoming_servers.media.recording_chunker import MAX_CHUNK_SECONDS, RecordingChunk
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease
from wyoming_servers.text.vocabulary import Vocabulary
from wyoming_servers.worker.interface import OutputChunk


@dataclass(frozen=True, slots=True)
class TranscriptionDefaults:
    """How recordings are listened to here, whatever a job asks for."""

    beam_size: int = 1
    languages: tuple[str, ...] = ()
    """One of these is spoken, where a job names none; empty: any that the model knows."""
    vocabulary: Vocabulary | None = None
    """What things are called here; read anew for each piece."""


NO_TRANSCRIPTION_DEFAULTS: Final = TranscriptionDefaults()


@dataclass(frozen=True, slots=True)
class ChunkTranscript:
    """What a piece of a recording says."""

    segments: tuple[JobSegment, ...]
    language: str | None


async def transcribe_chunk(
    lease: Lease,
    piece: RecordingChunk,
    job: NewJob,
    *,
    language: str | None,
    index: int,
    manner: TranscriptionDefaults = NO_TRANSCRIPTION_DEFAULTS,
    priority: Priority = Priority.BACKGROUND,
) -> ChunkTranscript:
    """Transcribe a piece; its segments are numbered from `index` and timed in the recording.

    Raises what the run raises; cancelling cancels the run.
    """
    words = manner.vocabulary
    request = {
        "language": language,
        "languages": list(manner.languages),
        "beam_size": manner.beam_size,
        "task": job.task,
        "initial_prompt": job.prompt or None,
        "names": list(words.names) if words else [],
        "terms": list(words.terms) if words else [],
        "word_timestamps": job.word_timestamps,
    }
    segments: list[JobSegment] = []
    async with lease.open(request, streaming=True, priority=priority) as run:
        await run.send(piece.pcm)
        await run.end()
        async for chunk in run:
            segment = _segment(chunk, piece, index + len(segments))
            if segment is not None:
                segments.append(segment)
        result = await run.result()
    heard = result.get("language")
    return ChunkTranscript(tuple(segments), heard if isinstance(heard, str) else language)


def _segment(chunk: OutputChunk, piece: RecordingChunk, index: int) -> JobSegment | None:
    text = str(chunk.data.get("text", "")).strip()
    if not text:
        return None
    words = tuple(_word(word, piece) for word in chunk.data.get("words") or ())
    return JobSegment(
        index,
        _time_in_recording(piece, chunk.data.get("start", 0.0)),
        _time_in_recording(piece, chunk.data.get("end", piece.end - piece.start)),
        text,
        words,
    )


def _word(word: Mapping[str, Any], piece: RecordingChunk) -> TimedWord:
    return TimedWord(
        str(word["word"]).strip(),
        _time_in_recording(piece, word["start"]),
        _time_in_recording(piece, word["end"]),
        float(word.get("probability", 1.0)),
    )


def _time_in_recording(piece: RecordingChunk, seconds: float) -> float:
    """Return a time in the recording: no model may place a word outside the piece it heard."""
    return round(min(piece.start + max(0.0, float(seconds)), piece.end), 3)


# A recording transcribed at once, for a client that waits; nothing of it is kept.

_MAX_LIVE_SECONDS: Final = MAX_CHUNK_SECONDS
"""A recording of this length may be a command that somebody waits for; a longer one is a job."""


async def transcribe_recording(
    coordinator: CoordinatorProtocol,
    clock: Clock,
    recording: Path,
    wanted: NewJob,
    *,
    limit: float,
    manner: TranscriptionDefaults = NO_TRANSCRIPTION_DEFAULTS,
    client: str = "",
    decoder: RecordingDecoder = decode_recording,
) -> AsyncGenerator[ChunkTranscript | RecordingEnded, None]:
    """Yield what each piece says as soon as it is known, then Ended with the length.

    A piece has `limit` seconds; one whose worker failed is tried once more. Raises
    BadRequestError for a recording that cannot be decoded, DeadlineError, and what the
    coordinator and the worker raise.
    """
    # Nobody waits for room while somebody waits for the answer.
    patience = LeaseRetryPolicy(
        attempt_timeout=limit, max_attempts=2, max_capacity_wait=0.0, initial_delay=0.0
    )
    attempts = LeaseRetrier(coordinator, clock, wanted.model, patience, client=client)
    priority, language, index = Priority.BACKGROUND, wanted.language, 0
    async with decoder(recording, vad=wanted.vad) as parts:
        async for part in parts:
            match part:
                case RecordingOpened(duration) if (
                    duration is not None and duration <= _MAX_LIVE_SECONDS
                ):
                    priority = Priority.ASR
                case RecordingEnded():
                    yield part
                case RecordingChunk():
                    hear = partial(
                        transcribe_chunk,
                        piece=part,
                        job=wanted,
                        language=language,
                        index=index,
                        manner=manner,
                        priority=priority,
                    )
                    try:
                        async with asyncio.timeout(limit):
                            heard = await attempts.run(hear, "A piece", priority=priority)
                    except TimeoutError as err:
                        raise DeadlineError(
                            f"{limit:g} s were not enough to transcribe a piece."
                        ) from err
                    language = language or heard.language
                    index += len(heard.segments)
                    yield heard
