"""Edits jobs: their segments, with undo, and the voices of speech; speaks edited lines again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from wyoming_servers.core.errors import BadRequestError, ConflictError, NotFoundError
from wyoming_servers.jobs.editing.segment_edit import (
    ChangeRequest,
    SegmentChange,
    apply_changes,
    build_change,
)
from wyoming_servers.jobs.files import JobFiles
from wyoming_servers.jobs.job import Job, JobStatus
from wyoming_servers.jobs.storage import JobStorage

_BUSY: Final = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})


@dataclass(frozen=True, slots=True)
class EditResult:
    """What an edit has changed."""

    revision: int
    """That of the segments after the edit."""
    changes: tuple[SegmentChange, ...]
    """With complete segments, in the order in which they apply."""
    can_undo: bool
    can_redo: bool


class JobEditor:
    """Edits the jobs of a server; an edited job is kept until it is deleted."""

    def __init__(
        self,
        storage: Callable[[], JobStorage],
        files: JobFiles,
        queued: Callable[[Job], Awaitable[None]],
    ) -> None:
        """`queued` is told each job that waits to be spoken again."""
        self._storage = storage
        self._files = files
        self._queued = queued

    async def edit(
        self, job_id: str, requests: Sequence[ChangeRequest], revision: int | None = None
    ) -> EditResult:
        """Apply changes one after the other, all of them or none.

        `revision` is the one that the client has seen. Raises NotFoundError, BadRequestError, and
        ConflictError if the job runs or has another revision.
        """
        job = await self._read(job_id, revision)
        segments = list(job.segments)
        changes: list[SegmentChange] = []
        inverse: list[SegmentChange] = []
        for request in requests:
            change = build_change(segments, request, spoken=job.speech is not None)
            segments, undo = apply_changes(segments, [change])
            changes.append(change)
            inverse = [*undo, *inverse]
        stored = await self._storage().segments.replace(
            job_id, job.revision, job.segments, segments, edit=(changes, inverse)
        )
        return await self._result(job, changes, stored=stored)

    async def undo(self, job_id: str, revision: int | None = None) -> EditResult:
        """Undo the last edit. Raises ConflictError if there is none, and as `edit`."""
        job = await self._read(job_id, revision)
        edit = await self._storage().segments.next_undo(job_id)
        if edit is None:
            raise ConflictError(f"Job {job_id} has no edit to undo.")
        after, _ = apply_changes(job.segments, edit.inverse)
        stored = await self._storage().segments.replace(
            job_id, job.revision, job.segments, after, undone=(edit.number, True)
        )
        return await self._result(job, edit.inverse, stored=stored)

    async def redo(self, job_id: str, revision: int | None = None) -> EditResult:
        """Repeat the edit that was undone last. Raises as `undo`."""
        job = await self._read(job_id, revision)
        edit = await self._storage().segments.next_redo(job_id)
        if edit is None:
            raise ConflictError(f"Job {job_id} has no edit to repeat.")
        after, _ = apply_changes(job.segments, edit.changes)
        stored = await self._storage().segments.replace(
            job_id, job.revision, job.segments, after, undone=(edit.number, False)
        )
        return await self._result(job, edit.changes, stored=stored)

    async def set_speech(self, changed: Job) -> None:
        """Change voice, speed, speakers and format of a speech job. Raises as `edit`."""
        await self._read(changed.id)
        if not await self._storage().set_speech(changed):
            raise _conflict(changed.id)

    async def speak_again(self, changed: Job) -> None:
        """Queue a speech job from its first line on; lines that have not changed take no time.

        `changed` has the voices of all lines. Raises NotFoundError, BadRequestError, ConflictError.
        """
        job = await self._read(changed.id)
        if not job.segments:
            raise BadRequestError(f"Job {job.id} has no lines to speak.")
        await self._files.remove_results(job.id)
        if not await self._storage().queue_again(changed):
            raise _conflict(job.id)
        await self._queued(await self._get(job.id))

    async def delete(self, job_id: str) -> None:
        """Delete a job with its files. Raises NotFoundError, ConflictError if it runs."""
        await self._get(job_id)
        if not await self._storage().delete(job_id):
            raise _conflict(job_id)
        await self._files.remove_all(job_id)

    async def can_undo(self, job_id: str) -> tuple[bool, bool]:
        """Return whether there is an edit to undo, and one to repeat."""
        segments = self._storage().segments
        undo, redo = await segments.next_undo(job_id), await segments.next_redo(job_id)
        return undo is not None, redo is not None

    async def _get(self, job_id: str) -> Job:
        job = await self._storage().get(job_id)
        if job is None:
            raise NotFoundError(f"job {job_id[:80]} not found", hint="GET /jobs lists all jobs.")
        return job

    async def _read(self, job_id: str, revision: int | None = None) -> Job:
        job = await self._get(job_id)
        if job.status in _BUSY:
            raise _conflict(job_id)
        if revision is not None and revision != job.revision:
            raise ConflictError(
                f"Job {job_id} was edited elsewhere: its revision is {job.revision}.",
                hint="Read the job again and repeat the change.",
            )
        return job

    async def _result(
        self, job: Job, changes: Sequence[SegmentChange], *, stored: bool
    ) -> EditResult:
        if not stored:
            raise ConflictError(
                f"Job {job.id} was changed meanwhile.",
                hint="Read the job again and repeat the change.",
            )
        can_undo, can_redo = await self.can_undo(job.id)
        return EditResult(job.revision + 1, tuple(changes), can_undo, can_redo)


def _conflict(job_id: str) -> ConflictError:
    return ConflictError(
        f"Job {job_id} waits or runs.", hint="Wait until it has ended, or cancel it."
    )
