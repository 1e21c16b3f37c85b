import asyncio
import errno
import socket
from typing import Any

import pytest

from wyoming_servers.wyoming.address_monitor import AddressMonitor


class FakeNetlink:
    """A netlink socket on which the test sends messages."""

    def __init__(self, *, fails: bool = False) -> None:
        self.ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ours.setblocking(False)
        self.fails = fails

    def change(self) -> None:
        self._theirs.send(b"an address")

    def close(self) -> None:
        self.ours.close()
        self._theirs.close()


@pytest.fixture
def netlink(monkeypatch: pytest.MonkeyPatch) -> Any:
    fake = FakeNetlink()
    monkeypatch.setattr("wyoming_servers.wyoming.address_monitor._open_socket", lambda: fake.ours)
    yield fake
    fake.close()


async def test_monitor_waits_for_a_change_and_joins_several(netlink: FakeNetlink) -> None:
    monitor = AddressMonitor()
    monitor.open()
    waiting = asyncio.create_task(monitor.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    for _ in range(3):
        netlink.change()
    await asyncio.wait_for(waiting, 10)
    waiting = asyncio.create_task(monitor.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_real_netlink_socket_opens_and_closes() -> None:
    monitor = AddressMonitor()
    monitor.open()
    waiting = asyncio.create_task(monitor.wait())
    await asyncio.sleep(0)
    assert monitor._socket is not None
    waiting.cancel()
    await asyncio.wait([waiting])
    monitor.close()
    monitor.close()


async def test_system_without_netlink_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, "not allowed")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    monitor = AddressMonitor()
    monitor.open()
    waiting = asyncio.create_task(monitor.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
