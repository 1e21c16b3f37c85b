"""Zeroconf announcements, by which Home Assistant discovers the servers on the local network."""

import asyncio
import hashlib
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Protocol

import ifaddr
from zeroconf import Error as ZeroconfError
from zeroconf import IPVersion, NonUniqueNameException
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from wyoming_servers import __version__
from wyoming_servers.config.schema import Config
from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.wyoming.address_monitor import AddressMonitor
from wyoming_servers.wyoming.info import machine_name

WYOMING_SERVICE_TYPE: Final = "_wyoming._tcp.local."
"""Home Assistant's core integration sends `describe` to every service of this type."""

API_SERVICE_TYPE: Final = "_wyconductor._tcp.local."
"""Service type of the Wyoming Conductor integration; RFC 6763 allows 15 characters."""

API_VERSION: Final = "1"
"""Changes with every breaking change of the HTTP API."""

CHECK_SECONDS: Final = 30.0
"""Between two checks whether the addresses of this machine have changed, where the system does not
tell."""

SETTLE_SECONDS: Final = 1.0
"""Between a change of the addresses and its announcement."""

RETRY_SECONDS: Final = 5.0
"""Until the next attempt after a failed announcement; doubles with every failure in a row."""

MAX_RETRY_SECONDS: Final = 300.0

MAX_NAME_ATTEMPTS: Final = 10
"""Names that are tried for one service when other machines use the first ones."""

_NETWORK_TIMEOUT: Final = 10.0
"""Seconds for one exchange with the network; an announcement takes less than two."""

_NOT_LAN: Final = re.compile(
    r"(docker|br-|veth|virbr|cni|flannel|cali|hassio|podman|lxc|lxd|tun|tap|wg|tailscale|zt)"
)
"""Interfaces of containers, virtual machines and VPNs, by the beginning of their names. Other
machines on the local network cannot reach the addresses of these interfaces."""

_ANY_IPV4: Final = "0.0.0.0"  # noqa: S104  (compared, not listened on)
_ANY: Final = ("", "::")

