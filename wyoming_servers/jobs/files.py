"""Files of jobs: uploads while they arrive and wait, samples of speech, and results."""

import asyncio
import contextlib
import stat
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BusyError, InternalError, StorageError, TooLargeError
from wyoming_servers.core.files import (
    ensure_free_space,
    fsync_file,
    fsync_folder,
    protect,
    publish_file,
    storage_errors,
)
from wyoming_servers.data_dir.set_aside import DamagedFiles
from wyoming_servers.jobs.job import Job, JobStatus

PARTIAL_SUFFIX: Final = ".part"
"""Suffix of a file that is still being written."""

_SAMPLES_SUFFIX: Final = ".pcm"
_PEAKS_SUFFIX: Final = ".peaks"
_MIN_ORPHAN_AGE_SECONDS: Final = 3_600.0

_BUFFER_BYTES: Final = 1024 * 1024
"""Bytes of an upload that are collected before a thread writes them."""

_RECOUNT_BYTES: Final = 64 * 1024 * 1024
"""Bytes written before the folder is measured again, since others may write there too."""

_ROUNDING_SECONDS: Final = 1e-6
"""Keeps a sum of floats from ending one sample too early."""


@dataclass(frozen=True, slots=True)
class JobDiskUsage:
    """Disk space of all jobs, in bytes."""

    recordings: int
    """Recordings and texts that wait or are kept."""
    audio: int
    """Speech that was synthesized."""
    phrases: int
    """Sentences that need not be synthesized again after an edit."""


class JobFiles:
    """The folders of all jobs of a server; each file name begins with the id of its job.

    No name that a client sends becomes part of a path.
    """

    def __init__(self, folder: Path) -> None:
        self.uploads = folder / "uploads"
        """Recordings and texts, until their job has ended."""
        self.results = folder / "results"
        """Speech: the samples while they are synthesized, then the encoded file."""

    async def prepare(self, damaged: DamagedFiles) -> None:
        """Create the folders, and delete files that the last server did not finish.

        Raises OSError.
        """
        for folder in (self.uploads.parent, self.uploads, self.results):
            await damaged.make_folder(folder)
        await asyncio.to_thread(self._remove_unfinished)

    def upload(self, job_id: str) -> Path:
        """Return the path of a job's recording or text."""
        return self.uploads / job_id

    def samples(self, job_id: str) -> Path:
        """Return the path of a speech job's samples."""
        return self.results / (job_id + _SAMPLES_SUFFIX)

    def result(self, job: Job, audio: str = "") -> Path:
        """Return the path of the file that a speech job creates, or of another format of it."""
        suffix = job.speech.audio if job.speech is not None else "none"
        return self.results / f"{job.id}.{audio or suffix}"

    def peaks(self, job_id: str) -> Path:
        """Return the path of the peaks of a job's audio, see `peaks.PeakFile`."""
        return self.results / (job_id + _PEAKS_SUFFIX)

    async def remove_after(self, job: Job) -> None:
        """Delete the files of a job that has ended, except the result of a successful one.

        The recording of a kept job stays, or the samples of its speech. Raises StorageError.
        """
        paths = []
        if not job.kept or job.speech is not None:
            paths.append(self.upload(job.id))
        if not job.kept:
            paths.append(self.samples(job.id))
        if job.status is not JobStatus.DONE:
            paths.append(self.result(job))
        await asyncio.to_thread(_unlink, paths)

    async def remove_results(self, job_id: str) -> None:
        """Delete the audio that a job has made, in all formats. Raises StorageError."""
        paths = await asyncio.to_thread(lambda: list(self.results.glob(f"{job_id}.*")))
        await asyncio.to_thread(_unlink, paths)

    async def remove_all(self, job_id: str) -> None:
        """Delete all files of a job. Raises StorageError."""
        await self.remove_results(job_id)
        await asyncio.to_thread(_unlink, [self.upload(job_id)])

    async def remove_orphans(self, owners: set[str], known: set[str]) -> None:
        """Delete uploads of jobs that are not `owners` and results of jobs that are not `known`."""
        await asyncio.to_thread(self._remove_orphans, owners, known)

    def _remove_unfinished(self) -> None:
        for folder in (self.uploads, self.results):
            protect(folder)
            _unlink(list(folder.glob(f"*{PARTIAL_SUFFIX}")))

    def _remove_orphans(self, uploaders: set[str], known: set[str]) -> None:
        # A new file may belong to a job that does not exist yet, or that the caller did not see.
        newest = time.time() - _MIN_ORPHAN_AGE_SECONDS
        for folder, owners in ((self.uploads, uploaders), (self.results, known)):
            for path in folder.iterdir():
                job_id = path.name.partition(".")[0]
                if job_id not in owners and _modified_at(path) < newest:
                    path.unlink(missing_ok=True)


