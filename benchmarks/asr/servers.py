"""The compared speech-to-text servers, and a client for one request."""

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
REQUEST_TIMEOUT = 120.0

_WITHOUT_ENVIRONMENT = """
from dataclasses import replace
from wyoming_servers.worker import environment
find_engine = environment.find_engine
environment.find_engine = lambda name: (info := find_engine(name)) and replace(info, environment={})
from wyoming_servers.__main__ import main
main()
"""
"""Starts our server without the environment variables of its workers, for the ablation."""


@dataclass(frozen=True, slots=True)
class Transcription:
    """Transcript of an utterance with its timing in seconds."""

    text: str
    after_stop: float
    """From audio-stop to the transcript; 0 if the transcript came first."""
    after_speech: float
    """From the last audible sample to the transcript."""
    total: float


@dataclass(frozen=True, slots=True)
class Target:
    """A server and its request options."""

    name: str
    server: Server
    turn_detection: bool | None = None
    """Whether the server detects the end of the turn; None if it has no such option."""


@asynccontextmanager
async def run_conductor(
    *settings: str,
    parallelism: int,
    name: str = "wyoming-conductor",
    worker_environment: bool = True,
) -> AsyncIterator[Server]:
    """Run speech-to-text of this checkout.

    Uses one thread for each of `parallelism` utterances, which is the default for a small model.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        start = ["-m", "wyoming_servers"] if worker_environment else ["-c", _WITHOUT_ENVIRONMENT]
        command = [sys.executable, *start, "serve"]
        for setting in (
            *(f"data_dir={folder}", "host=127.0.0.1", f"asr.port={port}", f"asr.model={MODEL}"),
            *("tts.enabled=false", "wake.enabled=false", "api.enabled=false"),
            *("discovery.zeroconf=false", "downloads.offline=true", "keep_alive=-1"),
            f"models.{MODEL}.options.cpu_threads=1",
            f"models.{MODEL}.options.num_workers={parallelism}",
            *settings,
        ):
            command += ["--set", setting]
        async with run_server(name, command, port, Path(folder) / "log") as server:
            await wait_for_log(server, f"{MODEL} is ready")
            yield server


def model_folder(server: Server) -> Path:
    """Return the folder of our server's model, which the peer uses, too."""
    return next((server.log.parent / "models" / MODEL).glob("*/model.bin")).parent


@asynccontextmanager
async def run_peer(
    python: Path, model: Path, *, threads: int, beam: int, name: str
) -> AsyncIterator[Server]:
    """Run wyoming-faster-whisper with a model; `beam` 0 is its own default."""
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
    target: Target, utterance: Utterance, *, real_time: bool, names: Sequence[str] = ()
) -> Transcription:
    """Transcribe an utterance followed by silence, on a new connection.

    Raises RuntimeError if the server answers with an error or closes the connection.
    """
    client = AsyncTcpClient("127.0.0.1", target.server.port)
    async with client, asyncio.timeout(REQUEST_TIMEOUT):
        data: dict[str, object] = {"language": utterance.language}
        if target.turn_detection is not None:
            data["context"] = {"turn_detection": target.turn_detection}
        if names:
            data["transcript_names"] = list(names)
        await client.write_event(Event("transcribe", data))
        transcript = asyncio.create_task(_read_transcript(client))
        start = time.perf_counter()
        pcm = utterance.pcm + silence(SILENCE_SECONDS)
        try:
            stop = await _send(client, pcm, real_time, transcript)
        except ConnectionError:
            stop = time.perf_counter()  # The server answered early and closed the connection.
        text, end = await transcript
    return Transcription(
        text, max(0.0, end - stop), end - start - utterance.speech_end, end - start
    )


async def _send(
    client: AsyncTcpClient,
    pcm: bytes,
    real_time: bool,
    transcript: "asyncio.Task[tuple[str, float]]",
) -> float:
    """Send audio in real time or as fast as possible; return the time of audio-stop."""
    begin = time.perf_counter()
    await client.write_event(AudioStart(RATE, 2, 1).event())
    step = RATE * CHUNK_MS // 1_000 * 2
    for number, start in enumerate(range(0, len(pcm), step), 1):
        if real_time:
            await asyncio.sleep(begin + number * CHUNK_MS / 1_000 - time.perf_counter())
        if transcript.done():
            break
        await client.write_event(AudioChunk(RATE, 2, 1, pcm[start : start + step]).event())
    if not transcript.done():
        await client.write_event(AudioStop().event())
    return time.perf_counter()


async def _read_transcript(client: AsyncTcpClient) -> tuple[str, float]:
    while (event := await client.read_event()) is not None:
        if Transcript.is_type(event.type):
            return Transcript.from_event(event).text, time.perf_counter()
        if Error.is_type(event.type):
            raise RuntimeError(Error.from_event(event).text)
    raise RuntimeError("The server closed the connection without an answer.")
