"""Checks that the server could open its ports with another configuration."""

import errno

from wyoming_servers.config.errors import ConfigProblem
from wyoming_servers.config.load import listening_ports
from wyoming_servers.config.schema import Config
from wyoming_servers.net.listener import open_sockets


async def check_listeners(saved: Config, effective: Config) -> list[ConfigProblem]:
    """Return ports of `saved` that cannot be opened, except those that `effective` has open.

    Opens the other ports for a moment.
    """
    moved = saved.host != effective.host
    if moved and (reason := await _bind_error(saved.host, 0)) is not None:
        message = f"The server cannot listen on {saved.host!r}: {reason.strerror or reason}."
        return [ConfigProblem("host", message)]
    own = {port for _, port in listening_ports(effective)}
    problems = []
    for path, port in listening_ports(saved):
        if port in own and not moved:
            continue
        reason = await _bind_error(saved.host, port)
        if reason is not None and not (reason.errno == errno.EADDRINUSE and port in own):
            message = f"Port {port} cannot be opened: {reason.strerror or reason}."
            problems.append(ConfigProblem(".".join(path), message))
    return problems


async def _bind_error(host: str, port: int) -> OSError | None:
    """Return why a port cannot be opened, None if it can."""
    try:
        for opened in await open_sockets(host, port):
            opened.close()
    except OSError as err:
        return err
    return None
