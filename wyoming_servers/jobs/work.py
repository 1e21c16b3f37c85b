"""The work on one job: the recording piece by piece through the model, each result written down."""

import asyncio
from pathlib import Path
from typing import Final

from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.coordinator.face import CoordinatorFace
from wyoming_servers.domain import Kind, Priority
from wyoming_servers.errors import (
    CapacityError,
    DeadlineError,
    ShuttingDownError,
    WorkerError,
)
from wyoming_servers.events import JobProgressed
from wyoming_servers.jobs.audio import Decoder, Ended, Opened, Piece, Silence, open_recording
from wyoming_servers.jobs.job import Job, Segment
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.jobs.transcribe import Heard, transcribe

_PIECE_TRIES: Final = 3
"""Times one piece is tried when the model's process fails."""

_PIECE_SECONDS: Final = 600.0
"""Longest work on one piece of 30 s; the slowest model on a small processor needs two minutes."""

_ROOM_SECONDS: Final = 600.0
"""How long a job waits for a machine that has no room for its model."""

_YIELD_SECONDS: Final = 30.0
"""Longest wait for a pause in live speech before each piece, so that a job ends one day."""

_LOOK_SECONDS: Final = 0.1
"""Between two looks whether somebody still speaks."""


class JobWork:
    """One job from where the last run of the server left off; `run` it once."""

    def __init__(
        self,
        job: Job,
        recording: Path,
        coordinator: CoordinatorFace,
        storage: JobStorage,
        bus: EventBus,
        clock: Clock,
        *,
        beam_size: int = 1,
        decoder: Decoder = open_recording,
    ) -> None:
        self._job = job
        self._recording = recording
        self._coordinator = coordinator
        self._storage = storage
        self._bus = bus
        self._clock = clock
        self._beam_size = beam_size
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
                heard: tuple[Segment, ...] = ()
                match part:
                    case Opened():
                        self._duration = part.duration or self._duration
                    case Silence():
                        self._position = part.position
                    case Piece():
                        heard = await self._take(part)
                    case Ended():
                        self._position = self._duration = part.duration
                if not await self._keep(heard):
                    return

    async def _take(self, piece: Piece) -> tuple[Segment, ...]:
        await self._yield_to_speech()
        heard = await self._hear(piece)
        self._language = self._language or heard.language
        self._index += len(heard.segments)
        self._position, self._chunk = piece.end, self._chunk + 1
        return heard.segments

    async def _hear(self, piece: Piece) -> Heard:
        """Have a piece transcribed. A worker that fails is tried again, a full machine waited for.

        1. The model's process failed: again, a few times.
        2. No room, or none in time: again until the patience is over.
        3. Anything else is the job's own fault.
        """
        job = self._job
        tries, pause, begun = 0, 1.0, self._clock.now()
        while True:
            try:
                async with (
                    asyncio.timeout(_PIECE_SECONDS),
                    self._coordinator.lease(
                        job.model, priority=Priority.OTHER, client=f"job {job.id}"
                    ) as lease,
                ):
                    return await transcribe(
                        lease,
                        piece,
                        job,
                        language=self._language,
                        index=self._index,
                        beam_size=self._beam_size,
                    )
            except ShuttingDownError:
                raise
            except TimeoutError as err:
                seconds = piece.end - piece.start
                raise DeadlineError(f"A piece of {seconds:.0f} s took too long.") from err
            except (CapacityError, DeadlineError) as err:  # 2
                pause = max(pause, err.retry_after or 0.0)
                if self._clock.now() - begun + pause > _ROOM_SECONDS:
                    raise
            except WorkerError:  # 1
                tries += 1
                if tries >= _PIECE_TRIES:
                    raise
            await self._clock.sleep(pause)
            pause = min(2 * pause, 30.0)

    async def _yield_to_speech(self) -> None:
        """Wait while somebody speaks, is answered, or waits for a model."""
        clock = self._clock
        until = clock.now() + _YIELD_SECONDS
        while clock.now() < until and self._somebody_speaks():
            await clock.sleep(_LOOK_SECONDS)

    def _somebody_speaks(self) -> bool:
        snapshot = self._coordinator.snapshot()
        # Wake words are listened for all the time; nobody waits while they are.
        live = [model for model in snapshot.models if model.spec.kind is not Kind.WAKE]
        return any(model.leases or model.queued for model in live)

    async def _keep(self, segments: tuple[Segment, ...]) -> bool:
        """Write down how far it is, then say so; False if the job does not run any more."""
        percent, total = self._percent(), self._total()
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

    def _total(self) -> int:
        """Estimate how many pieces there will be: as dense as those so far."""
        if not self._chunk or not self._position or not self._duration:
            return max(1, self._chunk)
        left = max(0.0, self._duration - self._position)
        return self._chunk + round(left * self._chunk / self._position)
