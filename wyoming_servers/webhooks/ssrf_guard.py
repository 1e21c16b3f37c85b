"""Which addresses a webhook may call.

Whoever can send a recording can name an address that this server then calls from inside the home:
without a guard that is a way to the router, the cameras and the cloud's metadata service. So what
counts is the address that is really connected to, never the name alone.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from wyoming_servers.core.errors import BadRequestError

Address = IPv4Address | IPv6Address

PUBLIC: Final = "public"

_MAX_URL: Final = 2_000

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""

_HINT: Final = (
    "Add the host, its address or its network to webhooks.allowed_targets in the configuration."
)


class AddressGuard:
    """Decides by `webhooks.allowed_targets`: `public`, host names, addresses and networks."""

    def __init__(self, allow: Iterable[str]) -> None:
        self._allow_public = False
        self._names: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        for entry in allow:
            if entry == PUBLIC:
                self._allow_public = True
                continue
            try:
                self._networks.append(ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry.lower().rstrip("."))

    def check_url(self, url: str) -> SplitResult:
        """Return a URL that may be called, as far as its text tells.

        Raises BadRequestError for another protocol, for credentials, and for an address or a
        name that cannot be allowed whatever it resolves to.
        """
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname, parts.port
        except ValueError as err:
            raise BadRequestError(f"webhook_url is not an address: {err}") from err
        if parts.scheme not in ("http", "https") or not host or len(url) > _MAX_URL:
            raise BadRequestError("webhook_url must be an http or https address")
        if parts.username is not None or any(ord(sign) <= 32 for sign in url):
            raise BadRequestError("webhook_url must hold no user name and no spaces")
        address = _parse_address(host)
        allowed = self._allow_public or self._is_named(host) or bool(self._networks)
        if address is not None:
            allowed = self.permits(host, address)
        if not allowed:
            raise BadRequestError(f"webhook_url may not be on {host}", hint=_HINT)
        return parts

    def permits(self, host: str, address: Address) -> bool:
        """Whether `host` may be called at the address that it resolved to.

        1. The host is named: wherever it is.
        2. The address, or a network around it, is named.
        3. The address is on the internet, and that is allowed. Addresses that carry another one
           inside (mapped, 6to4, Teredo, NAT64) count as the one inside.
        """
        if self._is_named(host):  # 1
            return True
        inner = _embedded_address(address)
        for network in self._networks:  # 2
            if inner.version == network.version and inner in network:
                return True
        return self._allow_public and inner.is_global and not inner.is_multicast  # 3

    def _is_named(self, host: str) -> bool:
        name = host.lower().rstrip(".")
        if name in self._names:
            return True
        _, _, domain = name.partition(".")
        return bool(domain) and f"*.{domain}" in self._names


def _parse_address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _embedded_address(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
