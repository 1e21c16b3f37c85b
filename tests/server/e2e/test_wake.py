"""Wake words over real sockets with the real engine and realistic satellites."""

import asyncio
import json
import shutil
import signal
import time
import wave
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.wake import Detect, Detection

pytestmark = [pytest.mark.e2e, pytest.mark.component]

WORD = Path(__file__).parents[2] / "e2e" / "recordings" / "hey_jarvis.wav"
SECOND = bytes(32_000)
ONLY_WAKE = {"asr__enabled": "false", "tts__enabled": "false"}


class Satellite:
    """A client that streams audio with its own clock, in chunks of any size and format."""

    def __init__(self, client: AsyncTcpClient, *, rate: int = 16_000, channels: int = 1) -> None:
        self.client = client
        self.rate = rate
        self.channels = channels
        self.clock = 70_000.0
        """Milliseconds."""

    async def listen(self, *names: str) -> None:
        await self.client.write_event(Detect(names=list(names)).event())
        start = AudioStart(rate=self.rate, width=2, channels=self.channels)
        await self.client.write_event(start.event())

    async def say(self, pcm: bytes, samples: int = 160) -> None:
        size = samples * 2 * self.channels
        for at in range(0, len(pcm), size):
            part = pcm[at : at + size]
            chunk = AudioChunk(self.rate, 2, self.channels, part, timestamp=int(self.clock))
            await self.client.write_event(chunk.event())
            self.clock += 1_000 * len(part) / 2 / self.channels / self.rate

    async def stop(self) -> None:
        await self.client.write_event(AudioStop().event())

    async def next_event(self, *types: str) -> Event:
        async with asyncio.timeout(30):
            while (event := await self.client.read_event()) is not None:
                if event.type in types:
                    return event
        raise AssertionError("the connection was closed")

    async def detected(self) -> Detection:
        return Detection.from_event(await self.next_event("detection"))


@pytest.fixture(scope="module")
def word() -> bytes:
    """A recording of "hey jarvis": 16 kHz mono, with a second of silence around it."""
    with wave.open(str(WORD)) as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        return SECOND + file.readframes(file.getnframes()) + SECOND


async def test_detection_time_does_not_depend_on_the_chunk_size(server: Any, word: bytes) -> None:
    times = set()
    for samples in (80, 333, 1_024, 16_000, len(word)):
        async with server.connect("wake") as client:
            satellite = Satellite(client)
            await satellite.listen("hey_jarvis")
            await satellite.say(word, samples)
            detection = await satellite.detected()
            assert detection.name == "hey_jarvis"
            assert detection.timestamp is not None
            times.add(detection.timestamp)
    assert max(times) - min(times) <= 1


async def test_wake_word_is_detected_in_44_khz_stereo(server: Any, word: bytes) -> None:
    import soxr

    mono = np.frombuffer(word, "<i2")
    wide = np.repeat(soxr.resample(mono, 16_000, 44_100)[:, np.newaxis], 2, axis=1)
    async with server.connect("wake") as client:
        satellite = Satellite(client, rate=44_100, channels=2)
        await satellite.listen("hey_jarvis")
        await satellite.say(wide.astype("<i2").tobytes(), 441)
        assert (await satellite.detected()).name == "hey_jarvis"


async def test_detection_after_a_resumed_stream_uses_the_client_timestamps(
    server: Any, word: bytes
) -> None:
    async with server.connect("wake") as client:
        satellite = Satellite(client)
        await satellite.listen("hey_jarvis")
        await satellite.say(SECOND * 2)
        await satellite.stop()
        await satellite.next_event("not-detected")
        for pause in (0, 3_600_000):
            await satellite.client.write_event(AudioStart(16_000, 2, 1).event())
            satellite.clock += pause
            began = satellite.clock
            await satellite.say(word)
            detection = await satellite.detected()
            assert detection.timestamp is not None
            assert 1_000 < detection.timestamp - began < 3_000
            await satellite.stop()


async def test_gap_in_a_stream_counts_in_its_timestamps(server: Any, word: bytes) -> None:
    async with server.connect("wake") as client:
        satellite = Satellite(client)
        await satellite.listen("hey_jarvis")
        await satellite.say(SECOND)
        satellite.clock += 60_000
        began = satellite.clock
        await satellite.say(word)
        detection = await satellite.detected()
        assert detection.timestamp is not None
        assert 1_000 < detection.timestamp - began < 3_000


async def test_two_hundred_disconnected_satellites_leave_no_memory(
    server: Any, word: bytes
) -> None:
    worker = server.worker("openwakeword")
    parent = psutil.Process(server.process.pid)

    async def come_and_go(times: int) -> None:
        for number in range(times):
            async with server.connect("wake") as client:
                satellite = Satellite(client)
                await satellite.listen("hey_jarvis")
                await satellite.say(SECOND[:6_400], 160)
                if number % 2:
                    await satellite.stop()
                    await satellite.next_event("not-detected")

    await come_and_go(30)
    before = (parent.memory_info().rss, worker.memory_info().rss, parent.num_fds())
    await come_and_go(200)
    deadline = time.monotonic() + 10
    while server.model("openwakeword")["active_requests"] and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    after = (parent.memory_info().rss, worker.memory_info().rss, parent.num_fds())
    assert server.model("openwakeword")["active_requests"] == 0
    # A stream that stayed would be 0.2 MB: 200 of them 40 MB.
    assert after[0] - before[0] < 8_000_000
    assert after[1] - before[1] < 8_000_000
    assert after[2] - before[2] <= 2


