"""A recording transcribed at once, for a client that waits; nothing of it is kept."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

from wyoming_servers.clock import Clock
from wyoming_servers.coordinator.face import CoordinatorProtocol
from wyoming_servers.domain import Priority
from wyoming_servers.errors import DeadlineError
from wyoming_servers.jobs.attempt import LeaseRetrier, LeaseRetryPolicy
from wyoming_servers.jobs.audio import RecordingDecoder, RecordingEnded, RecordingOpened, RecordingChunk, decode_recording
from wyoming_servers.jobs.cutter import MAX_CHUNK_SECONDS
from wyoming_servers.jobs.job import NewJob
from wyoming_servers.jobs.transcribe import NO_TRANSCRIPTION_DEFAULTS, ChunkTranscript, TranscriptionDefaults, transcribe_chunk

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
) -> AsyncIterator[ChunkTranscript | RecordingEnded]:
    """Yield what each piece says as soon as it is known, then Ended with the length.

    A piece has `limit` seconds; one whose worker failed is tried once more. Raises
    BadRequestError for a recording that cannot be decoded, DeadlineError, and what the
    coordinator and the worker raise.
    """
    # Nobody waits for room while somebody waits for the answer.
    patience = LeaseRetryPolicy(attempt_timeout=limit, max_attempts=2, max_capacity_wait=0.0, initial_delay=0.0)
    attempts = LeaseRetrier(coordinator, clock, wanted.model, patience, client=client)
    priority, language, index = Priority.BACKGROUND, wanted.language, 0
    async with decoder(recording, vad=wanted.vad) as parts:
        async for part in parts:
            match part:
                case RecordingOpened(duration) if duration is not None and duration <= _MAX_LIVE_SECONDS:
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
