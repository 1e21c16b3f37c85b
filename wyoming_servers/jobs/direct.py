"""A recording transcribed at once, for a client that waits; nothing of it is kept."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

from wyoming_servers.clock import Clock
from wyoming_servers.coordinator.face import CoordinatorFace
from wyoming_servers.domain import Priority
from wyoming_servers.errors import DeadlineError
from wyoming_servers.jobs.attempt import Attempts, Patience
from wyoming_servers.jobs.audio import Decoder, Ended, Opened, Piece, open_recording
from wyoming_servers.jobs.cutter import MAX_SECONDS
from wyoming_servers.jobs.job import NewJob
from wyoming_servers.jobs.transcribe import USUAL, Heard, Manner, transcribe

_COMMAND_SECONDS: Final = MAX_SECONDS
"""A recording of this length may be a command that somebody waits for; a longer one is a job."""


async def transcribe_now(
    coordinator: CoordinatorFace,
    clock: Clock,
    recording: Path,
    wanted: NewJob,
    *,
    limit: float,
    manner: Manner = USUAL,
    client: str = "",
    decoder: Decoder = open_recording,
) -> AsyncIterator[Heard | Ended]:
    """Yield what each piece says as soon as it is known, then Ended with the length.

    A piece has `limit` seconds; one whose worker failed is tried once more. Raises
    BadRequestError for a recording that cannot be decoded, DeadlineError, and what the
    coordinator and the worker raise.
    """
    # Nobody waits for room while somebody waits for the answer.
    patience = Patience(seconds=limit, tries=2, room=0.0, pause=0.0)
    attempts = Attempts(coordinator, clock, wanted.model, patience, client=client)
    priority, language, index = Priority.OTHER, wanted.language, 0
    async with decoder(recording, vad=wanted.vad) as parts:
        async for part in parts:
            match part:
                case Opened(duration) if duration is not None and duration <= _COMMAND_SECONDS:
                    priority = Priority.ASR
                case Ended():
                    yield part
                case Piece():
                    hear = partial(
                        transcribe,
                        piece=part,
                        job=wanted,
                        language=language,
                        index=index,
                        manner=manner,
                        priority=priority,
                    )
                    try:
                        async with asyncio.timeout(limit):
                            heard = await attempts.make(hear, "A piece", priority=priority)
                    except TimeoutError as err:
                        raise DeadlineError(
                            f"{limit:g} s were not enough to transcribe a piece."
                        ) from err
                    language = language or heard.language
                    index += len(heard.segments)
                    yield heard
