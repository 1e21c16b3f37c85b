"""Works through the jobs, one at a time, below everything people wait for.

The storage is the truth: whatever is begun is written before, whatever is heard is written after
each piece, so a restart goes on with the piece after the last one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from wyoming_servers.config.schema import JobsSection
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import (
    BusyError,
    ConductorError,
    ConflictError,
    InternalError,
    NotFoundError,
    ShuttingDownError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import JobFinished, JobQueued, JobStarted
from wyoming_servers.jobs.files import JobFiles
from wyoming_servers.jobs.job import Job, JobStatus, NewJob
from wyoming_servers.jobs.line_synthesizer import ReadingOptions
from wyoming_servers.jobs.speech_job import SpeechJob
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.jobs.transcription import NO_TRANSCRIPTION_DEFAULTS, TranscriptionDefaults
from wyoming_servers.jobs.transcription_job import TranscriptionJob
from wyoming_servers.jobs.uploads import UploadSpool
from wyoming_servers.media.decoder import RecordingDecoder, decode_recording
from wyoming_servers.scheduling.interface import CoordinatorProtocol

_LOGGER: Final = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 3
"""Times work on a job is begun; a recording that takes the server down with it must end."""

_PRUNE_INTERVAL_SECONDS: Final = 3_600.0

JobEndedCallback = Callable[[Job], Awaitable[None]]
"""Told of each job that has ended, at least once, even if the server died in between."""


async def _ignore_job_end(_job: Job) -> None:
    """Serve where nobody wants to know."""


class JobManager:
    """All jobs of one server; use it with `async with`."""

    def __init__(
        self,
        folder: Path,
        coordinator: CoordinatorProtocol,
        config: JobsSection,
        bus: EventBus,
        clock: Clock,
        *,
        manner: TranscriptionDefaults = NO_TRANSCRIPTION_DEFAULTS,
        reading: ReadingOptions = ReadingOptions(),  # noqa: B008  (immutable)
        on_end: JobEndedCallback = _ignore_job_end,
        decoder: RecordingDecoder = decode_recording,
    ) -> None:
        """`folder` is the jobs' own, below the data folder."""
        self._folder = folder
        self.files = JobFiles(folder)
        self._coordinator = coordinator
        self._config = config
        self._bus = bus
        self._clock = clock
        self.transcription_defaults = manner
        """How recordings are listened to, also those that are no jobs."""
        self._reading = reading
        self._on_end = on_end
        self.decoder = decoder
        self.upload_spool = UploadSpool(
            self.files.uploads, largest=config.max_upload, quota=config.quota
        )
        """Takes recordings in; hand what it keeps to `submit`."""
        self._storage: JobStorage | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._job_queued = asyncio.Event()
        self._current: tuple[str, asyncio.Task[None]] | None = None

    @property
    def uploads_folder(self) -> Path:
        """Where the recordings wait; a file there has a job's id as its name."""
        return self.files.uploads

    async def __aenter__(self) -> Self:
        """Open the storage, put back what was interrupted, begin to work."""
        await self.files.prepare()
        self._storage = storage = await JobStorage.open(self._folder / "jobs.sqlite")
        for job_id in await storage.requeue_interrupted(limit=MAX_ATTEMPTS):
            message = f"The server stopped {MAX_ATTEMPTS} times while it worked on this."
            await self._end_job(job_id, JobStatus.FAILED, InternalError(message))
        self._tasks = [
            asyncio.create_task(self._run_queue(), name="jobs"),
            asyncio.create_task(self._prune_periodically(), name="prune jobs"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; the job that runs goes on at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled() and (failure := task.exception()) is not None:
                _LOGGER.error("The %s task failed", task.get_name(), exc_info=failure)
        if self._storage is not None:
            await self._storage.close()

    async def check_capacity(self, key: str = "") -> Job | None:
        """Return the job that an idempotency key has made; else see that there is room.

        Raises BusyError when too many jobs wait. Call it before a recording is taken in.
        """
        known = await self._opened_storage.find_by_key(key) if key else None
        if known is None and await self.queued_count() >= self._config.max_queued:
            raise BusyError(
                f"{self._config.max_queued} jobs wait already.",
                hint="Try again when some are done; GET /jobs shows them.",
                retry_after=60,
            )
        return known

    async def submit(self, new: NewJob, recording: Path) -> Job:
        """Take a recording over and queue it; it is moved from where it is, or deleted.

        With the idempotency key of an earlier job that one is returned. Raises BusyError.
        """
        try:
            known = await self.check_capacity(new.idempotency_key)
            if known is not None:
                return known
            job_id = recording.name
            job, is_new = await self._opened_storage.add(new, self._clock.wall(), job_id)
            if not is_new:
                return job
        except BaseException:
            await asyncio.to_thread(recording.unlink, missing_ok=True)
            raise
        self._bus.publish(JobQueued(job=job.id, model=job.model))
        self._job_queued.set()
        return job

    async def get(self, job_id: str) -> Job:
        """Return a job with its segments. Raises NotFoundError."""
        job = await self._opened_storage.get(job_id)
        if job is None:
            raise NotFoundError(f"job {job_id[:80]} not found", hint="GET /jobs lists all jobs.")
        return job

    async def latest(
        self, status: JobStatus | None = None, limit: int = 100, offset: int = 0
    ) -> list[Job]:
        """Return jobs without their segments, the newest first."""
        return await self._opened_storage.latest(status, limit, offset)

    async def queued_count(self) -> int:
        """Return how many jobs are queued, without the one that runs."""
        return await self._opened_storage.count(JobStatus.QUEUED)

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job that waits or runs. Raises NotFoundError, ConflictError if it has ended."""
        job = await self.get(job_id)
        if not await self._end_job(job_id, JobStatus.CANCELLED):
            job = await self.get(job_id)
            raise ConflictError(
                f"job {job_id} is already in terminal state {job.status}",
                hint="There is nothing left to cancel.",
            )
        if self._current is not None and self._current[0] == job_id:
            self._current[1].cancel()
        return await self.get(job_id)

    @property
    def _opened_storage(self) -> JobStorage:
        if self._storage is None:
            raise ShuttingDownError("Jobs are not served now.")
        return self._storage

    async def _run_queue(self) -> None:
        """Take one job after the other, for ever."""
        for job_id in await self._opened_storage.pending_notifications():
            # The last server ended between the end of the job and what follows it.
            ended = await self.get(job_id)
            await self.files.remove_after(ended)
            await self._notify(ended)
        while True:
            self._job_queued.clear()
            job = await self._opened_storage.start_next(self._clock.wall())
            if job is None:
                await self._job_queued.wait()
                continue
            self._bus.publish(JobStarted(job=job.id, model=job.model))
            task = asyncio.create_task(self._run_job(job), name=f"job {job.id}")
            self._current = (job.id, task)
            try:
                await asyncio.wait([task])
            finally:
                self._current = None
                task.cancel()
                await asyncio.wait([task])

    async def _run_job(self, job: Job) -> None:
        """Work on a job until it is done, failed or cancelled; a stop leaves it as running."""
        try:
            work = self._create_runner(job)
            await work.run()
            await self._end_job(job.id, JobStatus.DONE)
        except ShuttingDownError:
            # The coordinator stops before we do; the next start goes on with the job.
            await asyncio.get_running_loop().create_future()
        except ConductorError as err:
            await self._end_job(job.id, JobStatus.FAILED, err)
        except Exception as err:
            _LOGGER.exception("bug while working on job %s", job.id)
            failure = InternalError(f"The server has a bug: {type(err).__name__}: {err}")
            await self._end_job(job.id, JobStatus.FAILED, failure)

    def _create_runner(self, job: Job) -> TranscriptionJob | SpeechJob:
        if job.speech is not None:
            return SpeechJob(
                job,
                self.files,
                self._coordinator,
                self._opened_storage,
                self._bus,
                self._clock,
                reading=self._reading,
                quota=self._config.quota,
            )
        return TranscriptionJob(
            job,
            self.files.upload(job.id),
            self._coordinator,
            self._opened_storage,
            self._bus,
            self._clock,
            manner=self.transcription_defaults,
            decoder=self.decoder,
        )

    async def _end_job(
        self, job_id: str, status: JobStatus, error: ConductorError | None = None
    ) -> bool:
        """End a job, delete its recording and tell everybody; False if it had ended before."""
        text = "" if error is None else str(error)
        code = "" if error is None else error.code
        if not await self._opened_storage.end(
            job_id, status, self._clock.wall(), code=code, error=text
        ):
            return False
        job = await self.get(job_id)
        await self.files.remove_after(job)
        self._bus.publish(
            JobFinished(job=job.id, model=job.model, status=status, code=code, message=text)
        )
        await self._notify(job)
        return True

    async def _notify(self, job: Job) -> None:
        await self._on_end(job)
        await self._opened_storage.mark_notified(job.id)

    async def _prune_periodically(self) -> None:
        """Forget jobs that are old, and recordings that belong to no job."""
        while True:
            await self._opened_storage.prune(self._clock.wall() - self._config.retention)
            await self.files.remove_orphans(
                await self._opened_storage.active_ids(), await self._opened_storage.all_ids()
            )
            await self._clock.sleep(_PRUNE_INTERVAL_SECONDS)
