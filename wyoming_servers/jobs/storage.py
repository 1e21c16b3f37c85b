"""Jobs on disk: one row each, a row for each segment, in one SQLite file.

Every change that matters is one transaction whose WHERE names the state it starts from: whoever
comes second (a cancel and an end at the same moment) changes nothing and is told so.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from sqlite3 import IntegrityError, Row
from typing import Any, Final, Self

import aiosqlite

from wyoming_servers.jobs.job import Job, JobStatus, NewJob, Segment
from wyoming_servers.jobs.rows import MIGRATIONS, job_of, new_values, segment_of, segment_values
from wyoming_servers.store.database import open_database

_ACTIVE: Final = (JobStatus.QUEUED, JobStatus.RUNNING)


class JobStorage:
    """The file; `open` it, `close` it."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        """All statements share a connection, and none may slip into another's transaction."""

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the file. Raises LoadFailedError."""
        return cls(await open_database(path, MIGRATIONS))

    async def close(self) -> None:
        await self._connection.close()

    async def add(self, new: NewJob, now: float, job_id: str = "") -> tuple[Job, bool]:
        """Keep a new job, queued; return it and whether it is new.

        A job with the same idempotency key is returned instead of a second one.
        """
        values = new_values(new) | {
            "id": job_id or str(uuid.uuid4()),
            "status": JobStatus.QUEUED,
            "created": now,
        }
        names = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        try:
            await self._all(
                f"INSERT INTO jobs (number, {names}) "  # noqa: S608  (our own names)
                f"VALUES ((SELECT coalesce(max(number), 0) + 1 FROM jobs), {marks})",
                *values.values(),
            )
        except IntegrityError:
            known = await self.find_key(new.idempotency_key)
            if known is None:
                raise
            return known, False
        job = await self.get(values["id"])
        assert job is not None  # noqa: S101  (just written)
        return job, True

    async def get(self, job_id: str, *, segments: bool = True) -> Job | None:
        """Return a job with what was heard so far."""
        row = await self._one("SELECT * FROM jobs WHERE id = ?", job_id)
        if row is None:
            return None
        return job_of(row, await self._segments(job_id) if segments else ())

    async def find_key(self, key: str) -> Job | None:
        """Return the job that was made with an idempotency key."""
        row = await self._one("SELECT id FROM jobs WHERE idempotency_key = ?", key)
        return None if row is None else await self.get(row["id"])

    async def latest(
        self, status: JobStatus | None = None, limit: int = 100, offset: int = 0
    ) -> list[Job]:
        """Return jobs without their segments, the newest first."""
        rows = await self._all(
            "SELECT * FROM jobs WHERE ?1 IS NULL OR status = ?1 "
            "ORDER BY number DESC LIMIT ?2 OFFSET ?3",
            status,
            limit,
            offset,
        )
        return [job_of(row) for row in rows]

    async def count(self, *statuses: JobStatus) -> int:
        """Return how many jobs are in these states."""
        marks = ", ".join("?" for _ in statuses)
        row = await self._one(
            f"SELECT count(*) FROM jobs WHERE status IN ({marks})",  # noqa: S608
            *statuses,
        )
        return 0 if row is None else int(row[0])

    async def begin_next(self, now: float) -> Job | None:
        """Take the oldest queued job into work; None if there is none."""
        row = await self._one(
            "UPDATE jobs SET status = 'running', attempts = attempts + 1, "
            "started = coalesce(started, ?) WHERE id = (SELECT id FROM jobs "
            "WHERE status = 'queued' ORDER BY number LIMIT 1) RETURNING id",
            now,
        )
        return None if row is None else await self.get(row["id"])

    async def put_back(self, *, limit: int) -> list[str]:
        """After a restart: queue running jobs again; return those begun `limit` times or more."""
        rows = await self._all(
            "SELECT id FROM jobs WHERE status = 'running' AND attempts >= ?", limit
        )
        await self._all(
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
        segments: Sequence[Segment] = (),
    ) -> bool:
        """Keep what a piece brought and how far the job is; False if it does not run any more."""
        async with self._transaction():
            rows = await self._query(
                "UPDATE jobs SET position = ?, duration = ?, progress = ?, chunk = ?, "
                "chunks_total = ?, language = coalesce(language, ?), rate = coalesce(rate, ?) "
                "WHERE id = ? AND status = 'running' RETURNING id",
                *(position, duration, progress, chunk, chunks_total, language, rate, job_id),
            )
            if not rows:
                return False
            await self._connection.executemany(
                "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)",
                [segment_values(job_id, segment) for segment in segments],
            )
            return True

    async def end(
        self, job_id: str, status: JobStatus, now: float, *, code: str = "", error: str = ""
    ) -> bool:
        """Bring a queued or running job to its end; False if it had ended before."""
        row = await self._one(
            "UPDATE jobs SET status = ?, completed = ?, error_code = ?, error = ?, "
            "progress = CASE WHEN ?1 = 'done' THEN 100 ELSE progress END, "
            "chunks_total = CASE WHEN ?1 = 'done' THEN chunk ELSE chunks_total END "
            "WHERE id = ? AND status IN ('queued', 'running') RETURNING id",
            *(status, now, code, error, job_id),
        )
        return row is not None

    async def untold(self) -> list[str]:
        """Return the jobs that have ended and whose end was not passed on."""
        rows = await self._all(
            "SELECT id FROM jobs WHERE told = 0 AND status NOT IN ('queued', 'running') "
            "ORDER BY completed"
        )
        return [row["id"] for row in rows]

    async def mark_told(self, job_id: str) -> None:
        """The end of a job was passed on."""
        await self._all("UPDATE jobs SET told = 1 WHERE id = ?", job_id)

    async def prune(self, before: float) -> int:
        """Forget the jobs that ended before a moment; return how many."""
        rows = await self._all(
            "DELETE FROM jobs WHERE completed < ? AND told = 1 RETURNING id", before
        )
        return len(rows)

    async def known(self) -> set[str]:
        """Return all jobs."""
        rows = await self._all("SELECT id FROM jobs")
        return {row["id"] for row in rows}

    async def active(self) -> set[str]:
        """Return the jobs that are queued or running."""
        rows = await self._all("SELECT id FROM jobs WHERE status IN (?, ?)", *_ACTIVE)
        return {row["id"] for row in rows}

    async def _segments(self, job_id: str) -> Iterable[Segment]:
        rows = await self._all("SELECT * FROM segments WHERE job = ? ORDER BY number", job_id)
        return [segment_of(row) for row in rows]

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._turn:
            await self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                await self._connection.execute("ROLLBACK")
                raise
            await self._connection.execute("COMMIT")

    async def _one(self, sql: str, *values: Any) -> Row | None:
        rows = await self._all(sql, *values)
        return rows[0] if rows else None

    async def _all(self, sql: str, *values: Any) -> list[Row]:
        async with self._turn:
            return await self._query(sql, *values)

    async def _query(self, sql: str, *values: Any) -> list[Row]:
        async with self._connection.execute(sql, values) as cursor:
            return list(await cursor.fetchall())
