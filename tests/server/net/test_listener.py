import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.net.connection_limits import ConnectionLimits, ConnectionSlot
from wyoming_servers.net.listener import Listener, open_sockets


class Port:
    """A listening port that answers `hi` and keeps its connections."""

    def __init__(self, limits: ConnectionLimits, most: int) -> None:
        self.limits = limits
        self.most = most
        self.accepted: list[tuple[socket.socket, ConnectionSlot]] = []
        self.number = 0
        self.tasks = TaskSupervisor(SystemClock())

    async def start(self) -> None:
        sockets = await open_sockets("127.0.0.1", 0)
        self.number = sockets[0].getsockname()[1]
        self.listener = Listener(
            "test",
            sockets,
            self._serve,
            self.limits,
            caps=lambda: (self.most, self.most),
            refusal=lambda error: error.code.encode(),
        )
        self.listener.start(self.tasks)

    async def _serve(self, sock: socket.socket, slot: ConnectionSlot) -> None:
        sock.send(b"hi")
        self.accepted.append((sock, slot))

    def release(self) -> None:
        sock, slot = self.accepted.pop()
        sock.close()
        self.limits.release(slot)


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    port = Port(ConnectionLimits(), most=2)
    await port.start()
    yield port
    await port.listener.close()
    while port.accepted:
        port.release()


async def ask(port: Port) -> bytes:
    """Connect and return the first answer."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
        answer = await reader.read(100)
        writer.close()
        await writer.wait_closed()
    return answer


async def test_connections_beyond_the_limit_are_refused_until_others_are_closed(
    port: Port,
) -> None:
    assert [await ask(port) for _ in range(4)] == [b"hi", b"hi", b"BUSY", b"BUSY"]
    port.release()
    assert await ask(port) == b"hi"


async def test_no_descriptor_left_pauses_the_accept_loop(
    port: Port, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    accept, attempts = loop.sock_accept, 0
    failed = asyncio.Event()

    async def no_descriptor(sock: socket.socket) -> object:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            return await accept(sock)
        failed.set()
        raise OSError(errno.EMFILE, "Too many open files")

    assert await ask(port) == b"hi"  # the loop waits in the true function now
    monkeypatch.setattr(loop, "sock_accept", no_descriptor)
    assert await ask(port) == b"hi"
    await failed.wait()
    asking = asyncio.create_task(ask(port))
    await asyncio.sleep(0)
    assert not asking.done()
    port.release()  # a connection that is closed ends the pause
    assert await asking == b"hi"
    assert caplog.text.count("no connection can be accepted") == 1
    assert attempts >= 2


async def test_close_leaves_accepted_connections_open(port: Port) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    assert await reader.read(2) == b"hi"
    await port.listener.close()
    port.accepted[0][0].send(b"still")
    assert await reader.read(5) == b"still"
    writer.close()
    await writer.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        await ask(port)


async def test_client_that_leaves_during_the_setup_gives_its_place_back(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(sock: socket.socket, slot: ConnectionSlot) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(port.listener, "_serve", fail)
    assert await ask(port) == b""
    assert port.limits.total == 0


async def test_all_sockets_of_a_wildcard_have_one_port() -> None:
    sockets = await open_sockets("::", 0)
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    for sock in sockets:
        sock.close()


async def test_wildcard_without_ipv6_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    create: Callable[..., socket.socket] = socket.socket

    def no_ipv6(family: int = -1, *rest: int, **more: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6")
        return create(family, *rest, **more)

    monkeypatch.setattr("wyoming_servers.net.listener.socket.socket", no_ipv6)
    (sock,) = await open_sockets("::", 0)
    assert sock.family == socket.AF_INET
    sock.close()


async def test_address_of_another_machine_cannot_be_opened() -> None:
    with pytest.raises(OSError, match=r"assign|available"):
        await open_sockets("192.0.2.1", 0)


async def test_small_writes_are_sent_at_once(port: Port) -> None:
    assert await ask(port) == b"hi"
    sock, _ = port.accepted[0]
    # asyncio turns Nagle's algorithm off only for sockets whose protocol is stated to be TCP.
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
        asyncio.Protocol, sock.dup()
    )
    accepted = transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    transport.close()
