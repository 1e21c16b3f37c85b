import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from wyoming.audio import AudioChunk, AudioStart
from wyoming.client import AsyncTcpClient
from wyoming.wake import Detect, Detection

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import (
    InferenceFailedError,
    LoadFailedError,
)
from wyoming_servers.speech.fake import (
    ScriptedRun,
    detect_loud_sound,
)
from wyoming_servers.worker.interface import OutputChunk

Serve = Callable[..., Any]
Connect = Callable[..., Any]

LOUD = b"\x00\x40" * 480
QUIET = bytes(960)
AUDIO = {"rate": 16_000, "width": 2, "channels": 1}


async def test_wyoming_library_client_gets_a_detection(serve: Serve) -> None:
    running = await serve()
    async with AsyncTcpClient("127.0.0.1", running.ports["wake"], read_timeout=10) as client:
        await client.write_event(Detect(names=["alexa"]).event())
        await client.write_event(AudioStart(16_000, 2, 1).event())
        await client.write_event(AudioChunk(16_000, 2, 1, QUIET, timestamp=7_000).event())
        await client.write_event(AudioChunk(16_000, 2, 1, LOUD, timestamp=7_030).event())
        event = await client.read_event()
    assert event is not None
    assert Detection.from_event(event) == Detection("alexa", timestamp=7_030)
    await running.all_released()


@pytest.mark.parametrize("names", [None, []])
async def test_detect_without_names_detects_all_words(
    serve: Serve, connect: Connect, names: Any
) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    await client.send("detect", names=names)
    await client.send("audio-chunk", LOUD, **AUDIO)
    assert (await client.expect("detection"))["name"] == "hey_jarvis"
    assert running.coordinator.runs[0].request["words"] == ["hey_jarvis", "alexa"]


