"""How jobs and segments look as rows of the database."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from sqlite3 import Row
from typing import Any, Final

from wyoming_servers.jobs.job import CueTiming, Job, JobStatus, NewJob, JobSegment, SpeechOptions, TimedWord

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
    # Speech jobs: what they wish, as JSON; how their cues fitted, as JSON.
    """
    ALTER TABLE jobs ADD COLUMN speech TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN rate INTEGER;
    ALTER TABLE segments ADD COLUMN fit TEXT NOT NULL DEFAULT '';
    """,
)
"""Only ever append; see `store.database`."""


def _insert_values(new: NewJob) -> dict[str, Any]:
    """Return what a new job's row begins with, by column."""
    wish = "" if new.speech is None else json.dumps(asdict(new.speech), ensure_ascii=False)
    return asdict(new) | {"speech": wish, "idempotency_key": new.idempotency_key or None}


def _job_from_row(row: Row, segments: Iterable[JobSegment] = ()) -> Job:
    """Return the job of a row."""
    values = {name: row[name] for name in row.keys() if name not in ("number", "told")}  # noqa: SIM118
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
    """Return a segment's row, in the order of its columns."""
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
    """Return the segment of a row."""
    return JobSegment(
        row["number"],
        row["start"],
        row["finish"],
        row["text"],
        tuple(TimedWord(**word) for word in json.loads(row["words"])),
        CueTiming(**json.loads(row["fit"])) if row["fit"] else None,
    )
