"""Where the files of jobs lie: what was sent, and what was made of it."""

import asyncio
import time
from pathlib import Path
from typing import Final

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BusyError, InternalError
from wyoming_servers.jobs.job import Job, JobStatus

PARTIAL_SUFFIX: Final = ".part"
"""Ends the name of a file that is still being written."""

_SAMPLES_SUFFIX: Final = ".pcm"
_MIN_ORPHAN_AGE_SECONDS: Final = 3_600.0


class JobFiles:
    """The folders of one server's jobs; every file there begins with its job's id.

    No name that a client sends ever becomes part of a path.
    """

    def __init__(self, folder: Path) -> None:
        self.uploads = folder / "uploads"
        """What was sent, until its job has ended."""
        self.results = folder / "results"
        """Speech: samples while it is made, then the file that was asked for."""

    async def prepare(self) -> None:
        """Make the folders; what was being written when the last server ended is of no use."""
        await asyncio.to_thread(self._prepare)

    def upload(self, job_id: str) -> Path:
        """Return where the recording or the text of a job is."""
        return self.uploads / job_id

    def samples(self, job_id: str) -> Path:
        """Return where the samples of a speech job are while it is being made."""
        return self.results / (job_id + _SAMPLES_SUFFIX)

    def result(self, job: Job) -> Path:
        """Return where the file is that a speech job makes."""
        suffix = job.speech.audio if job.speech is not None else "none"
        return self.results / f"{job.id}.{suffix}"

    async def remove_after(self, job: Job) -> None:
        """A job has ended: keep what it made if it is done, and nothing else."""
        gone = [self.upload(job.id), self.samples(job.id)]
        if job.status is not JobStatus.DONE:
            gone.append(self.result(job))
        await asyncio.to_thread(_unlink, gone)

    async def remove_orphans(self, active: set[str], known: set[str]) -> None:
        """Delete what was sent for no `active` job and what was made by no `known` one."""
        await asyncio.to_thread(self._remove_orphans, active, known)

    def _prepare(self) -> None:
        for folder in (self.uploads, self.results):
            folder.mkdir(parents=True, exist_ok=True)
            _unlink(list(folder.glob(f"*{PARTIAL_SUFFIX}")))

    def _remove_orphans(self, active: set[str], known: set[str]) -> None:
        # One that was just sent may not have its job yet, or not be known to the caller.
        young = time.time() - _MIN_ORPHAN_AGE_SECONDS
        for folder, wanted in ((self.uploads, active), (self.results, known)):
            for path in folder.iterdir():
                job_id = path.name.partition(".")[0]
                if job_id not in wanted and path.stat().st_mtime < young:
                    path.unlink(missing_ok=True)


def folder_bytes(folder: Path) -> int:
    """Return how much the files of a folder take."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


# The speech of a job while it is made: one file of samples, written line by line.

_RECOUNT_BYTES: Final = 64 * 1024 * 1024
"""Bytes written before the folder is counted again: others may be filling it."""


class PcmTrack:
    """Raw 16-bit mono samples at `path`; silence takes no room on most disks."""

    def __init__(self, path: Path, quota: int) -> None:
        """`quota` is how many bytes all that was made may take in the path's folder."""
        self._path = path
        self._quota = quota
        self._next_count = -_RECOUNT_BYTES

    async def resume(self, audio: AudioFormat | None, seconds: float) -> None:
        """Go on after `seconds` that a run before this one has made.

        Raises InternalError if they are not there any more.
        """
        there = await asyncio.to_thread(_file_size, self._path)
        if audio is not None and there < audio.bytes_for(seconds + 1e-6):
            raise InternalError(
                "The speech that was made before the server stopped is gone.",
                hint="Send the text again.",
            )

    async def write_at(
        self, pcm: bytes, audio: AudioFormat, at: float, end_of_last: float
    ) -> float:
        """Write samples at a moment, silence before them; return the seconds where they end.

        What lies behind `end_of_last` is cut off first: it comes from a run that died before it
        could say how far it was. Raises BusyError when there is no room.
        """
        start, last = audio.bytes_for(at + 1e-6), audio.bytes_for(end_of_last + 1e-6)
        await asyncio.to_thread(self._write, pcm, start, last)
        return audio.seconds(start + len(pcm))

    def _write(self, pcm: bytes, start: int, last: int) -> None:
        end = start + len(pcm)
        if end >= self._next_count + _RECOUNT_BYTES:
            self._next_count = end
            others = folder_bytes(self._path.parent) - _file_size(self._path)
            if others + end > self._quota:
                raise BusyError(
                    "The speech that was made fills the space that is set aside for it.",
                    hint="Fetch what is done and wait for jobs.retention, or raise jobs.quota.",
                )
        with self._path.open("r+b" if self._path.exists() else "w+b") as file:
            file.truncate(last)
            file.truncate(start)
            file.seek(start)
            file.write(pcm)


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
