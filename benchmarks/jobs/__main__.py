"""A long recording and a book as jobs, and what people who speak meanwhile notice of them.

    python -m benchmarks.jobs --hours 2 --write-docs

Starts a server of its own. Somebody says a command at the pace of speech and has an answer spoken:
first with nothing else going on, then while a recording of `--hours` is transcribed, then while a
book is spoken. Reported are the medians with and without a job, their ratio, and the memory of the
server and of its decoder while the recording passes through.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import wave
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.tts import Synthesize

from benchmarks.jobs.report import (
    report,
    write_docs,
)

DATA = Path(__file__).parents[1] / "tests" / "data"
START_S = 120.0
ANSWER_S = 60.0
CHUNK_MS = 30
THINK_S = 6.0
"""Between two commands: a job gets to work, and is in the middle of something at the next."""
LINES = 6_000
"""Of the book: more than can be spoken while commands are said."""


@dataclass
class LiveLatency:
    """What people notice; seconds."""

    heard: list[float] = field(default_factory=list)
    """From the last sound of a command to its transcript."""
    spoken: list[float] = field(default_factory=list)
    """From the text of an answer to its first audio."""
    wrong: int = 0
    """Commands that were not understood."""

    def medians(self) -> dict[str, float]:
        return {
            "heard": statistics.median(self.heard),
            "heard_worst": max(self.heard),
            "spoken": statistics.median(self.spoken),
            "spoken_worst": max(self.spoken),
            "commands": len(self.heard),
            "wrong": self.wrong,
        }


@dataclass
class Memory:
    """Resident bytes, once a second."""

    server: list[int] = field(default_factory=list)
    decoder: list[int] = field(default_factory=list)

    def thirds(self) -> dict[str, list[float]]:
        """Return the most in each third of the time, in MiB."""
        return {
            name: [
                round(max(part, default=0) / 2**20, 1)
                for part in _thirds(values[3:])  # the first seconds are a start, not a state
            ]
            for name, values in (("server", self.server), ("decoder", self.decoder))
        }


class Server:
    """One server process with its ports and its token."""

    def __init__(self, folder: Path, asr: str) -> None:
        self._folder = folder
        self._asr = asr
        self.ports: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        settings = {
            "host": "127.0.0.1", "asr.port": 0, "tts.port": 0, "wake.enabled": "false",
            "api.port": 0, "asr.model": self._asr, "discovery.zeroconf": "false",
            "keep_alive": -1, "tts.phrase_cache.enabled": "false",
        }  # fmt: skip
        command = [sys.executable, "-m", "wyoming_servers", "serve"]
        command += ["--data-dir", str(self._folder)]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        with (self._folder / "server.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        self.root = psutil.Process(self._process.pid)
        state = self._folder / "server.json"
        async with asyncio.timeout(START_S):
            while not state.exists():  # noqa: ASYNC110  (another process makes it)
                await asyncio.sleep(0.1)
        self.ports = json.loads(state.read_text())["ports"]
        token = (self._folder / "api-token").read_text().strip()
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.ports['api']}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=600,
            trust_env=False,
        )
        async with asyncio.timeout(START_S):
            while not await self._is_ready():  # noqa: ASYNC110  (another process gets ready)
                await asyncio.sleep(0.2)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        self._process.terminate()
        await self._process.wait()

    async def _is_ready(self) -> bool:
        return (await self.http.get("/health/ready")).status_code == 200

    def decoder(self) -> psutil.Process | None:
        """Return the process that decodes a recording now."""
        for child in self.root.children():
            try:
                if "wyoming_servers.media.decoder_process" in child.cmdline():
                    return child
            except psutil.NoSuchProcess:
                continue
        return None


async def command(server: Server, pcm: bytes, number: int, live: LiveLatency) -> None:
    """Say a command at the pace of speech, then have an answer spoken."""
    step = 16 * CHUNK_MS * 2
    async with AsyncTcpClient("127.0.0.1", server.ports["asr"]) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(16_000, 2, 1).event())
        # Read while it is sent: a turn may be seen to be over before the sender stops.
        reading = asyncio.create_task(_read_until(client, Transcript.is_type))
        began = due = time.monotonic()
        for offset in range(0, len(pcm), step):
            await client.write_event(AudioChunk(16_000, 2, 1, pcm[offset : offset + step]).event())
            due += CHUNK_MS / 1_000
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if reading.done():
                break
        else:
            await client.write_event(AudioStop().event())
        at, event = await reading
        live.heard.append(at - began - _end_of_speech(pcm))
        live.wrong += "forward" not in event.data["text"].lower()
    async with AsyncTcpClient("127.0.0.1", server.ports["tts"]) as client:
        began = time.monotonic()
        answer = f"I have gone forward {number} meters, as you said."
        await client.write_event(Synthesize(text=answer).event())
        await _read_until(client, AudioChunk.is_type)
        live.spoken.append(time.monotonic() - began)
        await _read_until(client, AudioStop.is_type)


async def _read_until(client: AsyncTcpClient, wanted: Callable[[str], bool]) -> tuple[float, Event]:
    """Return the first event that is wanted and when it came."""
    async with asyncio.timeout(ANSWER_S):
        while (event := await client.read_event()) is not None:
            if wanted(event.type):
                return time.monotonic(), event
            if Error.is_type(event.type):
                raise RuntimeError(f"the server answers {event.data}")
    raise RuntimeError("the server has closed the connection")


@asynccontextmanager
async def sample_memory(server: Server, memory: Memory) -> AsyncIterator[None]:
    """Look at the memory once a second."""

    async def watch() -> None:
        while True:
            memory.server.append(server.root.memory_info().rss)
            if (decoder := server.decoder()) is not None:
                memory.decoder.append(decoder.memory_info().rss)
            await asyncio.sleep(1)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def run_commands_while(
    server: Server, pcm: bytes, goes_on: Callable[[int], Awaitable[bool]]
) -> LiveLatency:
    """Say commands, with pauses, as long as it goes on."""
    live, number = LiveLatency(), 0
    while await goes_on(number):
        await asyncio.sleep(THINK_S)
        await command(server, pcm, number, live)
        number += 1
    return live


async def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return all figures."""
    clip = _read(DATA / "goforward.wav") + bytes(16_000)
    recording = folder / "long.wav"
    seconds = await asyncio.to_thread(_make_recording, recording, arguments.hours * 3_600)
    found: dict[str, Any] = {"hours": arguments.hours, "asr": arguments.asr}
    async with Server(folder, arguments.asr) as server:

        async def few(number: int) -> bool:
            return bool(number < arguments.commands)

        await command(server, clip, 0, LiveLatency())
        found["without"] = (await run_commands_while(server, clip, few)).medians()

        memory, began = Memory(), time.monotonic()
        async with sample_memory(server, memory):
            with recording.open("rb") as file:
                answer = await server.http.post("/jobs?wait=true", files={"audio": file})
            job = answer.raise_for_status().json()["job_id"]

            async def running(number: int) -> bool:
                status = str((await server.http.get(f"/jobs/{job}")).json()["status"])
                return bool(number < arguments.commands) or status in ("queued", "running")

            found["recording"] = (await run_commands_while(server, clip, running)).medians()
        ended = (await server.http.get(f"/jobs/{job}")).json()
        found["transcribed"] = {
            "status": ended["status"],
            "audio_seconds": seconds,
            "seconds": time.monotonic() - began,
            "segments": len(ended["segments"]),
            "upload_mb": recording.stat().st_size / 1e6,
        }
        found["memory"] = memory.thirds()

        book = "".join(f"This is line {number} of a rather long book. " for number in range(LINES))
        answer = await server.http.post("/jobs/speech", json={"text": book, "format": "mp3"})
        job = answer.raise_for_status().json()["job_id"]
        found["book"] = (await run_commands_while(server, clip, few)).medians()
        ended = (await server.http.delete(f"/jobs/{job}")).json()
        found["spoken_lines"] = len(ended["segments"])
    return found


