"""Runs uvicorn inside the event loop of the process, without its signal handlers and logging.

Uvicorn has no timeout for the header of a request, so a few hundred slow connections could use up
all connections; `HeaderTimeoutProtocol` adds one. Bodies have timeouts where they are read (see
`upload`).
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any, Final

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from wyoming_servers.core.errors import BadRequestError, BusyError, ConductorError
from wyoming_servers.http.context import ApiContext

HEADER_TIMEOUT_SECONDS: Final = 10.0
"""Enough for any client and connection to send the header of a request."""

_BACKLOG: Final = 256
"""Connections that the kernel queues before they are accepted."""


class ApiServer:
    """One listening HTTP server; call `start` once, then `stop` once."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        """`port` 0 lets the system choose a free port."""
        self._context: ApiContext = app.state.context
        self._host = host
        self._port = port
        self._server = _EmbeddedServer(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                http=HeaderTimeoutProtocol,
                ws="websockets-sansio",
                ws_max_size=self._context.config.limits.max_event_bytes,
                limit_concurrency=self._context.config.limits.max_connections,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen and return the port.

        Raises BusyError if the port is in use, BadRequestError if the address is not available.
        """
        sockets = await self._bind()
        port: int = sockets[0].getsockname()[1]
        task = asyncio.create_task(self._server.serve(sockets), name="api")
        self._task = task
        up = asyncio.create_task(self._server.started_listening.wait())
        await asyncio.wait({up, task}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if task.done():
            for sock in sockets:
                sock.close()
            task.result()
        return port

    async def stop(self, grace: float) -> None:
        """Refuse new requests, end event streams now and other requests within `grace` seconds."""
        task, self._task = self._task, None
        self._context.closing.set()
        if task is None:
            return
        self._server.begin_shutdown(grace)
        await task

    async def _bind(self) -> list[socket.socket]:
        loop = asyncio.get_running_loop()
        sockets: list[socket.socket] = []
        port = self._port
        try:
            found = await loop.getaddrinfo(
                # `::` means every address, IPv4 too, as for the Wyoming ports.
                None if self._host in ("", "::") else self._host,
                port,
                type=socket.SOCK_STREAM,
                flags=socket.AI_PASSIVE,
            )
            for family, _, _, _, address in dict.fromkeys(found):
                sock = _open_socket(family, (address[0], port, *address[2:]))
                sockets.append(sock)
                # With port 0, all addresses of the host use the port that the first one got.
                port = sock.getsockname()[1]
        except OSError as err:
            for sock in sockets:
                sock.close()
            raise self._bind_error(err) from err
        return sockets

    def _bind_error(self, err: OSError) -> ConductorError:
        where = f"port {self._port} of {self._host}"
        if err.errno == errno.EADDRINUSE:
            return BusyError(
                f"The API cannot listen on {where}: the port is in use.",
                hint="Stop the other program, or set api.port; "
                "`wyoming-conductor doctor` lists the ports.",
            )
        return BadRequestError(
            f"The API cannot listen on {where}: {err.strerror or err}.",
            hint="Set host and api.port to an address and a port of this machine.",
        )


class HeaderTimeoutProtocol(H11Protocol):
    """Uvicorn's HTTP protocol with a timeout for the header of each request."""

    header_timeout: float = HEADER_TIMEOUT_SECONDS
    """Seconds."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timer()
        super().connection_lost(exc)

    def _update_timer(self) -> None:
        """Run the timer exactly while the header of a request is awaited or incomplete."""
        if self.conn.their_state is not h11.IDLE:
            self._cancel_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.header_timeout, self._on_timeout)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            # Uvicorn has its own keep-alive timeout between requests; ours starts with new bytes.
            self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timeout(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()


class _EmbeddedServer(uvicorn.Server):
    """Uvicorn without signal handlers, with an event for the completed startup."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.started_listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.started_listening.set()

    def begin_shutdown(self, grace: float) -> None:
        """Begin the shutdown; running requests get `grace` seconds to finish."""
        # Annotated as int, but only passed to a wait, which accepts fractions.
        self.config.timeout_graceful_shutdown = grace  # type: ignore[assignment]
        self.should_exit = True


def _open_socket(family: int, address: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
