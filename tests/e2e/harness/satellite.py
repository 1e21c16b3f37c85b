"""Runs wyoming-satellite with a microphone that plays recordings and a loudspeaker that records."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from wyoming.event import Event, async_read_event
from wyoming.info import Attribution, Describe, Info
from wyoming.info import Satellite as InfoSatellite
from wyoming.ping import Ping, Pong
from wyoming.server import AsyncEventHandler, AsyncTcpServer

from harness.audio import RATE, silence
from harness.conductor import Address
from harness.process import free_port, running, tail

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / ".tools" / "wyoming-satellite"
PYTHON = ROOT / ".venv-satellite" / "bin" / "python"
"""Made by `script/setup satellite`."""

ANNOUNCED = "Kitchen satellite"

CHUNK_SECONDS = 0.03
EVENT_SECONDS = 60.0
"""Time limit for one event on a busy machine."""


def is_installed() -> bool:
    """Whether `script/setup satellite` has succeeded."""
    return PYTHON.exists() and (SOURCE / "wyoming_satellite").is_dir()


@dataclass
class Satellite:
    """A running satellite, and everything that its event service was told."""

    port: int
    log: Path
    events: list[Event] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    """When each event came, in seconds of the event loop's clock."""
    played: bytearray = field(default_factory=bytearray)
    """Everything the loudspeaker played: 22.05 kHz, 16 bit, mono."""
    said_at: float = 0.0
    """When the last recording had been spoken."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _sound: bytearray = field(default_factory=bytearray)
    """What the microphone has still to hear."""

    def say(self, pcm: bytes) -> None:
        """Play 16 kHz audio to the microphone, in real time; silence follows."""
        self._sound += pcm

    @property
    def types(self) -> list[str]:
        """Types of the events so far."""
        return [event.type for event in self.events]

    async def wait_for(self, type_: str, since: int = 0) -> Event:
        """Wait for the first event of a type after the first `since` ones."""
        try:
            async with asyncio.timeout(EVENT_SECONDS):
                while True:
                    for event in self.events[since:]:
                        if event.type == type_:
                            return event
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as err:
            err.add_note(f"{type_} did not come; events: {self.types}\n{tail(self.log)}")
            raise

    async def serve_microphone(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send audio in real time until the satellite closes the microphone."""
        clock = asyncio.get_running_loop().time
        size = 2 * int(RATE * CHUNK_SECONDS)
        began, count = clock(), 0
        with suppress(OSError), closing(writer):
            while True:
                chunk = bytes(self._sound[:size])
                del self._sound[:size]
                if chunk and not self._sound:
                    self.said_at = clock()
                writer.write(chunk + bytes(size - len(chunk)))
                await writer.drain()
                count += 1
                await asyncio.sleep(max(0.0, began + count * CHUNK_SECONDS - clock()))

    async def serve_loudspeaker(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Record until the satellite closes the loudspeaker."""
        with suppress(OSError), closing(writer):
            while data := await reader.read(4096):
                self.played += data

    async def serve_events(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Record the events that the satellite forwards."""
        with suppress(OSError), closing(writer):
            while (event := await async_read_event(reader)) is not None:
                self.events.append(event)
                self.at.append(asyncio.get_running_loop().time())
                self._changed.set()


@asynccontextmanager
async def start_satellite(folder: Path, wake: Address, wake_word: str) -> AsyncIterator[Satellite]:
    """Run a satellite with local wake word detection until the block ends."""
    satellite = Satellite(free_port(), folder / "satellite.log")
    async with AsyncExitStack() as stack:
        ports = []
        for handler in (
            satellite.serve_microphone,
            satellite.serve_loudspeaker,
            satellite.serve_events,
        ):
            server = await asyncio.start_server(handler, "127.0.0.1", 0)
            stack.callback(server.close)
            ports.append(server.sockets[0].getsockname()[1])
        mic, snd, events = ports
        pipe = f"{sys.executable} {Path(__file__).with_name('audio_pipe.py')}"
        command = [
            *(str(PYTHON), "-m", "wyoming_satellite", "--no-zeroconf", "--name", "Test satellite"),
            *("--uri", f"tcp://127.0.0.1:{satellite.port}"),
            *("--mic-command", f"{pipe} mic {mic}", "--snd-command", f"{pipe} snd {snd}"),
            *("--wake-uri", f"tcp://{wake.host}:{wake.port}", "--wake-word-name", wake_word),
            *("--wake-refractory-seconds", "1", "--event-uri", f"tcp://127.0.0.1:{events}"),
            "--debug",
        ]
        await stack.enter_async_context(
            running(command, log=satellite.log, cwd=folder, env={"PYTHONPATH": str(SOURCE)})
        )
        satellite.say(silence(1.0))
        yield satellite


class _Announcement(AsyncEventHandler):
    """Says that it is a satellite, and ignores all it is asked to do."""

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            maker = Attribution(name="", url="")
            satellite = InfoSatellite(
                name=ANNOUNCED, attribution=maker, installed=True, description=None, version=None
            )
            await self.write_event(Info(satellite=satellite).event())
        elif Ping.is_type(event.type):
            await self.write_event(Pong(text=Ping.from_event(event).text).event())
        return True


@asynccontextmanager
async def announced_satellite() -> AsyncIterator[Address]:
    """A satellite without a microphone: enough for what Home Assistant shows of one."""
    address = Address("127.0.0.1", free_port())
    server = AsyncTcpServer(address.host, address.port)
    await server.start(_Announcement)
    try:
        yield address
    finally:
        await server.stop()