class PcmTrack:
    """The speech of a job as raw 16-bit mono samples, written line by line.

    Silence is not written, so it takes no space on file systems with sparse files. It counts as if
    it did, because the encoded file contains it.
    """

    def __init__(self, path: Path, quota: int, min_free: int = 0) -> None:
        """`quota` bounds the bytes of all files in the folder of `path`.

        `min_free` bytes of the disk stay free.
        """
        self._path = path
        self._quota = quota
        self._min_free = min_free
        self._counted_at = -_RECOUNT_BYTES
        """End of the track in bytes when the folder was last measured."""

    async def resume(self, audio: AudioFormat | None, seconds: float) -> None:
        """Continue after `seconds` that an earlier run has written.

        Raises InternalError if they are missing.
        """
        size = await asyncio.to_thread(_file_size, self._path)
        if audio is not None and size < audio.bytes_for(seconds + _ROUNDING_SECONDS):
            raise InternalError(
                "The speech that was synthesized before the server stopped is missing.",
                hint="Send the text again.",
            )

    async def write_at(
        self, pcm: bytes, audio: AudioFormat, start: float, end_of_last: float
    ) -> float:
        """Write samples at second `start`, after silence; return the second at which they end.

        Samples after `end_of_last` are cut off first: they come from a run that ended before it
        stored its progress. When this returns, the samples are on the disk. Raises BusyError if the
        quota or the free space is exceeded, StorageError if the disk refuses.
        """
        start_byte = audio.bytes_for(start + _ROUNDING_SECONDS)
        last_byte = audio.bytes_for(end_of_last + _ROUNDING_SECONDS)
        await asyncio.to_thread(self._write, pcm, start_byte, last_byte)
        return audio.seconds(start_byte + len(pcm))

    def _write(self, pcm: bytes, start: int, last: int) -> None:
        end = start + len(pcm)
        with storage_errors(self._path):
            size = _file_size(self._path)
            if end >= self._counted_at + _RECOUNT_BYTES:
                if folder_bytes(self._path.parent) - size + end > self._quota:
                    raise BusyError(
                        "The results of speech jobs exceed their disk quota.",
                        hint="Download results and wait for jobs.retention, or raise jobs.quota.",
                    )
                ensure_free_space(self._path.parent, end - size, self._min_free)
                self._counted_at = end
            with self._path.open("r+b" if size else "w+b") as file:
                file.truncate(last)
                file.truncate(start)
                file.seek(start)
                file.write(pcm)
            # The progress that is stored next must be true after a power cut.
            fsync_file(self._path)
            if not size:
                fsync_folder(self._path.parent)


class UploadSpool:
    """The folder of uploads; no name that a client sends becomes part of a path."""

    def __init__(self, folder: Path, config: ConfigHolder) -> None:
        """`jobs.max_upload` and `jobs.quota` are read for each upload."""
        self._folder = folder
        self._config = config

    @property
    def max_bytes(self) -> int:
        """Largest upload."""
        return self._config.current.jobs.max_upload

    async def discard(self, upload: Path) -> None:
        """Delete an upload that was committed."""
        await asyncio.to_thread(upload.unlink, missing_ok=True)

    @asynccontextmanager
    async def receive(self, max_bytes: int | None = None) -> AsyncIterator["IncomingUpload"]:
        """Receive one upload; it is deleted on leaving unless it was committed.

        `max_bytes` is a lower limit for this upload. Raises BusyError if the disk is nearly full,
        StorageError if it refuses.
        """
        config = self._config.current
        limit = self.max_bytes if max_bytes is None else min(self.max_bytes, max_bytes)
        upload = IncomingUpload(self._folder, limit, config.jobs.quota, config.limits.min_free_disk)
        async with upload:
            yield upload


class IncomingUpload:
    """An upload that is being received."""

    def __init__(self, folder: Path, max_bytes: int, quota: int, min_free: int = 0) -> None:
        """`min_free` bytes of the disk stay free."""
        self._min_free = min_free
        self._path = folder / str(uuid.uuid4())
        self._partial_path = self._path.with_name(self._path.name + PARTIAL_SUFFIX)
        self._max_bytes = max_bytes
        self._quota = quota
        self._buffer = bytearray()
        self._next_count = 0
        """Size at which the folder is measured again."""
        self.size = 0
        """Bytes received so far."""

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises TooLargeError, BusyError if quota or disk are full, StorageError."""
        self.size += len(data)
        if self.size > self._max_bytes:
            raise TooLargeError(
                f"The upload is larger than {self._max_bytes} bytes.",
                hint="Send it in parts, compress it, or raise jobs.max_upload.",
            )
        self._buffer += data
        if len(self._buffer) >= _BUFFER_BYTES:
            await self._flush()

    async def commit(self) -> Path:
        """Complete the upload and return its path; from now on, the caller owns the file.

        When this returns, the file survives a power cut. Raises StorageError.
        """
        await self._flush()
        await asyncio.to_thread(self._close, keep=True)
        return self._path

    async def __aenter__(self) -> Self:
        self._file = await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._close, keep=False)

    async def _flush(self) -> None:
        data, self._buffer = bytes(self._buffer), bytearray()
        await asyncio.to_thread(self._write, data)

    def _open(self) -> BinaryIO:
        with storage_errors(self._path):
            return self._partial_path.open("wb")

    def _write(self, data: bytes) -> None:
        with storage_errors(self._path):
            self._write_counted(data)

    def _write_counted(self, data: bytes) -> None:
        if self.size >= self._next_count:
            self._next_count = self.size + _RECOUNT_BYTES
            ensure_free_space(self._partial_path.parent, len(data), self._min_free)
            if folder_bytes(self._partial_path.parent) + len(data) > self._quota:
                raise BusyError(
                    "The uploads of waiting and kept jobs exceed their disk quota.",
                    hint="Try again when some jobs are done, delete kept jobs that you no longer "
                    "need, or raise jobs.quota.",
                    retry_after=60,
                )
        self._file.write(data)

    def _close(self, *, keep: bool) -> None:
        if self._file.closed:
            return
        try:
            with storage_errors(self._path):
                self._file.close()
                if keep:
                    publish_file(self._partial_path, self._path)
        except StorageError:
            keep = False
            raise
        finally:
            if not keep:
                for path in (self._partial_path, self._path):
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)


def folder_bytes(folder: Path) -> int:
    """Return the size of all files in a folder; files that disappear meanwhile do not count."""
    return sum(map(_file_size, folder.iterdir()))


def _file_size(path: Path) -> int:
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _modified_at(path: Path) -> float:
    """Return the time of the last change; infinite if the file has disappeared."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        with storage_errors(path):
            path.unlink(missing_ok=True)