async def test_audio_without_detect_is_processed(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    await client.send("audio-chunk", LOUD, **AUDIO)
    assert (await client.expect("detection"))["timestamp"] == 0


async def test_connection_has_several_detections_and_streams(
    serve: Serve, connect: Connect
) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    await client.send("detect", names=["alexa"])
    for _ in range(2):
        await client.send("audio-start", **AUDIO)
        for at, chunk in enumerate([LOUD, QUIET, LOUD]):
            await client.send("audio-chunk", chunk, timestamp=30 * at, **AUDIO)
        await client.send("audio-stop")
        assert (await client.expect("detection"))["timestamp"] == 0
        assert (await client.expect("detection"))["timestamp"] == 60
    assert await client.is_alive()
    await running.all_released()


@pytest.mark.parametrize("chunks", [0, 3], ids=["no audio", "silence"])
async def test_stream_without_a_wake_word_is_not_detected(
    serve: Serve, connect: Connect, chunks: int
) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    await client.send("detect")
    await client.send("audio-start", **AUDIO)
    for _ in range(chunks):
        await client.send("audio-chunk", QUIET, **AUDIO)
    await client.send("audio-stop")
    assert await client.expect("not-detected") == {}
    assert await client.is_alive()


async def test_second_detect_replaces_the_words(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    await client.send("detect", names=["alexa"])
    await client.send("audio-chunk", QUIET, **AUDIO)
    await client.send("detect", names=["hey_jarvis"])
    await client.send("audio-chunk", LOUD, **AUDIO)
    assert (await client.expect("detection"))["name"] == "hey_jarvis"
    assert running.coordinator.active_leases == 1


async def test_unknown_wake_word_is_an_error_and_the_others_are_detected(
    serve: Serve, connect: Connect
) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    await client.send("detect", names=["ok_computer", "Alexa"])
    error = await client.expect("error")
    assert (error["code"], "ok_computer" in error["text"]) == ("MODEL_MISSING", True)
    await client.send("audio-chunk", LOUD, **AUDIO)
    # In the client's spelling: it compares the name with its own.
    assert (await client.expect("detection"))["name"] == "Alexa"


@pytest.mark.parametrize(
    ("detect", "code"),
    [
        ({"names": ["ok_computer"]}, "MODEL_MISSING"),
        ({"names": "alexa"}, "BAD_REQUEST"),
        ({"names": [1]}, "BAD_REQUEST"),
        ({"context": 1}, "BAD_REQUEST"),
    ],
    ids=str,
)
async def test_invalid_detect_is_one_error(
    serve: Serve, connect: Connect, detect: dict[str, Any], code: str
) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    await client.send("detect", **detect)
    await client.send("audio-start", **AUDIO)
    await client.send("audio-chunk", LOUD, **AUDIO)
    await client.send("audio-stop")
    assert (await client.expect("error"))["code"] == code
    assert await client.is_alive()
    await client.send("detect", names=["alexa"])
    await client.send("audio-chunk", LOUD, **AUDIO)
    assert (await client.expect("detection"))["name"] == "alexa"


@pytest.mark.parametrize(
    "wrong",
    [
        AUDIO | {"rate": None},
        AUDIO | {"rate": 1},
        AUDIO | {"width": "2"},
        AUDIO | {"timestamp": "now"},
        AUDIO | {"timestamp": 1e300},
    ],
    ids=str,
)
async def test_invalid_audio_is_one_error(
    serve: Serve, connect: Connect, wrong: dict[str, Any]
) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    for _ in range(3):
        await client.send("audio-chunk", LOUD, **wrong)
    await client.send("audio-stop")
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"
    assert await client.is_alive()
    await client.send("audio-start", **AUDIO)
    await client.send("audio-chunk", LOUD, **AUDIO)
    assert (await client.expect("detection"))["name"] == "hey_jarvis"


async def test_invalid_audio_start_is_an_error(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    await client.send("audio-start", rate=[])
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"
    assert await client.is_alive()


async def test_wake_stream_survives_the_death_of_its_worker(serve: Serve, connect: Connect) -> None:
    died = asyncio.Event()

    async def die(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        running.coordinator.inferences[Task.WAKE] = detect_loud_sound
        async for _ in run.input():
            died.set()
            raise InferenceFailedError("killed by signal 9")
        yield OutputChunk({})

    running = await serve()
    running.coordinator.inferences[Task.WAKE] = die
    client = await connect(running.ports["wake"])
    await client.send("detect")
    await client.send("audio-chunk", QUIET, **AUDIO)
    await died.wait()
    await client.send("audio-chunk", LOUD, timestamp=99, **AUDIO)
    assert (await client.expect("detection"))["timestamp"] == 99


async def test_failed_load_is_one_error(serve: Serve, connect: Connect) -> None:
    running = await serve()
    running.coordinator.lease_errors.append(LoadFailedError("The file is broken."))
    client = await connect(running.ports["wake"])
    await client.send("detect")
    for _ in range(5):
        await client.send("audio-chunk", LOUD, **AUDIO)
    assert (await client.expect("error"))["code"] == "LOAD_FAILED"
    assert await client.is_alive()
    await client.send("audio-chunk", LOUD, timestamp=1, **AUDIO)
    await client.send("audio-start", **AUDIO)
    await client.send("audio-chunk", LOUD, timestamp=2, **AUDIO)
    assert (await client.expect("detection"))["timestamp"] == 2


@pytest.mark.parametrize("phase", ["loading", "listening"])
async def test_client_that_leaves_releases_the_lease(
    serve: Serve, connect: Connect, phase: str
) -> None:
    running = await serve()
    if phase == "loading":
        running.coordinator.gate.clear()
    client = await connect(running.ports["wake"])
    await client.send("detect")
    await client.send("audio-chunk", QUIET, **AUDIO)
    await (running.leased() if phase == "listening" else running.request_waits())
    await client.leave()
    await running.empty()
    await running.all_released()


async def test_small_chunks_are_processed_completely_and_in_order(
    serve: Serve, connect: Connect
) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    chunks = [bytes([number % 30]) * 320 for number in range(200)]
    await client.send("detect", names=["alexa"])
    await client.send("audio-start", **AUDIO)
    for number, chunk in enumerate(chunks):
        await client.send("audio-chunk", chunk, timestamp=10 * number, **AUDIO)
    await client.send("audio-stop")
    await client.expect("not-detected")
    assert bytes(running.coordinator.runs[0].received) == b"".join(chunks)


async def test_wake_stream_may_change_its_format(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    wide = {"rate": 32_000, "width": 2, "channels": 2}
    await client.send("detect", names=["alexa"])
    for audio, size in ((AUDIO, 320), (wide, 1_280), (AUDIO, 320)):
        await client.send("audio-start", **audio)
        for _ in range(20):
            await client.send("audio-chunk", bytes(size), **audio)
    await client.send("audio-stop")
    await client.expect("not-detected")
    assert len(running.coordinator.runs[0].received) == pytest.approx(60 * 320, abs=2_000)


async def test_invalid_chunk_in_a_stream_is_one_error(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["wake"])
    for _ in range(3):
        await client.send("audio-chunk", QUIET, timestamp=0, **AUDIO)
    for _ in range(3):
        await client.send("audio-chunk", QUIET, timestamp="now", **AUDIO)
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"
    assert await client.is_alive()
