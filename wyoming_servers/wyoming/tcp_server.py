"""One port: accepts connections, up to a number, and lets them end when the server stops."""

import asyncio
import logging
from typing import Final

from wyoming_servers.config.schema import LimitsSection
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import (
    BusyError,
    ConductorError,
    ShuttingDownError,
)
from wyoming_servers.protocol.codec import Frame, encode_frame
from wyoming_servers.wyoming.connection import (
    Connection,
    InfoSource,
    close,
)
from wyoming_servers.wyoming.session import SessionFactory, error_event

BACKLOG: Final = 128
"""Connections that the system keeps for us until we accept them."""

_LOGGER: Final = logging.getLogger(__name__)


class TcpServer:
    """Serves one service on one port."""

    def __init__(
        self,
        service: str,
        host: str,
        port: int,
        info: InfoSource,
        make_session: SessionFactory,
        limits: LimitsSection,
        clock: Clock,
        *,
        key: str = "",
    ) -> None:
        """`key` is where the configuration names the port; by default `<service>.port`."""
        self._service = service
        self._key = key or f"{service}.port"
        self._host = host
        self._port = port
        self._info = info
        self._make_session = make_session
        self._limits = limits
        self._clock = clock
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._refused: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def connections(self) -> int:
        """Clients that are connected now."""
        return len(self._connections)

    async def start(self) -> int:
        """Open the port and return its number. Raises BusyError if it cannot be had."""
        try:
            self._server = await asyncio.start_server(
                self._accept, self._host, self._port, backlog=BACKLOG
            )
        except OSError as err:
            raise BusyError(
                f"Port {self._port} on {self._host} cannot be opened: {err.strerror or err}.",
                hint=f"Another server may hold it; choose another {self._key}.",
            ) from err
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self, grace: float) -> None:
        """Accept nobody any more; open requests have `grace` seconds to end."""
        self._stopping = True
        self._server.close()
        for connection in self._connections:
            connection.stop(grace)
        open_tasks = [*self._connections.values(), *self._refused]
        if open_tasks:
            await asyncio.wait(open_tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client; the task is asyncio's, the connection ends it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (a coroutine that runs has a task)
        if self._stopping or len(self._connections) >= self._limits.max_connections:
            self._refused.add(task)
            try:
                await self._refuse(reader, writer)
            finally:
                self._refused.discard(task)
            return
        connection = Connection(
            reader, writer, self._info, self._make_session, self._limits, self._clock
        )
        self._connections[connection] = task
        try:
            await connection.run()
        except Exception:
            _LOGGER.exception("%s: the connection of %s failed", self._service, connection.name)
        finally:
            del self._connections[connection]

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        error: ConductorError = BusyError("Too many connections are open.")
        if self._stopping:
            error = ShuttingDownError("The server stops.")
        _LOGGER.warning("%s: a client was not taken: %s", self._service, error.message)
        event = error_event(error)
        writer.write(encode_frame(Frame(event.type, event.data)))
        # Waiting costs a socket too: in a flood, clients beyond the first are just closed.
        await close(reader, writer, linger=len(self._refused) <= self._limits.max_connections)
