"""Measure live requests while a long recording or a book is processed as a job.

    python -m benchmarks.jobs --hours 2 --write-docs

Starts a server. A client sends a command in real time and then has an answer synthesized: first
without a job, then during the transcription of a recording of `--hours`, then during the synthesis
of a book. Reports the medians with and without a job, their ratios, and the memory of the server
and its decoder process during the transcription.
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

DATA = Path(__file__).parents[2] / "tests" / "data"
START_TIMEOUT_S = 120.0
REQUEST_TIMEOUT_S = 60.0
CHUNK_MS = 30
PAUSE_S = 6.0
"""Between two commands; long enough for the job to resume work."""
LINES = 6_000
"""Lines of the book; more than can be synthesized during the measurement."""


@dataclass
class LiveLatency:
    """Latencies of live requests in seconds."""

    transcripts: list[float] = field(default_factory=list)
    """From the last audible sample of a command to its transcript."""
    answers: list[float] = field(default_factory=list)
    """From the text of an answer to its first audio."""
    wrong: int = 0
    """Number of wrong transcripts."""

    def summary(self) -> dict[str, float]:
        """Return medians, maxima and counts."""
        return {
            "transcript": statistics.median(self.transcripts),
            "transcript_worst": max(self.transcripts),
            "answer": statistics.median(self.answers),
            "answer_worst": max(self.answers),
            "commands": len(self.transcripts),
            "wrong": self.wrong,
        }


@dataclass
class Memory:
    """Resident memory of the processes in bytes, sampled once a second."""

    server: list[int] = field(default_factory=list)
    decoder: list[int] = field(default_factory=list)

    def thirds(self) -> dict[str, list[float]]:
        """Return the peak in each third of the time, in MiB."""
        return {
            name: [
                round(max(part, default=0) / 2**20, 1)
                for part in _thirds(values[3:])  # without the startup
            ]
            for name, values in (("server", self.server), ("decoder", self.decoder))
        }


class Server:
    """A server process with its ports and an API client."""

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
        async with asyncio.timeout(START_TIMEOUT_S):
            while not state.exists():  # noqa: ASYNC110  (created by another process)
                await asyncio.sleep(0.1)
        self.ports = json.loads(state.read_text())["ports"]
        token = (self._folder / "api-token").read_text().strip()
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.ports['api']}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=600,
            trust_env=False,
        )
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await self._is_ready():  # noqa: ASYNC110  (state of another process)
                await asyncio.sleep(0.2)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        self._process.terminate()
        await self._process.wait()

    async def _is_ready(self) -> bool:
        return (await self.http.get("/health/ready")).status_code == 200

    def decoder(self) -> psutil.Process | None:
        """Return the process that decodes a recording; None if there is none."""
        for child in self.root.children():
            try:
                if "wyoming_servers.media.decoder_process" in child.cmdline():
                    return child
            except psutil.NoSuchProcess:
                continue
        return None


async def run_command(server: Server, pcm: bytes, number: int, latency: LiveLatency) -> None:
    """Send a command in real time, then have an answer synthesized."""
    step = 16 * CHUNK_MS * 2
    async with AsyncTcpClient("127.0.0.1", server.ports["asr"]) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(16_000, 2, 1).event())
        # Read while sending: the server may detect the end of the turn before audio-stop.
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
        latency.transcripts.append(at - began - _end_of_speech(pcm))
        latency.wrong += "forward" not in event.data["text"].lower()
    async with AsyncTcpClient("127.0.0.1", server.ports["tts"]) as client:
        began = time.monotonic()
        answer = f"I have gone forward {number} meters, as you said."
        await client.write_event(Synthesize(text=answer).event())
        await _read_until(client, AudioChunk.is_type)
        latency.answers.append(time.monotonic() - began)
        await _read_until(client, AudioStop.is_type)


async def _read_until(
    client: AsyncTcpClient, is_match: Callable[[str], bool]
) -> tuple[float, Event]:
    """Return the arrival time and content of the first matching event."""
    async with asyncio.timeout(REQUEST_TIMEOUT_S):
        while (event := await client.read_event()) is not None:
            if is_match(event.type):
                return time.monotonic(), event
            if Error.is_type(event.type):
                raise RuntimeError(f"The server returned an error: {event.data}")
    raise RuntimeError("The server closed the connection.")


@asynccontextmanager
async def sample_memory(server: Server, memory: Memory) -> AsyncIterator[None]:
    """Sample the memory once a second until the block ends."""

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
    server: Server, pcm: bytes, should_continue: Callable[[int], Awaitable[bool]]
) -> LiveLatency:
    """Send commands with pauses until `should_continue` returns False."""
    latency, number = LiveLatency(), 0
    while await should_continue(number):
        await asyncio.sleep(PAUSE_S)
        await run_command(server, pcm, number, latency)
        number += 1
    return latency


async def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run all measurements and return the results."""
    clip = _read(DATA / "goforward.wav") + bytes(16_000)
    recording = folder / "long.wav"
    seconds = await asyncio.to_thread(_make_recording, recording, arguments.hours * 3_600)
    results: dict[str, Any] = {"hours": arguments.hours, "asr": arguments.asr}
    async with Server(folder, arguments.asr) as server:

        async def needs_more(number: int) -> bool:
            return bool(number < arguments.commands)

        await run_command(server, clip, 0, LiveLatency())
        results["without"] = (await run_commands_while(server, clip, needs_more)).summary()

        memory, began = Memory(), time.monotonic()
        async with sample_memory(server, memory):
            with recording.open("rb") as file:
                answer = await server.http.post("/jobs?wait=true", files={"audio": file})
            job = answer.raise_for_status().json()["job_id"]

            async def running(number: int) -> bool:
                status = str((await server.http.get(f"/jobs/{job}")).json()["status"])
                return bool(number < arguments.commands) or status in ("queued", "running")

            results["recording"] = (await run_commands_while(server, clip, running)).summary()
        ended = (await server.http.get(f"/jobs/{job}")).json()
        results["transcribed"] = {
            "status": ended["status"],
            "audio_seconds": seconds,
            "seconds": time.monotonic() - began,
            "segments": len(ended["segments"]),
            "upload_mb": recording.stat().st_size / 1e6,
        }
        results["memory"] = memory.thirds()

        book = "".join(f"This is line {number} of a rather long book. " for number in range(LINES))
        answer = await server.http.post("/jobs/speech", json={"text": book, "format": "mp3"})
        job = answer.raise_for_status().json()["job_id"]
        results["book"] = (await run_commands_while(server, clip, needs_more)).summary()
        ended = (await server.http.delete(f"/jobs/{job}")).json()
        results["spoken_lines"] = len(ended["segments"])
    return results


def _make_recording(path: Path, seconds: float) -> float:
    """Write a recording by repeating speech and pauses; return its length in seconds."""
    voice = _read(DATA / "librivox_0870.wav") + bytes(2 * 16_000)
    times = max(1, round(seconds * 32_000 / len(voice)))
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        for _ in range(times):
            out.writeframesraw(voice)
    return times * len(voice) / 32_000


def _end_of_speech(pcm: bytes) -> float:
    """Return the time of the last audible sample in seconds."""
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
    """Parse the arguments, measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=2.0, help="length of the recording")
    parser.add_argument(
        "--commands",
        type=int,
        default=15,
        help="number of commands without a job, and the minimum with one",
    )
    parser.add_argument("--asr", default="whisper/tiny.en", help="speech-to-text model")
    parser.add_argument("--write-docs", action="store_true", help="update docs/performance.md")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(measure(arguments, Path(folder))) | {"load": load}
    print(report(results))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2))
    if arguments.write_docs:
        write_docs(results)


if __name__ == "__main__":
    main()