async def test_streams_continue_after_their_worker_is_killed(server: Any, word: bytes) -> None:
    async with server.connect("wake") as first, server.connect("wake") as second:
        satellites = [Satellite(first), Satellite(second)]
        for satellite in satellites:
            await satellite.listen("hey_jarvis")
            await satellite.say(word)
            await satellite.detected()
        victim = server.worker("openwakeword")
        victim.send_signal(signal.SIGKILL)
        while victim.is_running() and victim.status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        for satellite in satellites:
            await satellite.say(word)
        for satellite in satellites:
            detection = await satellite.next_event("detection", "error")
            assert detection.type == "detection", detection.data
    assert server.worker("openwakeword").pid != victim.pid


async def test_unknown_wake_word_is_an_error(server: Any, word: bytes) -> None:
    async with server.connect("wake") as client:
        satellite = Satellite(client)
        await satellite.listen("hey_nobody")
        await satellite.say(word)
        assert (await satellite.next_event("error")).data["code"] == "MODEL_MISSING"
        await satellite.listen("hey_jarvis")
        await satellite.say(word)
        assert (await satellite.detected()).name == "hey_jarvis"


async def next_event(server: Any, kind: str, ready: asyncio.Event) -> dict[str, Any]:
    """Return the next event of a type from the API's stream."""
    token = (server.data_dir / "api-token").read_text().strip()
    url = f"http://127.0.0.1:{server.ports['api']}/events"
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient() as client, client.stream("GET", url, headers=headers) as answer:
        ready.set()
        async for line in answer.aiter_lines():
            if line.startswith("data:") and kind in line:
                event: dict[str, Any] = json.loads(line.removeprefix("data:"))
                return event
    raise AssertionError("the stream of events ended")


async def test_detection_event_contains_score_satellite_and_stages(
    server: Any, word: bytes
) -> None:
    ready = asyncio.Event()
    async with server.connect("wake") as client, asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        following = tasks.create_task(next_event(server, "wake_word_detected", ready))
        await ready.wait()
        satellite = Satellite(client)
        await satellite.listen("hey_jarvis")
        await satellite.say(word)
        await satellite.detected()
        event = await following
    assert event["word"] == "hey_jarvis"
    assert event["score"] > 0.5
    assert event["client"].startswith("127.0.0.1:")
    assert set(event["stages"]) == {"queue", "inference"}
    assert 0 <= event["stages"]["inference"] < 30
    assert event["suppressed"] is False


async def test_arbitration_window_notifies_one_satellite(start_server: Any, word: bytes) -> None:
    server = start_server(wake__arbitration_window="5s", **ONLY_WAKE)
    server.wait_state("openwakeword", "ready")
    async with server.connect("wake") as first, server.connect("wake") as second:
        answers = []
        for satellite in (Satellite(first), Satellite(second)):
            await satellite.listen("hey_jarvis")
            await satellite.say(word)
            await satellite.stop()
            answers.append((await satellite.next_event("detection", "not-detected")).type)
    assert sorted(answers) == ["detection", "not-detected"]
    assert server.log.read_text().count(", suppressed)") == 1


async def test_custom_word_is_offered_and_detected_without_a_restart(
    start_server: Any, word: bytes
) -> None:
    server = start_server(wake__models_dir="mine", **ONLY_WAKE)
    server.wait_state("openwakeword", "ready")

    async def offered() -> list[str]:
        async with server.connect("wake") as client:
            await client.write_event(Describe().event())
            event = await client.read_event()
            assert event is not None
            return [model.name for model in Info.from_event(event).wake[0].models]

    async def until(expected: bool) -> None:
        async with asyncio.timeout(30):
            while ("my_jarvis" in await offered()) is not expected:  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    assert "my_jarvis" not in await offered()
    (server.data_dir / "mine").mkdir(exist_ok=True)
    bundled = Path(str(files("pyopen_wakeword"))) / "models" / "hey_jarvis.tflite"
    own = server.data_dir / "mine" / "my_jarvis_v2.tflite"
    shutil.copy(bundled, own)
    await until(True)
    async with server.connect("wake") as client:
        satellite = Satellite(client)
        await satellite.listen("my_jarvis_v2")  # a client that knows the file
        await satellite.say(word)
        assert (await satellite.detected()).name == "my_jarvis_v2", "the name that was asked for"
    own.unlink()
    await until(False)


async def test_wake_word_uses_the_configured_engine(start_server: Any, word: bytes) -> None:
    chosen = {"wake__word_settings__hey_jarvis__engine": "microwakeword"}
    server = start_server(**chosen, **ONLY_WAKE)
    async with server.connect("wake") as client:
        satellite = Satellite(client)
        await satellite.listen("hey_jarvis")
        await satellite.say(word)
        assert (await satellite.detected()).name == "hey_jarvis"
    assert server.model("microwakeword")["state"] == "ready"
