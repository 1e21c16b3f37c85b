"""A server and its clients in network namespaces of their own, joined by virtual cables (veth)."""

import asyncio
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

BROWSE = Path(__file__).with_name("browse.py")
DISCOVERY_DEADLINE_S = 30.0
_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_TAP_WITHOUT_HEADER = 0x0002 | 0x1000
"""IFF_TAP | IFF_NO_PI, from linux/if_tun.h."""

_FRAME_BYTES = 65_536
_ESTABLISHED = "01"
"""State of a TCP connection in proc(5)."""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def enter_namespace(name: str) -> None:
    """Move this thread to a network namespace; what it opens from now on belongs there."""
    with Path(f"/run/netns/{name}").open("rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns failed")


def open_tap(namespace: str, interface: str) -> int:
    """Make an interface in a namespace, and return the descriptor of its other side."""
    result: list[int | OSError] = []

    def work() -> None:
        try:
            enter_namespace(namespace)
            descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            name = struct.pack("16sH", interface.encode(), _TAP_WITHOUT_HEADER)
            fcntl.ioctl(descriptor, _TUNSETIFF, name)
        except OSError as err:
            result.append(err)
        else:
            result.append(descriptor)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    (found,) = result
    if isinstance(found, OSError):
        raise found
    return found


class Relay:
    """Copies frames between two interfaces, each after `delay` seconds, and loses some."""

    def __init__(self, ends: tuple[int, int], delay: float, loss: float) -> None:
        self._ends = ends
        self._delay = delay
        self._loss = loss
        self._random = random.Random(7)  # noqa: S311  (not a secret)
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay")
        self.frames = 0
        self.lost = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        for end in self._ends:
            os.close(end)

    def _run(self) -> None:
        other = {self._ends[0]: self._ends[1], self._ends[1]: self._ends[0]}
        while not self._stopping.is_set():
            now = time.monotonic()
            timeout = min(0.1, max(0.0, self._waiting[0][0] - now)) if self._waiting else 0.1
            readable, _, _ = select.select(self._ends, (), (), timeout)
            for end in readable:
                self._take(os.read(end, _FRAME_BYTES), other[end])
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, end, frame = heapq.heappop(self._waiting)
                try:
                    os.write(end, frame)
                except OSError:
                    self.lost += 1  # the interface is down, or its queue is full

    def _take(self, frame: bytes, end: int) -> None:
        self.frames += 1
        if self._random.random() < self._loss:
            self.lost += 1
            return
        heapq.heappush(self._waiting, (time.monotonic() + self._delay, self.frames, end, frame))


