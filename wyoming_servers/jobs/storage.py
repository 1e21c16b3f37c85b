"""Stores jobs in SQLite: one row per job and one per segment.

Each change of state is one statement or transaction whose WHERE clause names the state it starts
from. If two changes race (a cancellation and the end of a job), the second one changes nothing, and
its caller learns that. Every method raises StorageError if the disk or the database refuses.
"""

import json
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from sqlite3 import IntegrityError, Row
from typing import Any, Final, Self

from wyoming_servers.data_dir.database import Database, open_database
from wyoming_servers.data_dir.set_aside import DamagedFiles
from wyoming_servers.jobs.editing.segment_storage import (
    INSERT,
    SEGMENT_MIGRATION,
    SegmentStorage,
    segment_values,
)
from wyoming_servers.jobs.job import (
    Job,
    JobSegment,
    JobStatus,
    LineVoice,
    NewJob,
    SpeechOptions,
)

_ACTIVE: Final = (JobStatus.QUEUED, JobStatus.RUNNING)


class JobStorage:
    """The database of all jobs; create it with `open`, end it with `close`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.segments = SegmentStorage(database)

    @classmethod
    async def open(cls, path: Path, damaged: DamagedFiles | None = None) -> Self:
        """Open or create the file; a damaged one is set aside. Raises LoadFailedError."""
        return cls(await open_database(path, MIGRATIONS, damaged))

    async def close(self) -> None:
        await self._database.close()

    async def add(
        self,
        new: NewJob,
        now: float,
        job_id: str = "",
        draft: Sequence[JobSegment] | None = None,
    ) -> tuple[Job, bool]:
        """Store a new job as queued, or as a draft with these segments; return it and True.

        If a job with the same idempotency key exists, return that one and False.
        """
        values = _insert_values(new) | {
            "id": job_id or str(uuid.uuid4()),
            "status": JobStatus.QUEUED if draft is None else JobStatus.DRAFT,
            "scripted": draft is not None,
            "created": now,
        }
        columns = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        try:
            async with self._database.transaction() as transaction:
                (row,) = await transaction.fetch(
                    f"INSERT INTO jobs (number, {columns}) "  # noqa: S608  (column names of ours)
                    f"VALUES ((SELECT coalesce(max(number), 0) + 1 FROM jobs), {marks}) "
                    "RETURNING *",
                    *values.values(),
                )
                rows = [segment_values(row["id"], segment) for segment in draft or ()]
                await transaction.execute_many(INSERT, rows)
        except IntegrityError:
            existing = await self.find_by_key(new.idempotency_key)
            if existing is None:
                raise
            return existing, False
        return _job_from_row(row), True

    async def get(self, job_id: str, *, segments: bool = True) -> Job | None:
        """Return a job, with its segments unless they are not wanted; None if unknown."""
        row = await self._database.fetch_one("SELECT * FROM jobs WHERE id = ?", job_id)
        if row is None:
            return None
        return _job_from_row(row, await self.segments.read(job_id) if segments else ())

    async def find_by_key(self, key: str) -> Job | None:
        """Return the job that was created with an idempotency key."""
        row = await self._database.fetch_one("SELECT id FROM jobs WHERE idempotency_key = ?", key)
        return None if row is None else await self.get(row["id"])

    async def latest(
        self,
        status: JobStatus | None = None,
        limit: int = 100,
        offset: int = 0,
        *,
        kept: bool | None = None,
    ) -> list[Job]:
        """Return jobs without their segments, newest first; only kept or other ones with `kept`."""
        rows = await self._database.fetch(
            "SELECT * FROM jobs WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR kept = ?2) "
            "ORDER BY number DESC LIMIT ?3 OFFSET ?4",
            *(status, kept, limit, offset),
        )
        return [_job_from_row(row) for row in rows]

    async def count(self, *statuses: JobStatus) -> int:
        """Count the jobs in these states."""
        marks = ", ".join("?" for _ in statuses)
        row = await self._database.fetch_one(
            f"SELECT count(*) FROM jobs WHERE status IN ({marks})",  # noqa: S608
            *statuses,
        )
        return 0 if row is None else int(row[0])

    async def counts(self) -> dict[JobStatus, int]:
        """Count the jobs by status."""
        rows = await self._database.fetch("SELECT status, count(*) FROM jobs GROUP BY status")
        return {JobStatus(row[0]): int(row[1]) for row in rows}

    async def start_next(self, now: float, long: Collection[str], *, of_long: bool) -> Job | None:
        """Set the oldest queued job to running and return it; None if none is queued.

        `of_long` chooses among the jobs whose ids are in `long`, else among all others.
        """
        row = await self._database.fetch_one(
            "UPDATE jobs SET status = 'running', attempts = attempts + 1, "
            "started = coalesce(started, ?1) WHERE id = (SELECT id FROM jobs "
            "WHERE status = 'queued' AND (id IN (SELECT value FROM json_each(?2))) = ?3 "
            "ORDER BY number LIMIT 1) RETURNING id",
            now,
            json.dumps(list(long)),
            of_long,
        )
        return None if row is None else await self.get(row["id"])

    async def requeue_interrupted(self, *, limit: int) -> list[str]:
        """Queue interrupted jobs again; return those that were started `limit` times already.

        For a start: every job that is still stored as running was interrupted.
        """
        rows = await self._database.fetch(
            "SELECT id FROM jobs WHERE status = 'running' AND attempts >= ?", limit
        )
        await self._database.fetch(
            "UPDATE jobs SET status = 'queued' WHERE status = 'running' AND attempts < ?", limit
        )
        return [row["id"] for row in rows]

    async def requeue(self, job_ids: Collection[str]) -> None:
        """Queue running jobs again that stopped without a fault of theirs.

        That start of theirs does not count.
        """
        await self._database.fetch(
            "UPDATE jobs SET status = 'queued', attempts = attempts - 1 "
            "WHERE status = 'running' AND id IN (SELECT value FROM json_each(?))",
            json.dumps(list(job_ids)),
        )

    async def advance(
        self,
        job_id: str,
        *,
        position: float,
        duration: float | None,
        progress: int,
        chunk: int,
        chunks_total: int,
        language: str | None,
        rate: int | None = None,
        segments: Sequence[JobSegment] = (),
    ) -> bool:
        """Store new segments and the progress; return False if the job is no longer running."""
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(
                "UPDATE jobs SET position = ?, duration = ?, progress = ?, chunk = ?, "
                "chunks_total = ?, language = coalesce(language, ?), rate = coalesce(rate, ?) "
                "WHERE id = ? AND status = 'running' RETURNING id",
                *(position, duration, progress, chunk, chunks_total, language, rate, job_id),
            )
            if not rows:
                return False
            await transaction.execute_many(
                INSERT, [segment_values(job_id, segment) for segment in segments]
            )
            return True

    async def queue_again(self, changed: Job) -> bool:
        """Queue a draft or an ended speech job from its first line on, with the given voices.

        Return False if it waits or runs, or does not exist.
        """
        return await self._change_speech(
            changed,
            "status = 'queued', position = 0, duration = NULL, progress = 0, chunk = 0, "
            "rate = NULL, error = '', error_code = '', attempts = 0, started = NULL, "
            "completed = NULL, notified = 0",
        )

    async def set_speech(self, changed: Job) -> bool:
        """Store the voices of a speech job, which is a draft then; return False as above."""
        return await self._change_speech(changed, "status = 'draft'")

    async def _change_speech(self, changed: Job, columns: str) -> bool:
        assert changed.speech is not None  # noqa: S101  (callers change speech jobs only)
        rows = await self._database.fetch(
            f"UPDATE jobs SET {columns}, speech = ?, model = ?, language = ?, "  # noqa: S608
            "kept = 1, scripted = 1 "
            "WHERE id = ? AND task = 'speak' AND status NOT IN ('queued', 'running') RETURNING id",
            *(_speech_to_json(changed.speech), changed.model, changed.language, changed.id),
        )
        return bool(rows)

    async def delete(self, job_id: str) -> bool:
        """Delete a job that does not wait or run, with its segments and edits."""
        rows = await self._database.fetch(
            "DELETE FROM jobs WHERE id = ? AND status NOT IN ('queued', 'running') RETURNING id",
            job_id,
        )
        return bool(rows)

    async def end(
        self, job_id: str, status: JobStatus, now: float, *, code: str = "", error: str = ""
    ) -> Job | None:
        """End a queued or running job and return it without its segments.

        Return None if it had ended before.
        """
        row = await self._database.fetch_one(
            "UPDATE jobs SET status = ?, completed = ?, error_code = ?, error = ?, "
            "progress = CASE WHEN ?1 = 'done' THEN 100 ELSE progress END, "
            "chunks_total = CASE WHEN ?1 = 'done' THEN chunk ELSE chunks_total END "
            "WHERE id = ? AND status IN ('queued', 'running') RETURNING *",
            *(status, now, code, error, job_id),
        )
        return None if row is None else _job_from_row(row)

    async def pending_notifications(self) -> list[str]:
        """Return the ids of ended jobs whose end was not reported yet."""
        rows = await self._database.fetch(
            "SELECT id FROM jobs WHERE notified = 0 AND status IN ('done', 'failed', 'cancelled') "
            "ORDER BY completed"
        )
        return [row["id"] for row in rows]

    async def mark_notified(self, job_id: str) -> None:
        """Record that the end of a job was reported."""
        await self._database.fetch("UPDATE jobs SET notified = 1 WHERE id = ?", job_id)

    async def correct_end(self, before: float, now: float) -> None:
        """Set the end of jobs that ended while the clock said a time before `before`."""
        await self._database.fetch("UPDATE jobs SET completed = ? WHERE completed < ?", now, before)

    async def prune(self, before: float) -> int:
        """Delete jobs that ended before `before` (seconds since 1970); return their number."""
        rows = await self._database.fetch(
            "DELETE FROM jobs WHERE completed < ? AND notified = 1 AND kept = 0 RETURNING id",
            before,
        )
        return len(rows)

    async def all_ids(self) -> set[str]:
        """Return the ids of all jobs."""
        rows = await self._database.fetch("SELECT id FROM jobs")
        return {row["id"] for row in rows}

    async def active_ids(self) -> set[str]:
        """Return the ids of queued and running jobs."""
        rows = await self._database.fetch("SELECT id FROM jobs WHERE status IN (?, ?)", *_ACTIVE)
        return {row["id"] for row in rows}

    async def upload_owners(self) -> set[str]:
        """Return the ids of the jobs whose upload is needed: active and kept ones."""
        rows = await self._database.fetch(
            "SELECT id FROM jobs WHERE kept = 1 OR status IN (?, ?)", *_ACTIVE
        )
        return {row["id"] for row in rows}


MIGRATIONS: Final = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        status TEXT NOT NULL,
        model TEXT NOT NULL,
        language TEXT,
        task TEXT NOT NULL,
        word_timestamps INTEGER NOT NULL,
        vad INTEGER NOT NULL,
        prompt TEXT NOT NULL,
        filename TEXT NOT NULL,
        webhook_url TEXT NOT NULL,
        idempotency_key TEXT UNIQUE,
        progress INTEGER NOT NULL DEFAULT 0,
        chunk INTEGER NOT NULL DEFAULT 0,
        chunks_total INTEGER NOT NULL DEFAULT 0,
        position REAL NOT NULL DEFAULT 0,
        duration REAL,
        error TEXT NOT NULL DEFAULT '',
        error_code TEXT NOT NULL DEFAULT '',
        attempts INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL,
        started REAL,
        completed REAL,
        told INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX jobs_by_status ON jobs (status, number);
    CREATE INDEX jobs_by_end ON jobs (completed);
    CREATE TABLE segments (
        job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        start REAL NOT NULL,
        finish REAL NOT NULL,
        text TEXT NOT NULL,
        words TEXT NOT NULL,
        PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
    """,
    # Speech jobs: their options and the timing of their cues, as JSON.
    """
    ALTER TABLE jobs ADD COLUMN speech TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN rate INTEGER;
    ALTER TABLE segments ADD COLUMN fit TEXT NOT NULL DEFAULT '';
    """,
    "ALTER TABLE jobs RENAME COLUMN told TO notified;",
    # Editing: jobs that are kept, the revision of their segments, and their edits.
    """
    ALTER TABLE jobs ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN scripted INTEGER NOT NULL DEFAULT 0;
    """
    + SEGMENT_MIGRATION,
)
"""Scripts of the schema; only ever append to them, see `data_dir.database`."""