_IpAddress = IPv4Address | IPv6Address

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One service on one port."""

    type: str
    instance: str
    """Unique and stable: Home Assistant identifies the service by it."""
    port: int
    properties: dict[str, str] = field(default_factory=dict)


class ChangeMonitor(Protocol):
    """The part of `AddressMonitor` that Discovery uses."""

    def open(self) -> None: ...

    async def wait(self) -> None: ...

    def close(self) -> None: ...


class ZeroconfClient(Protocol):
    """The part of `zeroconf.asyncio.AsyncZeroconf` that Discovery uses."""

    async def async_register_service(self, info: AsyncServiceInfo) -> Awaitable[object]: ...

    async def async_unregister_all_services(self) -> None: ...

    async def async_close(self) -> None: ...


def _make_client(addresses: Sequence[str]) -> ZeroconfClient:
    """Open sockets on the interfaces that have these addresses."""
    return AsyncZeroconf(interfaces=list(addresses), ip_version=ip_version_of(addresses))


async def lan_addresses(host: str) -> tuple[str, ...]:
    """Return the addresses under which other machines reach a server that listens on `host`.

    1. `0.0.0.0`: every IPv4 address of this machine's interfaces.
    2. `::` and an empty host: every IPv4 and IPv6 address.
    3. A name or an address: what it resolves to.

    Loopback addresses are left out, and link-local ones unless there are no others.
    """
    found: list[_IpAddress]
    if host in (_ANY_IPV4, *_ANY):  # 1, 2
        found = await asyncio.to_thread(_interface_addresses)
    else:  # 3
        found = await _resolve(host)
    if host == _ANY_IPV4:
        found = [item for item in found if item.version == 4]
    usable = [item for item in found if not item.is_loopback and not item.is_unspecified]
    routable = [item for item in usable if not item.is_link_local]
    return tuple(dict.fromkeys(str(item) for item in routable or usable))


class Discovery:
    """Announces the open ports until it is stopped, under the addresses this machine has by then.

    A failure is logged and tried again: the network may come up after the server.
    """

    def __init__(
        self,
        config: Config,
        uuid: str,
        clock: Clock,
        tasks: TaskSupervisor,
        *,
        make_client: Callable[[Sequence[str]], ZeroconfClient] = _make_client,
        addresses: Callable[[str], Awaitable[tuple[str, ...]]] = lan_addresses,
        monitor: ChangeMonitor | None = None,
    ) -> None:
        """`uuid` identifies this installation; it is stored in the data folder."""
        self._config = config
        self._uuid = uuid
        self._clock = clock
        self._tasks = tasks
        self._make_client = make_client
        self._addresses = addresses
        self._monitor = monitor or AddressMonitor()
        self._client: ZeroconfClient | None = None
        self._announced: tuple[str, ...] = ()
        """Addresses under which the services are announced now."""
        self._ports: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._last_problem = ""
        """Logged already, so that a problem that stays is logged once."""

    def start(self, ports: Mapping[str, int]) -> None:
        """Announce the ports by service: `asr`, `tts`, `wake`, `api`, `asr:<model>`.

        Returns at once; probing whether the names are free takes a second or two.
        """
        self._ports = dict(ports)
        if self._config.discovery.zeroconf:
            self._task = self._tasks.start(lambda: self._run(ports), "zeroconf")

    def update(self, config: Config, ports: Mapping[str, int]) -> None:
        """Announce these ports under these settings from now on. Returns at once."""
        unchanged = config.discovery == self._config.discovery and ports == self._ports
        self._config, self._ports = config, dict(ports)
        if unchanged:
            return  # withdrawn services would disappear from clients for a moment
        previous = self._task
        if previous is not None or config.discovery.zeroconf:
            self._task = self._tasks.start(lambda: self._restart(previous, ports), "zeroconf")

    async def stop(self) -> None:
        """Withdraw the announcements, so that no client connects to a server that is gone."""
        if self._task is not None:
            await cancel_and_wait(self._task)
        self._monitor.close()
        await self._withdraw()

    async def _restart(self, previous: asyncio.Task[None] | None, ports: Mapping[str, int]) -> None:
        if previous is not None:
            await cancel_and_wait(previous)
        await self._withdraw()
        if self._config.discovery.zeroconf:
            await self._run(ports)

    async def _run(self, ports: Mapping[str, int]) -> None:
        retry_seconds = RETRY_SECONDS
        self._monitor.open()
        while True:
            if await self._announce_if_changed(ports):
                retry_seconds = RETRY_SECONDS
                await self._wait_for_change(CHECK_SECONDS)
            else:
                await self._wait_for_change(retry_seconds)
                retry_seconds = min(2 * retry_seconds, MAX_RETRY_SECONDS)

    async def _wait_for_change(self, seconds: float) -> None:
        """Wait until an address of this machine changes, at most this long."""
        timer = asyncio.create_task(self._clock.sleep(seconds), name="zeroconf check")
        change = asyncio.create_task(self._monitor.wait(), name="zeroconf address change")
        try:
            await asyncio.wait({timer, change}, return_when=asyncio.FIRST_COMPLETED)
            if not timer.done():
                # Addresses come in groups, and the kernel checks new ones first.
                await self._clock.sleep(SETTLE_SECONDS)
        finally:
            for task in (timer, change):
                await cancel_and_wait(task)

    async def _announce_if_changed(self, ports: Mapping[str, int]) -> bool:
        """Announce the current addresses; return whether they are announced now."""
        addresses = await self._addresses(self._config.host)
        if addresses and addresses == self._announced:
            return True
        # A client has sockets on the interfaces that existed when it was made.
        await self._withdraw()
        if not addresses:
            hint = ""
            if self._config.host == _ANY_IPV4 and await self._addresses("::"):
                hint = "; this machine has only IPv6 addresses, set host to `::`"
            self._log_problem(
                logging.WARNING if hint else logging.INFO,
                f"Not announced: other machines cannot reach {self._config.host}{hint}",
            )
            return False
        try:
            await self._announce(ports, addresses)
        except (OSError, TimeoutError, ZeroconfError) as err:
            self._log_problem(
                logging.WARNING,
                f"Cannot announce the servers ({str(err) or type(err).__name__}); "
                "add them to Home Assistant by address",
            )
            await self._withdraw()
            return False
        self._announced = addresses
        self._last_problem = ""
        _LOGGER.info("Announced %s at %s", ", ".join(ports), ", ".join(addresses))
        return True

    async def _announce(self, ports: Mapping[str, int], addresses: tuple[str, ...]) -> None:
        client = self._client = self._make_client(addresses)
        items = announcements(self._config, self._uuid, ports)
        results = await asyncio.gather(
            *(_register(client, item, addresses) for item in items), return_exceptions=True
        )
        for result in results:
            if result is not None:
                raise result

    async def _withdraw(self) -> None:
        self._announced = ()
        client, self._client = self._client, None
        if client is None:
            return
        try:
            async with asyncio.timeout(_NETWORK_TIMEOUT):
                await client.async_unregister_all_services()
                await client.async_close()
        except (OSError, TimeoutError, ZeroconfError) as err:
            _LOGGER.debug("Could not withdraw the announcements: %s", err)

    def _log_problem(self, level: int, message: str) -> None:
        if message != self._last_problem:
            _LOGGER.log(level, message)
        self._last_problem = message


def announcements(config: Config, uuid: str, ports: Mapping[str, int]) -> list[Announcement]:
    """Return what to announce for the open ports."""
    short = uuid.replace("-", "")[:8]
    items = [
        Announcement(WYOMING_SERVICE_TYPE, f"wyoming-conductor-{_label(service)}-{short}", port)
        for service, port in ports.items()
        if service != "api"
    ]
    if "api" in ports:
        properties = {
            "uuid": uuid,
            "api": API_VERSION,
            "path": "/",
            "version": __version__,
            "tls": "1" if config.api.tls else "0",
            "name": machine_name(config),
        }
        instance = f"wyoming-conductor-{short}"
        items.append(Announcement(API_SERVICE_TYPE, instance, ports["api"], properties))
    return items


async def _register(client: ZeroconfClient, item: Announcement, addresses: tuple[str, ...]) -> None:
    """Announce one service, under another name if a different machine uses this one.

    Raises NonUniqueNameException if `MAX_NAME_ATTEMPTS` names are in use.
    """
    for number in range(1, MAX_NAME_ATTEMPTS + 1):
        instance = item.instance if number == 1 else f"{item.instance}-{number}"
        # The host name of the records is that of the service: it must differ from the other
        # machine's as well.
        info = AsyncServiceInfo(
            item.type,
            f"{instance}.{item.type}",
            port=item.port,
            parsed_addresses=list(addresses),
            properties=item.properties,
        )
        try:
            async with asyncio.timeout(_NETWORK_TIMEOUT):
                await (await client.async_register_service(info))
        except NonUniqueNameException:
            if number == MAX_NAME_ATTEMPTS:
                raise
            _LOGGER.warning("Another machine is announced as %s; using another name", instance)
        else:
            return


def _label(service: str) -> str:
    """Return the name of a service as a part of a DNS label, distinct for each service.

    A label has at most 63 bytes; 33 of them are left for the port of a model.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", service.lower()).strip("-")
    if plain == service:
        return plain
    return f"{plain[:28].rstrip('-')}-{hashlib.sha256(service.encode()).hexdigest()[:4]}"


async def _resolve(host: str) -> list[_IpAddress]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_NETWORK_TIMEOUT):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return []
    return [ip_address(str(address[0])) for *_, address in found]


def _interface_addresses() -> list[_IpAddress]:
    """Return the addresses of all interfaces that lead to the local network."""
    return [
        ip_address(item.ip if isinstance(item.ip, str) else item.ip[0])
        for adapter in ifaddr.get_adapters()
        if not _NOT_LAN.match(adapter.name)
        for item in adapter.ips
    ]


def ip_version_of(addresses: Sequence[str]) -> IPVersion:
    """Return the IP versions that a zeroconf client for these addresses needs."""
    versions = {ip_address(address).version for address in addresses}
    if versions == {4}:
        return IPVersion.V4Only
    return IPVersion.V6Only if versions == {6} else IPVersion.All
