"""Being found on the network: zeroconf announcements for Home Assistant."""

import asyncio
import hashlib
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Protocol

from zeroconf import Error as ZeroconfError
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from wyoming_servers import __version__
from wyoming_servers.config.schema import Config
from wyoming_servers.core.aio import cancel_and_wait

WYOMING_SERVICE_TYPE: Final = "_wyoming._tcp.local."
"""Home Assistant's core integration asks what is announced here to `describe` itself."""

API_SERVICE_TYPE: Final = "_wyconductor._tcp.local."
"""Our own integration's; RFC 6763 allows 15 characters."""

API_VERSION: Final = "1"
"""Changes when the HTTP API breaks with its past."""

_NETWORK_TIMEOUT: Final = 10.0
"""For one exchange with the network; announcing takes under two."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One service on one port."""

    type: str
    instance: str
    """Distinct and the same for ever: Home Assistant knows the service by it."""
    port: int
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.instance}.{self.type}"


class ZeroconfClient(Protocol):
    """What is used of `zeroconf.asyncio.AsyncZeroconf`."""

    async def async_register_service(self, info: AsyncServiceInfo) -> Awaitable[object]: ...

    async def async_unregister_all_services(self) -> None: ...

    async def async_close(self) -> None: ...


class Discovery:
    """Announces open ports until it is stopped. A network without multicast is no failure."""

    def __init__(
        self, config: Config, uuid: str, *, make: Callable[[], ZeroconfClient] = AsyncZeroconf
    ) -> None:
        self._config = config
        self._uuid = uuid
        """Of this installation, kept in its data folder."""
        self._make = make
        self._zeroconf: ZeroconfClient | None = None
        self._announcing: asyncio.Task[None] | None = None

    def start(self, ports: Mapping[str, int]) -> None:
        """Announce the ports by service: `asr`, `tts`, `wake`, `api`, `asr:<model>`.

        Returns at once; asking the network whether the names are free takes a second or two.
        """
        if self._config.discovery.zeroconf:
            self._announcing = asyncio.create_task(self._announce(ports), name="announce")

    async def stop(self) -> None:
        """Take the announcements back, so that nobody tries a server that is gone."""
        if self._announcing is not None:
            await cancel_and_wait(self._announcing)
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is None:
            return
        try:
            async with asyncio.timeout(_NETWORK_TIMEOUT):
                await zeroconf.async_unregister_all_services()
                await zeroconf.async_close()
        except (OSError, TimeoutError, ZeroconfError) as err:
            _LOGGER.debug("Could not take the announcements back: %s", err)

    async def _announce(self, ports: Mapping[str, int]) -> None:
        address = await lan_address(self._config.host)
        if address is None:
            _LOGGER.info("Not announced: other machines cannot reach %s", self._config.host)
            return
        infos = [
            AsyncServiceInfo(
                item.type,
                item.name,
                port=item.port,
                parsed_addresses=[address],
                properties=item.properties,
            )
            for item in announcements(self._config, self._uuid, ports)
        ]
        try:
            zeroconf = self._zeroconf = self._make()
            async with asyncio.timeout(_NETWORK_TIMEOUT):
                sent = await asyncio.gather(*map(zeroconf.async_register_service, infos))
                await asyncio.gather(*sent)
        except (OSError, TimeoutError, ZeroconfError) as err:
            _LOGGER.warning(
                "Cannot announce the servers (%s); add them to Home Assistant by address", err
            )
        else:
            _LOGGER.debug("Announced %s at %s", ", ".join(ports), address)


def announcements(config: Config, uuid: str, ports: Mapping[str, int]) -> list[Announcement]:
    """Return what to announce for the ports that are open."""
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
            "tls": "0",
            "name": config.discovery.name or socket.gethostname(),
        }
        items.append(
            Announcement(API_SERVICE_TYPE, f"wyoming-conductor-{short}", ports["api"], properties)
        )
    return items


def _label(service: str) -> str:
    """Return a service's name as a part of a DNS label, distinct for each.

    A label has 63 bytes at most; 33 of them are left for a model's port.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", service.lower()).strip("-")
    if plain == service:
        return plain
    return f"{plain[:28].rstrip('-')}-{hashlib.sha256(service.encode()).hexdigest()[:4]}"


async def lan_address(host: str) -> str | None:
    """Return the address under which other machines reach `host`; None if they cannot.

    For `0.0.0.0` and `::` it is the one that this machine uses towards the network.
    """
    address: str | None = host
    if host in ("", "0.0.0.0", "::"):  # noqa: S104  (compared, not listened on)
        address = _own_address()
    else:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_NETWORK_TIMEOUT):
                found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError):
            return None
        address = str(found[0][4][0])
    return None if address is None or ip_address(address).is_loopback else address


def _own_address() -> str | None:
    """Ask the system which address it would send from; connecting UDP sends nothing."""
    # First towards zeroconf's own multicast group, then towards the internet.
    for target in ("224.0.0.251", "192.0.2.1"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect((target, 5353))
            except OSError:
                continue
            address: str = probe.getsockname()[0]
            if address != "0.0.0.0":  # noqa: S104
                return address
    return None
