"""Tells systemd what the server does: the protocol of sd_notify(3), a datagram to a socket.

Everything is a no-op if the server was not started by systemd with `Type=notify`.
"""

import logging
import os
import socket
from typing import Final

_LOGGER: Final = logging.getLogger(__name__)

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"


def notify(state: str) -> None:
    """Send a state, such as `READY`; a failure is logged at debug level."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address[0] == "@":
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)  # The event loop's thread may call this.
            channel.sendto(state.encode(), address)
    except OSError as err:
        _LOGGER.debug("systemd was not told %s: %s", state, err)


def watchdog_interval() -> float | None:
    """Return the seconds within which systemd wants a `WATCHDOG=1`; None if it does not watch."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        return int(os.environ["WATCHDOG_USEC"]) / 1_000_000 or None
    except (KeyError, ValueError):
        return None
