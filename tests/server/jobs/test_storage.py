"""Stored jobs, and races between writers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wyoming_servers.jobs.job import JobSegment, JobStatus, NewJob, TimedWord
from wyoming_servers.jobs.storage import JobStorage

SEGMENT = JobSegment(0, 0.5, 2.0, "one", (TimedWord("one", 0.5, 2.0, 0.9),))


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[JobStorage]:
    storage = await JobStorage.open(tmp_path / "jobs.sqlite")
    yield storage
    await storage.close()


async def add(storage: JobStorage, key: str = "", now: float = 1.0) -> str:
    job, _ = await storage.add(NewJob(model="m", idempotency_key=key), now)
    return job.id


async def advance(storage: JobStorage, job: str, *segments: JobSegment) -> bool:
    return await storage.advance(
        job,
        position=2.0,
        duration=10.0,
        progress=20,
        chunk=1,
        chunks_total=5,
        language="en",
        segments=segments,
    )


async def test_job_is_read_as_it_was_stored(storage: JobStorage) -> None:
    new = NewJob(
        model="m", language="de", task="translate", word_timestamps=True, vad=False,
        prompt="p", filename="../x.wav", webhook_url="http://h/", idempotency_key="k",
    )  # fmt: skip
    job, is_new = await storage.add(new, 7.0)
    assert is_new
    assert job.status is JobStatus.QUEUED
    assert all(getattr(job, name) == getattr(new, name) for name in new.__dataclass_fields__)
    assert await storage.get(job.id) == job


async def test_same_idempotency_key_returns_the_same_job(storage: JobStorage) -> None:
    first = await add(storage, "key")
    again, is_new = await storage.add(NewJob(model="other", idempotency_key="key"), 2.0)
    assert (again.id, is_new) == (first, False)
    assert await add(storage) != await add(storage)


async def test_jobs_start_in_order_of_submission(storage: JobStorage) -> None:
    ids = [await add(storage) for _ in range(3)]
    started = [await storage.start_next(2.0, (), of_long=False) for _ in range(4)]
    assert [job and job.id for job in started] == [*ids, None]


async def test_segments_and_progress_are_stored(storage: JobStorage) -> None:
    job = await add(storage)
    await storage.start_next(2.0, (), of_long=False)
    assert await advance(storage, job, SEGMENT)
    found = await storage.get(job)
    assert found is not None
    assert found.segments == (SEGMENT,)
    assert (found.position, found.progress, found.language) == (2.0, 20, "en")


async def test_cancelled_job_does_not_advance(storage: JobStorage) -> None:
    job = await add(storage)
    await storage.start_next(2.0, (), of_long=False)
    assert await storage.end(job, JobStatus.CANCELLED, 3.0)
    assert not await advance(storage, job, SEGMENT)
    assert not await storage.end(job, JobStatus.DONE, 4.0)
    found = await storage.get(job)
    assert found is not None
    assert (found.status, found.segments, found.completed) == (JobStatus.CANCELLED, (), 3.0)


async def test_done_job_has_full_progress(storage: JobStorage) -> None:
    job = await add(storage)
    await storage.start_next(2.0, (), of_long=False)
    await advance(storage, job, SEGMENT)
    await storage.end(job, JobStatus.DONE, 3.0)
    found = await storage.get(job)
    assert found is not None
    assert (found.progress, found.chunks_total) == (100, 1)


async def test_interrupted_jobs_are_queued_with_their_segments(
    tmp_path: Path, storage: JobStorage
) -> None:
    job = await add(storage)
    await storage.start_next(2.0, (), of_long=False)
    await advance(storage, job, SEGMENT)
    other = await JobStorage.open(tmp_path / "jobs.sqlite")
    assert await other.requeue_interrupted(limit=2) == []
    resumed = await other.start_next(9.0, (), of_long=False)
    assert resumed is not None
    assert (resumed.id, resumed.segments, resumed.attempts) == (job, (SEGMENT,), 2)
    assert resumed.started == 2.0
    assert await other.requeue_interrupted(limit=2) == [job]
    await other.close()


async def test_only_ended_and_notified_jobs_are_pruned(storage: JobStorage) -> None:
    old, untold, queued = [await add(storage) for _ in range(3)]
    for job in (old, untold):
        await storage.start_next(1.0, (), of_long=False)
        await advance(storage, job, SEGMENT)
        await storage.end(job, JobStatus.DONE, 5.0)
    await storage.mark_notified(old)
    assert await storage.pending_notifications() == [untold]
    assert await storage.prune(before=6.0) == 1
    assert await storage.get(old) is None
    assert await storage.get(untold) is not None
    assert await storage.active_ids() == {queued}
    assert list(await storage._database.fetch("SELECT * FROM segments WHERE job = ?", old)) == []


async def test_jobs_can_be_filtered_and_paged(storage: JobStorage) -> None:
    ids = [await add(storage) for _ in range(5)]
    await storage.start_next(1.0, (), of_long=False)
    assert [job.id for job in await storage.latest()] == ids[::-1]
    assert [job.id for job in await storage.latest(JobStatus.RUNNING)] == ids[:1]
    assert [job.id for job in await storage.latest(limit=2, offset=1)] == [ids[3], ids[2]]
    assert await storage.count(JobStatus.QUEUED) == 4


async def test_concurrent_writers_do_not_share_a_transaction(storage: JobStorage) -> None:
    job = await add(storage)
    await storage.start_next(1.0, (), of_long=False)
    segments = [JobSegment(number, 0.0, 1.0, str(number)) for number in range(30)]
    await asyncio.gather(
        *(advance(storage, job, segment) for segment in segments),
        *(add(storage) for _ in range(30)),
    )
    found = await storage.get(job)
    assert found is not None
    assert len(found.segments) == 30
    assert await storage.count(JobStatus.QUEUED) == 30
