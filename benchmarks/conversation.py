"""Measure spoken conversations over `/v1/realtime`: interruptions, and the first spoken word.

    python -m benchmarks.conversation --interruptions 20 --turns 10 --llama URL --write-docs

Starts a server. A client speaks a recorded command into an answer that plays, in real time, again
and again: from the first frame of speech to the notice that stops its loudspeaker and to the last
audio that the server sends. Then it asks a language model (`--llama`, the base URL of an API like
OpenAI's): from the end of the speech to the first audio of the answer, once with the server's
conversation and once with a client that waits for the end of each stage. Without `--llama`, that
part is left out.
"""

import argparse
import asyncio
import base64
import io
import json
import os
import statistics
import sys
import tempfile
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.common.report import machine, write_section
from benchmarks.common.server_process import free_port, run_server
from wyoming_servers.audio.vad import VoiceActivityDetector

ROOT: Final = Path(__file__).parents[1]
RECORDING: Final = ROOT / "tests/e2e/recordings/turn_on_the_kitchen_light.wav"
CHUNK_SECONDS: Final = 0.02
END_SILENCE_MS: Final = 500
STORY: Final = "The keeper of the lighthouse climbed the stairs and lit the lamp. " * 20
QUESTION: Final = "Answer in two sentences."


@dataclass
class Figures:
    """Seconds, one value for each repetition."""

    to_notice: list[float] = field(default_factory=list)
    """From the first frame of speech to the notice that stops the loudspeaker."""
    to_last_audio: list[float] = field(default_factory=list)
    """From the first frame of speech to the last audio; 0 if it came before."""
    streamed: list[float] = field(default_factory=list)
    """From the end of speech to the first audio of the answer, with the server's conversation."""
    staged: list[float] = field(default_factory=list)
    """The same with a client that waits for the end of each stage."""


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def speech_bounds(pcm: bytes) -> tuple[float, float]:
    """Return the start of the first and the end of the last frame of speech, in seconds."""
    detector = VoiceActivityDetector()
    frames = [frame for frame in await detector.analyze(pcm) if frame.speech]
    detector.close()
    return frames[0].time - 0.032, frames[-1].time


