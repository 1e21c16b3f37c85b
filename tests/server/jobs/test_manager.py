"""Jobs from the queue to their end, over restarts and errors."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator

import pytest

from wyoming_servers.core.domain import Priority, Task
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    ConflictError,
    InferenceFailedError,
    LoadFailedError,
    ModelMissingError,
    NotFoundError,
    ShuttingDownError,
    StorageError,
)
from wyoming_servers.jobs.job import JobStatus, NewJob
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.jobs.storage import JobStorage
from wyoming_servers.media.decoder import RecordingEnded, RecordingOpened, SilenceSkipped
from wyoming_servers.media.recording_chunker import RecordingChunk
from wyoming_servers.speech.fake import ScriptedRun, transcribe_duration
from wyoming_servers.text.vocabulary import Vocabulary
from wyoming_servers.worker.interface import OutputChunk


def segments_of(job) -> list[tuple[float, float, str]]:
    return [(segment.start, segment.end, segment.text) for segment in job.segments]


SEGMENTS = [
    (1.0, 3.0, "2.0 seconds"),
    (5.0, 6.0, "1.0 seconds"),
    (8.0, 10.0, "2.0 seconds"),
]


async def test_job_transcribes_a_recording_into_timed_segments(
    make_manager, submit, wait_end, notified, coordinator, until
) -> None:
    async with make_manager() as manager:
        job = await wait_end(manager, await submit(manager, filename="x.wav"))
        await until(lambda: notified)
        assert job.status is JobStatus.DONE
        assert segments_of(job) == SEGMENTS
        assert [segment.index for segment in job.segments] == [0, 1, 2]
        assert (job.progress, job.chunk, job.chunks_total, job.duration) == (100, 3, 3, 10.0)
        assert job.language == "en"
        assert [ended.id for ended in notified] == [job.id]
        assert not (manager.uploads_folder / job.id).exists()
    assert {run.priority for run in coordinator.runs} == {Priority.BACKGROUND}


async def test_job_uses_vocabulary_and_languages_of_the_configuration(
    make_manager, submit, wait_end, coordinator, tmp_path
) -> None:
    vocabulary = Vocabulary(tmp_path / "vocabulary.json")
    asr = {"beam_size": 3, "languages": ["en", "de"]}
    async with make_manager(vocabulary, asr) as manager:
        await wait_end(manager, await submit(manager))
        await vocabulary.put(["Ecobee"], ["scullery"])
        await wait_end(manager, await submit(manager))
    before, after = coordinator.runs[0].request, coordinator.runs[-1].request
    assert (before["names"], before["terms"]) == ([], [])
    assert (after["names"], after["terms"]) == (["Ecobee"], ["scullery"])
    assert (after["languages"], after["beam_size"]) == (["en", "de"], 3)


async def test_job_publishes_its_progress(
    make_manager, submit, wait_end, bus, notified, until
) -> None:
    with bus.subscribe() as events:
        async with make_manager() as manager:
            await wait_end(manager, await submit(manager))
            await until(lambda: notified)
        seen = [item.event for item in events.drain()]
    types = [event.type for event in seen]
    assert types[:2] == ["job_queued", "job_started"]
    assert types[-1] == "job_finished"
    percents = [event.percent for event in seen if event.type == "job_progress"]
    assert percents == sorted(percents)
    assert percents[-1] == 99


async def test_job_holds_no_lease_between_chunks(
    make_manager, submit, wait_end, coordinator
) -> None:
    async with make_manager() as manager:
        await wait_end(manager, await submit(manager))
    assert coordinator.leased == ["asr/english"] * 3
    assert coordinator.active_leases == 0


async def test_job_waits_while_live_speech_is_served(
    make_manager, submit, clock, coordinator, wait_end
) -> None:
    async with make_manager() as manager:
        coordinator.serving_speech = True
        job = await submit(manager)
        for _ in range(40):
            await clock.advance(0.1)
            await asyncio.sleep(0.002)
        assert coordinator.runs == []
        coordinator.serving_speech = False
        coordinator.notify_changed()
        assert segments_of(await wait_end(manager, job)) == SEGMENTS


async def test_job_runs_although_live_speech_never_ends(
    make_manager, submit, wait_end, coordinator
) -> None:
    coordinator.serving_speech = True
    async with make_manager() as manager:
        assert (await wait_end(manager, await submit(manager))).status is JobStatus.DONE


async def test_job_with_undecodable_recording_fails_with_the_reason(
    make_manager, submit, wait_end, decoder, notified
) -> None:
    decoder.parts = [BadRequestError("The file cannot be decoded: nonsense.")]
    async with make_manager() as manager:
        job = await wait_end(manager, await submit(manager))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "BAD_REQUEST")
    assert "nonsense" in job.error
    assert [ended.status for ended in notified] == [JobStatus.FAILED]


async def test_bug_fails_one_job_and_the_next_one_runs(
    make_manager, submit, wait_end, decoder
) -> None:
    parts, decoder.parts = decoder.parts, [ZeroDivisionError("oops")]
    async with make_manager() as manager:
        failed = await wait_end(manager, await submit(manager))
        decoder.parts = parts
        assert (await wait_end(manager, await submit(manager))).status is JobStatus.DONE
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "UNKNOWN")


async def test_job_survives_a_crashed_worker(make_manager, submit, wait_end, coordinator) -> None:
    coordinator.lease_errors = [InferenceFailedError("gone"), InferenceFailedError("gone")]
    async with make_manager() as manager:
        assert segments_of(await wait_end(manager, await submit(manager))) == SEGMENTS


async def test_job_fails_if_the_worker_crashes_each_time(
    make_manager, submit, wait_end, coordinator
) -> None:
    coordinator.lease_errors = [InferenceFailedError("gone") for _ in range(3)]
    async with make_manager() as manager:
        job = await wait_end(manager, await submit(manager))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "INFERENCE_FAILED")


async def test_job_waits_for_capacity(make_manager, submit, wait_end, coordinator) -> None:
    coordinator.lease_errors = [BusyError("full") for _ in range(8)]
    async with make_manager() as manager:
        assert (await wait_end(manager, await submit(manager))).status is JobStatus.DONE


async def test_job_of_a_removed_model_fails_at_once(
    make_manager, submit, wait_end, coordinator
) -> None:
    coordinator.lease_errors = [ModelMissingError("removed")]
    async with make_manager() as manager:
        job = await wait_end(manager, await submit(manager))
    assert job.error_code == "MODEL_MISSING"


async def test_running_job_is_cancelled_at_once(
    make_manager, submit, coordinator, decoder, notified, until
) -> None:
    coordinator.gate.clear()
    async with make_manager() as manager:
        job = await submit(manager)
        await until(lambda: coordinator.waiting)
        cancelled = await manager.cancel(job.id)
        assert cancelled.status is JobStatus.CANCELLED
        await until(lambda: not decoder.open)
        assert coordinator.waiting == 0
        with pytest.raises(ConflictError, match="terminal state cancelled"):
            await manager.cancel(job.id)
        assert [ended.id for ended in notified] == [job.id]


async def test_cancelled_queued_job_never_runs(
    make_manager, submit, coordinator, wait_end, decoder
) -> None:
    coordinator.gate.clear()
    async with make_manager() as manager:
        first, second, third = [await submit(manager) for _ in range(3)]
        await manager.cancel(second.id)
        coordinator.gate.set()
        await wait_end(manager, third)
        assert (await manager.get(second.id)).segments == ()
        assert (await manager.get(first.id)).status is JobStatus.DONE
    assert len(decoder.skips) == 2


async def test_unknown_job_is_not_found(make_manager) -> None:
    async with make_manager() as manager:
        with pytest.raises(NotFoundError, match="job nobody not found"):
            await manager.get("nobody")
        with pytest.raises(NotFoundError):
            await manager.cancel("nobody")


async def hang_at_second_chunk(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    if len(run.received) == 32_000:
        await asyncio.get_running_loop().create_future()
    async for chunk in transcribe_duration(run):
        yield chunk


async def test_restart_continues_with_the_next_chunk(
    make_manager, submit, wait_end, coordinator, decoder, until
) -> None:
    async with make_manager() as manager:
        coordinator.inferences[Task.ASR] = hang_at_second_chunk
        job = await submit(manager)
        await until(lambda: len(coordinator.runs) == 2)
    coordinator.inferences[Task.ASR] = transcribe_duration
    async with make_manager() as manager:
        ended = await wait_end(manager, job)
    assert segments_of(ended) == SEGMENTS
    assert ended.attempts == 2
    assert decoder.skips[0] == 0.0
    assert decoder.skips[1] >= 3.0


async def test_job_that_is_interrupted_three_times_fails(
    make_manager, submit, coordinator, notified, until
) -> None:
    coordinator.gate.clear()
    job = None
    for _ in range(3):
        async with make_manager() as manager:
            job = job or await submit(manager)
            await until(lambda: coordinator.waiting)
    async with make_manager() as manager:
        ended = await manager.get(job.id)
    assert ended.status is JobStatus.FAILED
    assert "interrupted 3 times" in ended.error
    assert [one.id for one in notified] == [job.id]


async def wait_notified(manager: JobManager) -> None:
    """Wait until the end of every job was reported."""
    async with asyncio.timeout(10):
        while await manager._opened_storage.pending_notifications():  # noqa: ASYNC110  (the storage has no event)
            await asyncio.sleep(0.002)


async def test_missing_notification_is_sent_at_the_next_start(
    make_manager, submit, wait_end, notified
) -> None:
    async with make_manager() as manager:
        job = await wait_end(manager, await submit(manager))
        await wait_notified(manager)
        await manager._opened_storage._database.fetch("UPDATE jobs SET notified = 0")
        notified.clear()
        left = manager.uploads_folder / job.id
        await asyncio.to_thread(left.write_bytes, b"not deleted by the last run")
    async with make_manager() as manager:
        await wait_notified(manager)
        assert not left.exists()
        assert [one.id for one in notified] == [job.id]


async def test_full_queue_rejects_jobs_and_deletes_their_recordings(
    make_manager, submit, coordinator, until
) -> None:
    coordinator.gate.clear()
    async with make_manager(max_queued=1) as manager:
        await submit(manager)
        await until(lambda: coordinator.waiting)
        await submit(manager)
        with pytest.raises(BusyError, match="1 jobs are waiting"):
            await submit(manager)
        kept = await asyncio.to_thread(lambda: list(manager.uploads_folder.iterdir()))
        assert len(kept) == 2


async def test_known_idempotency_key_creates_no_second_job(
    make_manager, submit, wait_end, decoder
) -> None:
    async with make_manager() as manager:
        first = await submit(manager, idempotency_key="k")
        again = await submit(manager, idempotency_key="k")
        assert first.id == again.id
        await wait_end(manager, first)
        assert (await submit(manager, idempotency_key="k")).id == first.id
    assert len(decoder.skips) == 1


async def test_old_jobs_and_orphaned_files_are_deleted(
    make_manager, submit, wait_end, clock, until
) -> None:
    import os

    async with make_manager(retention=100) as manager:
        job = await wait_end(manager, await submit(manager))
        names = ("stray", "x.part", "fresh")
        stray, sent, fresh = (manager.uploads_folder / name for name in names)
        for path in (stray, sent, fresh):
            await asyncio.to_thread(path.write_bytes, b"")
        await asyncio.to_thread(os.utime, stray, (1, 1))
        await clock.advance(4_000)
        await until(lambda: not stray.exists())
        with pytest.raises(NotFoundError):
            await manager.get(job.id)
        assert fresh.exists()
        assert sent.exists()
    async with make_manager() as manager:
        assert not sent.exists()


async def test_job_without_vad_uses_the_whole_recording(
    make_manager, submit, wait_end, decoder
) -> None:
    decoder.parts = [
        RecordingOpened(None),
        RecordingChunk(0.0, 4.0, bytes(128_000)),
        SilenceSkipped(9.0),
        RecordingEnded(9.0),
    ]
    async with make_manager() as manager:
        job = await wait_end(manager, await submit(manager, vad=False))
    assert decoder.vads == [False]
    assert (job.duration, job.chunks_total) == (9.0, 1)


@pytest.mark.parametrize("method", ["start_next", "advance", "end"])
async def test_job_queue_continues_after_a_database_error(
    method, make_manager, submit, wait_end, monkeypatch, caplog
) -> None:
    async with make_manager() as manager:
        storage = manager._opened_storage
        real, failures = getattr(storage, method), [sqlite3.OperationalError("disk I/O error")]

        async def fail_once(*arguments, **options):
            if failures:
                raise failures.pop()
            return await real(*arguments, **options)

        monkeypatch.setattr(storage, method, fail_once)
        job = await wait_end(manager, await submit(manager))
        assert failures == []
        assert (job.status, segments_of(job)) == (JobStatus.DONE, SEGMENTS)
        assert "job queue task failed" in caplog.text


async def test_job_cleanup_continues_after_an_error(
    make_manager, submit, wait_end, clock, until, monkeypatch
) -> None:
    failures = [OSError("stale file handle")]

    async with make_manager(retention=100) as manager:
        real = manager.files.remove_orphans

        async def fail_once(*arguments):
            if failures:
                raise failures.pop()
            await real(*arguments)

        monkeypatch.setattr(manager.files, "remove_orphans", fail_once)
        await wait_end(manager, await submit(manager))
        await clock.advance(4_000)
        await until(lambda: not failures)
        await clock.advance(4_000)
        async with asyncio.timeout(10):
            while await manager.latest():
                await clock.advance(4_000)
                await asyncio.sleep(0.005)


async def test_job_runs_on_when_a_refusal_was_no_shutdown(
    make_manager, submit, wait_end, coordinator
) -> None:
    coordinator.lease_errors = [ShuttingDownError("The server is stopping.")]
    async with make_manager() as manager:
        job = await wait_end(manager, await submit(manager))
        assert (job.status, job.attempts) == (JobStatus.DONE, 1)
        assert (await wait_end(manager, await submit(manager))).status is JobStatus.DONE


async def test_failed_notification_delays_no_job_and_is_repeated(
    make_manager, submit, wait_end, clock, notified, monkeypatch, until
) -> None:
    async with make_manager() as manager:
        notify, failures = manager._on_end, [RuntimeError("webhooks are broken")]

        async def fail_once(job):
            if failures:
                raise failures.pop()
            await notify(job)

        monkeypatch.setattr(manager, "_on_end", fail_once)
        first = await wait_end(manager, await submit(manager))
        second = await wait_end(manager, await submit(manager))
        await until(lambda: notified)
        assert [job.id for job in notified] == [second.id]
        await clock.advance(3_700)
        await until(lambda: len(notified) == 2)
        assert notified[1].id == first.id


async def test_each_job_uses_the_configuration_in_effect(
    make_manager, submit, wait_end, coordinator
) -> None:
    async with make_manager() as manager:
        await wait_end(manager, await submit(manager))
        config = manager._config.current
        asr = config.asr.model_copy(update={"beam_size": 7})
        manager._config.replace(config.model_copy(update={"asr": asr}), frozenset({"asr"}))
        await wait_end(manager, await submit(manager))
    assert [run.request["beam_size"] for run in coordinator.runs] == [
        *[config.asr.beam_size] * 3,
        *[7] * 3,
    ]


def long_recording(seconds: float, declared: float | None = None) -> list[object]:
    return [
        RecordingOpened(declared),
        *(RecordingChunk(at, at + 30.0, bytes(64)) for at in range(0, int(seconds), 30)),
        RecordingEnded(seconds),
    ]


@pytest.mark.parametrize("declared", [180_000.0, None])
async def test_job_that_is_longer_than_allowed_fails(
    declared, make_manager, submit, wait_end, decoder, coordinator
) -> None:
    """As of a file of 336 kB that contains 50 hours of silence."""
    decoder.parts = [RecordingOpened(declared), SilenceSkipped(90_000.0), RecordingEnded(180_000.0)]
    async with make_manager() as manager:
        job = await wait_end(manager, await submit(manager))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "TOO_LARGE")
    assert "jobs.max_duration" in job.error
    assert coordinator.runs == []


async def test_short_recording_does_not_wait_for_a_long_one(
    make_manager, submit, wait_end, decoder, coordinator, until
) -> None:
    short, decoder.parts = decoder.parts, long_recording(50_000, 50_000.0)
    async with make_manager() as manager:
        coordinator.gate.clear()
        long = await submit(manager)
        await until(lambda: coordinator.waiting)
        decoder.parts = short
        coordinator.gate.set()
        job = await wait_end(manager, await submit(manager))
        assert job.status is JobStatus.DONE
        running = await manager.get(long.id)
        assert (running.status, running.attempts) == (JobStatus.RUNNING, 1)
        await manager.cancel(long.id)


async def test_long_recordings_run_one_after_the_other(
    make_manager, submit, wait_end, decoder, coordinator
) -> None:
    decoder.parts = long_recording(700)
    async with make_manager() as manager:
        jobs = [await submit(manager) for _ in range(3)]
        ended = [await wait_end(manager, job) for job in jobs]
    assert [job.status for job in ended] == [JobStatus.DONE] * 3
    assert [job.attempts for job in ended] == [1] * 3
    assert sorted(ended, key=lambda job: job.completed or 0) == ended


async def test_storage_errors_do_not_count_as_attempts(
    make_manager, submit, wait_end, monkeypatch
) -> None:
    failures = [StorageError("database or disk is full") for _ in range(5)]
    async with make_manager() as manager:
        storage = manager._opened_storage
        real = storage.end

        async def fail(*arguments, **options):
            if failures:
                raise failures.pop()
            return await real(*arguments, **options)

        monkeypatch.setattr(storage, "end", fail)
        job = await wait_end(manager, await submit(manager))
    assert (job.status, job.attempts) == (JobStatus.DONE, 1)


async def test_submission_whose_client_leaves_is_whole(make_manager, wait_end, monkeypatch) -> None:
    async with make_manager() as manager:
        storage, added = manager._opened_storage, asyncio.Event()
        real = storage.add

        async def slow(*arguments):
            result = await real(*arguments)
            added.set()
            await asyncio.sleep(0.02)
            return result

        monkeypatch.setattr(storage, "add", slow)
        path = manager.uploads_folder / "recording"
        await asyncio.to_thread(path.write_bytes, b"sound")
        task = asyncio.create_task(manager.submit(NewJob(model="asr/english"), path))
        await added.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (job,) = await manager.latest()
        assert (await wait_end(manager, job)).status is JobStatus.DONE


async def test_jobs_open_later_if_the_database_cannot_be_opened(
    make_manager, submit, wait_end, clock, until, monkeypatch
) -> None:
    failures = [LoadFailedError("disk I/O error"), LoadFailedError("disk I/O error")]
    real = JobStorage.open

    async def fail(*arguments):
        if failures:
            raise failures.pop()
        return await real(*arguments)

    monkeypatch.setattr(JobStorage, "open", fail)
    async with make_manager() as manager:
        with pytest.raises(StorageError, match="disk I/O error"):
            await manager.latest()
        await until(lambda: not failures)
        await clock.advance(2)
        await until(lambda: manager._storage)
        assert (await wait_end(manager, await submit(manager))).status is JobStatus.DONE


@pytest.mark.parametrize("step", [3_600.0, -3_600.0, 86_400.0 * 365])
async def test_clock_step_deletes_no_job(step, make_manager, submit, wait_end, clock) -> None:
    async with make_manager(retention=86_400 * 2) as manager:
        job = await wait_end(manager, await submit(manager))
        clock.wall_base += step
        for _ in range(20):
            await clock.advance(3_600)
            await asyncio.sleep(0.005)
        assert await manager.get(job.id)


async def test_job_that_ended_before_the_clock_was_set_is_kept_after_a_restart(
    make_manager, submit, wait_end, clock
) -> None:
    wall, clock.wall_base = clock.wall_base, 0.0
    async with make_manager(retention=86_400) as manager:
        job = await wait_end(manager, await submit(manager))
        await clock.advance(4_000)
    clock.wall_base = wall
    async with make_manager(retention=86_400) as manager:
        for _ in range(20):
            await clock.advance(3_600)
            await asyncio.sleep(0.005)
        assert (await manager.get(job.id)).completed > wall


async def test_full_disk_refuses_jobs_before_their_upload(make_manager, monkeypatch) -> None:
    usage = shutil._ntuple_diskusage(10**12, 10**12 - 10**8, 10**8)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    async with make_manager() as manager:
        with pytest.raises(BusyError, match="disk is nearly full") as refused:
            await manager.check_capacity()
    assert "limits.min_free_disk" in refused.value.hint
