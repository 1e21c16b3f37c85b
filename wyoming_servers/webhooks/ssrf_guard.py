"""Decides which addresses a webhook may call, against server-side request forgery (SSRF).

Every client that may send a recording can name an address that this server then calls from inside
the home network: without a guard, it could reach the router, cameras, or the metadata service of a
cloud. Therefore the address of the actual connection is checked, never the name alone.
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

_NOT_PUBLIC: Final = (
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2001::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("::/96"),
    IPv6Network("fec0::/10"),
)
"""Not on the internet, whatever the version of Python says: local NAT64 (RFC 8215), Teredo, 6to4,
IPv4-compatible and site-local addresses. A gateway at home may lead from them into its network."""

_HINT: Final = (
    "Add the host, its address or its network to webhooks.allowed_targets in the configuration."
)


class AddressGuard:
    """Checks addresses against `webhooks.allowed_targets`.

    An entry is `public`, a host name (also `*.lan`), an address or a network.
    """

    def __init__(self, allowed_targets: Iterable[str]) -> None:
        self._allow_public = False
        self._names: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        for entry in allowed_targets:
            if entry == PUBLIC:
                self._allow_public = True
                continue
            try:
                self._networks.append(ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry.lower().rstrip("."))

    def check_url(self, url: str) -> SplitResult:
        """Check a URL without resolving its host, and return its parts.

        Raises BadRequestError for another protocol, for credentials, and for an address or a name
        that is not allowed whatever it resolves to.
        """
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname, parts.port
        except ValueError as err:
            raise BadRequestError(f"webhook_url is not a URL: {err}") from err
        if parts.scheme not in ("http", "https") or not host or len(url) > _MAX_URL:
            raise BadRequestError("webhook_url must be an http or https URL")
        if not url.isascii():
            raise BadRequestError(
                "webhook_url must consist of ASCII characters",
                hint="Write the host as `xn--…` and percent-encode the path.",
            )
        if parts.username is not None or any(ord(character) <= 32 for character in url):
            raise BadRequestError("webhook_url must not contain a user name or spaces")
        address = _parse_address(host)
        allowed = self._allow_public or self._is_named(host) or bool(self._networks)
        if address is not None:
            allowed = self.permits(host, address)
        if not allowed:
            raise BadRequestError(f"webhook_url is not allowed for {host}", hint=_HINT)
        return parts

    def permits(self, host: str, address: Address) -> bool:
        """Return whether `host` may be called at an address to which it resolved.

        1. The host is listed by name: at any address.
        2. The address or its network is listed.
        3. `public` is listed and the address is on the internet.

        An address that embeds another one (IPv4-mapped, 6to4, Teredo, NAT64) counts as the embedded
        one; those of tunnels (6to4, Teredo) are never on the internet.
        """
        if self._is_named(host):  # 1
            return True
        target = _embedded_address(address)
        for network in self._networks:  # 2
            if target.version == network.version and target in network:
                return True
        return self._allow_public and _is_public(address) and _is_public(target)  # 3

    def _is_named(self, host: str) -> bool:
        name = host.lower().rstrip(".")
        if name in self._names:
            return True
        _, _, domain = name.partition(".")
        return bool(domain) and f"*.{domain}" in self._names


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        if any(address in network for network in _NOT_PUBLIC):
            return False
        if address.ipv4_mapped is not None or address in _NAT64:
            return True  # As the embedded address, which is judged by itself.
    return address.is_global and not address.is_multicast


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
