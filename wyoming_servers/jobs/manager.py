"""Runs all jobs below the priority of live requests, in two lanes.

A job that turns out to be long moves to the lane of long jobs, so that a short recording waits for
other short ones only. The storage is the source of truth: each start and each result is stored
before it is reported, so that a restart of the server continues with the chunk after the last
stored one. While the disk refuses to store anything, jobs wait; none is lost.
"""

import asyncio
import errno
import logging
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.aio import cancel_and_wait, run_all
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import (
    BusyError,
    ConductorError,
    ConflictError,
    InternalError,
    LoadFailedError,
    NotFoundError,
    ShuttingDownError,
    StorageError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import JobFinished, JobQueued, JobStarted
from wyoming_servers.core.files import ensure_free_space
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.data_dir.set_aside import DamagedFiles
from wyoming_servers.jobs.cleanup import delete_old, due_cleanups
from wyoming_servers.jobs.editing.editor import JobEditor
from wyoming_servers.jobs.files import (
    PARTIAL_SUFFIX,
    JobDiskUsage,
    JobFiles,
    UploadSpool,
    folder_bytes,
)
from wyoming_servers.jobs.job import Job, JobSegment, JobStatus, NewJob
from wyoming_servers.jobs.length_limit import LengthLimit, LongJobError
from wyoming_servers.jobs.line_synthesizer import ReadingOptions
from wyoming_servers.jobs.peaks import PeakFile
from wyoming_servers.jobs.speech_job import SpeechJob
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.jobs.throttle import LiveTrafficGate
from wyoming_servers.jobs.transcription import TranscriptionDefaults, TranscriptionJob
from wyoming_servers.media.decoder import RecordingDecoder, decode_recording
from wyoming_servers.media.encoder import encode_file
from wyoming_servers.media.formats import AudioFileFormat
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.vocabulary import Vocabulary

_LOGGER: Final = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 3
"""Starts of a job; one whose recording crashes the server must fail eventually."""

_TRANSIENT_ERRORS: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
)
"""Errors of the machine that say nothing about a job."""

_MAX_IO_ERRORS: Final = 3
"""I/O errors of a job; a sector that cannot be read would stop all other jobs for ever."""

_CACHE_SHARE: Final = 16
"""Share of `jobs.quota` for the phrases of speech jobs: of 16 GiB about 13 hours of speech."""

