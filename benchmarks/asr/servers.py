"""The speech-to-text servers that are compared, and one request to them."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event

from benchmarks.asr.corpus import (
    RATE,
    Utterance,
    silence,
)
from benchmarks.common.server_process import (
    Server,
    free_port,
    run_server,
    wait_for_log,
)

MODEL = "whisper/base"
CHUNK_MS = 30
SILENCE_SECONDS = 0.7
ANSWER_SECONDS = 120.0

_WITHOUT_ENVIRONMENT = """
from wyoming_servers.worker import environment
environment.ENGINES["faster-whisper"].clear()
from wyoming_servers.__main__ import main
main()
"""
"""Our server, with the environment of its workers as it was found: for the ablation alone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one utterance was answered; seconds."""

    text: str
    after_stop: float
    """From audio-stop to the transcript; 0 if it came before."""
    after_speech: float
    """From the last sound to the transcript."""
    total: float


@dataclass(frozen=True, slots=True)
class Target:
    """A server and how it is asked."""

    name: str
    server: Server
    turns: bool | None = None
    """Whether the server ends the utterance; None: it does not know the question."""


@asynccontextmanager
async def run_conductor(
    *settings: str, at_once: int, name: str = "wyoming-conductor", plain: bool = False
) -> AsyncIterator[Server]:
    """Run speech-to-text of this checkout; `plain` without its workers' environment.

    It has a thread for each of `at_once` utterances, as it chooses by itself for a small model.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        start = ["-c", _WITHOUT_ENVIRONMENT] if plain else ["-m", "wyoming_servers"]
        command = [sys.executable, *start, "serve"]
        for setting in (
            *(f"data_dir={folder}", "host=127.0.0.1", f"asr.port={port}", f"asr.model={MODEL}"),
            *("tts.enabled=false", "wake.enabled=false", "api.enabled=false"),
            *("discovery.zeroconf=false", "downloads.offline=true", "keep_alive=-1"),
            f"models.{MODEL}.options.cpu_threads=1",
            f"models.{MODEL}.options.num_workers={at_once}",
            *settings,
        ):
            command += ["--set", setting]
        async with run_server(name, command, port, Path(folder) / "log") as server:
            await wait_for_log(server, f"{MODEL} is ready")
            yield server


def model_folder(server: Server) -> Path:
    """Return the files of our server's model, which are given to the others."""
    return next((server.log.parent / "models" / MODEL).glob("*/model.bin")).parent


@asynccontextmanager
async def run_peer(
    python: Path, model: Path, *, threads: int, beam: int, name: str
) -> AsyncIterator[Server]:
    """Run wyoming-faster-whisper with a model's files; `beam` 0 is its own choice."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), "-m", "wyoming_faster_whisper"]
        command += ["--uri", f"tcp://127.0.0.1:{port}", "--model", str(model)]
        command += ["--data-dir", folder, "--language", "en", "--compute-type", "int8"]
        command += ["--stt-library", "faster-whisper", "--local-files-only"]
        command += ["--cpu-threads", str(threads), "--beam-size", str(beam)]
        async with run_server(name, command, port, Path(folder) / "log") as server:
            yield server


async def transcribe(
    target: Target, said: Utterance, *, real_time: bool, names: Sequence[str] = ()
) -> Answer:
    """Have an utterance transcribed, with silence behind it, over a connection of its own.

    Raises RuntimeError when the answer is an error or none.
    """
    client = AsyncTcpClient("127.0.0.1", target.server.port)
    async with client, asyncio.timeout(ANSWER_SECONDS):
        data: dict[str, object] = {"language": "en"}
        if target.turns is not None:
            data["context"] = {"turn_detection": target.turns}
        if names:
            data["transcript_names"] = list(names)
        await client.write_event(Event("transcribe", data))
        answer = asyncio.ensure_future(_read_transcript(client))
        began = time.perf_counter()
        try:
            stopped = await _send(client, said.pcm + silence(SILENCE_SECONDS), real_time, answer)
        except ConnectionError:
            stopped = time.perf_counter()  # It answered early and closed.
        text, at = await answer
    return Answer(text, max(0.0, at - stopped), at - began - said.speech, at - began)


async def _send(
    client: AsyncTcpClient, pcm: bytes, real_time: bool, answer: "asyncio.Future[object]"
) -> float:
    """Send audio as a microphone does, or at once; returns the moment of audio-stop."""
    began = time.perf_counter()
    await client.write_event(AudioStart(RATE, 2, 1).event())
    step = RATE * CHUNK_MS // 1_000 * 2
    for number, start in enumerate(range(0, len(pcm), step), 1):
        if real_time:
            await asyncio.sleep(began + number * CHUNK_MS / 1_000 - time.perf_counter())
        if answer.done():
            break
        await client.write_event(AudioChunk(RATE, 2, 1, pcm[start : start + step]).event())
    if not answer.done():
        await client.write_event(AudioStop().event())
    return time.perf_counter()


async def _read_transcript(client: AsyncTcpClient) -> tuple[str, float]:
    while (event := await client.read_event()) is not None:
        if Transcript.is_type(event.type):
            return Transcript.from_event(event).text, time.perf_counter()
        if Error.is_type(event.type):
            raise RuntimeError(Error.from_event(event).text)
    raise RuntimeError("The server closed the connection without an answer.")
