"""Stores the segments of jobs and their edits, in the database of the jobs.

Each edit is one transaction, so it is complete after a crash, or did not happen. Edits can be
undone and repeated, the last `MAX_EDITS` of each job.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from sqlite3 import Row
from typing import Any, Final

from wyoming_servers.data_dir.database import Database, Transaction
from wyoming_servers.jobs.editing.segment_edit import SegmentChange
from wyoming_servers.jobs.job import CueTiming, JobSegment, LineOptions, TimedWord

MAX_EDITS: Final = 200
"""Edits of a job that can be undone."""

INSERT: Final = (
    "INSERT OR REPLACE INTO segments (job, number, start, finish, text, words, fit, speaker, line) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

SEGMENT_MIGRATION: Final = """
    ALTER TABLE segments ADD COLUMN speaker TEXT NOT NULL DEFAULT '';
    ALTER TABLE segments ADD COLUMN line TEXT NOT NULL DEFAULT '';
    CREATE TABLE edits (
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        changes TEXT NOT NULL,
        inverse TEXT NOT NULL,
        undone INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class StoredEdit:
    """An edit that can be undone, or was."""

    number: int
    changes: tuple[SegmentChange, ...]
    inverse: tuple[SegmentChange, ...]


class SegmentStorage:
    """The segments and edits of all jobs; every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, job_id: str) -> list[JobSegment]:
        """Return the segments of a job in their order."""
        rows = await self._database.fetch(
            "SELECT * FROM segments WHERE job = ? ORDER BY number", job_id
        )
        return [_segment_from_row(row) for row in rows]

    async def replace(
        self,
        job_id: str,
        revision: int,
        before: Sequence[JobSegment],
        after: Sequence[JobSegment],
        *,
        edit: tuple[Sequence[SegmentChange], Sequence[SegmentChange]] | None = None,
        undone: tuple[int, bool] | None = None,
    ) -> bool:
        """Store the segments after an edit; return False if the job has another revision by now.

        `edit` is the edit and its inverse. `undone` is the number of an edit that was undone (True)
        or repeated (False) instead.
        """
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(
                "UPDATE jobs SET revision = revision + 1, kept = 1, scripted = (task = 'speak'), "
                "status = CASE WHEN task = 'speak' THEN 'draft' ELSE status END "
                "WHERE id = ? AND revision = ? AND status NOT IN ('queued', 'running') "
                "RETURNING id",
                *(job_id, revision),
            )
            if not rows:
                return False
            await _rewrite(transaction, job_id, before, after)
            if edit is not None:
                await _add_edit(transaction, job_id, *edit)
            if undone is not None:
                number, value = undone
                await transaction.fetch(
                    "UPDATE edits SET undone = ? WHERE job = ? AND number = ?",
                    *(int(value), job_id, number),
                )
            return True

    async def next_undo(self, job_id: str) -> StoredEdit | None:
        """Return the last edit that was not undone."""
        return _edit_from_row(
            await self._database.fetch_one(
                "SELECT * FROM edits WHERE job = ? AND undone = 0 ORDER BY number DESC LIMIT 1",
                job_id,
            )
        )

    async def next_redo(self, job_id: str) -> StoredEdit | None:
        """Return the first edit that was undone."""
        return _edit_from_row(
            await self._database.fetch_one(
                "SELECT * FROM edits WHERE job = ? AND undone = 1 ORDER BY number LIMIT 1", job_id
            )
        )


async def _rewrite(
    transaction: Transaction,
    job_id: str,
    before: Sequence[JobSegment],
    after: Sequence[JobSegment],
) -> None:
    """Write the rows that differ."""
    if len(before) > len(after):
        await transaction.fetch(
            "DELETE FROM segments WHERE job = ? AND number >= ?", job_id, len(after)
        )
    changed = [
        segment
        for index, segment in enumerate(after)
        if index >= len(before) or segment != before[index]
    ]
    await transaction.execute_many(INSERT, [segment_values(job_id, one) for one in changed])


async def _add_edit(
    transaction: Transaction,
    job_id: str,
    changes: Sequence[SegmentChange],
    inverse: Sequence[SegmentChange],
) -> None:
    """Add an edit; those that were undone cannot be repeated after it."""
    await transaction.fetch("DELETE FROM edits WHERE job = ? AND undone = 1", job_id)
    await transaction.fetch(
        "INSERT INTO edits (job, number, changes, inverse) "
        "VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM edits WHERE job = ?1), ?2, ?3)",
        *(job_id, _changes_to_json(changes), _changes_to_json(inverse)),
    )
    await transaction.fetch(
        "DELETE FROM edits WHERE job = ?1 AND number <= "
        "(SELECT max(number) FROM edits WHERE job = ?1) - ?2",
        *(job_id, MAX_EDITS),
    )


def segment_values(job_id: str, segment: JobSegment) -> tuple[Any, ...]:
    """Convert a segment to the columns of its row, as `INSERT` orders them."""
    return (
        job_id,
        segment.index,
        segment.start,
        segment.end,
        segment.text,
        json.dumps([asdict(word) for word in segment.words], ensure_ascii=False),
        "" if segment.fit is None else json.dumps(asdict(segment.fit)),
        segment.speaker,
        "" if segment.line is None else json.dumps(asdict(segment.line), ensure_ascii=False),
    )


def _segment_from_row(row: Row) -> JobSegment:
    """Convert a row to a segment."""
    return JobSegment(
        row["number"],
        row["start"],
        row["finish"],
        row["text"],
        tuple(TimedWord(**word) for word in json.loads(row["words"])),
        CueTiming(**json.loads(row["fit"])) if row["fit"] else None,
        row["speaker"],
        LineOptions(**json.loads(row["line"])) if row["line"] else None,
    )


def _changes_to_json(changes: Iterable[SegmentChange]) -> str:
    return json.dumps([asdict(change) for change in changes], ensure_ascii=False)


def _changes_from_json(text: str) -> tuple[SegmentChange, ...]:
    return tuple(
        SegmentChange(
            change["index"],
            change["count"],
            tuple(_segment_from_json(segment) for segment in change["segments"]),
        )
        for change in json.loads(text)
    )


def _segment_from_json(values: dict[str, Any]) -> JobSegment:
    return JobSegment(
        **values
        | {
            "words": tuple(TimedWord(**word) for word in values["words"]),
            "fit": CueTiming(**values["fit"]) if values["fit"] else None,
            "line": LineOptions(**values["line"]) if values["line"] else None,
        }
    )


def _edit_from_row(row: Row | None) -> StoredEdit | None:
    if row is None:
        return None
    return StoredEdit(
        row["number"], _changes_from_json(row["changes"]), _changes_from_json(row["inverse"])
    )