_CACHE_MEMORY_BYTES: Final = 4 * 1024**2

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
        damaged: DamagedFiles | None = None,
        vocabulary: Vocabulary | None = None,
        lexicon: Lexicon | None = None,
        phrase_cache: Callable[[], PhraseCache | None] = lambda: None,
        on_end: JobEndedCallback = _ignore_job_end,
        decoder: RecordingDecoder = decode_recording,
    ) -> None:
        """`folder` belongs to the jobs alone; the configuration is read for each job."""
        self._folder = folder
        self.files = JobFiles(folder)
        self._coordinator = coordinator
        self._config = config
        self._retention_changed = asyncio.Event()
        config.subscribe(lambda _: self._retention_changed.set(), "jobs.retention")
        self._bus = bus
        self._clock = clock
        self._supervisor = tasks
        self._damaged = damaged or DamagedFiles(bus, clock)
        self._vocabulary = vocabulary
        self._lexicon = lexicon
        self._phrase_cache = phrase_cache
        self._on_end = on_end
        self.decoder = decoder
        self._job_cache = PhraseCache(
            folder / "phrases",
            memory=_CACHE_MEMORY_BYTES,
            disk=config.current.jobs.quota // _CACHE_SHARE,
            min_free=lambda: config.current.limits.min_free_disk,
        )
        config.subscribe(lambda _: self._resize_cache(), "jobs.quota")
        self.editor = JobEditor(lambda: self._opened_storage, self.files, self._announce_again)
        self.upload_spool = UploadSpool(self.files.uploads, config)
        """Receives uploads; pass those it has committed to `submit`."""
        self._gate = LiveTrafficGate(coordinator, bus, clock)
        self._storage: JobStorage | None = None
        self._opened = asyncio.Event()
        self._unavailable = ""
        """Why the storage is not open."""
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = {False: asyncio.Event(), True: asyncio.Event()}
        """Set when the lane of long jobs (True), or of the others, may have a job to start."""
        self._long: set[str] = set()
        """Jobs that turned out to be long."""
        self._io_errors: Counter[str] = Counter()
        """I/O errors by job."""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._export_lock = asyncio.Lock()

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
        """Open the storage, queue interrupted jobs again, and start to work.

        If the storage cannot be opened, it is tried again and again; until then every call raises
        StorageError.
        """
        try:
            await self._open()
        except (LoadFailedError, StorageError) as err:
            self._unavailable = err.message
        self._tasks = [
            self._supervisor.start(self._gate.run, "live traffic watch"),
            self._supervisor.start(self._job_cache.run, "job phrase cache"),
            self._supervisor.start(self._run_queue, "job queue"),
            self._supervisor.start(self._clean_up, "job cleanup"),
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

        Raises BusyError if too many jobs wait, or if the disk is nearly full. Call it before an
        upload is received.
        """
        existing = await self._opened_storage.find_by_key(key) if key else None
        limit = self._config.current.jobs.max_queued
        if existing is None:
            min_free = self._config.current.limits.min_free_disk
            await asyncio.to_thread(ensure_free_space, self._folder, 0, min_free)
        if existing is None and await self.queued_count() >= limit:
            raise BusyError(
                f"The queue is full: {limit} jobs are waiting.",
                hint="Try again when some are done; GET /jobs lists them.",
                retry_after=60,
            )
        return existing

    async def submit(
        self, new: NewJob, upload: Path, draft: Sequence[JobSegment] | None = None
    ) -> Job:
        """Queue a job and take over its upload, which is moved or deleted.

        With `draft`, the lines of a text, it waits to be edited; the upload is not needed then. If
        a job with the same idempotency key exists, return that one. Raises BusyError and
        StorageError; the job does not exist then. A caller that is cancelled may have submitted it.
        """
        stored = False
        try:
            existing = await self.check_capacity(new.idempotency_key)
            if existing is not None:
                return existing
            adding = asyncio.create_task(
                self._opened_storage.add(new, self._clock.wall(), upload.name, draft),
                name="add a job",
            )
            try:
                # A statement runs to its end, even if its caller has left: only its result tells
                # whose file the upload is.
                await asyncio.shield(adding)
            finally:
                await asyncio.wait([adding])
                stored = adding.exception() is None and adding.result()[1]
                if stored and draft is None:
                    self._announce(adding.result()[0])
            return adding.result()[0]
        finally:
            if not stored or draft is not None:
                await asyncio.to_thread(upload.unlink, missing_ok=True)

    def _announce(self, job: Job) -> None:
        self._bus.publish(JobQueued(job=job.id, model=job.model))
        self._wake[False].set()

    async def _announce_again(self, job: Job) -> None:
        self._announce(job)

    async def get(self, job_id: str, *, segments: bool = True) -> Job:
        """Return a job, with its segments unless they are not wanted. Raises NotFoundError."""
        job = await self._opened_storage.get(job_id, segments=segments)
        if job is None:
            raise NotFoundError(f"job {job_id[:80]} not found", hint="GET /jobs lists all jobs.")
        return job

    async def latest(
        self,
        status: JobStatus | None = None,
        limit: int = 100,
        offset: int = 0,
        *,
        kept: bool | None = None,
    ) -> list[Job]:
        """Return jobs without their segments, newest first."""
        return await self._opened_storage.latest(status, limit, offset, kept=kept)

    async def export(self, job: Job, audio: AudioFileFormat) -> Path | None:
        """Return the audio of a speech job in a format; None if there is none (any more).

        Another format than that of the job is encoded once, for a job that is kept. Raises
        BusyError if the disk is nearly full.
        """
        path, samples = self.files.result(job, audio), self.files.samples(job.id)
        async with self._export_lock:
            if await asyncio.to_thread(path.is_file):
                return path
            if job.rate is None or not await asyncio.to_thread(samples.is_file):
                return None
            size = (await asyncio.to_thread(samples.stat)).st_size
            min_free = self._config.current.limits.min_free_disk
            await asyncio.to_thread(ensure_free_space, path.parent, size, min_free)
            partial = path.with_name(path.name + PARTIAL_SUFFIX)
            await encode_file(samples, AudioFormat(job.rate), path, audio, partial)
        return path

    async def disk_usage(self) -> JobDiskUsage:
        """Return the disk space of all jobs. Raises StorageError while it cannot be opened."""
        self._opened_storage  # noqa: B018  (the folders exist then)
        recordings = await asyncio.to_thread(folder_bytes, self.files.uploads)
        audio = await asyncio.to_thread(folder_bytes, self.files.results)
        return JobDiskUsage(recordings, audio, self._job_cache.stats().disk_bytes)

    async def clear_cache(self) -> int:
        """Delete the sentences that are kept for edits; return the bytes that were freed."""
        return await self._job_cache.clear()

    async def queued_count(self) -> int:
        """Return the number of queued jobs, without the running one."""
        return await self._opened_storage.count(JobStatus.QUEUED)

    async def counts(self) -> dict[JobStatus, int]:
        """Return the number of jobs by status, without those that have none."""
        return await self._opened_storage.counts()

    async def cancel(self, job_id: str) -> Job:
        """Cancel a queued or running job. Raises NotFoundError, ConflictError if it has ended."""
        job = await self.get(job_id)
        if not await self._end_job(job_id, JobStatus.CANCELLED):
            job = await self.get(job_id)
            raise ConflictError(
                f"job {job_id} is already in terminal state {job.status}",
                hint="A job that has ended cannot be cancelled.",
            )
        if (running := self._running.get(job_id)) is not None:
            running.cancel()
        return await self.get(job_id)

    @property
    def _opened_storage(self) -> JobStorage:
        if self._storage is None:
            raise StorageError(f"Jobs are not available. {self._unavailable}".rstrip())
        return self._storage

    async def _open(self) -> None:
        """Open files and database; damaged ones are set aside. Queue interrupted jobs again.

        Raises LoadFailedError, StorageError; repeat it then.
        """
        try:
            await self.files.prepare(self._damaged)
        except OSError as err:
            raise LoadFailedError(
                f"{self._folder} cannot be used: {err.strerror or err}.",
                hint="Check the permissions of the folder, and the disk.",
            ) from err
        self._storage = await JobStorage.open(self._folder / "jobs.sqlite", self._damaged)
        try:
            await self._requeue_interrupted()
        except BaseException:
            await self._storage.close()
            self._storage = None
            raise
        self._unavailable = ""
        self._opened.set()

    async def _requeue_interrupted(self) -> None:
        """Queue jobs again whose run was interrupted; fail those that were started too often."""
        for job_id in await self._opened_storage.requeue_interrupted(limit=MAX_ATTEMPTS):
            message = f"Work on this job was interrupted {MAX_ATTEMPTS} times."
            await self._end_job(job_id, JobStatus.FAILED, InternalError(message))

    async def _run_queue(self) -> None:
        """Run the jobs of both lanes.

        An error of the storage ends it. The supervisor runs it again after a pause: an interrupted
        job continues, as after a restart of the server.
        """
        if self._storage is None:
            await self._open()
        await self._opened_storage.requeue(await self._opened_storage.active_ids())
        await self._send_pending_notifications()
        await run_all(self._run_lane(of_long=False), self._run_lane(of_long=True))

    async def _run_lane(self, *, of_long: bool) -> None:
        """Run one job of a lane after another."""
        wake = self._wake[of_long]
        while True:
            wake.clear()
            job = await self._opened_storage.start_next(
                self._clock.wall(), self._long, of_long=of_long
            )
            if job is None:
                await wake.wait()
                continue
            self._bus.publish(JobStarted(job=job.id, model=job.model))
            task = asyncio.create_task(self._run_job(job, of_long=of_long), name=f"job {job.id}")
            self._running[job.id] = task
            try:
                await asyncio.wait([task])
            finally:
                del self._running[job.id]
                failure = await cancel_and_wait(task)
            if failure is not None:
                raise failure

    async def _run_job(self, job: Job, *, of_long: bool) -> None:
        """Run a job until it ends; if the server stops meanwhile, it is still stored as running."""
        while True:
            try:
                await self._create_runner(job, of_long=of_long).run()
                await self._end_job(job.id, JobStatus.DONE)
            except LongJobError:
                self._long.add(job.id)
                await self._opened_storage.requeue([job.id])
                self._wake[True].set()
            except ShuttingDownError as err:
                _LOGGER.info("job %s waits: %s", job.id, err.message)
                await self._clock.sleep(_SHUTDOWN_RETRY_SECONDS)
                job = await self.get(job.id)
                continue
            except (StorageError, sqlite3.Error):
                # Not the fault of the job: it continues when the queue runs again.
                raise
            except ConductorError as err:
                await self._end_job(job.id, JobStatus.FAILED, err)
            except Exception as err:
                if isinstance(err, OSError) and self._is_transient(job, err):
                    raise StorageError(f"Job {job.id} waits: {err.strerror or err}.") from err
                _LOGGER.exception("Job %s failed because of a bug", job.id)
                failure = InternalError(f"The server has a bug: {type(err).__name__}: {err}")
                await self._end_job(job.id, JobStatus.FAILED, failure)
            return

    def _is_transient(self, job: Job, err: OSError) -> bool:
        """Whether an error of the operating system is no fault of the job."""
        if err.errno == errno.EIO:
            self._io_errors[job.id] += 1
            return self._io_errors[job.id] < _MAX_IO_ERRORS
        return err.errno in _TRANSIENT_ERRORS

    def _create_runner(self, job: Job, *, of_long: bool) -> TranscriptionJob | SpeechJob:
        config = self._config.current
        limit = LengthLimit(config.jobs.max_duration, may_be_long=of_long)
        if job.speech is not None:
            return SpeechJob(
                job,
                self.files,
                self._coordinator,
                self._opened_storage,
                self._bus,
                self._clock,
                gate=self._gate,
                reading=ReadingOptions(
                    self._lexicon,
                    config.tts.sentence_silence,
                    self._phrase_cache(),
                    self._job_cache,
                ),
                quota=config.jobs.quota,
                min_free=config.limits.min_free_disk,
                limit=limit,
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
            limit=limit,
            decoder=self.decoder,
            peaks=PeakFile(self.files.peaks(job.id)) if job.kept else None,
        )

    async def _end_job(
        self, job_id: str, status: JobStatus, error: ConductorError | None = None
    ) -> bool:
        """End a job, delete its upload and report its end; return False if it had ended before."""
        text = "" if error is None else str(error)
        code = "" if error is None else error.code
        ended = await self._opened_storage.end(
            job_id, status, self._clock.wall(), code=code, error=text
        )
        if ended is None:
            return False
        self._long.discard(job_id)
        del self._io_errors[job_id]
        self._bus.publish(
            JobFinished(job=job_id, model=ended.model, status=status, code=code, message=text)
        )
        try:
            job = await self.get(job_id)
            await self.files.remove_after(job)
            await self._notify(job)
        except (StorageError, OSError) as err:
            # The job has ended, whatever happens now; the rest is repeated.
            _LOGGER.warning("The end of job %s is reported later: %s", job_id, err)
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

    def _resize_cache(self) -> None:
        disk = self._config.current.jobs.quota // _CACHE_SHARE
        self._job_cache.configure(memory=_CACHE_MEMORY_BYTES, disk=disk, compression="flac")

    async def _clean_up(self) -> None:
        """Delete old jobs and files that belong to no job; repeat failed notifications."""
        await self._opened.wait()
        async for _ in due_cleanups(self._clock, self._retention_changed):
            await self._send_pending_notifications()
            retention = self._config.current.jobs.retention
            await delete_old(self._opened_storage, self.files, self._clock, retention)
