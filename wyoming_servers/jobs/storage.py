"""Stores jobs in SQLite: one row per job and one per segment.

Each change of state is one statement or transaction whose WHERE clause names the state it starts
from. If two changes race (a cancellation and the end of a job), the second one changes nothing, and
its caller learns that.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from sqlite3 import IntegrityError, Row
from typing import Any, Final, Self

import aiosqlite

from wyoming_servers.data_dir.database import open_database
from wyoming_servers.jobs.job import (
    CueTiming,
    Job,
    JobSegment,
    JobStatus,
    NewJob,
    SpeechOptions,
    TimedWord,
)

_ACTIVE: Final = (JobStatus.QUEUED, JobStatus.RUNNING)


class JobStorage:
    """The database of all jobs; create it with `open`, end it with `close`."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()
        """All statements share a connection; none may run inside another one's transaction."""

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or create the file. Raises LoadFailedError."""
        return cls(await open_database(path, MIGRATIONS))

    async def close(self) -> None:
        await self._connection.close()

    async def add(self, new: NewJob, now: float, job_id: str = "") -> tuple[Job, bool]:
        """Store a new job as queued; return it and True.

        If a job with the same idempotency key exists, return that one and False.
        """
        values = _insert_values(new) | {
            "id": job_id or str(uuid.uuid4()),
            "status": JobStatus.QUEUED,
            "created": now,
        }
        columns = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        try:
            await self._fetch_all(
                f"INSERT INTO jobs (number, {columns}) "  # noqa: S608  (column names of ours)
                f"VALUES ((SELECT coalesce(max(number), 0) + 1 FROM jobs), {marks})",
                *values.values(),
            )
        except IntegrityError:
            existing = await self.find_by_key(new.idempotency_key)
            if existing is None:
                raise
            return existing, False
        job = await self.get(values["id"])
        assert job is not None  # noqa: S101  (just written)
        return job, True

    async def get(self, job_id: str, *, segments: bool = True) -> Job | None:
        """Return a job, with its segments unless they are not wanted; None if unknown."""
        row = await self._fetch_one("SELECT * FROM jobs WHERE id = ?", job_id)
        if row is None:
            return None
        return _job_from_row(row, await self._segments(job_id) if segments else ())

    async def find_by_key(self, key: str) -> Job | None:
        """Return the job that was created with an idempotency key."""
        row = await self._fetch_one("SELECT id FROM jobs WHERE idempotency_key = ?", key)
        return None if row is None else await self.get(row["id"])

    async def latest(
        self, status: JobStatus | None = None, limit: int = 100, offset: int = 0
    ) -> list[Job]:
        """Return jobs without their segments, newest first."""
        rows = await self._fetch_all(
            "SELECT * FROM jobs WHERE ?1 IS NULL OR status = ?1 "
            "ORDER BY number DESC LIMIT ?2 OFFSET ?3",
            status,
            limit,
            offset,
        )
        return [_job_from_row(row) for row in rows]

    async def count(self, *statuses: JobStatus) -> int:
        """Count the jobs in these states."""
        marks = ", ".join("?" for _ in statuses)
        row = await self._fetch_one(
            f"SELECT count(*) FROM jobs WHERE status IN ({marks})",  # noqa: S608
            *statuses,
        )
        return 0 if row is None else int(row[0])

    async def start_next(self, now: float) -> Job | None:
        """Set the oldest queued job to running and return it; None if none is queued."""
        row = await self._fetch_one(
            "UPDATE jobs SET status = 'running', attempts = attempts + 1, "
            "started = coalesce(started, ?) WHERE id = (SELECT id FROM jobs "
            "WHERE status = 'queued' ORDER BY number LIMIT 1) RETURNING id",
            now,
        )
        return None if row is None else await self.get(row["id"])

    async def requeue_interrupted(self, *, limit: int) -> list[str]:
        """Queue interrupted jobs again; return those that were started `limit` times already.

        For a start: every job that is still stored as running was interrupted.
        """
        rows = await self._fetch_all(
            "SELECT id FROM jobs WHERE status = 'running' AND attempts >= ?", limit
        )
        await self._fetch_all(
            "UPDATE jobs SET status = 'queued' WHERE status = 'running' AND attempts < ?", limit
        )
        return [row["id"] for row in rows]

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
        async with self._transaction():
            rows = await self._execute(
                "UPDATE jobs SET position = ?, duration = ?, progress = ?, chunk = ?, "
                "chunks_total = ?, language = coalesce(language, ?), rate = coalesce(rate, ?) "
                "WHERE id = ? AND status = 'running' RETURNING id",
                *(position, duration, progress, chunk, chunks_total, language, rate, job_id),
            )
            if not rows:
                return False
            await self._connection.executemany(
                "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_segment_values(job_id, segment) for segment in segments],
            )
            return True

    async def end(
        self, job_id: str, status: JobStatus, now: float, *, code: str = "", error: str = ""
    ) -> bool:
        """End a queued or running job; return False if it had ended before."""
        row = await self._fetch_one(
            "UPDATE jobs SET status = ?, completed = ?, error_code = ?, error = ?, "
            "progress = CASE WHEN ?1 = 'done' THEN 100 ELSE progress END, "
            "chunks_total = CASE WHEN ?1 = 'done' THEN chunk ELSE chunks_total END "
            "WHERE id = ? AND status IN ('queued', 'running') RETURNING id",
            *(status, now, code, error, job_id),
        )
        return row is not None

    async def pending_notifications(self) -> list[str]:
        """Return the ids of ended jobs whose end was not reported yet."""
        rows = await self._fetch_all(
            "SELECT id FROM jobs WHERE notified = 0 AND status NOT IN ('queued', 'running') "
            "ORDER BY completed"
        )
        return [row["id"] for row in rows]

    async def mark_notified(self, job_id: str) -> None:
        """Record that the end of a job was reported."""
        await self._fetch_all("UPDATE jobs SET notified = 1 WHERE id = ?", job_id)

    async def prune(self, before: float) -> int:
        """Delete jobs that ended before `before` (seconds since 1970); return their number."""
        rows = await self._fetch_all(
            "DELETE FROM jobs WHERE completed < ? AND notified = 1 RETURNING id", before
        )
        return len(rows)

    async def all_ids(self) -> set[str]:
        """Return the ids of all jobs."""
        rows = await self._fetch_all("SELECT id FROM jobs")
        return {row["id"] for row in rows}

    async def active_ids(self) -> set[str]:
        """Return the ids of queued and running jobs."""
        rows = await self._fetch_all("SELECT id FROM jobs WHERE status IN (?, ?)", *_ACTIVE)
        return {row["id"] for row in rows}

    async def _segments(self, job_id: str) -> Iterable[JobSegment]:
        rows = await self._fetch_all("SELECT * FROM segments WHERE job = ? ORDER BY number", job_id)
        return [_segment_from_row(row) for row in rows]

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._lock:
            await self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                await self._connection.execute("ROLLBACK")
                raise
            await self._connection.execute("COMMIT")

    async def _fetch_one(self, sql: str, *values: Any) -> Row | None:
        rows = await self._fetch_all(sql, *values)
        return rows[0] if rows else None

    async def _fetch_all(self, sql: str, *values: Any) -> list[Row]:
        async with self._lock:
            return await self._execute(sql, *values)

    async def _execute(self, sql: str, *values: Any) -> list[Row]:
        async with self._connection.execute(sql, values) as cursor:
            return list(await cursor.fetchall())


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
)
"""Scripts of the schema; only ever append to them, see `data_dir.database`."""


def _insert_values(new: NewJob) -> dict[str, Any]:
    """Return the columns of a new job's row."""
    speech = "" if new.speech is None else json.dumps(asdict(new.speech), ensure_ascii=False)
    return asdict(new) | {"speech": speech, "idempotency_key": new.idempotency_key or None}


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
            "speech": SpeechOptions(**json.loads(row["speech"])) if row["speech"] else None,
            "segments": tuple(segments),
        }
    )


def _segment_values(job_id: str, segment: JobSegment) -> tuple[Any, ...]:
    """Convert a segment to the columns of its row, in their order."""
    return (
        job_id,
        segment.index,
        segment.start,
        segment.end,
        segment.text,
        json.dumps([asdict(word) for word in segment.words], ensure_ascii=False),
        "" if segment.fit is None else json.dumps(asdict(segment.fit)),
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
    )
