"""Which server a command talks to: the one named, the one configured here, or a private one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wyoming_servers.cli.client import Address, describe, parse_address
from wyoming_servers.cli.private import SpeechService, temporary_server
from wyoming_servers.errors import BadRequestError

if TYPE_CHECKING:
    from wyoming_servers.config.schema import Config

_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::", "localhost"})  # noqa: S104  (compared, not bound)
"""Hosts that include loopback when a server listens on them."""


@dataclass(frozen=True, slots=True)
class ServerTarget:
    """What the options say about the server to use."""

    service: SpeechService
    server: str | None
    """`--server`; None: the configured one on this machine, else a private one."""
    config: "Config"
    file: Path | None
    sets: Sequence[str]

    def address(self) -> Address:
        """Return where the server should be. Raises BadRequestError for a malformed address."""
        port: int = getattr(self.config, self.service).port
        if self.server is not None:
            return parse_address(self.server, port)
        host = self.config.host
        return Address("127.0.0.1" if host in _ANYWHERE else host, port)


@asynccontextmanager
async def open_server(target: ServerTarget, on_status: Callable[[str], None]) -> AsyncIterator[Address]:
    """Give the address of a server that answers; starts a private one if none was named."""
    address = target.address()
    if target.server is not None or await _accepts_connections(address):
        await _check_service(target, address)
        yield address
        return
    if not getattr(target.config, target.service).enabled:
        raise BadRequestError(
            f"{target.service} is switched off in the configuration.",
            hint=f"Set {target.service}.enabled: true, or name a server with --server.",
        )
    async with temporary_server(target.service, target.file, target.sets, on_status) as private:
        yield private


async def _accepts_connections(address: Address) -> bool:
    """Whether anything accepts a connection there; port 0 stands for none in particular."""
    if address.port == 0:
        return False
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _check_service(target: ServerTarget, address: Address) -> None:
    """Raise unless a server of the right kind answers there."""
    info = await describe(address)
    if not getattr(info, target.service):
        raise BadRequestError(
            f"The server at {address} does not offer {_SERVICE_NAMES[target.service]}.",
            hint="Name the port of one that does with --server HOST:PORT.",
        )


_SERVICE_NAMES: Final[dict[SpeechService, str]] = {"asr": "speech-to-text", "tts": "text-to-speech"}