class Namespace:
    """One machine: a network namespace with interfaces."""

    def __init__(self, name: str) -> None:
        self.name = name
        _ip("netns", "add", name)
        self.ip("link", "set", "lo", "up")

    @property
    def prefix(self) -> list[str]:
        """Runs a command on this machine."""
        return ["ip", "netns", "exec", self.name]

    def ip(self, *arguments: str) -> None:
        """Run `ip` on this machine."""
        _ip("-n", self.name, *arguments)

    def delete(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def open(self, make: Callable[[], socket.socket]) -> socket.socket:
        """Return a socket of this machine; sockets belong to where they were made."""
        result: list[socket.socket | OSError] = []

        def work() -> None:
            try:
                enter_namespace(self.name)
                result.append(make())
            except OSError as err:
                result.append(err)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise result[0]
        return result[0]

    def connect(self, address: str, port: int, **options: Any) -> socket.socket:
        """Return a connection from this machine."""
        sock = self.open(lambda: socket.create_connection((address, port), timeout=20, **options))
        sock.setblocking(False)
        return sock

    def discover(self, *names: str, version: int = 4) -> dict[str, Any]:
        """Return what is announced to this machine, by the instance's name."""
        command = [
            *self.prefix,
            sys.executable,
            str(BROWSE),
            str(version),
            str(DISCOVERY_DEADLINE_S),
            *names,
        ]
        output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        found: dict[str, Any] = json.loads(output.stdout)
        return found

    def discover_addresses(self, version: int = 4) -> set[str]:
        """Return the addresses under which speech-to-text is announced to this machine."""
        found = self.discover("-asr-", version=version)
        return {
            address
            for name, service in found.items()
            if "-asr-" in name
            for address in service["addresses"]
        }

    def wait_discovered(self, address: str, version: int = 4) -> None:
        """Wait until speech-to-text is announced under this address, and no longer another."""
        deadline = time.monotonic() + DISCOVERY_DEADLINE_S
        while (known := self.discover_addresses(version)) != {address}:
            assert time.monotonic() < deadline, known
            time.sleep(0.2)


class Network:
    """The machine of the server, and the cables from it to others."""

    def __init__(self) -> None:
        self._id = f"wc{os.getpid() % 10_000}"
        self.server = Namespace(f"{self._id}s")
        self.machines: list[Namespace] = [self.server]
        self.relays: list[Relay] = []

    def add_machine(self) -> tuple[Namespace, str]:
        """Add a machine with a cable to the server's; both ends have the returned name."""
        number = len(self.machines)
        machine = Namespace(f"{self._id}c{number}")
        self.machines.append(machine)
        name = f"lan{number}"
        _ip("-n", self.server.name, "link", "add", name, "type", "veth", "peer", "name", name,
            "netns", machine.name)  # fmt: skip
        for end in (self.server, machine):
            end.ip("link", "set", name, "up")
        return machine, name

    def add_lossy_machine(self, delay: float, loss: float) -> tuple[Namespace, Relay]:
        """Add 10.77.1.2 behind a cable that delays each frame and loses some, in both directions.

        Not with netem, which many kernels lack.
        """
        machine = Namespace(f"{self._id}c{len(self.machines)}")
        self.machines.append(machine)
        try:
            taps = (open_tap(self.server.name, "lan1"), open_tap(machine.name, "lan1"))
        except OSError as err:
            pytest.skip(f"tap interfaces are not permitted here: {err}")
        for end, host in ((self.server, 1), (machine, 2)):
            end.ip("address", "add", f"10.77.1.{host}/24", "dev", "lan1")
            end.ip("link", "set", "lan1", "up")
            end.ip("route", "add", "default", "dev", "lan1")
        relay = Relay(taps, delay, loss)
        self.relays.append(relay)
        relay.start()
        return machine, relay

    def add_ipv4(self, number: int = 1) -> tuple[Namespace, str]:
        """Add a machine 10.77.N.2; the server's end is 10.77.N.1."""
        machine, name = self.add_machine()
        for end, host in ((self.server, 1), (machine, 2)):
            end.ip("address", "add", f"10.77.{number}.{host}/24", "dev", name)
            # Multicast needs a route to leave the machine.
            if number == 1 or end is machine:
                end.ip("route", "add", "default", "dev", name)
        return machine, name

    def delete(self) -> None:
        for relay in self.relays:
            relay.stop()
        for machine in self.machines:
            machine.delete()


@pytest.fixture
def network() -> Iterator[Network]:
    """Machines that exist for one test."""
    if not shutil.which("ip"):
        pytest.skip("needs `ip` (the package iproute2)")
    probe = subprocess.run(
        ["ip", "netns", "add", f"wc{os.getpid()}probe"],
        check=False,
        capture_output=True,
        text=True,
    )
    if probe.returncode:
        pytest.skip(f"network namespaces are not permitted here: {probe.stderr.strip()}")
    _ip("netns", "del", f"wc{os.getpid()}probe")
    network = Network()
    yield network
    network.delete()


@pytest.fixture
def serve(start_server: Callable[..., Any], network: Network) -> Callable[..., Any]:
    """Start the server on its machine, announced to the others."""

    def start(**settings: object) -> Any:
        fixed: dict[str, object] = {"host": "0.0.0.0", "discovery__zeroconf": "true"}
        return start_server(prefix=network.server.prefix, **(fixed | settings))

    return start


class Line:
    """An open connection to a Wyoming port from any machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, type_: str, *answers: str, **data: Any) -> str:
        """Send an event and return the type of the first of these answers."""
        block = json.dumps(data).encode() if data else b""
        header = {"type": type_} | ({"data_length": len(block)} if block else {})
        self.writer.write(json.dumps(header).encode() + b"\n" + block)
        async with asyncio.timeout(60):
            while True:
                fields = json.loads(await self.reader.readline())
                size = (fields.get("data_length") or 0) + (fields.get("payload_length") or 0)
                await self.reader.readexactly(size)
                if fields["type"] in answers:
                    answer: str = fields["type"]
                    return answer


@pytest.fixture
async def dial() -> AsyncIterator[Callable[..., Any]]:
    """Connect from a machine to an address and a port."""
    lines: list[Line] = []

    async def connect(machine: Namespace, address: str, port: int) -> Line:
        sock = await asyncio.to_thread(machine.connect, address, port)
        line = Line(*await asyncio.open_connection(sock=sock))
        lines.append(line)
        return line

    yield connect
    for line in lines:
        line.writer.transport.abort()
        with suppress(OSError):
            await line.writer.wait_closed()


def established(server: Any) -> int:
    """Return the number of open connections of the server process."""
    # Of its namespace, in which nothing else runs; psutil reads that of this process.
    lines = Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[3] == _ESTABLISHED for line in lines)


@pytest.fixture
def count_connections() -> Callable[[Any], int]:
    """Count the open connections of a server."""
    return established
