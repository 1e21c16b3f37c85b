import resource
from typing import Any

import pytest

from wyoming_servers.core.errors import BusyError
from wyoming_servers.net.connection_limits import (
    MAX_DESCRIPTORS,
    ConnectionLimits,
    ConnectionSlot,
    client_address,
    max_connections,
    raise_descriptor_limit,
)


class FakeConnection:
    """A connection that is idle since a time, or busy."""

    def __init__(self, idle_since: float | None) -> None:
        self.idle_since = idle_since
        self.displaced = False

    def displace(self) -> None:
        self.displaced = True


class Ports:
    """Connections of several addresses on several ports."""

    def __init__(self, *, total: int = 100, port: int = 100, address: int = 100) -> None:
        self.limits = ConnectionLimits(total)
        self._caps: dict[str, Any] = {"max_port": port, "max_address": address}

    def connect(
        self, address: str, idle_since: float | None = None, port: str = "asr"
    ) -> tuple[ConnectionSlot, FakeConnection]:
        slot = self.limits.admit(port, address, **self._caps)
        slot.handle = connection = FakeConnection(idle_since)
        return slot, connection


def test_connections_within_the_limits_are_admitted_and_released() -> None:
    ports = Ports()
    slots = [ports.connect("a")[0] for _ in range(3)]
    assert ports.limits.total == 3
    for slot in slots:
        ports.limits.release(slot)
    assert ports.limits.total == 0


def test_address_at_its_limit_gives_up_its_longest_idle_connection() -> None:
    ports = Ports(address=3)
    _, busy = ports.connect("a")
    _, old = ports.connect("a", idle_since=5)
    _, new = ports.connect("a", idle_since=9)
    _, other = ports.connect("b", idle_since=1)
    ports.connect("a", idle_since=10)
    assert [item.displaced for item in (busy, old, new, other)] == [False, True, False, False]
    assert ports.limits.total == 4


def test_address_whose_connections_are_all_busy_is_refused() -> None:
    ports = Ports(address=2)
    ports.connect("a")
    ports.connect("a")
    with pytest.raises(BusyError, match="from a"):
        ports.connect("a")
    ports.connect("b")
    ports.connect("a", port="tts")  # the limit is that of one port


def test_full_port_takes_from_the_address_with_the_most_connections() -> None:
    ports = Ports(port=5)
    light = ports.connect("light", idle_since=0)[1]
    heavy = [ports.connect("heavy", idle_since=10 + number)[1] for number in range(4)]
    ports.connect("new")
    assert not light.displaced
    assert [item.displaced for item in heavy] == [True, False, False, False]


def test_full_port_never_takes_from_an_address_with_fewer_connections() -> None:
    ports = Ports(port=4)
    light = ports.connect("light", idle_since=0)[1]
    for _ in range(3):
        ports.connect("heavy")
    with pytest.raises(BusyError):
        ports.connect("heavy")
    assert not light.displaced


def test_full_server_takes_from_the_heaviest_address_of_all_ports() -> None:
    ports = Ports(total=4)
    heavy = [ports.connect("heavy", idle_since=1, port=port)[1] for port in ("a", "b", "c")]
    light = ports.connect("light", idle_since=0, port="a")[1]
    ports.connect("new", port="d")
    assert [item.displaced for item in heavy].count(True) == 1
    assert not light.displaced
    assert ports.limits.total == 4


def test_displaced_connection_is_released_once() -> None:
    ports = Ports(address=1)
    slot, _ = ports.connect("a", idle_since=0)
    ports.connect("a")
    assert ports.limits.total == 1
    ports.limits.release(slot)
    assert ports.limits.total == 1


def test_connection_that_is_being_set_up_is_not_displaced() -> None:
    limits = ConnectionLimits()
    limits.admit("asr", "a", max_port=1, max_address=1)
    with pytest.raises(BusyError):
        limits.admit("asr", "a", max_port=1, max_address=1)


def test_release_notifies_until_it_is_no_longer_wanted() -> None:
    ports = Ports()
    calls: list[None] = []
    unsubscribe = ports.limits.on_release(lambda: calls.append(None))
    ports.limits.release(ports.connect("a")[0])
    unsubscribe()
    ports.limits.release(ports.connect("a")[0])
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("sockaddr", "address"),
    [
        (("192.0.2.7", 5), "192.0.2.7"),
        (("::ffff:192.0.2.7", 5, 0, 0), "192.0.2.7"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::1"),
        (("2001:db8::1", 5, 0, 0), "2001:db8::1"),
        ((), "unknown"),
    ],
)
def test_client_address_has_neither_port_nor_zone(sockaddr: tuple[Any, ...], address: str) -> None:
    assert client_address(sockaddr) == address


@pytest.mark.parametrize(
    ("limits", "raised"),
    [
        ((1_024, 4_096), 4_096),
        ((1_024, 1_048_576), MAX_DESCRIPTORS),
        ((1_024, resource.RLIM_INFINITY), MAX_DESCRIPTORS),
        ((4_096, 4_096), 4_096),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), MAX_DESCRIPTORS),
    ],
)
def test_soft_limit_is_raised_to_the_hard_limit(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], raised: int
) -> None:
    written: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, values: written.append(values))
    assert raise_descriptor_limit() == raised
    changes = limits[0] not in (raised, resource.RLIM_INFINITY)
    assert written == ([(raised, limits[1])] if changes else [])


def test_limit_that_cannot_be_raised_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(kind: int, values: tuple[int, int]) -> None:
        raise PermissionError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1_024, 4_096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_descriptor_limit() == 1_024
    assert "not allowed" in caplog.text


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(1_024, 768), (65_536, 65_280), (256, 128), (20, 16)]
)
def test_connections_leave_descriptors_for_the_rest(descriptors: int, connections: int) -> None:
    assert max_connections(descriptors) == connections
