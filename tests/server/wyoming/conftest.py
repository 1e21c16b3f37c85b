"""The three servers on loopback with a fake coordinator; loud audio is speech."""

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from wyoming.event import Event, async_read_event

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import (
    Clock,
    FakeClock,
    SystemClock,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.speech.asr import turn
from wyoming_servers.speech.asr.pipeline import AsrPipeline
from wyoming_servers.speech.fake import (
    SPECS,
    FakeCoordinator,
    LoudnessVad,
)
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.speech.wake.pipeline import WakePipeline
from wyoming_servers.wyoming.connection import Connection
from wyoming_servers.wyoming.servers import WyomingServers

TIMEOUT_SECONDS = 10.0
"""Seconds until a test stops waiting for an answer."""


class Client:
    """A client that can also misbehave: it can send any bytes and any event."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, type_: str, payload: bytes = b"", **data: Any) -> None:
        header: dict[str, Any] = {"type": type_}
        block = json.dumps(data).encode() if data else b""
        if block:
            header["data_length"] = len(block)
        if payload:
            header["payload_length"] = len(payload)
        await self.send_bytes(json.dumps(header).encode() + b"\n" + block + payload)

    async def send_bytes(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def audio(self, pcm: bytes, rate: int = 16_000, step: int = 960) -> None:
        """Send chunks of 30 ms."""
        for start in range(0, len(pcm), step):
            await self.send(
                "audio-chunk", pcm[start : start + step], rate=rate, width=2, channels=1
            )

    async def send_utterance(self, pcm: bytes, **transcribe: Any) -> None:
        """Send a whole utterance as Home Assistant does."""
        await self.send("transcribe", **transcribe)
        await self.send("audio-start", rate=16_000, width=2, channels=1)
        await self.audio(pcm)
        await self.send("audio-stop")

    async def read(self) -> Event | None:
        """Return the next event, None at the end of the connection."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            try:
                return await async_read_event(self.reader)
            except (ConnectionError, asyncio.IncompleteReadError):
                return None

    async def read_until(self, *types: str) -> list[Event]:
        """Return all events up to the first of these types."""
        events: list[Event] = []
        while (event := await self.read()) is not None:
            events.append(event)
            if event.type in types:
                return events
        raise AssertionError(f"closed after {[event.type for event in events]}")

    async def expect(self, expected: str) -> dict[str, Any]:
        """Return the data of the next event, which must have the expected type."""
        event = await self.read_past_stream()
        assert event is not None, "the connection was closed"
        assert event.type == expected, event
        return event.data

    async def read_past_stream(self) -> Event | None:
        """Return the next event, without those of the turn and of a growing transcript."""
        skipped = ("transcript-", "voice-")
        while (event := await self.read()) is not None and event.type.startswith(skipped):
            pass
        return event

    async def is_alive(self) -> bool:
        """Return whether the server answers a ping, and with the pong alone."""
        await self.send("ping", text="alive?")
        event = await self.read_past_stream()
        return event is not None and (event.type, event.data) == ("pong", {"text": "alive?"})

    async def leave(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@dataclass
class Running:
    """The running servers and the services behind them."""

    servers: WyomingServers
    ports: dict[str, int]
    coordinator: FakeCoordinator
    bus: EventBus
    config: ConfigHolder

    async def all_released(self) -> None:
        """Wait until no model is leased or waited for."""
        await _until(lambda: not self.coordinator.active_leases and not self.coordinator.waiting)

    async def empty(self) -> None:
        """Wait until no client is connected."""
        await _until(lambda: not any(self.servers.connections.values()))

    async def connected(self, count: int = 1) -> None:
        """Wait until this number of clients is connected."""
        await _until(lambda: sum(self.servers.connections.values()) == count)

    async def leased(self) -> None:
        """Wait until a model is leased."""
        await _until(lambda: self.coordinator.active_leases > 0)

    async def working(self, count: int) -> None:
        """Wait until this number of inferences has started."""
        await _until(lambda: len(self.coordinator.runs) == count)

    async def request_waits(self) -> None:
        """Wait until a request waits for a model."""
        await _until(lambda: self.coordinator.waiting > 0)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110  (what is watched has no event)
            await asyncio.sleep(0.002)


Serve = Callable[..., Awaitable[Running]]


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers with settings by section; `clock` replaces the system clock."""
    started: list[WyomingServers] = []

    async def start(
        clock: Clock | None = None, host: str = "127.0.0.1", **settings: dict[str, Any]
    ) -> Running:
        time = clock or SystemClock()
        sections: dict[str, dict[str, Any]] = {
            "asr": {"model": "asr/many", "port": 0},
            "tts": {"voice": "en_US-joe", "port": 0},
            "wake": {"port": 0},
            "discovery": {"zeroconf": False},
        }
        for name, values in settings.items():
            sections[name] = sections.get(name, {}) | values
        config = Config.model_validate({"host": host} | sections)
        bus = EventBus(time)
        coordinator = FakeCoordinator(SPECS)
        holder = ConfigHolder(config)
        servers = WyomingServers(
            holder,
            SPECS,
            AsrPipeline(coordinator, SPECS, holder, bus, time, make_vad=LoudnessVad),
            TtsPipeline(coordinator, SPECS, holder, bus, time),
            WakePipeline(coordinator, SPECS, holder, bus, time),
            time,
            uuid="0b5c9a4e-1111-2222-3333-444455556666",
        )
        started.append(servers)
        return Running(servers, await servers.start(), coordinator, bus, holder)

    yield start
    for servers in started:
        await servers.stop(grace=0)


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[int], Awaitable[Client]]]:
    """Connect a client to a port of this machine."""
    clients: list[Client] = []

    async def to(port: int) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        clients.append(client)
        return client

    yield to
    for client in clients:
        if not client.writer.is_closing():  # asyncio cannot abort what has closed with unsent data
            client.writer.transport.abort()
        await client.leave()


@pytest.fixture
def short_write_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disconnect a client that does not read after 0.3 s instead of 30 s."""
    monkeypatch.setitem(Connection.__init__.__kwdefaults__, "write_seconds", 0.3)


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all audio for live speech, however fast it is sent."""
    monkeypatch.setattr(turn, "MAX_AHEAD_SECONDS", math.inf)


@pytest.fixture
def speech() -> Callable[[float], bytes]:
    """Make loud audio of some seconds."""
    return lambda seconds: (b"\x00\x40" * 40 + bytes(80)) * int(seconds * 200)


@pytest.fixture
def quiet() -> Callable[[float], bytes]:
    """Make silence of some seconds."""
    return lambda seconds: bytes(32 * int(1_000 * seconds))
