"""Limits of what clients cost: open connections, and memory.

Connections are limited for one address on one port, for one port, and for all ports, which have
what the limit of open files leaves for them.
"""

import logging
import resource
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from wyoming_servers.core.errors import BusyError

DEFAULT_MAX_TOTAL: Final = 768
"""Connections of all ports where the limit of open files is the usual 1,024."""


TOTAL_LIMIT_BYTES: Final = 96 * 1024 * 1024
"""Memory held for all clients of all ports: 12 clients at their hard limit. With the buffers of
their sockets it stays below 256 MiB, whatever they send."""


class ClientHandle(Protocol):
    """A connection, as far as its place among the others is concerned."""

    @property
    def idle_since(self) -> float | None:
        """Monotonic time since which nothing is done for this client; None while it is served."""
        ...

    def displace(self) -> None:
        """Close at once, because another client needs the place."""
        ...


@dataclass(eq=False, slots=True)
class ConnectionSlot:
    """The place of one connection."""

    port: str
    address: str
    handle: ClientHandle | None = None
    """Set once the connection is set up; until then it cannot be displaced."""
    displaced: bool = False
    released: bool = False


class ConnectionLimits:
    """Admits connections, at most `max_total` on all ports together.

    Where there is no room, a client that is idle gives its place to the new one, so that open
    connections that do nothing keep nobody out:

    1. An address at its limit gives up its own connection that has been idle for longest.
    2. A full port, and a full server, take it from the address with the most connections, never
       from an address with fewer than the new client's.
    3. Where none of them is idle, the new client is refused.
    """

    def __init__(self, max_total: int = DEFAULT_MAX_TOTAL) -> None:
        self._max_total = max_total
        self._ports: dict[str, dict[str, set[ConnectionSlot]]] = {}
        """Slots by port and address; no empty sets."""
        self._total = 0
        self._on_release: set[Callable[[], None]] = set()

    @property
    def total(self) -> int:
        """Connections of all ports."""
        return self._total

    def admit(self, port: str, address: str, *, max_port: int, max_address: int) -> ConnectionSlot:
        """Return a place for a new client; `release` it when the connection is closed.

        Raises BusyError if there is none.
        """
        addresses = self._ports.get(port, {})
        own = addresses.get(address, set())
        victim: ConnectionSlot | None = None
        if len(own) >= max_address:  # 1
            victim = _longest_idle(own)
            if victim is None:
                raise BusyError(
                    f"Too many connections are open from {address}.",
                    hint="Close some of them, or raise limits.max_connections_per_address.",
                )
        elif sum(map(len, addresses.values())) >= max_port:  # 2
            victim = _victim(addresses, len(own))
            if victim is None:
                raise BusyError("Too many connections are open.")
        elif self._total >= self._max_total:  # 2
            everywhere = self._by_address()
            victim = _victim(everywhere, len(everywhere.get(address, ())))
            if victim is None:
                raise BusyError("Too many connections are open.")
        if victim is not None:
            self._displace(victim)
        slot = ConnectionSlot(port, address)
        self._ports.setdefault(port, {}).setdefault(address, set()).add(slot)
        self._total += 1
        return slot

    def release(self, slot: ConnectionSlot) -> None:
        """Give a place back, because the connection is closed; a second time changes nothing."""
        if slot.released:
            return
        slot.released = True
        if not slot.displaced:
            self._remove(slot)
        for notify in self._on_release:
            notify()

    def on_release(self, notify: Callable[[], None]) -> Callable[[], None]:
        """Call `notify` after every release; returns a function that ends this."""
        self._on_release.add(notify)
        return lambda: self._on_release.discard(notify)

    def _displace(self, slot: ConnectionSlot) -> None:
        # Before `displace`, which may release the slot at once.
        slot.displaced = True
        self._remove(slot)
        assert slot.handle is not None  # noqa: S101  (only set up connections are idle)
        slot.handle.displace()

    def _remove(self, slot: ConnectionSlot) -> None:
        addresses = self._ports[slot.port]
        slots = addresses[slot.address]
        slots.remove(slot)
        self._total -= 1
        if not slots:
            del addresses[slot.address]

    def _by_address(self) -> dict[str, set[ConnectionSlot]]:
        found: dict[str, set[ConnectionSlot]] = {}
        for addresses in self._ports.values():
            for address, slots in addresses.items():
                found.setdefault(address, set()).update(slots)
        return found


class BufferBudget:
    """Bounds the memory held for all clients together.

    Over the limit, the clients that hold more than an equal share are refused; a client that
    streams live audio, whose buffer is small, is never the one that has to leave. So the sum stays
    below twice the limit.
    """

    def __init__(self, limit: int = TOTAL_LIMIT_BYTES) -> None:
        self._limit = limit
        self._sizes: dict[object, int] = {}
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes held by all clients."""
        return self._total

    def update(self, client: object, size: int) -> None:
        """Record that `client` holds `size` bytes. Raises BusyError if that is too much."""
        before = self.record(client, size)
        if size > before and self._total > self._limit and size > self._limit // len(self._sizes):
            raise BusyError("The clients of this server have sent too much data.")

    def record(self, client: object, size: int) -> int:
        """Record that `client` holds `size` bytes, and return how many it held before."""
        before = self._sizes.get(client, 0)
        self._total += size - before
        if size:
            self._sizes[client] = size
        else:
            self._sizes.pop(client, None)
        return before

    def remove(self, client: object) -> None:
        """Forget a client that has left."""
        self._total -= self._sizes.pop(client, 0)


def client_address(sockaddr: Any) -> str:
    """Return the address of a client without its port; `::ffff:` and zone are removed."""
    if not sockaddr:
        return "unknown"
    host = str(sockaddr[0]).partition("%")[0]
    mapped = host.removeprefix("::ffff:")
    return mapped if "." in mapped else host


def _victim(
    addresses: dict[str, set[ConnectionSlot]], own_connections: int
) -> ConnectionSlot | None:
    """Return the longest idle connection of the address that has the most of them."""
    for slots in sorted(addresses.values(), key=len, reverse=True):
        if len(slots) < own_connections:
            return None
        if (slot := _longest_idle(slots)) is not None:
            return slot
    return None


def _longest_idle(slots: Iterable[ConnectionSlot]) -> ConnectionSlot | None:
    idle = [
        (since, number, slot)
        for number, slot in enumerate(slots)
        if slot.handle is not None and (since := slot.handle.idle_since) is not None
    ]
    return min(idle)[2] if idle else None


MAX_DESCRIPTORS: Final = 65_536
"""More is never used, and containers set limits of a billion, up to which some programs iterate."""

RESERVED_DESCRIPTORS: Final = 256
"""For everything but connections of clients: workers (4 each), databases, uploads, downloads."""

_LOGGER: Final = logging.getLogger(__name__)


def raise_descriptor_limit() -> int:
    """Raise the limit of open files to the highest one that needs no privileges, and return it.

    The usual soft limit of 1,024 exists for programs that use `select`; this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as err:
            _LOGGER.warning("The limit of open files stays at %d: %s", soft, err)
        else:
            soft = wanted
    return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def max_connections(descriptors: int) -> int:
    """Return how many connections all ports together may hold with this limit of open files."""
    return max(16, descriptors - RESERVED_DESCRIPTORS, descriptors // 2)
