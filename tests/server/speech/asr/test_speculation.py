"""Speculation: used at the end, discarded when speech continues, without delaying others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    Priority,
)
from wyoming_servers.core.errors import (
    InferenceFailedError,
    OutOfMemoryError,
)
from wyoming_servers.scheduling.status import ModelUsage
from wyoming_servers.speech.asr.pipeline import (
    AsrRequest,
    Utterance,
)
from wyoming_servers.speech.asr.speculation import MAX_SPECULATIONS
from wyoming_servers.speech.fake import FakeCoordinator

Make = Callable[..., Any]
Sound = Callable[..., bytes]
Live = Callable[[Utterance, bytes], Awaitable[None]]
Published = Callable[[str], list[Any]]

COMMAND = "Turn on the kitchen light."


def outcomes(published: Published) -> list[str]:
    return [event.outcome for event in published("speculation_ended")]


async def test_speculation_of_the_last_pause_is_the_transcript(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live, published: Published
) -> None:
    model = script(COMMAND)
    async with make_asr().open(AsrRequest(client="a")) as utterance:
        await live(utterance, speech(1.0) + quiet(0.45))
        assert utterance.ended.is_set()
        transcript = await utterance.finish()
    (run,) = model.runs
    assert transcript.text == COMMAND
    assert transcript.seconds == pytest.approx(1.2, abs=0.1)
    assert run.priority is Priority.SPECULATIVE
    assert not run.cancelled
    (ended,) = published("speculation_ended")
    assert (ended.outcome, ended.model, ended.client) == ("used", "asr/many", "a")
    assert ended.seconds == pytest.approx(0.1, abs=0.05)
    (finished,) = published("request_finished")
    assert finished.stages["inference"] == pytest.approx(0.0, abs=0.01)
    assert finished.audio_seconds == transcript.seconds


async def test_speculation_is_used_when_the_client_ends_the_turn(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    model = script(COMMAND)
    async with make_asr(turn_detection=False).open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.7))
        assert not utterance.ended.is_set()
        assert (await utterance.finish()).text == COMMAND
    assert len(model.runs) == 1


async def test_speculation_is_cancelled_when_speech_continues(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live, published: Published
) -> None:
    model = script("Turn on the", COMMAND, seconds=0.4)
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.4) + speech(1.0) + quiet(1.3))
        assert (await utterance.finish()).text == COMMAND
    first, second = model.runs
    assert (first.cancelled, second.cancelled) == (True, False)
    assert len(second.received) > len(first.received) + 32_000
    assert outcomes(published) == ["void", "used"]


async def test_running_speculation_is_awaited_at_the_end(
    make_asr: Make,
    script: Make,
    speech: Sound,
    quiet: Sound,
    live: Live,
    clock: FakeClock,
) -> None:
    model = script(COMMAND, seconds=3.0)
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.5))
        await utterance.end()
        task = asyncio.ensure_future(utterance.finish())
        await clock.advance(2.0)
        assert not task.done()
        await clock.advance(1.0)
        assert (await task).text == COMMAND
    assert len(model.runs) == 1


@pytest.mark.parametrize("first", ["final", "speculation"])
async def test_speculation_gets_a_final_run_beside_it_under_contention(
    make_asr: Make,
    script: Make,
    speech: Sound,
    quiet: Sound,
    live: Live,
    clock: FakeClock,
    published: Published,
    first: str,
) -> None:
    model = script("from the pause", "of another", "from the end", seconds=2.0)
    pipeline = make_asr(turn_detection=False)
    async with pipeline.open(AsrRequest()) as utterance, pipeline.open(AsrRequest()) as other:
        await live(other, speech(0.5))
        await live(utterance, speech(1.0) + quiet(0.3))
        answer = asyncio.ensure_future(utterance.finish())
        await clock.advance(0.1)
        assert len(model.runs) == 1
        model.seconds = 0.5 if first == "final" else 9.0
        others = asyncio.ensure_future(other.finish())
        await clock.advance(0.1)
        assert [run.priority for run in model.runs] == [Priority.SPECULATIVE, None, None]
        await clock.advance(2.0)
        assert (await answer).text == ("from the end" if first == "final" else "from the pause")
        others.cancel()
    assert model.runs[0 if first == "final" else 2].cancelled
    await clock.run_ready_tasks()
    assert outcomes(published) == ["void" if first == "final" else "used"]


async def test_failed_speculation_does_not_fail_the_request(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live, published: Published
) -> None:
    model = script(COMMAND, errors={0: InferenceFailedError("x"), 1: OutOfMemoryError("y")})
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.4) + speech(1.0) + quiet(0.9))
        assert utterance.ended.is_set()
        finishing = asyncio.ensure_future(utterance.finish())
        await live(utterance, quiet(0.5))
        assert (await finishing).text == COMMAND
    assert [run.priority for run in model.runs] == [
        Priority.SPECULATIVE,
        Priority.SPECULATIVE,
        None,
    ]
    assert outcomes(published) == ["failed", "failed"]
    assert published("request_retried") == []


async def test_speculation_with_a_bug_is_logged_and_followed_by_a_final_run(
    make_asr: Make,
    script: Make,
    speech: Sound,
    quiet: Sound,
    live: Live,
    caplog: pytest.LogCaptureFixture,
) -> None:
    script(COMMAND, errors={0: KeyError("odd")})
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.9))
        finishing = asyncio.ensure_future(utterance.finish())
        await live(utterance, quiet(0.5))
        assert (await finishing).text == COMMAND
    assert "KeyError: 'odd'" in caplog.text


async def test_recording_is_transcribed_once(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, quiet: Sound
) -> None:
    recording = (speech(1.0) + quiet(0.5)) * 4
    async with make_asr().open(AsrRequest()) as utterance:
        await utterance.feed(recording, SPEECH_FORMAT)
        await utterance.finish()
    assert [run.priority for run in coordinator.runs] == [None]


async def test_pause_at_the_end_of_the_audio_starts_no_speculation(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live, clock: FakeClock
) -> None:
    model = script(COMMAND)
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.24))
        finishing = asyncio.ensure_future(utterance.finish())
        await clock.advance(0.2)
        assert (await finishing).text == COMMAND
    assert [run.priority for run in model.runs] == [None]


async def test_speculation_can_be_turned_off(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live, clock: FakeClock
) -> None:
    model = script(COMMAND)
    async with make_asr(speculative_transcription=False).open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.6))
        assert (model.runs, utterance.ended.is_set()) == ([], False)
        await live(utterance, quiet(0.2))
        assert utterance.ended.is_set()


async def test_speculation_does_not_start_while_a_client_waits(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live, clock: FakeClock
) -> None:
    model = script(COMMAND, seconds=5.0)
    pipeline = make_asr()
    async with pipeline.open(AsrRequest()) as one, pipeline.open(AsrRequest()) as other:
        await live(one, speech(1.0))
        await live(other, speech(1.0))
        finishing = asyncio.ensure_future(one.finish())
        await clock.run_ready_tasks()
        assert [run.priority for run in model.runs] == [None]
        await live(other, quiet(0.5))
        assert len(model.runs) == 1
        finishing.cancel()


async def test_only_one_utterance_speculates_at_a_time(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    model = script(COMMAND, seconds=5.0)
    pipeline = make_asr()
    async with pipeline.open(AsrRequest()) as one, pipeline.open(AsrRequest()) as other:
        await live(one, speech(1.0) + quiet(0.3))
        await live(other, speech(1.0) + quiet(0.3))
        assert len(model.runs) == 1


@pytest.mark.parametrize("lack", ["memory", "queue"])
async def test_speculation_does_not_start_without_memory_or_with_a_queue(
    make_asr: Make,
    script: Make,
    speech: Sound,
    quiet: Sound,
    live: Live,
    coordinator: FakeCoordinator,
    lack: str,
) -> None:
    model = script(COMMAND)
    if lack == "memory":
        coordinator.memory_critical = True
    else:
        coordinator.usage["asr/many"] = ModelUsage(queued=1)
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.5))
        assert model.runs == []


async def test_discarded_speculation_raises_the_pause_threshold(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    model = script("Turn on the")
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(0.5) + quiet(0.25) + speech(0.5))
        assert len(model.runs) == 1
        await live(utterance, quiet(0.25) + speech(0.5))
        assert len(model.runs) == 1
        await live(utterance, quiet(0.4))
        assert len(model.runs) == 2


async def test_speculations_per_utterance_are_limited(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    model = script("and the", seconds=0.01)
    async with make_asr(max_utterance=60).open(AsrRequest()) as utterance:
        for _ in range(MAX_SPECULATIONS + 4):
            await live(utterance, speech(0.3) + quiet(0.6))
        assert len(model.runs) == MAX_SPECULATIONS


async def test_speculation_starts_when_the_lease_is_granted_in_a_pause(
    make_asr: Make,
    script: Make,
    speech: Sound,
    quiet: Sound,
    live: Live,
    coordinator: FakeCoordinator,
) -> None:
    model = script(COMMAND)
    coordinator.gate.clear()
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.4))
        assert model.runs == []
        coordinator.gate.set()
        await live(utterance, quiet(0.2))
        assert (await utterance.finish()).text == COMMAND
    assert [run.priority for run in model.runs] == [Priority.SPECULATIVE]


async def test_leaving_cancels_a_speculation(
    make_asr: Make,
    script: Make,
    speech: Sound,
    quiet: Sound,
    live: Live,
    coordinator: FakeCoordinator,
    published: Published,
) -> None:
    model = script(COMMAND, seconds=5.0)
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.3))
    assert model.runs[0].cancelled
    assert coordinator.active_leases == 0
    assert outcomes(published) == ["void"]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "speculation"]
