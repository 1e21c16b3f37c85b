"""One listening port: opens its sockets and accepts connections within limits."""

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from wyoming_servers.core.errors import BusyError
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.net.connection_limits import (
    ConnectionLimits,
    ConnectionSlot,
    client_address,
)

BACKLOG: Final = 256
"""Connections that the kernel holds until they are accepted."""

ACCEPT_PAUSE_SECONDS: Final = 1.0
"""How long no connection is accepted after the system had no descriptor or memory for one, unless
a connection is closed earlier. asyncio's own loop would try again at once, and log each time."""

LINGER_SECONDS: Final = 1.0
"""How long a refused client may go on sending. Closing at once would make its system discard the
answer unread."""

_MAX_LINGERING: Final = 32
"""Refused clients of one port that may linger; each holds a descriptor. Others are just closed."""

_ANY: Final = ("", "::")
"""Hosts that mean every address of this machine, IPv4 and IPv6."""

_LOGGER: Final = logging.getLogger(__name__)


async def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Listen on all addresses of a host, with the same port; all or none. Raises OSError.

    `port` 0 lets the system choose. `::` and an empty host mean every address, IPv4 too.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        None if host in _ANY else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                sock = _open_socket(family, (address[0], port, *address[2:]))
            except OSError as err:
                if err.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) and host in _ANY:
                    continue  # a kernel without IPv6
                raise
            sockets.append(sock)
            port = sock.getsockname()[1]
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    if not sockets:
        raise OSError(errno.EADDRNOTAVAIL, "the address is not available")
    return sockets


class Listener:
    """Accepts the connections of one port until it is closed."""

    def __init__(
        self,
        name: str,
        sockets: list[socket.socket],
        serve: Callable[[socket.socket, ConnectionSlot], Awaitable[None]],
        limits: ConnectionLimits,
        *,
        caps: Callable[[], tuple[int, int]],
        refusal: Callable[[BusyError], bytes],
    ) -> None:
        """`serve` takes over a connection and its slot, and returns once it is set up.

        `caps` returns the most connections of the port and of one address, read per connection;
        `refusal` returns what a client gets for which there is no room.
        """
        self._name = name
        self._sockets = sockets
        self._serve = serve
        self._limits = limits
        self._caps = caps
        self._refusal = refusal
        self._tasks: list[asyncio.Task[None]] = []
        self._lingering: set[asyncio.Task[None]] = set()
        self._released = asyncio.Event()
        """Set when a connection of any port is closed."""
        self._unsubscribe = limits.on_release(self._released.set)

    def start(self, tasks: TaskSupervisor) -> None:
        """Accept connections from now on."""
        for sock in self._sockets:
            self._tasks.append(tasks.start(partial(self._accept, sock), self._task_name))

    async def close(self) -> None:
        """Accept no more connections; the accepted ones stay open."""
        self._unsubscribe()
        tasks = [*self._tasks, *self._lingering]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for sock in self._sockets:
            sock.close()

    @property
    def _task_name(self) -> str:
        return f"{self._name} port"

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._released.clear()
            try:
                sock, address = await loop.sock_accept(listening)
            except ConnectionError:
                continue  # the client left before it was accepted
            except OSError as err:
                _LOGGER.warning("%s: no connection can be accepted: %s", self._name, err.strerror)
                with suppress(TimeoutError):
                    async with asyncio.timeout(ACCEPT_PAUSE_SECONDS):
                        await self._released.wait()
                continue
            await self._admit(sock, client_address(address))
            # `sock_accept` does not wait while clients are queued: in a flood the others go on.
            await asyncio.sleep(0)

    async def _admit(self, sock: socket.socket, address: str) -> None:
        most, most_of_address = self._caps()
        try:
            slot = self._limits.admit(
                self._name, address, max_port=most, max_address=most_of_address
            )
        except BusyError as err:
            _LOGGER.warning("%s: connection of %s refused: %s", self._name, address, err.message)
            self._refuse(sock, err)
            return
        try:
            await self._serve(sock, slot)
        except OSError as err:
            _LOGGER.debug("%s: %s left at once: %s", self._name, address, err)
            sock.close()
            self._limits.release(slot)

    def _refuse(self, sock: socket.socket, error: BusyError) -> None:
        try:
            sock.send(self._refusal(error))
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            sock.close()
            return
        if len(self._lingering) >= _MAX_LINGERING:
            sock.close()
            return
        task = asyncio.create_task(linger(sock), name=f"{self._name} refused client")
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)


async def linger(sock: socket.socket) -> None:
    """Read what a refused client still sends, and close."""
    loop = asyncio.get_running_loop()
    try:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while await loop.sock_recv(sock, 16 * 1024):
                    pass
    finally:
        sock.close()


def _open_socket(family: int, address: tuple[Any, ...]) -> socket.socket:
    # The protocol is stated, because asyncio sends small writes at once only if it is TCP; without
    # that, an answer in two writes waits up to 40 ms for the client's acknowledgment.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
