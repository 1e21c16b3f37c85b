"""Texts and subtitles synthesized into one file, over restarts."""

import asyncio
import wave
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import Priority, Task
from wyoming_servers.core.errors import InferenceFailedError
from wyoming_servers.core.events import RequestFinished, SpeechStarted
from wyoming_servers.jobs.job import JobStatus, SpeechOptions
from wyoming_servers.jobs.throttle import QUIET_SECONDS
from wyoming_servers.speech.fake import SPECS, FakeInference, ScriptedRun
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.speech.tts.pipeline import TtsPipeline, TtsRequest
from wyoming_servers.worker.interface import OutputChunk

RATE = 16_000

SRT = """1
00:00:01,000 --> 00:00:02,000
Short one.

2
00:00:02,500 --> 00:00:03,300
Only a little longer than it.

3
00:00:04,000 --> 00:00:04,500
This is very much longer than its time allows for.

4
00:00:05,000 --> 00:00:06,000
Late.

5
00:00:09,000 --> 00:00:10,000
In time again.
"""


async def speak(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    """A voice that needs 30 ms per character and follows the speed exactly."""
    await asyncio.sleep(0)
    seconds = 0.03 * len(run.request["text"]) / run.request["speed"]
    yield OutputChunk({}, b"\x00\x20" * round(seconds * RATE))


def speak_until(stuck: int) -> FakeInference:
    """Return the same voice, whose run number `stuck` never ends."""
    calls = 0

    async def speak_or_hang(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        nonlocal calls
        calls += 1
        if calls == stuck:
            await asyncio.get_running_loop().create_future()
        async for chunk in speak(run):
            yield chunk

    return speak_or_hang


@pytest.fixture
def submit_text(tmp_path: Path, coordinator: Any) -> Callable[..., Any]:
    """Submit a text as a job."""
    numbers = iter(range(100))
    coordinator.inferences[Task.TTS] = speak

    async def send(
        manager: Any, text: str, source: str = "txt", audio: str = "wav", **fields: Any
    ) -> Any:
        from wyoming_servers.jobs.job import NewJob

        path = manager.uploads_folder / f"text-{next(numbers)}"
        await asyncio.to_thread(path.write_text, text)
        options = SpeechOptions(
            "en_US-joe", "en_US-joe", None, fields.pop("speed", 1.0), source, audio
        )
        new = NewJob(model="tts/joe", language="en", task="speak", speech=options, **fields)
        return await manager.submit(new, path)

    return send


def sound_spans(path: Path) -> list[tuple[float, float]]:
    """Return the spans with sound in a WAV file, in seconds."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
        pcm = file.readframes(file.getnframes())
    spans: list[list[int]] = []
    for number in range(0, len(pcm) // 2, 16):
        if any(pcm[2 * number : 2 * number + 32]):
            if not spans or number - spans[-1][1] > 160:
                spans.append([number, number])
            spans[-1][1] = number + 16
    return [(round(begin / RATE, 2), round(end / RATE, 2)) for begin, end in spans]


async def result(manager: Any, job: Any) -> Path:
    path: Path = manager.files.result(job)
    assert await asyncio.to_thread(path.is_file)
    return path


async def test_subtitles_are_spoken_at_their_times_with_a_report_of_delays(
    make_manager, submit_text, wait_end
) -> None:
    async with make_manager() as manager:
        job = await wait_end(manager, await submit_text(manager, SRT, "srt"))
        assert (job.status, job.error) == (JobStatus.DONE, "")
        assert (job.chunk, job.chunks_total, job.progress) == (5, 5, 100)
        spans = await asyncio.to_thread(sound_spans, await result(manager, job))
    first, second, third, fourth, fifth = job.segments
    assert (first.start, first.fit.pace) == (1.0, 1.0)
    assert first.end == pytest.approx(1.3)
    # A little too long: a little faster, and within its cue.
    assert 1.0 < second.fit.pace < 1.15
    assert second.end <= 3.3
    # Far too long: only so much faster, and it runs over into the next.
    assert third.fit.pace == 1.25
    assert third.fit.natural == pytest.approx(0.03 * 50)
    assert third.end == pytest.approx(4.0 + 0.03 * 50 / 1.25)
    assert (fourth.start, fourth.fit.start) == (third.end, 5.0)
    assert fifth.start == 9.0
    assert spans == [
        (1.0, 1.3),
        (2.5, pytest.approx(second.end, abs=0.02)),
        (4.0, pytest.approx(fourth.end, abs=0.02)),
        (9.0, pytest.approx(fifth.end, abs=0.02)),
    ]
    assert job.duration == fifth.end


async def test_text_is_spoken_sentence_by_sentence_with_pauses(
    make_manager, submit_text, wait_end, coordinator, notified, until
) -> None:
    async with make_manager() as manager:
        text = "At 5 km there is rest. Then home.\n\nThe end."
        job = await wait_end(manager, await submit_text(manager, text))
        await until(lambda: notified)
        spans = await asyncio.to_thread(sound_spans, await result(manager, job))
        assert not manager.files.samples(job.id).exists()
        assert not manager.files.upload(job.id).exists()
    spoken = [run.request["text"] for run in coordinator.runs]
    assert spoken == ["At five kilometers there is rest.", "Then home.", "The end."]
    assert {run.priority for run in coordinator.runs} == {Priority.BACKGROUND}
    assert [segment.text for segment in job.segments][1] == "Then home."
    gaps = [round(begin - end, 1) for (_, end), (begin, _) in pairwise(spans)]
    assert gaps == [0.2, 0.8]
    assert [one.id for one in notified] == [job.id]


async def test_phrases_are_shared_with_live_voices(
    make_manager, submit_text, wait_end, coordinator, bus, clock, tmp_path
) -> None:
    phrases = PhraseCache(tmp_path / "phrases", memory=1 << 20, disk=0)
    async with make_manager(phrases=phrases) as manager:
        first = await wait_end(manager, await submit_text(manager, "Good morning. The tea."))
        assert len(coordinator.runs) == 2
        again = await wait_end(manager, await submit_text(manager, "The tea. Good morning."))
        assert len(coordinator.runs) == 2, "nothing is synthesized twice"
        assert again.duration == first.duration
        # A live voice plays what the job has made.
        tts = TtsPipeline(coordinator, SPECS, ConfigHolder(Config()), bus, clock, phrases)
        async with tts.open(TtsRequest(voice="en_US-joe")) as answer:
            answer.end("The tea.")
            assert len(b"".join([pcm async for pcm in answer])) > 0
        assert len(coordinator.runs) == 2
        # Another speed is another phrase.
        await wait_end(manager, await submit_text(manager, "The tea.", speed=1.5))
        assert len(coordinator.runs) == 3
        await wait_end(manager, await submit_text(manager, "New words. " * 300))
        texts = {entry.text for entry in phrases.entries()}
        assert texts == {"Good morning.", "The tea."}, "a long text adds nothing"


@pytest.mark.parametrize(("audio", "magic"), [("flac", b"fLaC"), ("mp3", b"ID3")])
async def test_result_has_the_requested_format(
    audio, magic, make_manager, submit_text, wait_end
) -> None:
    async with make_manager() as manager:
        job = await wait_end(manager, await submit_text(manager, "Hello.", audio=audio))
        path = await result(manager, job)
        assert path.suffix == f".{audio}"
        assert (await asyncio.to_thread(path.read_bytes)).startswith(magic)


async def test_long_sentence_is_synthesized_in_short_chunks(
    make_manager, submit_text, wait_end, coordinator
) -> None:
    sentence = "and then, as it goes, something else happened to him, " * 8
    async with make_manager() as manager:
        await wait_end(manager, await submit_text(manager, f"First {sentence}.", "txt"))
    assert len(coordinator.runs) > 3
    assert max(len(run.request["text"]) for run in coordinator.runs) <= 121
    assert len(coordinator.leased) == len(coordinator.runs)


async def test_line_waits_for_live_speech_and_a_quiet_time(
    make_manager, submit_text, clock, coordinator, bus, wait_end
) -> None:
    async def pass_time(seconds: float) -> None:
        for _ in range(round(seconds / 0.1)):
            await clock.advance(0.1)
            await asyncio.sleep(0.002)

    async with make_manager() as manager:
        coordinator.serving_speech = True
        job = await submit_text(manager, "One. Two. Three.")
        await pass_time(3)
        assert coordinator.runs == []
        coordinator.serving_speech = False
        coordinator.notify_changed()
        bus.publish(RequestFinished(kind="asr", model="asr/many", client="c", seconds=1.0))
        await pass_time(QUIET_SECONDS - 0.2)
        assert coordinator.runs == []
        bus.publish(SpeechStarted(client="c"))
        await pass_time(QUIET_SECONDS - 0.2)
        assert coordinator.runs == []
        assert (await wait_end(manager, job)).status is JobStatus.DONE


async def test_live_answer_is_spoken_during_a_line_of_a_job(
    make_manager, submit_text, coordinator, wait_end, until, bus, clock
) -> None:
    going_on = asyncio.Event()

    async def slow_for_jobs(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        if run.priority is Priority.BACKGROUND:
            await going_on.wait()
        async for chunk in speak(run):
            yield chunk

    coordinator.inferences[Task.TTS] = slow_for_jobs
    config = Config.model_validate({"tts": {"voice": "en_US-joe"}})
    async with make_manager() as manager:
        job = await submit_text(manager, "One is long. Two is as well.")
        coordinator.inferences[Task.TTS] = slow_for_jobs
        await until(lambda: coordinator.runs)
        tts = TtsPipeline(coordinator, SPECS, ConfigHolder(config), bus, clock)
        async with tts.open(TtsRequest()) as answer:
            answer.feed("Yes.")
            answer.end()
            assert len(b"".join([pcm async for pcm in answer])) > 0
        # The job's line was neither finished nor followed by another before the answer was.
        seen = [
            (run.priority is Priority.BACKGROUND, run.request["text"]) for run in coordinator.runs
        ]
        assert seen == [(True, "One is long."), (False, "Yes.")]
        going_on.set()
        assert (await wait_end(manager, job)).status is JobStatus.DONE


async def test_paused_server_starts_no_line(
    make_manager, submit_text, clock, coordinator, wait_end
) -> None:
    coordinator.set_accepting(False)
    async with make_manager() as manager:
        job = await submit_text(manager, "One.")
        for _ in range(100):
            await clock.advance(10)
            await asyncio.sleep(0.001)
        assert coordinator.runs == []
        coordinator.set_accepting(True)
        assert (await wait_end(manager, job)).status is JobStatus.DONE


async def test_restart_continues_with_the_next_line(
    make_manager, submit_text, wait_end, coordinator, until
) -> None:
    text = "One is here. Two is here. Three is here. Four."
    async with make_manager() as manager:
        job = await submit_text(manager, text)
        coordinator.inferences[Task.TTS] = speak_until(3)
        await until(lambda: len(coordinator.runs) == 3)
        path = manager.files.samples(job.id)
        # What the run before wrote and did not live to note.
        with await asyncio.to_thread(path.open, "ab") as file:
            await asyncio.to_thread(file.write, b"\xff" * 1_000)
    async with make_manager() as manager:
        ended = await wait_end(manager, job)
        assert (ended.status, ended.attempts) == (JobStatus.DONE, 2)
        spans = await asyncio.to_thread(sound_spans, await result(manager, ended))
    assert [segment.text for segment in ended.segments] == [
        "One is here.", "Two is here.", "Three is here.", "Four.",
    ]  # fmt: skip
    assert [segment.index for segment in ended.segments] == [0, 1, 2, 3]
    assert len(spans) == 4
    assert [round(begin, 1) for begin, _ in spans] == [
        pytest.approx(round(segment.start, 1), abs=0.11) for segment in ended.segments
    ]


async def test_restart_with_missing_samples_fails_with_the_reason(
    make_manager, submit_text, wait_end, coordinator, until
) -> None:
    async with make_manager() as manager:
        job = await submit_text(manager, "One. Two. Three.")
        coordinator.inferences[Task.TTS] = speak_until(2)
        await until(lambda: len(coordinator.runs) == 2)
        await asyncio.to_thread(manager.files.samples(job.id).unlink)
    async with make_manager() as manager:
        ended = await wait_end(manager, job)
    assert ended.status is JobStatus.FAILED
    assert "is missing" in ended.error


async def test_cancelled_speech_job_leaves_no_files(
    make_manager, submit_text, coordinator, until
) -> None:
    async with make_manager() as manager:
        job = await submit_text(manager, "One. Two. Three.")
        coordinator.inferences[Task.TTS] = speak_until(2)
        await until(lambda: len(coordinator.runs) == 2)
        assert (await manager.cancel(job.id)).status is JobStatus.CANCELLED
        await until(lambda: not coordinator.active_leases)
        left = await asyncio.to_thread(
            lambda: [*manager.files.uploads.iterdir(), *manager.files.results.iterdir()]
        )
        assert left == []


async def test_speech_job_fails_if_the_voice_crashes_each_time(
    make_manager, submit_text, wait_end, coordinator
) -> None:
    coordinator.lease_errors = [InferenceFailedError("gone") for _ in range(3)]
    async with make_manager() as manager:
        job = await wait_end(manager, await submit_text(manager, "One."))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "INFERENCE_FAILED")


async def test_results_are_deleted_with_their_jobs(
    make_manager, submit_text, wait_end, clock, until
) -> None:
    import os

    async with make_manager(retention=100) as manager:
        job = await wait_end(manager, await submit_text(manager, "One."))
        path = await result(manager, job)
        await asyncio.to_thread(os.utime, path, (1, 1))
        await clock.advance(4_000)
        await until(lambda: not path.exists())


async def test_speech_job_beyond_the_quota_fails_with_the_reason(
    make_manager, submit_text, wait_end
) -> None:
    async with make_manager(quota=1_048_576) as manager:
        far = "00:00:01.000 --> 00:00:02.000\nNear.\n\n01:00:00.000 --> 01:00:02.000\nFar."
        job = await wait_end(manager, await submit_text(manager, far, "srt"))
        assert (job.status, job.error_code) == (JobStatus.FAILED, "BUSY")
        assert "jobs.quota" in job.error