class Client:
    """A microphone and a loudspeaker on a WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.events: list[tuple[float, dict[str, Any]]] = []
        """Events with the time of their arrival."""
        self._arrived = asyncio.Event()

    async def read(self) -> None:
        async for message in self._socket:
            self.events.append((time.monotonic(), json.loads(message)))
            if self.events[-1][1]["type"] == "error":
                raise SystemExit(f"The server answered {self.events[-1][1]}")
            self._arrived.set()

    async def send(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def play(self, pcm: bytes) -> float:
        """Send audio as fast as it is spoken; return when its first sample was spoken."""
        step = int(16_000 * CHUNK_SECONDS) * 2
        began = time.monotonic()
        for number, start in enumerate(range(0, len(pcm), step)):
            # A microphone delivers a chunk when its last sample was spoken.
            await asyncio.sleep(max(0.0, began + (number + 1) * CHUNK_SECONDS - time.monotonic()))
            audio = base64.b64encode(pcm[start : start + step]).decode()
            await self.send("input_audio_buffer.append", audio=audio)
        return began

    async def until(self, kind: str, after: int = 0) -> float:
        """Wait for an event behind the first `after` events; return when it arrived."""
        async with asyncio.timeout(120):
            while True:
                for at, event in self.events[after:]:
                    if event["type"] == kind:
                        return at
                self._arrived.clear()
                await self._arrived.wait()


@asynccontextmanager
async def connected(port: int, token: str, end_silence_ms: int) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    address = f"ws://127.0.0.1:{port}/v1/realtime?model=openai"
    async with connect(address, additional_headers=headers, max_size=None) as socket:
        client = Client(socket)
        reading = asyncio.create_task(client.read())
        detection = {"type": "server_vad", "silence_duration_ms": end_silence_ms}
        audio = {"format": {"type": "audio/pcm", "rate": 16_000}, "turn_detection": detection}
        await client.send(
            "session.update", session={"audio": {"input": audio}, "instructions": QUESTION}
        )
        await client.until("session.updated")
        try:
            yield client
        finally:
            reading.cancel()


async def measure_interruptions(
    port: int, token: str, pcm: bytes, onset: float, count: int
) -> Figures:
    figures = Figures()
    for _ in range(count):
        async with connected(port, token, END_SILENCE_MS) as client:
            item = {"type": "message", "role": "user"}
            content = [{"type": "input_text", "text": "Tell me a story."}]
            await client.send("conversation.item.create", item=item | {"content": content})
            await interruption(client, pcm, onset, figures)
    return figures


async def interruption(client: Client, pcm: bytes, onset: float, figures: Figures) -> None:
    """Speak into an answer, and note when the client learns of it and when audio ends."""
    await client.send("response.create")
    await client.until("response.output_audio.delta")
    spoken_at = await client.play(pcm) + onset
    notice = await client.until("input_audio_buffer.speech_started")
    cancelled = await client.until("response.done")
    audio = [at for at, event in client.events if event["type"] == "response.output_audio.delta"]
    figures.to_notice.append(notice - spoken_at)
    figures.to_last_audio.append(max(0.0, max(at for at in audio if at <= cancelled) - spoken_at))


async def measure_streamed(port: int, token: str, pcm: bytes, end: float) -> float:
    """Ask by voice; return the seconds from the end of speech to the first audio."""
    async with connected(port, token, END_SILENCE_MS) as client:
        asking = asyncio.create_task(client.play(pcm + bytes(32_000 * 2)))
        first = await client.until("response.output_audio.delta")
        return first - (await asking + end)


async def measure_staged(port: int, token: str, llama: str, pcm: bytes, end: float) -> float:
    """Do the same with one request after the other, each when the one before has ended."""
    await asyncio.sleep(len(pcm) / 32_000 - end + END_SILENCE_MS / 1_000)  # as turn detection waits
    began = time.monotonic()
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(pcm)
    headers = {"Authorization": f"Bearer {token}"}
    base = f"http://127.0.0.1:{port}/v1"
    async with httpx.AsyncClient(timeout=120, headers=headers) as client:
        answer = await client.post(
            f"{base}/audio/transcriptions",
            files={"file": ("speech.wav", file.getvalue())},
            data={"model": "whisper-1"},
        )
        text = answer.raise_for_status().json()["text"]
        messages = [{"role": "system", "content": QUESTION}, {"role": "user", "content": text}]
        answer = await client.post(
            f"{llama}/chat/completions", json={"messages": messages, "max_tokens": 60}
        )
        text = answer.raise_for_status().json()["choices"][0]["message"]["content"]
        body = {"input": text or "Nothing.", "model": "tts-1", "response_format": "wav"}
        answer = await client.post(f"{base}/audio/speech", json=body)
        answer.raise_for_status()
    return time.monotonic() - began + END_SILENCE_MS / 1_000


@asynccontextmanager
async def storyteller() -> AsyncIterator[str]:
    """A language model that tells a long story at twenty words a second; yields its URL."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for word in STORY.split():
            data = json.dumps({"choices": [{"delta": {"content": f"{word} "}}]})
            await response.write(f"data: {data}\n\n".encode())
            await asyncio.sleep(0.05)
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def report(figures: Figures) -> str:
    """Return the section of the documentation."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    lines = [
        f"Measured on {machine()}; the load average was {load}.",
        "",
        "| measured | n | p50 | p95 |",
    ]
    lines.append("| --- | --- | --- | --- |")
    rows = (
        ("first frame of speech → notice that stops the loudspeaker", figures.to_notice),
        ("first frame of speech → last audio of the answer", figures.to_last_audio),
        ("end of speech → first audio, stages overlap", figures.streamed),
        ("end of speech → first audio, each stage waits for the one before", figures.staged),
    )
    for name, values in rows:
        if values:
            p50, p95 = statistics.median(values), percentile(values, 0.95)
            lines.append(
                f"| {name} | {len(values)} | {1_000 * p50:.0f} ms | {1_000 * p95:.0f} ms |"
            )
    return "\n".join(lines)


async def measure(arguments: argparse.Namespace) -> Figures:
    with wave.open(str(RECORDING)) as file:
        pcm = file.readframes(file.getnframes())
    onset, end = await speech_bounds(pcm)
    async with serving(arguments.data_dir) as (port, token):
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            storyteller() as url,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60
            ) as api,
        ):

            async def use(url: str) -> None:
                change = {"conversation": {"openai": {"url": url, "model": "model"}}}
                (await api.patch("/config", json=change)).raise_for_status()

            await use(url)
            await measure_interruptions(port, token, pcm, onset, 1)  # loads the models
            figures = await measure_interruptions(port, token, pcm, onset, arguments.interruptions)
            if arguments.llama:
                await use(arguments.llama)
                await measure_streamed(port, token, pcm, end)
                for _ in range(arguments.turns):
                    figures.streamed.append(await measure_streamed(port, token, pcm, end))
                    figures.staged.append(
                        await measure_staged(port, token, arguments.llama, pcm, end)
                    )
    return figures


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[tuple[int, str]]:
    """Run a server; yields its HTTP port and token when its models are ready."""
    port = free_port()
    settings = {"host": "127.0.0.1", "asr.port": 0, "tts.port": 0, "wake.port": 0}
    settings |= {"api.port": port, "asr.model": "whisper/tiny.en", "discovery.zeroconf": "false"}
    command = [sys.executable, "-m", "wyoming_servers", "serve", "--data-dir", str(data_dir)]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    async with run_server("conductor", command, port, data_dir / "server.log"):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            while (await client.get("/health/ready")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        yield port, (data_dir / "api-token").read_text().strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--interruptions", type=int, default=20)
    parser.add_argument("--turns", type=int, default=10, help="questions to the language model")
    parser.add_argument("--llama", default="", help="base URL of a language model's API")
    parser.add_argument("--data-dir", type=Path, help="keeps the models for the next time")
    parser.add_argument("--write-docs", action="store_true", help="write docs/performance.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arguments.data_dir = arguments.data_dir or Path(folder)
        text = report(asyncio.run(measure(arguments)))
    sys.stdout.write(text + "\n")
    if arguments.write_docs:
        write_section(ROOT / "docs/performance.md", "conversation", text)


if __name__ == "__main__":
    main()
