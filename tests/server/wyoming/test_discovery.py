import asyncio
import re
from collections.abc import Awaitable, Sequence
from typing import Any

import ifaddr
import pytest
from zeroconf import IPVersion, NonUniqueNameException
from zeroconf.asyncio import AsyncServiceInfo

from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.wyoming.discovery import (
    CHECK_SECONDS,
    MAX_NAME_ATTEMPTS,
    RETRY_SECONDS,
    SETTLE_SECONDS,
    Discovery,
    announcements,
    ip_version_of,
    lan_addresses,
)

UUID = "0b5c9a4e-1111-2222-3333-444455556666"
PORTS = {"asr": 10_300, "tts": 10_200, "wake": 10_400, "api": 10_380}


def config(**values: Any) -> Config:
    return Config.model_validate({"host": "192.0.2.7"} | values)


class FakeNetwork:
    """Makes zeroconf clients, keeps what they announce, and has the addresses of this machine."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.services: dict[str, AsyncServiceInfo] = {}
        self.taken: set[str] = set()
        """Names of services that another machine uses."""
        self.failure: Exception | None = None
        self.clients: list[Sequence[str]] = []
        """The addresses for which each client was made."""
        self.open_clients = 0
        self.changed = asyncio.Event()
        """Set it to tell that the addresses have changed."""

    def open(self) -> None:
        self.changed.clear()

    async def wait(self) -> None:
        await self.changed.wait()
        self.changed.clear()

    def close(self) -> None:
        self.changed.clear()

    def make_client(self, addresses: Sequence[str]) -> "FakeClient":
        self.clients.append(addresses)
        self.open_clients += 1
        return FakeClient(self)

    async def find_addresses(self, host: str) -> tuple[str, ...]:
        return self.addresses

    @property
    def announced(self) -> set[str]:
        """The addresses under which services are announced."""
        return {item for info in self.services.values() for item in info.parsed_addresses()}

    def discovery(self, clock: FakeClock, settings: Config | None = None) -> Discovery:
        return Discovery(
            settings or config(),
            UUID,
            clock,
            TaskSupervisor(clock),
            make_client=self.make_client,
            addresses=self.find_addresses,
            monitor=self,
        )


class FakeClient:
    def __init__(self, network: FakeNetwork) -> None:
        self._network = network

    async def async_register_service(self, info: AsyncServiceInfo) -> Awaitable[object]:
        if self._network.failure is not None:
            raise self._network.failure
        if info.name in self._network.taken:
            raise NonUniqueNameException
        self._network.services[info.name] = info
        return asyncio.sleep(0)

    async def async_unregister_all_services(self) -> None:
        self._network.services.clear()

    async def async_close(self) -> None:
        self._network.open_clients -= 1


def test_announcements_have_distinct_and_stable_names() -> None:
    first = announcements(config(), UUID, PORTS)
    again = announcements(config(discovery={"name": "elsewhere"}), UUID, PORTS)
    assert [item.instance for item in first] == [item.instance for item in again]
    assert len({item.instance for item in first}) == 4
    assert first[0].instance == "wyoming-conductor-asr-0b5c9a4e"
    assert first[0].type == "_wyoming._tcp.local."
    assert [item.port for item in first] == [10_300, 10_200, 10_400, 10_380]


def test_announcements_of_two_installations_on_one_machine_differ() -> None:
    other = "ffffffff" + UUID[8:]
    names = [
        item.instance for uuid in (UUID, other) for item in announcements(config(), uuid, PORTS)
    ]
    assert len(set(names)) == 8


def test_announcements_of_model_ports_are_distinct_dns_labels() -> None:
    models = ["whisper/tiny.en", "whisper/tiny-en", "whisper/" + "x" * 80, "whisper/" + "x" * 81]
    ports = {f"asr:{model}": 10_301 + number for number, model in enumerate(models)}
    items = announcements(config(), UUID, PORTS | ports)
    assert len({item.instance for item in items}) == 8
    for item in items:
        assert re.fullmatch(r"[a-z0-9-]{1,63}", item.instance)
    again = announcements(config(), UUID, ports)
    assert again[0].instance.startswith("wyoming-conductor-asr-whisper-tiny-en-")
    assert again == items[3:-1]


def test_announcement_of_the_api_has_the_properties_of_the_integration() -> None:
    (api,) = announcements(config(discovery={"name": "attic"}), UUID, {"api": 10_380})
    assert api.type == "_wyconductor._tcp.local."
    assert api.properties | {"uuid": UUID, "api": "1", "path": "/", "tls": "0"} == api.properties
    assert api.properties["name"] == "attic"
    assert api.properties["version"]


async def test_discovery_announces_every_address_and_withdraws_at_stop(clock: FakeClock) -> None:
    network = FakeNetwork("192.0.2.7", "192.168.1.20", "2001:db8::7")
    discovery = network.discovery(clock)
    discovery.start(PORTS)
    await clock.run_ready_tasks()
    assert len(network.services) == 4
    assert network.announced == {"192.0.2.7", "192.168.1.20", "2001:db8::7"}
    await discovery.stop()
    assert network.services == {}
    assert network.open_clients == 0


@pytest.mark.parametrize(
    ("addresses", "version"),
    [
        (("192.0.2.7",), IPVersion.V4Only),
        (("2001:db8::7",), IPVersion.V6Only),
        (("192.0.2.7", "2001:db8::7"), IPVersion.All),
    ],
)
def test_ip_version_covers_all_addresses(addresses: tuple[str, ...], version: IPVersion) -> None:
    assert ip_version_of(addresses) == version


async def test_discovery_announces_nothing_when_turned_off(clock: FakeClock) -> None:
    network = FakeNetwork("192.0.2.7")
    discovery = network.discovery(clock, config(discovery={"zeroconf": False}))
    discovery.start(PORTS)
    await clock.advance(CHECK_SECONDS)
    assert network.clients == []
    await discovery.stop()


async def test_discovery_announces_when_the_network_comes_up_later(clock: FakeClock) -> None:
    network = FakeNetwork()
    discovery = network.discovery(clock)
    discovery.start(PORTS)
    await clock.run_ready_tasks()
    assert network.services == {}
    network.addresses = ("192.0.2.7",)
    await clock.advance(RETRY_SECONDS)
    assert network.announced == {"192.0.2.7"}
    await discovery.stop()


async def test_discovery_announces_again_when_the_addresses_change(clock: FakeClock) -> None:
    network = FakeNetwork("192.0.2.7")
    discovery = network.discovery(clock)
    discovery.start(PORTS)
    await clock.advance(3 * CHECK_SECONDS)
    assert len(network.clients) == 1  # nothing changed, nothing is sent
    network.addresses = ("192.0.2.99", "2001:db8::7")
    await clock.advance(CHECK_SECONDS)
    assert network.announced == {"192.0.2.99", "2001:db8::7"}
    assert network.open_clients == 1
    network.addresses = ()
    await clock.advance(CHECK_SECONDS)
    assert network.services == {}
    network.addresses = ("192.0.2.7",)
    await clock.advance(CHECK_SECONDS)
    assert network.announced == {"192.0.2.7"}
    await discovery.stop()


async def test_discovery_announces_a_new_address_at_once(clock: FakeClock) -> None:
    network = FakeNetwork("192.0.2.7")
    discovery = network.discovery(clock)
    discovery.start(PORTS)
    await clock.run_ready_tasks()
    network.addresses = ("192.0.2.99",)
    network.changed.set()
    await clock.run_ready_tasks()
    assert network.announced == {"192.0.2.7"}  # others may follow
    await clock.advance(SETTLE_SECONDS)
    assert network.announced == {"192.0.2.99"}
    await discovery.stop()


async def test_discovery_names_the_setting_for_a_machine_with_ipv6_alone(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    network = FakeNetwork()

    async def find_addresses(host: str) -> tuple[str, ...]:
        return ("2001:db8::7",) if host == "::" else ()

    network.find_addresses = find_addresses  # type: ignore[method-assign]
    discovery = network.discovery(clock, config(host="0.0.0.0"))
    discovery.start(PORTS)
    await clock.run_ready_tasks()
    assert "set host to `::`" in caplog.text
    await discovery.stop()


async def test_discovery_retries_after_a_failure_and_logs_it_once(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    network = FakeNetwork("192.0.2.7")
    network.failure = OSError("no multicast here")
    discovery = network.discovery(clock)
    discovery.start(PORTS)
    await clock.advance(7 * RETRY_SECONDS)
    assert len(network.clients) == 4  # after 0, 5, 15 and 35 s
    assert caplog.text.count("no multicast here") == 1
    assert network.open_clients == 0
    network.failure = None
    await clock.advance(8 * RETRY_SECONDS)
    assert len(network.services) == 4
    await discovery.stop()


async def test_discovery_takes_another_name_when_one_is_in_use(clock: FakeClock) -> None:
    network = FakeNetwork("192.0.2.7")
    network.taken = {
        "wyoming-conductor-0b5c9a4e._wyconductor._tcp.local.",
        "wyoming-conductor-0b5c9a4e-2._wyconductor._tcp.local.",
    }
    discovery = network.discovery(clock)
    discovery.start(PORTS)
    await clock.run_ready_tasks()
    api = network.services["wyoming-conductor-0b5c9a4e-3._wyconductor._tcp.local."]
    assert api.server == api.name or api.server is None
    assert "wyoming-conductor-asr-0b5c9a4e._wyoming._tcp.local." in network.services
    await discovery.stop()


async def test_discovery_gives_up_when_every_name_is_in_use(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    network = FakeNetwork("192.0.2.7")
    instances = ["wyoming-conductor-0b5c9a4e"]
    instances += [f"{instances[0]}-{number}" for number in range(2, MAX_NAME_ATTEMPTS + 1)]
    network.taken = {f"{instance}._wyconductor._tcp.local." for instance in instances}
    discovery = network.discovery(clock)
    discovery.start({"api": 10_380})
    await clock.run_ready_tasks(100)
    assert network.services == {}
    assert "NonUniqueNameException" in caplog.text
    await discovery.stop()


async def test_discovery_announces_a_service_that_is_added_later(clock: FakeClock) -> None:
    network = FakeNetwork("192.0.2.7")
    discovery = network.discovery(clock)
    discovery.start({"api": 10_380})
    await clock.run_ready_tasks()
    assert len(network.services) == 1
    discovery.update(config(), PORTS)
    await clock.run_ready_tasks()
    assert len(network.services) == len(PORTS)
    assert network.open_clients == 1
    await discovery.stop()
    assert network.services == {}


async def test_discovery_update_without_a_change_withdraws_nothing(clock: FakeClock) -> None:
    network = FakeNetwork("192.0.2.7")
    discovery = network.discovery(clock)
    discovery.start(PORTS)
    await clock.run_ready_tasks()
    services = dict(network.services)
    discovery.update(config(wake={"threshold": 0.9}), dict(PORTS))
    await clock.run_ready_tasks()
    assert len(network.clients) == 1
    assert network.services == services
    await discovery.stop()


async def test_discovery_update_does_nothing_when_turned_off(clock: FakeClock) -> None:
    network = FakeNetwork("192.0.2.7")
    off = config(discovery={"zeroconf": False})
    discovery = network.discovery(clock, off)
    discovery.start(PORTS)
    discovery.update(off, PORTS)
    await clock.run_ready_tasks()
    assert network.services == {}
    await discovery.stop()


async def test_discovery_is_turned_on_and_off_while_the_server_runs(clock: FakeClock) -> None:
    network = FakeNetwork("192.0.2.7")
    on, off = config(), config(discovery={"zeroconf": False})
    discovery = network.discovery(clock, off)
    discovery.start(PORTS)
    for settings, expected in ((on, len(PORTS)), (off, 0), (on, len(PORTS))):
        discovery.update(settings, PORTS)
        await clock.run_ready_tasks()
        assert len(network.services) == expected
    await discovery.stop()
    assert network.services == {}


async def test_discovery_restarts_after_an_unexpected_error(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    network = FakeNetwork("192.0.2.7")
    network.failure = KeyError("a bug")
    discovery = network.discovery(clock)
    discovery.start(PORTS)
    await clock.run_ready_tasks()
    assert "a bug" in caplog.text
    network.failure = None
    await clock.advance(1)
    assert len(network.services) == 4
    assert network.open_clients == 1
    await discovery.stop()


async def test_discovery_stopped_while_registering_leaves_nothing(clock: FakeClock) -> None:
    class SlowClient(FakeClient):
        async def async_register_service(self, info: AsyncServiceInfo) -> Awaitable[object]:
            self._network.services[info.name] = info
            await asyncio.Event().wait()
            raise AssertionError

    def make_client(addresses: Sequence[str]) -> FakeClient:
        network.open_clients += 1
        return SlowClient(network)

    network = FakeNetwork("192.0.2.7")
    discovery = Discovery(
        config(),
        UUID,
        clock,
        TaskSupervisor(clock),
        make_client=make_client,
        addresses=network.find_addresses,
    )
    discovery.start(PORTS)
    await clock.run_ready_tasks()
    assert len(network.services) == 4
    await discovery.stop()
    assert network.services == {}


def adapter(name: str, *addresses: str) -> ifaddr.Adapter:
    ips = [
        ifaddr.IP((address, 0, 0) if ":" in address else address, 24, name) for address in addresses
    ]
    return ifaddr.Adapter(name, name, ips)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("0.0.0.0", ("192.168.1.20",)),
        ("::", ("192.168.1.20", "2001:db8::20")),
        ("", ("192.168.1.20", "2001:db8::20")),
    ],
)
async def test_lan_addresses_of_a_wildcard_are_those_of_the_interfaces(
    monkeypatch: pytest.MonkeyPatch, host: str, expected: tuple[str, ...]
) -> None:
    adapters = [
        adapter("lo", "127.0.0.1", "::1"),
        adapter("eth0", "192.168.1.20", "2001:db8::20", "fe80::1"),
        adapter("docker0", "172.17.0.1"),
        adapter("tailscale0", "100.64.0.1"),
    ]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    assert await lan_addresses(host) == expected


async def test_lan_addresses_are_link_local_where_there_are_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapters = [adapter("lo", "127.0.0.1"), adapter("eth0", "169.254.7.7")]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    assert await lan_addresses("0.0.0.0") == ("169.254.7.7",)


async def test_lan_addresses_of_a_machine_without_a_network_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter("lo", "127.0.0.1", "::1")])
    assert await lan_addresses("::") == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "no-such-host.invalid"])
async def test_lan_addresses_of_a_host_that_others_cannot_reach_are_none(host: str) -> None:
    assert await lan_addresses(host) == ()


async def test_lan_addresses_of_an_address_are_that_address() -> None:
    assert await lan_addresses("192.0.2.7") == ("192.0.2.7",)
