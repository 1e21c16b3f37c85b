"""Partial transcripts, with synthetic speech and a scripted model."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import Priority
from wyoming_servers.core.errors import InferenceFailedError
from wyoming_servers.scheduling.status import ModelUsage
from wyoming_servers.speech.asr.pipeline import (
    AsrRequest,
    PartialText,
    Utterance,
)
from wyoming_servers.speech.fake import FakeCoordinator

Make = Callable[..., Any]
Sound = Callable[..., bytes]
Live = Callable[[Utterance, bytes], Awaitable[None]]
Published = Callable[[str], list[Any]]

REQUESTED = AsrRequest(client="a", partials=True)
GROWING_TEXTS = (
    "Turn on the",
    "Turn on the kitchen light and",
    "Turn on the kitchen light and the fan",
    "Turn on the kitchen light and the fan in the hall.",
)


async def collect(utterance: Utterance) -> list[str]:
    return [item.text async for item in utterance.updates() if isinstance(item, PartialText)]


async def test_partial_texts_are_the_beginning_of_the_transcript_and_are_published(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live, published: Published
) -> None:
    model = script(*GROWING_TEXTS)
    async with make_asr().open(REQUESTED) as utterance:
        collecting = asyncio.create_task(collect(utterance))
        await live(utterance, speech(3.6) + quiet(1.0))
        texts = await collecting
        text = (await utterance.finish()).text
    assert text == GROWING_TEXTS[-1]
    assert texts == ["Turn on the", " kitchen light and", " the fan"]
    *partials, speculation = [run.priority for run in model.runs]
    assert partials == [Priority.BACKGROUND] * 3
    assert speculation is Priority.SPECULATIVE
    events = published("transcript_grew")
    assert [event.text for event in events] == [
        "Turn on the",
        "Turn on the kitchen light and",
        "Turn on the kitchen light and the fan",
    ]
    assert {(event.client, event.model) for event in events} == {("a", "asr/many")}


async def test_partial_texts_must_be_requested(
    make_asr: Make, script: Make, speech: Sound, live: Live
) -> None:
    model = script(*GROWING_TEXTS)
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(4.0))
        assert model.runs == []


async def test_partial_texts_can_be_configured_and_declined_by_a_request(
    make_asr: Make, script: Make, speech: Sound, live: Live
) -> None:
    model = script(*GROWING_TEXTS)
    pipeline = make_asr(partial_transcripts=True)
    async with pipeline.open(AsrRequest(partials=False)) as utterance:
        await live(utterance, speech(2.0))
        assert model.runs == []
    async with pipeline.open(AsrRequest()) as utterance:
        await live(utterance, speech(2.0))
        assert model.runs


async def test_partial_texts_end_with_the_turn(
    make_asr: Make, script: Make, quiet: Sound, live: Live
) -> None:
    async with make_asr().open(REQUESTED) as utterance:
        await live(utterance, quiet(0.5))
        await utterance.end()
        assert await collect(utterance) == []
        assert (await utterance.finish()).text == ""


async def test_partial_transcription_leaves_two_thirds_of_the_time_free(
    make_asr: Make, script: Make, speech: Sound, live: Live
) -> None:
    model = script(*GROWING_TEXTS, seconds=1.0)
    async with make_asr().open(REQUESTED) as utterance:
        await live(utterance, speech(9.5))
        assert len(model.runs) == 3


async def test_partial_transcription_does_not_repeat_in_silence(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    model = script(*GROWING_TEXTS)
    async with make_asr(speculative_transcription=False, turn_detection=False).open(
        REQUESTED
    ) as utterance:
        await live(utterance, speech(0.5) + quiet(3.0))
        assert model.runs == []


async def test_speculation_cancels_a_partial_transcription(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    model = script(*GROWING_TEXTS, seconds=0.5)
    async with make_asr().open(REQUESTED) as utterance:
        await live(utterance, speech(1.3) + quiet(0.3))
        partial, speculation = model.runs
        assert partial.cancelled
        assert (partial.priority, speculation.priority) == (
            Priority.BACKGROUND,
            Priority.SPECULATIVE,
        )


async def test_final_run_of_another_client_cancels_a_partial_transcription(
    make_asr: Make, script: Make, speech: Sound, live: Live, clock: FakeClock
) -> None:
    model = script(*GROWING_TEXTS, seconds=0.5)
    pipeline = make_asr()
    async with pipeline.open(AsrRequest()) as other:
        await live(other, speech(0.5))
        async with pipeline.open(REQUESTED) as utterance:
            await live(utterance, speech(1.2))
            assert len(model.runs) == 1
            finishing = asyncio.ensure_future(other.finish())
            await clock.run_ready_tasks()
            assert model.runs[0].cancelled
            await clock.advance(0.6)
            assert (await finishing).text
            assert len(model.runs) == 2


async def test_partial_transcription_waits_while_another_client_uses_the_model(
    make_asr: Make,
    script: Make,
    speech: Sound,
    live: Live,
    clock: FakeClock,
    coordinator: FakeCoordinator,
) -> None:
    model = script(*GROWING_TEXTS)
    coordinator.usage["asr/many"] = ModelUsage(leases=2)
    async with make_asr().open(REQUESTED) as utterance:
        await live(utterance, speech(3.0))
        assert model.runs == []
        coordinator.usage.clear()
        coordinator.notify_changed()
        await clock.run_ready_tasks()
        assert len(model.runs) == 1


async def test_failed_partial_transcription_does_not_fail_the_request(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live, published: Published
) -> None:
    model = script(GROWING_TEXTS[-1], errors={0: InferenceFailedError("x")})
    async with make_asr().open(REQUESTED) as utterance:
        await live(utterance, speech(4.0) + quiet(0.6))
        assert (await utterance.finish()).text == GROWING_TEXTS[-1]
    assert len(model.runs) == 2
    assert [event.code for event in published("request_finished")] == [""]


async def test_leaving_cancels_a_partial_transcription(
    make_asr: Make, script: Make, speech: Sound, live: Live, coordinator: FakeCoordinator
) -> None:
    model = script(*GROWING_TEXTS, seconds=9.0)
    async with make_asr().open(REQUESTED) as utterance:
        await live(utterance, speech(1.5))
    assert model.runs[0].cancelled
    assert coordinator.active_leases == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "partials"]
