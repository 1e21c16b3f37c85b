import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    AudioFormat,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    InferenceFailedError,
    LoadFailedError,
    ModelMissingError,
    ShuttingDownError,
)
from wyoming_servers.speech.fake import (
    FakeCoordinator,
    ScriptedRun,
    detect_loud_sound,
)
from wyoming_servers.speech.wake import stream
from wyoming_servers.speech.wake.pipeline import (
    MIN_STREAMS_FOR_BATCHING,
    WakeDetectionStream,
    WakePipelineRequest,
)
from wyoming_servers.worker.interface import OutputChunk

Make = Callable[..., Any]
Sound = Callable[..., bytes]
Published = Callable[[str], list[Any]]

LOUD = b"\x00\x40" * 160
"""10 ms of audio in which the fake model detects its first word."""
QUIET = bytes(320)


async def detections(detection_stream: WakeDetectionStream) -> list[Any]:
    """End the stream and return all detections."""
    detection_stream.end()
    return [detection async for detection in detection_stream]


async def test_detection_has_the_timestamp_of_the_client(
    make_wake: Make, coordinator: FakeCoordinator, published: Published
) -> None:
    async with make_wake().open(WakePipelineRequest(("alexa",), client="a")) as detection_stream:
        await detection_stream.feed(QUIET, SPEECH_FORMAT, 5_000)
        await detection_stream.feed(LOUD, SPEECH_FORMAT, 5_010)
        detection = await asyncio.wait_for(anext(aiter(detection_stream)), 5)
    assert (detection.word, detection.timestamp) == ("alexa", 5_010)
    (event,) = published("wake_word_detected")
    assert (event.client, event.word, event.timestamp) == ("a", "alexa", 5_010)
    assert coordinator.active_leases == 0


async def test_detection_without_timestamps_counts_from_the_start_of_the_stream(
    make_wake: Make,
) -> None:
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        for chunk in (QUIET, QUIET, LOUD):
            await detection_stream.feed(chunk, SPEECH_FORMAT)
        (detection,) = await detections(detection_stream)
    assert (detection.word, detection.timestamp) == ("hey_jarvis", 20)


async def test_stream_can_have_several_detections(make_wake: Make) -> None:
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        for chunk in (LOUD, QUIET, LOUD, QUIET, LOUD):
            await detection_stream.feed(chunk, SPEECH_FORMAT)
        assert [detection.timestamp for detection in await detections(detection_stream)] == [
            0,
            20,
            40,
        ]


async def test_silence_has_no_detection(make_wake: Make, published: Published) -> None:
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await detection_stream.feed(bytes(32_000), SPEECH_FORMAT)
        assert await detections(detection_stream) == []
    assert [event.code for event in published("request_finished")] == [""]


async def test_client_that_leaves_is_no_error(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock, published: Published
) -> None:
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await detection_stream.feed(QUIET, SPEECH_FORMAT)
        await clock.run_ready_tasks()
        assert coordinator.active_leases == 1
    assert coordinator.active_leases == 0
    assert [event.code for event in published("request_finished")] == [""]


async def test_client_that_is_disconnected_is_no_error(
    make_wake: Make, clock: FakeClock, published: Published
) -> None:
    async def listen() -> None:
        async with make_wake().open(WakePipelineRequest()) as detection_stream:
            await detections(detection_stream)
            await asyncio.Event().wait()

    task = asyncio.create_task(listen())
    await clock.run_ready_tasks()
    task.cancel()
    await asyncio.wait([task])
    assert [event.code for event in published("request_finished")] == [""]


async def test_wake_word_settings_reach_the_worker(
    make_wake: Make, coordinator: FakeCoordinator
) -> None:
    words = {"alexa": {"threshold": 0.9}, "hey_jarvis": {"trigger_level": 3}}
    pipeline = make_wake(threshold=0.7, trigger_level=2, refractory=1, word_settings=words)
    async with pipeline.open(WakePipelineRequest(())) as detection_stream:
        await detection_stream.feed(QUIET, SPEECH_FORMAT)
        await detections(detection_stream)
    assert coordinator.runs[0].request == {
        "words": ["hey_jarvis", "alexa"],
        "threshold": {"hey_jarvis": 0.7, "alexa": 0.9},
        "trigger_level": {"hey_jarvis": 3, "alexa": 2},
        "refractory": 1.0,
        "vad": True,
    }


async def test_wake_stream_converts_other_formats(
    make_wake: Make, coordinator: FakeCoordinator
) -> None:
    audio = AudioFormat(48_000, channels=2)
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await detection_stream.feed(bytes(audio.bytes_for(1.0)), audio)
        await detections(detection_stream)
    assert len(coordinator.runs[0].received) == pytest.approx(32_000, abs=1_000)


