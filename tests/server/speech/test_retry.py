"""Requests whose worker fails are retried once, if no output was sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    CancelledError,
    ConductorError,
    DeadlineError,
    DeviceLostError,
    InferenceFailedError,
    InternalError,
    LoadFailedError,
    OutOfMemoryError,
    ShuttingDownError,
    UnsupportedLanguageError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.speech.asr.pipeline import AsrRequest
from wyoming_servers.speech.fake import (
    FakeCoordinator,
    FakeInference,
    ScriptedRun,
    synthesize_tone,
    transcribe_duration,
)
from wyoming_servers.speech.retry import Retry
from wyoming_servers.speech.tts.pipeline import TtsRequest
from wyoming_servers.telemetry.request_records import RequestTimer
from wyoming_servers.worker.interface import OutputChunk

Make = Callable[..., Any]
Sound = Callable[..., bytes]
Published = Callable[[str], list[Any]]

DIED = InferenceFailedError("The worker is gone.")


def failing(engine: FakeInference, *errors: ConductorError, after: bytes = b"") -> FakeInference:
    """Make the first runs of an inference fail, one with each error, after some output."""
    left = list(errors)

    async def run(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        if not left:
            async for chunk in engine(run):
                yield chunk
            return
        if after:
            yield OutputChunk({}, after)
        raise left.pop(0)

    return run


@pytest.mark.parametrize(
    ("error", "worth_it"),
    [
        (InferenceFailedError("x"), True),
        (DeviceLostError("x"), True),
        (DeadlineError("x"), True),
        (LoadFailedError("x"), True),
        (OutOfMemoryError("x"), True),
        (BadRequestError("x"), False),
        (UnsupportedLanguageError("x"), False),
        (BusyError("x"), False),
        (ShuttingDownError("x"), False),
        (CancelledError("x"), False),
        (InternalError("x"), False),
    ],
)
async def test_retry_allows_one_retry_of_a_failed_worker(
    error: ConductorError, worth_it: bool, bus: EventBus, clock: FakeClock
) -> None:
    retry = Retry(RequestTimer(Task.ASR, "a", bus, clock))
    assert retry.should_retry(error) is worth_it
    assert retry.should_retry(error) is False
    assert len(bus.recent()) == worth_it


async def test_utterance_is_retried_after_its_worker_died(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, published: Published
) -> None:
    coordinator.inferences[Task.ASR] = failing(transcribe_duration, DIED)
    async with make_asr().open(AsrRequest(client="a")) as utterance:
        await utterance.feed(speech(2.0), SPEECH_FORMAT)
        assert (await utterance.finish()).text == "2.0 seconds"
    assert coordinator.leased == ["asr/many", "asr/many"]
    assert coordinator.active_leases == 0
    (retried,) = published("request_retried")
    assert (retried.kind, retried.model, retried.client) == ("asr", "asr/many", "a")
    assert (retried.code, retried.message) == ("INFERENCE_FAILED", "The worker is gone.")
    (finished,) = published("request_finished")
    assert finished.code == ""


async def test_utterance_is_not_retried_twice(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, published: Published
) -> None:
    coordinator.inferences[Task.ASR] = failing(
        transcribe_duration, DIED, DeviceLostError("Gone again.")
    )
    async with make_asr().open(AsrRequest()) as utterance:
        await utterance.feed(speech(1.0), SPEECH_FORMAT)
        with pytest.raises(DeviceLostError):
            await utterance.finish()
    assert len(coordinator.runs) == 2
    assert coordinator.active_leases == 0
    assert len(published("request_retried")) == 1


async def test_refused_lease_is_not_retried(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, published: Published
) -> None:
    coordinator.lease_errors = [LoadFailedError("It does not load.")]
    async with make_asr().open(AsrRequest()) as utterance:
        await utterance.feed(speech(1.0), SPEECH_FORMAT)
        with pytest.raises(LoadFailedError):
            await utterance.finish()
    assert published("request_retried") == []


async def test_retry_of_an_utterance_has_the_same_deadline(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, clock: FakeClock
) -> None:
    async def slow(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        await clock.sleep(7)
        if len(coordinator.runs) == 1:
            raise DIED
        yield OutputChunk({})

    coordinator.inferences[Task.ASR] = slow
    async with make_asr(limits={"request_timeout": 10}).open(AsrRequest()) as utterance:
        await utterance.feed(speech(1.0), SPEECH_FORMAT)
        await utterance.end()
        task = asyncio.ensure_future(utterance.finish())
        await clock.advance(9.9)
        assert len(coordinator.runs) == 2
        assert not task.done()
        await clock.advance(0.2)
        with pytest.raises(DeadlineError):
            await task
    assert coordinator.active_leases == 0


async def test_synthesis_is_retried_before_its_first_audio(
    make_tts: Make, coordinator: FakeCoordinator, published: Published
) -> None:
    coordinator.inferences[Task.TTS] = failing(synthesize_tone, DIED, after=b"\x01\x00" * 100)
    async with make_tts().open(TtsRequest(client="b")) as voice:
        voice.feed("One sentence. And another.")
        voice.end()
        audio = b"".join([chunk async for chunk in voice])
    assert [run.request["text"] for run in coordinator.runs] == [
        "One sentence.",
        "One sentence.",
        "And another.",
    ]
    assert b"\x01\x00" not in audio[:200]
    assert coordinator.leased == ["tts/joe", "tts/joe"]
    assert coordinator.active_leases == 0
    (retried,) = published("request_retried")
    assert (retried.kind, retried.client) == ("tts", "b")


async def test_synthesis_is_not_retried_after_its_first_audio(
    make_tts: Make, coordinator: FakeCoordinator, published: Published
) -> None:
    coordinator.inferences[Task.TTS] = failing(synthesize_tone, DIED, after=b"\x01\x00" * 8_000)
    async with make_tts().open(TtsRequest()) as voice:
        voice.feed("One sentence.")
        voice.end()
        with pytest.raises(InferenceFailedError):
            async for _ in voice:
                pass
    assert len(coordinator.runs) == 1
    assert published("request_retried") == []


async def test_synthesis_is_not_retried_in_a_later_sentence(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    async def second_fails(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        if len(coordinator.runs) == 2:
            raise DIED
        async for chunk in synthesize_tone(run):
            yield chunk

    coordinator.inferences[Task.TTS] = second_fails
    async with make_tts().open(TtsRequest()) as voice:
        voice.feed("This is the first one. And this is the second.")
        voice.end()
        with pytest.raises(InferenceFailedError):
            async for _ in voice:
                pass
    assert len(coordinator.runs) == 2


async def test_text_that_the_engine_rejects_is_not_retried(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    coordinator.inferences[Task.TTS] = failing(synthesize_tone, BadRequestError("No such speaker."))
    async with make_tts().open(TtsRequest()) as voice:
        voice.feed("One sentence.")
        voice.end()
        with pytest.raises(BadRequestError):
            async for _ in voice:
                pass
    assert len(coordinator.runs) == 1


async def test_synthesis_is_not_retried_after_its_deadline(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    async def late(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        yield OutputChunk({})
        await clock.sleep(6)
        yield OutputChunk({})
        await clock.sleep(6)
        raise DIED

    coordinator.inferences[Task.TTS] = late
    async with make_tts(limits={"request_timeout": 10}).open(TtsRequest()) as voice:
        voice.feed("One sentence.")
        voice.end()
        task = asyncio.ensure_future(anext(aiter(voice)))
        await clock.advance(13)
        with pytest.raises(InferenceFailedError):
            await task
    assert len(coordinator.runs) == 1


async def test_retry_after_oom_waits_until_memory_is_returned(
    bus: EventBus, clock: FakeClock
) -> None:
    retry = Retry(RequestTimer(Task.ASR, "a", bus, clock))
    assert retry.should_retry(OutOfMemoryError("Full."))
    coordinator = FakeCoordinator({})
    coordinator.devices_freeing_memory.add("cuda:0")
    waiting = asyncio.ensure_future(retry.wait_for_memory(coordinator, "cuda:0"))
    await clock.advance(1)
    assert not waiting.done()
    coordinator.devices_freeing_memory.clear()
    coordinator.notify_changed()
    await clock.advance(0)
    assert waiting.done()


@pytest.mark.parametrize(
    ("error", "device"), [(DIED, "cpu"), (OutOfMemoryError("Full."), "cuda:1")]
)
async def test_retry_does_not_wait_for_another_device_or_after_another_error(
    error: ConductorError, device: str, bus: EventBus, clock: FakeClock
) -> None:
    retry = Retry(RequestTimer(Task.ASR, "a", bus, clock))
    assert retry.should_retry(error)
    coordinator = FakeCoordinator({})
    coordinator.devices_freeing_memory.add("cpu")
    waiting = asyncio.ensure_future(retry.wait_for_memory(coordinator, device))
    await clock.advance(0)
    assert waiting.done()


async def test_retry_holds_no_lease_while_it_waits_for_memory(
    make_asr: Make, make_tts: Make, coordinator: FakeCoordinator, speech: Sound, clock: FakeClock
) -> None:
    full = OutOfMemoryError("Full.")
    coordinator.inferences |= {
        Task.ASR: failing(transcribe_duration, full),
        Task.TTS: failing(synthesize_tone, full),
    }
    coordinator.devices_freeing_memory.add("cpu")
    async with make_asr().open(AsrRequest()) as utterance, make_tts().open(TtsRequest()) as voice:
        await utterance.feed(speech(1.0), SPEECH_FORMAT)
        transcript = asyncio.ensure_future(utterance.finish())
        voice.feed("One sentence.")
        voice.end()
        audio = asyncio.ensure_future(anext(aiter(voice)))
        await clock.advance(2)
        assert (len(coordinator.runs), coordinator.active_leases) == (2, 0)
        coordinator.devices_freeing_memory.clear()
        coordinator.notify_changed()
        await clock.advance(0.2)
        assert (await transcript).text == "1.0 seconds"
        assert await audio
