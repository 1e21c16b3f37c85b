"""Turn detection with a real model in real time, and clients that disconnect.

The recording of one command is cut and put together again with pauses, as people speak.
"""

import asyncio
import time
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event

pytestmark = [pytest.mark.e2e, pytest.mark.component]

MODEL = "whisper/tiny.en"
RATE = 16_000
CHUNK_SECONDS = 0.03
CHUNK_BYTES = 960

AFTER_THE = 0.46
AFTER_KITCHEN = 0.67
"""Possible pauses in the recording, in seconds."""


def hush(seconds: float) -> bytes:
    return bytes(2 * int(seconds * RATE))


def sound(samples: np.ndarray) -> bytes:
    return np.clip(samples, -32_768, 32_767).astype("<i2").tobytes()


def cough() -> bytes:
    """A burst of noise that fades within 0.2 s."""
    length = RATE // 5
    noise = np.random.default_rng(1).normal(0, 6_000, length)
    return sound(noise * np.exp(-np.arange(length) / (length / 5)))


def music(seconds: float) -> bytes:
    """Chords of plucked strings, two a second."""
    time_ = np.arange(int(seconds * RATE)) / RATE
    beat = time_ % 0.5
    root = np.choose((time_ // 0.5).astype(int) % 4, [220.0, 174.6, 261.6, 196.0])
    chord = sum(np.sin(2 * np.pi * root * step * time_) for step in (1.0, 1.25, 1.5, 2.0))
    return sound(2_500 * chord * np.exp(-3 * beat))


@pytest.fixture(scope="module")
def command() -> bytes:
    """Turn on the kitchen light."""
    path = Path(__file__).parents[2] / "e2e/recordings/turn_on_the_kitchen_light.wav"
    with wave.open(str(path)) as file:
        assert file.getframerate() == RATE
        return file.readframes(file.getnframes())


def cut(pcm: bytes, start: float, end: float | None = None) -> bytes:
    return pcm[2 * int(start * RATE) : None if end is None else 2 * int(end * RATE)]


class Speaker:
    """Sends speech in real time on a connection, and stops when the answer arrives."""

    def __init__(self, client: AsyncTcpClient) -> None:
        self.client = client
        self.events: list[Event] = []
        self.answered = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def begin(self, **context: bool) -> None:
        self.events, self.answered = [], asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        data = {"language": "en", "context": context}
        await self.client.write_event(Event("transcribe", data))
        await self.client.write_event(AudioStart(RATE, 2, 1).event())

    async def say(self, pcm: bytes) -> bool:
        """Send more speech; returns whether no answer has arrived."""
        begin = time.monotonic()
        for number, offset in enumerate(range(0, len(pcm), CHUNK_BYTES)):
            await asyncio.sleep(begin + (number + 1) * CHUNK_SECONDS - time.monotonic())
            if self.answered.is_set():
                return False
            chunk = AudioChunk(RATE, 2, 1, pcm[offset : offset + CHUNK_BYTES])
            await self.client.write_event(chunk.event())
        return True

    async def stop(self) -> None:
        await self.client.write_event(AudioStop().event())

    async def answer(self) -> str:
        assert self._reading is not None
        await asyncio.wait_for(self._reading, 60)
        *_, transcript, last = self.events
        assert (transcript.type, last.type) == ("transcript", "transcript-stop")
        return str(transcript.data["text"])

    @property
    def chunks(self) -> list[str]:
        return [event.data["text"] for event in self.events if event.type == "transcript-chunk"]

    async def _read(self) -> None:
        while (event := await self.client.read_event()) is not None:
            self.events.append(event)
            if event.type in ("transcript", "error"):
                self.answered.set()
            if event.type in ("transcript-stop", "error"):
                return


@asynccontextmanager
async def speaking(server) -> AsyncIterator[Speaker]:
    async with server.connect("asr") as client:
        yield Speaker(client)


def transcribed_words(text: str) -> list[str]:
    return "".join(letter for letter in text.lower() if letter.isalpha() or letter == " ").split()


@pytest.fixture
def speculations(server) -> Callable[[], dict[str, float]]:
    """Return the number of speculative runs by outcome."""

    def read() -> dict[str, float]:
        import urllib.request

        token = (server.data_dir / "api-token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.ports['api']}/metrics",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        found = [line for line in lines if line.startswith("wyoming_conductor_speculations_total{")]
        return {line.split('outcome="')[1].split('"')[0]: float(line.split()[-1]) for line in found}

    return read


async def test_turn_ends_without_audio_stop(server, command: bytes, speculations) -> None:
    before = await asyncio.to_thread(speculations)
    async with speaking(server) as speaker:
        await speaker.begin()
        assert not await speaker.say(hush(0.5) + command + hush(5.0))
        assert transcribed_words(await speaker.answer())[-4:] == ["on", "the", "kitchen", "light"]
    after = await asyncio.to_thread(speculations)
    assert after["used"] == before.get("used", 0) + 1


async def test_audio_stop_returns_the_speculative_transcript(
    server, command: bytes, speculations
) -> None:
    before = await asyncio.to_thread(speculations)
    async with speaking(server) as speaker:
        await speaker.begin(turn_detection=False)
        assert await speaker.say(hush(0.5) + command + hush(0.7))
        await speaker.stop()
        assert transcribed_words(await speaker.answer())[-4:] == ["on", "the", "kitchen", "light"]
    after = await asyncio.to_thread(speculations)
    assert after["used"] == before.get("used", 0) + 1


async def test_turn_continues_after_a_pause_in_a_sentence(server, command: bytes) -> None:
    first, second = cut(command, 0, AFTER_THE), cut(command, AFTER_THE)
    async with speaking(server) as speaker:
        await speaker.begin()
        assert await speaker.say(hush(0.5) + first + hush(0.9) + second)
        await speaker.say(hush(5.0))
        assert transcribed_words(await speaker.answer())[-2:] == ["kitchen", "light"]


async def test_turn_of_a_slow_speaker_is_not_cut(server, command: bytes) -> None:
    parts = (
        cut(command, 0, AFTER_THE),
        hush(0.6),
        cut(command, AFTER_THE, AFTER_KITCHEN),
        hush(0.6),
        cut(command, AFTER_KITCHEN),
    )
    async with speaking(server) as speaker:
        await speaker.begin()
        assert await speaker.say(hush(0.5) + b"".join(parts))
        await speaker.say(hush(5.0))
        assert "kitchen" in transcribed_words(await speaker.answer())


async def test_connection_carries_two_turns(server, command: bytes) -> None:
    async with speaking(server) as speaker:
        for _ in range(2):
            await speaker.begin()
            await speaker.say(hush(0.3) + command + hush(5.0))
            assert transcribed_words(await speaker.answer())[-2:] == ["kitchen", "light"]
            await speaker.stop()


@pytest.mark.parametrize(
    "made",
    [hush(2.0), hush(0.5) + cough() + hush(2.0), music(4.0) + hush(1.0)],
    ids=["silence", "cough", "music"],
)
async def test_transcript_of_noise_is_empty(server, made: bytes) -> None:
    async with speaking(server) as speaker:
        await speaker.begin()
        await speaker.say(made)
        await speaker.stop()
        assert await speaker.answer() == ""


async def test_turn_does_not_end_after_a_cough(server, command: bytes) -> None:
    async with speaking(server) as speaker:
        await speaker.begin()
        assert await speaker.say(hush(0.3) + cough() + hush(0.8) + command)
        await speaker.say(hush(5.0))
        assert transcribed_words(await speaker.answer())[-2:] == ["kitchen", "light"]


async def test_partial_transcripts_are_prefixes_of_the_final_text(server, clip) -> None:
    async with speaking(server) as speaker:
        await speaker.begin(partials=True, turn_detection=False)
        await speaker.say(clip("librivox_0870"))
        # The rest of the text comes after the end.
        before = len(speaker.chunks)
        await speaker.stop()
        text = await speaker.answer()
    assert before > 0
    shown = ""
    for chunk in speaker.chunks:
        shown += chunk
        assert text.startswith(shown)
    assert shown == text
    assert "dashwood" in text.lower()


@pytest.mark.parametrize("phase", ["silence", "speech", "pause", "after stop"])
async def test_disconnected_client_leaves_no_run(server, command: bytes, phase: str) -> None:
    async with speaking(server) as speaker:
        await speaker.begin(partials=True)
        await speaker.say(hush(0.5))
        if phase != "silence":
            await speaker.say(command)
        if phase == "pause":
            await speaker.say(hush(0.24))
        if phase == "after stop":
            await speaker.stop()
    deadline = time.monotonic() + 10
    while server.model(MODEL)["active_requests"]:
        assert time.monotonic() < deadline, "the model is still held"
        await asyncio.sleep(0.02)
    again = await server.transcribe(command + hush(1.0))
    assert transcribed_words(again.text)[-2:] == ["kitchen", "light"]