async def test_impossible_format_is_a_bad_request(make_wake: Make) -> None:
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        with pytest.raises(BadRequestError):
            await detection_stream.feed(QUIET, AudioFormat(16_000, 7))


async def test_unknown_wake_word_is_refused_and_published(
    make_wake: Make, published: Published
) -> None:
    with pytest.raises(ModelMissingError):
        make_wake().open(WakePipelineRequest(("ok_computer",)))
    assert [event.code for event in published("request_finished")] == ["MODEL_MISSING"]


def dying_once(runs: list[ScriptedRun]) -> Callable[[ScriptedRun], AsyncIterator[OutputChunk]]:
    """Make a model whose first run dies at its first chunk."""

    async def listen(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        runs.append(run)
        if len(runs) == 1:
            async for _ in run.input():
                raise InferenceFailedError("killed by signal 9")
        async for chunk in detect_loud_sound(run):
            yield chunk

    return listen


async def test_wake_stream_survives_the_death_of_its_worker(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock, published: Published
) -> None:
    coordinator.inferences[Task.WAKE] = dying_once([])
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await detection_stream.feed(QUIET, SPEECH_FORMAT)
        await clock.run_ready_tasks()
        assert coordinator.active_leases == 0
        await detection_stream.feed(LOUD, SPEECH_FORMAT)
        await clock.advance(stream.RECONNECT_DELAYS[0])
        assert coordinator.active_leases == 1
        (detection,) = await detections(detection_stream)
    assert detection.timestamp == 10
    assert len(coordinator.leased) == 2
    assert [event.code for event in published("request_finished")] == [""]


async def test_wake_stream_keeps_the_newest_audio_without_a_worker(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    runs: list[ScriptedRun] = []
    coordinator.inferences[Task.WAKE] = dying_once(runs)
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await detection_stream.feed(QUIET, SPEECH_FORMAT)
        await clock.run_ready_tasks()
        await asyncio.wait_for(detection_stream.feed(bytes(32_000 * 60), SPEECH_FORMAT), 5)
        await clock.advance(stream.RECONNECT_DELAYS[0])
        await detections(detection_stream)
    assert len(runs[1].received) == pytest.approx(stream.BACKLOG_BYTES, abs=8_000)


async def test_wake_stream_ends_after_repeated_failures(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock, published: Published
) -> None:
    async def die(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        raise InferenceFailedError("killed again")
        yield OutputChunk({})

    coordinator.inferences[Task.WAKE] = die
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await clock.advance(sum(stream.RECONNECT_DELAYS) + 1)
        await detection_stream.feed(QUIET, SPEECH_FORMAT)
        with pytest.raises(InferenceFailedError, match="killed again"):
            await detections(detection_stream)
    assert len(coordinator.leased) == 1 + len(stream.RECONNECT_DELAYS)
    assert [event.code for event in published("request_finished")] == ["INFERENCE_FAILED"]


async def test_wake_stream_forgets_failures_after_a_stable_run(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    async def die_later(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        await clock.sleep(stream.STABLE_SECONDS)
        raise InferenceFailedError("killed now and then")
        yield OutputChunk({})

    coordinator.inferences[Task.WAKE] = die_later
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await clock.advance(100)
        await detection_stream.feed(QUIET, SPEECH_FORMAT)
    assert len(coordinator.leased) > 2 * len(stream.RECONNECT_DELAYS)


@pytest.mark.parametrize("error", [LoadFailedError("broken"), ShuttingDownError("bye")])
async def test_wake_stream_fails_at_once_without_any_run(
    make_wake: Make, coordinator: FakeCoordinator, error: Exception
) -> None:
    coordinator.lease_errors.append(error)  # type: ignore[arg-type]
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        with pytest.raises(type(error)):
            await detections(detection_stream)


async def test_wake_stream_keeps_all_audio_while_the_model_loads(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.gate.clear()
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        feeding = asyncio.create_task(detection_stream.feed(bytes(32_000 * 20), SPEECH_FORMAT))
        await clock.run_ready_tasks(200)
        assert not feeding.done()
        coordinator.gate.set()
        await asyncio.wait_for(feeding, 5)
        await detections(detection_stream)
    assert len(coordinator.runs[0].received) == 32_000 * 20


async def test_feed_returns_when_the_wake_stream_fails(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.gate.clear()
    coordinator.lease_errors.append(LoadFailedError("broken"))
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        feeding = asyncio.create_task(detection_stream.feed(bytes(32_000 * 20), SPEECH_FORMAT))
        await clock.run_ready_tasks(200)
        coordinator.gate.set()
        await asyncio.wait_for(feeding, 5)


async def test_arbitration_notifies_the_first_satellite_only(
    make_wake: Make, clock: FakeClock, published: Published
) -> None:
    pipeline = make_wake(arbitration_window=1.0)
    notified = {}
    for client in ("kitchen", "hall"):
        async with pipeline.open(WakePipelineRequest(("alexa",), client)) as detection_stream:
            await detection_stream.feed(LOUD, SPEECH_FORMAT)
            notified[client] = [detection.word for detection in await detections(detection_stream)]
        await clock.advance(0.5)
    assert notified == {"kitchen": ["alexa"], "hall": []}
    events = published("wake_word_detected")
    assert [(event.client, event.suppressed) for event in events] == [
        ("kitchen", False),
        ("hall", True),
    ]


async def test_all_satellites_are_notified_without_arbitration(
    make_wake: Make, published: Published
) -> None:
    pipeline = make_wake()
    for client in ("kitchen", "hall"):
        async with pipeline.open(WakePipelineRequest(("alexa",), client)) as detection_stream:
            await detection_stream.feed(LOUD, SPEECH_FORMAT)
            assert len(await detections(detection_stream)) == 1
    assert [event.suppressed for event in published("wake_word_detected")] == [False, False]


async def test_detection_has_the_times_of_its_stages(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock, published: Published
) -> None:
    async def think(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        async for chunk in detect_loud_sound(run):
            await clock.sleep(0.3)
            yield chunk

    coordinator.inferences[Task.WAKE] = think
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await detection_stream.feed(LOUD, SPEECH_FORMAT)
        await clock.advance(0.3)
        await detections(detection_stream)
    (event,) = published("wake_word_detected")
    assert event.stages == {"queue": 0.0, "inference": pytest.approx(0.3)}


async def test_wake_stream_sends_whole_steps(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    coordinator.info[Task.WAKE] = {"lead": 480, "step": 320}
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await clock.run_ready_tasks()
        for number in range(9):
            await detection_stream.feed(QUIET, SPEECH_FORMAT, 70 + 10 * number)
            await clock.run_ready_tasks()
        await detections(detection_stream)
    (run,) = coordinator.runs
    assert [(len(pcm), data["timestamp"]) for pcm, data in run.sent_chunks] == [
        (960, 70),
        (640, 100),
        (640, 120),
        (640, 140),
    ]


async def test_wake_streams_batch_only_when_there_are_many(
    make_wake: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    pipeline = make_wake()

    def sent() -> list[int]:
        return [len(run.sent_chunks) for run in coordinator.runs[:2]]

    async with AsyncExitStack() as stack:
        first, second, *_ = [
            await stack.enter_async_context(pipeline.open(WakePipelineRequest()))
            for _ in range(MIN_STREAMS_FOR_BATCHING)
        ]
        await clock.run_ready_tasks()
        await clock.advance(0.005)
        await first.feed(QUIET, SPEECH_FORMAT)
        await clock.advance(0.01)
        await second.feed(QUIET, SPEECH_FORMAT)
        await clock.run_ready_tasks()
        assert sent() == [0, 0]
        await clock.advance(0.006)
        assert sent() == [1, 1]
    async with pipeline.open(WakePipelineRequest()) as alone:
        await clock.run_ready_tasks()
        await alone.feed(QUIET, SPEECH_FORMAT)
        await clock.run_ready_tasks()
        assert len(coordinator.runs[-1].sent_chunks) == 1


async def test_try_feed_accepts_audio_that_needs_no_waiting(
    make_wake: Make, coordinator: FakeCoordinator
) -> None:
    other = AudioFormat(48_000, channels=2)
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        assert not detection_stream.try_feed(QUIET, SPEECH_FORMAT, 0), "the format is not known"
        await detection_stream.feed(QUIET, SPEECH_FORMAT, 0)
        assert detection_stream.try_feed(LOUD, AudioFormat(16_000), 10)
        assert not detection_stream.try_feed(QUIET, other, 20)
        assert not detection_stream.try_feed(bytes(320_000), SPEECH_FORMAT, 20), (
            "too long for one go"
        )
        assert [detection.timestamp for detection in await detections(detection_stream)] == [10]
        assert detection_stream.try_feed(QUIET, SPEECH_FORMAT, 20), (
            "after the end it is thrown away"
        )
    assert bytes(coordinator.runs[0].received) == QUIET + LOUD


async def test_try_feed_refuses_audio_while_the_model_lags(
    make_wake: Make, coordinator: FakeCoordinator
) -> None:
    coordinator.gate.clear()
    async with make_wake().open(WakePipelineRequest()) as detection_stream:
        await detection_stream.feed(QUIET, SPEECH_FORMAT)
        chunk = bytes(8_000)
        taken = 0
        while detection_stream.try_feed(chunk, SPEECH_FORMAT):
            taken += len(chunk)
        assert taken == pytest.approx(stream.BACKLOG_BYTES, abs=len(chunk))
