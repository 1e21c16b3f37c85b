"""The command line with an empty home directory, and a scripted Wyoming server."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import rich  # noqa: F401  (reads the working directory, which would block an event loop)
from typer.testing import CliRunner, Result
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_read_event, async_write_event
from wyoming.info import AsrProgram, Attribution, Describe, Info, TtsProgram
from wyoming.tts import Synthesize

from wyoming_servers.audio.wav import Wav
from wyoming_servers.cli.main import app
from wyoming_servers.core.domain import AudioFormat

Run = Callable[..., Result]

RATE = 22_050


class FakeServer:
    """A Wyoming server in a thread: answers `transcripts` and a tone, records requests."""

    def __init__(self) -> None:
        self.transcripts = ["hello world"]
        """Transcripts of the utterances, in order; the last one repeats."""
        self.error: Error | None = None
        self.close_early = False
        self.info = Info(
            asr=[_program(AsrProgram, models=[])], tts=[_program(TtsProgram, voices=[])]
        )
        self.requests: list[Event] = []
        self.received: list[bytes] = []
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        audio = b""
        try:
            while event := await async_read_event(reader):
                if AudioChunk.is_type(event.type):
                    audio += AudioChunk.from_event(event).audio
                    continue
                if Transcribe.is_type(event.type) or Synthesize.is_type(event.type):
                    self.requests.append(event)
                    if self.close_early:
                        break
                for answer in self._answers(event, audio):
                    await async_write_event(answer.event(), writer)
        finally:
            writer.close()

    def _answers(self, event: Event, audio: bytes) -> list[Any]:
        if Describe.is_type(event.type):
            return [self.info]
        if AudioStop.is_type(event.type):
            self.received.append(audio)
            text = self.transcripts[min(len(self.received), len(self.transcripts)) - 1]
            return [self.error or Transcript(text=text, language="en")]
        if Synthesize.is_type(event.type):
            if self.error:
                return [self.error]
            shape = {"rate": RATE, "width": 2, "channels": 1}
            chunk = AudioChunk(audio=b"\1\0" * (RATE // 10), **shape)
            return [AudioStart(**shape), chunk, chunk, AudioStop()]
        return []


def _program(kind: Any, **fields: Any) -> Any:
    return kind(
        name="fake",
        attribution=Attribution(name="x", url="x"),
        installed=True,
        description=None,
        version=None,
        **fields,
    )


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without a configuration."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in os.environ:
        if name.startswith("WYOMING_CONDUCTOR_") or name == "HF_ENDPOINT":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def run() -> Run:
    """Run a command; the result has exit code, stdout and stderr."""
    runner = CliRunner()

    def call(*arguments: object, stdin: str | None = None) -> Result:
        return runner.invoke(app, [str(argument) for argument in arguments], input=stdin)

    return call


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A second of a quiet square wave at 16 kHz."""
    path = tmp_path / "clip.wav"
    path.write_bytes(Wav(AudioFormat(16_000), b"\0\1" * 16_000).render())
    return path