def _insert_values(new: NewJob) -> dict[str, Any]:
    """Return the columns of a new job's row."""
    speech = "" if new.speech is None else _speech_to_json(new.speech)
    return asdict(new) | {"speech": speech, "idempotency_key": new.idempotency_key or None}


def _speech_to_json(speech: SpeechOptions) -> str:
    return json.dumps(asdict(speech), ensure_ascii=False)


def _speech_from_json(text: str) -> SpeechOptions | None:
    if not text:
        return None
    values = json.loads(text)
    voices = tuple(LineVoice(**voice) for voice in values.get("voices", ()))
    return SpeechOptions(**values | {"voices": voices})


def _job_from_row(row: Row, segments: Iterable[JobSegment] = ()) -> Job:
    """Convert a row to a job."""
    values = {name: row[name] for name in row.keys() if name not in ("number", "notified")}  # noqa: SIM118
    return Job(
        **values
        | {
            "status": JobStatus(row["status"]),
            "word_timestamps": bool(row["word_timestamps"]),
            "vad": bool(row["vad"]),
            "idempotency_key": row["idempotency_key"] or "",
            "speech": _speech_from_json(row["speech"]),
            "kept": bool(row["kept"]),
            "scripted": bool(row["scripted"]),
            "segments": tuple(segments),
        }
    )