def _make_recording(path: Path, seconds: float) -> float:
    """Write speech with pauses, again and again; return how long it became."""
    voice = _read(DATA / "librivox_0870.wav") + bytes(2 * 16_000)
    times = max(1, round(seconds * 32_000 / len(voice)))
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        for _ in range(times):
            out.writeframesraw(voice)
    return times * len(voice) / 32_000


def _end_of_speech(pcm: bytes) -> float:
    """Return the seconds up to the last sample that is loud."""
    samples = array("h", pcm)
    limit = max(map(abs, samples)) / 10
    return max(number for number, sample in enumerate(samples) if abs(sample) > limit) / 16_000


def _read(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        return bytes(file.readframes(file.getnframes()))


def _thirds(values: list[int]) -> list[list[int]]:
    third = max(1, len(values) // 3)
    return [values[:third], values[third : 2 * third], values[2 * third :]]


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=2.0, help="of the recording")
    parser.add_argument("--commands", type=int, default=15, help="without a job, and at least")
    parser.add_argument("--asr", default="whisper/tiny.en", help="the model that hears")
    parser.add_argument("--write-docs", action="store_true", help="into docs/performance.md")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(arguments, Path(folder))) | {"load": load}
    print(report(found))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2))
    if arguments.write_docs:
        write_docs(found)


if __name__ == "__main__":
    main()
