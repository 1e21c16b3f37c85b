"""Edited speech jobs: voices of lines, restarts in the middle, cleanup."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import ConflictError
from wyoming_servers.jobs.editing.segment_edit import ChangeRequest, SegmentFields
from wyoming_servers.jobs.job import (
    Job,
    JobSegment,
    JobStatus,
    LineOptions,
    LineVoice,
    NewJob,
    SpeechOptions,
)
from wyoming_servers.speech.fake import SPECS, ScriptedRun
from wyoming_servers.speech.tts.phrase_cache import Phrase, PhraseCache, phrase_key
from wyoming_servers.worker.interface import OutputChunk

AMY = LineVoice("en_GB-amy", "en_GB-amy", None, "tts/others", "en_GB")


def line(index: int, text: str, voice: str = "") -> JobSegment:
    return JobSegment(index, 0.0, 0.0, text, line=LineOptions(voice))


async def submit_draft(manager: Any, *lines: JobSegment) -> Job:
    speech = SpeechOptions("en_US-joe", "en_US-joe", None, 1.0, "txt", "wav", (AMY,))
    new = NewJob(model="tts/joe", language="en", task="speak", speech=speech, kept=True)
    upload = manager.uploads_folder / "text"
    await asyncio.to_thread(upload.write_text, "not read again")
    job: Job = await manager.submit(new, upload, lines)
    assert not await asyncio.to_thread(upload.exists)
    return job


async def test_line_with_a_voice_of_another_rate_keeps_its_length(
    make_manager, wait_end, tmp_path
) -> None:
    phrases = PhraseCache(tmp_path / "phrases", memory=1 << 20, disk=0)
    key = phrase_key(
        SPECS["tts/others"], voice="en_GB-amy", speaker=None, speed=1.0, text="Two is."
    )
    phrases.put(key, Phrase("en_GB-amy", 24_000, b"\x00\x20" * 24_000))
    async with make_manager(phrases=phrases) as manager:
        job = await submit_draft(manager, line(0, "One is."), line(1, "Two is.", "en_GB-amy"))
        await manager.editor.speak_again(job)
        ended = await wait_end(manager, job)
        assert (ended.status, ended.rate) == (JobStatus.DONE, 16_000)
        assert ended.segments[1].end - ended.segments[1].start == pytest.approx(1.0, abs=0.001)


async def test_restart_while_a_draft_is_spoken_continues_with_the_next_line(
    make_manager, wait_end, coordinator, until
) -> None:
    hang = True

    async def speak(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        await asyncio.sleep(0)
        if hang and run.request["text"] == "Two is.":
            await asyncio.get_running_loop().create_future()
        yield OutputChunk({}, b"\x00\x20" * 8_000)

    coordinator.inferences[Task.TTS] = speak
    async with make_manager() as manager:
        job = await submit_draft(manager, line(0, "One is."), line(1, "Two is."))
        await manager.editor.speak_again(job)
        await until(lambda: len(coordinator.runs) == 2)
        with pytest.raises(ConflictError, match="waits or runs"):
            await manager.editor.edit(job.id, [ChangeRequest(0, 1, (SegmentFields("x"),))])
    hang = False
    async with make_manager() as manager:
        ended = await wait_end(manager, job)
        assert ended.status is JobStatus.DONE
        assert [run.request["text"] for run in coordinator.runs] == [
            "One is.",
            "Two is.",
            "Two is.",
        ]
        assert [segment.end for segment in ended.segments] == [0.5, 1.0]


async def test_kept_jobs_outlive_the_retention_with_their_files_until_deleted(
    make_manager, submit, wait_end, clock, until
) -> None:
    async with make_manager(retention=100) as manager:
        kept = await wait_end(manager, await submit(manager, kept=True))
        other = await wait_end(manager, await submit(manager))
        recording = manager.files.upload(kept.id)
        assert await asyncio.to_thread(recording.is_file)
        await until(lambda: not manager.files.upload(other.id).exists())
        await clock.advance(4_000)
        jobs: list[Job] = []

        async def is_pruned() -> bool:
            jobs[:] = await manager.latest()
            return len(jobs) == 1

        async with asyncio.timeout(10):
            while not await is_pruned():  # noqa: ASYNC110  (it has no event)
                await asyncio.sleep(0.002)
        assert jobs[0].id == kept.id
        assert await asyncio.to_thread(recording.is_file)
        assert await asyncio.to_thread(manager.files.peaks(kept.id).is_file)
        await manager.editor.delete(kept.id)
        left = await asyncio.to_thread(
            lambda: [*manager.files.uploads.iterdir(), *manager.files.results.iterdir()]
        )
        assert left == []


async def test_edits_of_the_same_revision_race_and_only_one_is_stored(make_manager) -> None:
    async with make_manager() as manager:
        job = await submit_draft(manager, line(0, "One is."))
        edits = [ChangeRequest(0, 1, (SegmentFields(text),)) for text in ("A is.", "B is.")]
        results = await asyncio.gather(
            *(manager.editor.edit(job.id, [edit]) for edit in edits), return_exceptions=True
        )
        assert [type(one) for one in results].count(ConflictError) == 1
        stored = await manager.get(job.id)
        assert stored.revision == 1
        assert stored.segments[0].text in ("A is.", "B is.")
