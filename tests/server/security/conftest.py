"""A real server process that the tests attack, and what is measured about it."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

START_DEADLINE_S = 120.0
ANSWER_DEADLINE_S = 30.0

BASE_SETTINGS: dict[str, object] = {
    "host": "127.0.0.1",
    "asr.port": 0,
    "tts.port": 0,
    "wake.port": 0,
    "api.port": 0,
    "asr.model": "whisper/tiny.en",
    "discovery.zeroconf": "false",
    "preload": "false",
}


@dataclass
class AttackedServer:
    """A running `wyoming-conductor serve`, seen from outside."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    log: Path
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def rss(self) -> int:
        """Memory of the server process without its workers, in bytes."""
        size: int = psutil.Process(self.process.pid).memory_info().rss
        return size

    @property
    def token(self) -> str:
        """The token of the HTTP API."""
        return (self.data_dir / "api-token").read_text().strip()

    def wait_started(self) -> None:
        state = self.data_dir / "server.json"
        deadline = time.monotonic() + START_DEADLINE_S
        while not state.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The server did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)
        self.ports = json.loads(state.read_text())["ports"]


StartServer = Callable[..., AttackedServer]


@pytest.fixture
def blockbuster() -> None:
    """These tests may block: the server runs in another process."""


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers that end with the test.

    `descriptors` is the hard limit of open files, `prefix` a command to run the server with.
    Settings are given with `__` in place of dots; `data_dir` is an empty folder by default.
    """
    servers: list[AttackedServer] = []

    def start(
        *, descriptors: int | None = None, prefix: list[str] | None = None, **settings: object
    ) -> AttackedServer:
        number = len(servers)
        log = tmp_path / f"server-{number}.log"
        data_dir = Path(str(settings.pop("data_dir", tmp_path / f"data-{number}")))
        limit = ["sh", "-c", f'ulimit -n {descriptors} && exec "$0" "$@"'] if descriptors else []
        command = [*(prefix or []), *limit, sys.executable, "-m", "wyoming_servers", "serve"]
        command += ["--data-dir", str(data_dir)]
        given = {name.replace("__", "."): value for name, value in settings.items()}
        for name, value in (BASE_SETTINGS | given).items():
            command += ["--set", f"{name}={value}"]

        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "NO_COLOR": "1"},
            )
        server = AttackedServer(process, data_dir, log)
        servers.append(server)
        server.wait_started()
        return server

    yield start
    for server in servers:
        server.process.send_signal(signal.SIGTERM)
    for server in servers:
        try:
            server.process.wait(30)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait(10)


class Peer:
    """A client of one Wyoming port that can send any bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, source: str = "127.0.0.1") -> "Peer":
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))

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

    async def read(self) -> tuple[str, dict[str, Any]] | None:
        """Return type and data of the next event; None if the connection was closed."""
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            try:
                if not (line := await self.reader.readline()):
                    return None
                header = json.loads(line)
                data = header.get("data") or {}
                if size := header.get("data_length"):
                    data |= json.loads(await self.reader.readexactly(size))
                if size := header.get("payload_length"):
                    await self.reader.readexactly(size)
            except (ConnectionError, asyncio.IncompleteReadError):
                return None
        return header["type"], data

    async def read_until(self, *types: str) -> tuple[str, dict[str, Any]]:
        """Return the first event of one of these types."""
        while (event := await self.read()) is not None:
            if event[0] in types:
                return event
        raise AssertionError(f"the connection was closed before any of {types}")

    async def close(self) -> None:
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()


async def describe_seconds(port: int, source: str = "127.0.0.1") -> float:
    """Return how long a new client waits for the answer to `describe`."""
    started = time.monotonic()
    peer = await Peer.connect(port, source)
    try:
        await peer.send("describe")
        await peer.read_until("info")
    finally:
        await peer.close()
    return time.monotonic() - started


async def http_status(port: int, path: str = "/health/live", source: str = "127.0.0.1") -> int:
    """Return the status of a GET request on a connection of its own."""
    async with asyncio.timeout(ANSWER_DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        line = await reader.readline()
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
    return int(line.split()[1]) if line else 0


def percentile(values: list[float], percent: float) -> float:
    """Return a percentile of measured values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


@pytest.fixture
def many_descriptors() -> None:
    """Let this process open 4,000 connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 8_192:
        pytest.skip(f"this process may open only {hard} files")
    if soft < 8_192:
        resource.setrlimit(resource.RLIMIT_NOFILE, (8_192, hard))


class Attack:
    """What the tests of this folder use; closes its connections at the end of a test."""

    describe_seconds = staticmethod(describe_seconds)
    http_status = staticmethod(http_status)
    percentile = staticmethod(percentile)

    def __init__(self) -> None:
        self._peers: list[Peer] = []

    async def connect(self, port: int, source: str = "127.0.0.1") -> Peer:
        """Connect to a port of this machine from one of the addresses 127.0.0.0/8."""
        peer = await Peer.connect(port, source)
        self._peers.append(peer)
        return peer

    async def hold(self, ports: list[int], count: int, sources: list[str]) -> list[Peer]:
        """Open idle connections, spread over ports and addresses; refused ones are left out."""
        peers: list[Peer] = []
        for start in range(0, count, 50):
            opening = [
                self.connect(ports[number % len(ports)], sources[number % len(sources)])
                for number in range(start, min(start + 50, count))
            ]
            results = await asyncio.gather(*opening, return_exceptions=True)
            peers += [item for item in results if not isinstance(item, BaseException)]
        return peers

    async def close(self) -> None:
        """Close all connections."""
        peers, self._peers = self._peers, []
        for peer in peers:
            await peer.close()


@pytest.fixture
async def attack() -> AsyncIterator[Attack]:
    """The functions and classes of this file, for the tests of this folder."""
    attack = Attack()
    yield attack
    await attack.close()
