"""Notices changes of this machine's addresses at once, from the kernel (rtnetlink(7))."""

import asyncio
import logging
import socket
from contextlib import suppress
from typing import Final

_NETLINK_ROUTE: Final = 0
_ADDRESS_GROUPS: Final = 0x10 | 0x100
"""RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR."""

_MESSAGE_BYTES: Final = 64 * 1024

_LOGGER: Final = logging.getLogger(__name__)


class AddressMonitor:
    """Waits for changes of addresses; where the system has no netlink, it waits forever."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Notice changes from now on; call it before reading the addresses."""
        if self._socket is None:
            self._socket = _open_socket()

    async def wait(self) -> None:
        """Wait until an address was added or removed since `open` or the last call."""
        sock = self._socket
        if sock is None:
            await asyncio.Event().wait()
            return
        # An overflow of the socket's buffer (ENOBUFS) means that there were changes.
        with suppress(OSError):
            await asyncio.get_running_loop().sock_recv(sock, _MESSAGE_BYTES)
        with suppress(OSError):
            while sock.recv(_MESSAGE_BYTES):
                pass

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _open_socket() -> socket.socket | None:
    if not hasattr(socket, "AF_NETLINK"):
        return None
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE)
    try:
        sock.setblocking(False)
        sock.bind((0, _ADDRESS_GROUPS))
    except OSError as err:
        _LOGGER.debug("Changes of addresses are noticed late: %s", err)
        sock.close()
        return None
    return sock
