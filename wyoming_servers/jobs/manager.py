"""Runs all jobs, one at a time, below the priority of live requests.

The storage is the source of truth: each start and each result is stored before it is reported, so
that a restart of the server continues with the chunk after the last stored one.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.aio import cancel_and_wait
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
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.jobs.files import JobFiles, UploadSpool
from wyoming_servers.jobs.job import Job, JobStatus, NewJob
from wyoming_servers.jobs.speech_job import ReadingOptions, SpeechJob
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.jobs.throttle import LiveTrafficGate
from wyoming_servers.jobs.transcription import TranscriptionDefaults, TranscriptionJob
from wyoming_servers.media.decoder import RecordingDecoder, decode_recording
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.vocabulary import Vocabulary

_LOGGER: Final = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 3
"""Starts of a job; one whose recording crashes the server must fail eventually."""

_PRUNE_INTERVAL_SECONDS: Final = 3_600.0

_SHUTDOWN_RETRY_SECONDS: Final = 10.0
"""Delay before a job runs again after the coordinator refused it because it is stopping.

In a shutdown, the manager is closed before the delay is over.
"""

JobEndedCallback = Callable[[Job], Awaitable[None]]
"""Called at least once for each job that has ended, even if the server died in between."""


async def _ignore_job_end(_job: Job) -> None:
    pass


class JobManager:
    """All jobs of one server; use it with `async with`."""

    def __init__(
        self,
        folder: Path,
        coordinator: CoordinatorProtocol,
        config: ConfigHolder,
        bus: EventBus,
        clock: Clock,
        tasks: TaskSupervisor,
        *,
        vocabulary: Vocabulary | None = None,
        lexicon: Lexicon | None = None,
        on_end: JobEndedCallback = _ignore_job_end,
        decoder: RecordingDecoder = decode_recording,
    ) -> None:
        """`folder` belongs to the jobs alone; the configuration is read for each job."""
        self._folder = folder
        self.files = JobFiles(folder)
        self._coordinator = coordinator
        self._config = config
        self._bus = bus
        self._clock = clock
        self._supervisor = tasks
        self._vocabulary = vocabulary
        self._lexicon = lexicon
        self._on_end = on_end
        self.decoder = decoder
        self.upload_spool = UploadSpool(self.files.uploads, config)
        """Receives uploads; pass those it has committed to `submit`."""
        self._gate = LiveTrafficGate(coordinator, bus, clock)
        self._storage: JobStorage | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._job_queued = asyncio.Event()
        self._current: tuple[str, asyncio.Task[None]] | None = None

    @property
    def uploads_folder(self) -> Path:
        """The folder of uploads; the name of each file is the id of its job."""
        return self.files.uploads

    @property
    def transcription_defaults(self) -> TranscriptionDefaults:
        """The settings for recordings that are in effect now."""
        asr = self._config.current.asr
        return TranscriptionDefaults(asr.beam_size, tuple(asr.languages), self._vocabulary)

    async def __aenter__(self) -> Self:
        """Open the storage, queue interrupted jobs again, and start to work."""
        await self.files.prepare()
        self._storage = await JobStorage.open(self._folder / "jobs.sqlite")
        await self._requeue_interrupted()
        self._tasks = [
            self._supervisor.start(self._gate.run, "live traffic watch"),
            self._supervisor.start(self._run_queue, "job queue"),
            self._supervisor.start(self._prune_periodically, "job cleanup"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; a running job continues at the next start."""
        for task in self._tasks:
            await cancel_and_wait(task)
        if self._storage is not None:
            await self._storage.close()

    async def check_capacity(self, key: str = "") -> Job | None:
        """Return the job that an idempotency key has created, if any; else check the queue.

        Raises BusyError if too many jobs wait. Call it before an upload is received.
        """
        existing = await self._opened_storage.find_by_key(key) if key else None
        limit = self._config.current.jobs.max_queued
        if existing is None and await self.queued_count() >= limit:
            raise BusyError(
                f"The queue is full: {limit} jobs are waiting.",
                hint="Try again when some are done; GET /jobs lists them.",
                retry_after=60,
            )
        return existing

    async def submit(self, new: NewJob, upload: Path) -> Job:
        """Queue a job and take over its upload, which is moved or deleted.

        If a job with the same idempotency key exists, return that one. Raises BusyError.
        """
        try:
            existing = await self.check_capacity(new.idempotency_key)
            if existing is not None:
                return existing
            job, is_new = await self._opened_storage.add(new, self._clock.wall(), upload.name)
            if not is_new:
                return job
        except BaseException:
            await asyncio.to_thread(upload.unlink, missing_ok=True)
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
        """Return jobs without their segments, newest first."""
        return await self._opened_storage.latest(status, limit, offset)

    async def queued_count(self) -> int:
        """Return the number of queued jobs, without the running one."""
        return await self._opened_storage.count(JobStatus.QUEUED)

    async def cancel(self, job_id: str) -> Job:
        """Cancel a queued or running job. Raises NotFoundError, ConflictError if it has ended."""
        job = await self.get(job_id)
        if not await self._end_job(job_id, JobStatus.CANCELLED):
            job = await self.get(job_id)
            raise ConflictError(
                f"job {job_id} is already in terminal state {job.status}",
                hint="A job that has ended cannot be cancelled.",
            )
        if self._current is not None and self._current[0] == job_id:
            self._current[1].cancel()
        return await self.get(job_id)

    @property
    def _opened_storage(self) -> JobStorage:
        if self._storage is None:
            raise ShuttingDownError("Jobs are not available.")
        return self._storage

    async def _requeue_interrupted(self) -> None:
        """Queue jobs again whose run was interrupted; fail those that were started too often."""
        for job_id in await self._opened_storage.requeue_interrupted(limit=MAX_ATTEMPTS):
            message = f"Work on this job was interrupted {MAX_ATTEMPTS} times."
            await self._end_job(job_id, JobStatus.FAILED, InternalError(message))

    async def _run_queue(self) -> None:
        """Run one job after another.

        An error of the storage ends it. The supervisor runs it again after a pause: an interrupted
        job continues, as after a restart of the server.
        """
        await self._requeue_interrupted()
        await self._send_pending_notifications()
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
                failure = await cancel_and_wait(task)
            if failure is not None:
                raise failure

    async def _run_job(self, job: Job) -> None:
        """Run a job until it ends; if the server stops meanwhile, it is still stored as running."""
        while True:
            try:
                await self._create_runner(job).run()
                await self._end_job(job.id, JobStatus.DONE)
            except ShuttingDownError as err:
                _LOGGER.info("job %s waits: %s", job.id, err.message)
                await self._clock.sleep(_SHUTDOWN_RETRY_SECONDS)
                job = await self.get(job.id)
                continue
            except ConductorError as err:
                await self._end_job(job.id, JobStatus.FAILED, err)
            except sqlite3.Error:
                # Not the fault of the job: it continues when the queue runs again.
                raise
            except Exception as err:
                _LOGGER.exception("Job %s failed because of a bug", job.id)
                failure = InternalError(f"The server has a bug: {type(err).__name__}: {err}")
                await self._end_job(job.id, JobStatus.FAILED, failure)
            return

    def _create_runner(self, job: Job) -> TranscriptionJob | SpeechJob:
        config = self._config.current
        if job.speech is not None:
            return SpeechJob(
                job,
                self.files,
                self._coordinator,
                self._opened_storage,
                self._bus,
                self._clock,
                gate=self._gate,
                reading=ReadingOptions(self._lexicon, config.tts.sentence_silence),
                quota=config.jobs.quota,
            )
        return TranscriptionJob(
            job,
            self.files.upload(job.id),
            self._coordinator,
            self._opened_storage,
            self._bus,
            self._clock,
            gate=self._gate,
            defaults=self.transcription_defaults,
            decoder=self.decoder,
        )

    async def _end_job(
        self, job_id: str, status: JobStatus, error: ConductorError | None = None
    ) -> bool:
        """End a job, delete its upload and report its end; return False if it had ended before."""
        text = "" if error is None else str(error)
        code = "" if error is None else error.code
        storage = self._opened_storage
        if not await storage.end(job_id, status, self._clock.wall(), code=code, error=text):
            return False
        job = await self.get(job_id)
        await self.files.remove_after(job)
        self._bus.publish(
            JobFinished(job=job.id, model=job.model, status=status, code=code, message=text)
        )
        await self._notify(job)
        return True

    async def _notify(self, job: Job) -> None:
        try:
            await self._on_end(job)
        except Exception:
            # Other jobs must not wait for it.
            _LOGGER.exception("Reporting the end of job %s failed; it is repeated later", job.id)
            return
        await self._opened_storage.mark_notified(job.id)

    async def _send_pending_notifications(self) -> None:
        """Report the end of jobs whose notification failed, or was prevented by a stop."""
        for job_id in await self._opened_storage.pending_notifications():
            job = await self.get(job_id)
            await self.files.remove_after(job)
            await self._notify(job)

    async def _prune_periodically(self) -> None:
        """Delete old jobs and files that belong to no job; repeat failed notifications."""
        storage = self._opened_storage
        while True:
            await storage.prune(self._clock.wall() - self._config.current.jobs.retention)
            await self.files.remove_orphans(await storage.active_ids(), await storage.all_ids())
            await self._clock.sleep(_PRUNE_INTERVAL_SECONDS)
            await self._send_pending_notifications()
