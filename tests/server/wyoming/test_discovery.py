import asyncio
import re
import socket
from collections.abc import Awaitable
from typing import Any

import pytest
from zeroconf.asyncio import AsyncServiceInfo

from wyoming_servers.config.schema import Config
from wyoming_servers.wyoming.discovery import (
    Discovery,
    announcements,
    lan_address,
)

UUID = "0b5c9a4e-1111-2222-3333-444455556666"
PORTS = {"asr": 10_300, "tts": 10_200, "wake": 10_400, "api": 10_380}


def config(**values: Any) -> Config:
    return Config.model_validate({"host": "192.0.2.7"} | values)


async def announced(discovery: Discovery) -> None:
    """Announce and wait until it is done."""
    discovery.start(PORTS)
    if discovery._announcing is not None:
        await asyncio.wait([discovery._announcing], timeout=10)


class FakeZeroconf:
    """Keeps what was announced."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.services: list[AsyncServiceInfo] = []
        self.closed = False
        self._failure = failure

    async def async_register_service(self, info: AsyncServiceInfo) -> Awaitable[object]:
        if self._failure is not None:
            raise self._failure
        self.services.append(info)
        return asyncio.sleep(0)

    async def async_unregister_all_services(self) -> None:
        self.services.clear()

    async def async_close(self) -> None:
        self.closed = True


def test_each_service_has_a_name_of_its_own_that_never_changes() -> None:
    first = announcements(config(), UUID, PORTS)
    again = announcements(config(discovery={"name": "elsewhere"}), UUID, PORTS)
    assert [item.name for item in first] == [item.name for item in again]
    assert len({item.name for item in first}) == 4
    assert first[0].name == "wyoming-conductor-asr-0b5c9a4e._wyoming._tcp.local."
    assert [item.port for item in first] == [10_300, 10_200, 10_400, 10_380]


def test_two_installations_on_one_machine_do_not_collide() -> None:
    other = "ffffffff" + UUID[8:]
    names = [item.name for uuid in (UUID, other) for item in announcements(config(), uuid, PORTS)]
    assert len(set(names)) == 8


def test_the_port_of_each_model_has_a_name_of_its_own_that_fits_into_dns() -> None:
    models = ["whisper/tiny.en", "whisper/tiny-en", "whisper/" + "x" * 80, "whisper/" + "x" * 81]
    ports = {f"asr:{model}": 10_301 + number for number, model in enumerate(models)}
    items = announcements(config(), UUID, PORTS | ports)
    assert len({item.instance for item in items}) == 8
    for item in items:
        assert re.fullmatch(r"[a-z0-9-]{1,63}", item.instance)
    again = announcements(config(), UUID, ports)
    assert again[0].instance.startswith("wyoming-conductor-asr-whisper-tiny-en-")
    assert again == items[3:-1]


def test_the_api_says_what_our_integration_needs() -> None:
    (api,) = announcements(config(discovery={"name": "attic"}), UUID, {"api": 10_380})
    assert api.type == "_wyconductor._tcp.local."
    assert api.properties | {"uuid": UUID, "api": "1", "path": "/", "tls": "0"} == api.properties
    assert api.properties["name"] == "attic"
    assert api.properties["version"]


async def test_ports_are_announced_with_the_real_address_and_taken_back() -> None:
    zeroconf = FakeZeroconf()
    discovery = Discovery(config(), UUID, make=lambda: zeroconf)
    await announced(discovery)
    assert len(zeroconf.services) == 4
    assert {info.parsed_addresses()[0] for info in zeroconf.services} == {"192.0.2.7"}
    await discovery.stop()
    assert zeroconf.services == []
    assert zeroconf.closed


@pytest.mark.parametrize(
    "values",
    [{"discovery": {"zeroconf": False}}, {"host": "127.0.0.1"}, {"host": "::1"}],
    ids=["turned off", "loopback", "loopback 6"],
)
async def test_what_nobody_can_reach_is_not_announced(values: dict[str, Any]) -> None:
    zeroconf = FakeZeroconf()
    discovery = Discovery(config(**values), UUID, make=lambda: zeroconf)
    await announced(discovery)
    await discovery.stop()
    assert zeroconf.services == []
    assert not zeroconf.closed


async def test_a_network_without_multicast_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    zeroconf = FakeZeroconf(OSError("no multicast here"))
    discovery = Discovery(config(), UUID, make=lambda: zeroconf)
    await announced(discovery)
    assert "no multicast here" in caplog.text
    await discovery.stop()
    assert zeroconf.closed


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
async def test_a_wildcard_becomes_an_address_that_others_can_use(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr("wyoming_servers.wyoming.discovery._own_address", lambda: "192.168.1.20")
    assert await lan_address(host) == "192.168.1.20"


async def test_a_machine_without_a_network_has_no_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: socket.socket, address: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(
        "wyoming_servers.wyoming.discovery.socket.socket",
        type("Unreachable", (socket.socket,), {"connect": fail}),
    )
    assert await lan_address("0.0.0.0") is None


async def test_a_host_name_that_is_unknown_has_no_address() -> None:
    assert await lan_address("no-such-host.invalid") is None


async def test_a_stop_while_the_network_is_still_asked_leaves_nothing() -> None:
    class Slow(FakeZeroconf):
        async def async_register_service(self, info: AsyncServiceInfo) -> Awaitable[object]:
            self.services.append(info)
            await asyncio.Event().wait()
            raise AssertionError

    zeroconf = Slow()
    discovery = Discovery(config(), UUID, make=lambda: zeroconf)
    discovery.start(PORTS)
    await asyncio.sleep(0.05)
    await discovery.stop()
    assert zeroconf.services == []
    assert zeroconf.closed
