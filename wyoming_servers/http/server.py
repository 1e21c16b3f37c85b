"""Runs uvicorn inside the event loop of the process, without its signal handlers and logging.

Uvicorn has no timeout for the header of a request, so a few hundred slow connections could use up
all connections; `HeaderTimeoutProtocol` adds one. Bodies have theirs in
`body_limits.BodyLimitMiddleware`. With TLS, only clients of this machine may speak plain HTTP.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from wyoming_servers.config.holder import ConfigUpdate
from wyoming_servers.core.errors import BadRequestError, BusyError, ConductorError
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.problems import problem_response
from wyoming_servers.net.connection_limits import ConnectionLimits, ConnectionSlot, client_address
from wyoming_servers.net.listener import Listener, linger, open_sockets
from wyoming_servers.net.tls import TlsIdentity, speaks_tls

DRAIN_SECONDS: Final = 5.0
"""How long a client that got its answer before it has sent its whole body may go on sending.
Closing at once could destroy the answer on its way."""

HEADER_TIMEOUT_SECONDS: Final = 10.0
"""Enough for any client and connection to send the header of a request."""


_PLAIN: Final = BadRequestError(
    "This server speaks HTTPS.",
    hint="Use https:// in the address, or turn TLS on in the settings of the client.",
)

_LOGGER: Final = logging.getLogger(__name__)


class ApiServer:
    """One listening HTTP server; call `start` once, then `stop` once."""

    def __init__(
        self,
        app: FastAPI,
        host: str,
        port: int,
        *,
        tasks: TaskSupervisor | None = None,
        connections: ConnectionLimits | None = None,
        tls: TlsIdentity | None = None,
    ) -> None:
        """`port` 0 lets the system choose a free port.

        `tasks` runs the accept loop, a supervisor of its own by default; `connections` are the
        limits that the Wyoming ports share. With `tls` the port speaks HTTPS.
        """
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
            )
        )
        self._tasks = tasks or TaskSupervisor(self._context.clock)
        self._connections = connections or ConnectionLimits()
        self._tls = tls
        self._handshakes: set[asyncio.Task[None]] = set()
        self._listener: Listener | None = None
        self._task: asyncio.Task[None] | None = None
        self._context.config_holder.subscribe(self._apply_config, "limits.max_event_bytes")

    def _apply_config(self, update: ConfigUpdate) -> None:
        """Use other limits from the next connection on."""
        self._server.config.ws_max_size = update.new.limits.max_event_bytes

    async def start(self) -> int:
        """Listen and return the port.

        Raises BusyError if the port is in use, BadRequestError if the address is not available.
        """
        try:
            sockets = await open_sockets(self._host, self._port)
        except OSError as err:
            raise self._bind_error(err) from err
        port: int = sockets[0].getsockname()[1]
        # No sockets: uvicorn would use asyncio's accept loop.
        task = asyncio.create_task(self._server.serve([]), name="api")
        self._task = task
        up = asyncio.create_task(self._server.started_listening.wait())
        await asyncio.wait({up, task}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if task.done():
            for sock in sockets:
                sock.close()
            task.result()
        self._listener = Listener(
            "api", sockets, self._accept, self._connections, caps=self._caps, refusal=_refusal
        )
        self._listener.start(self._tasks)
        return port

    async def stop(self, grace: float) -> None:
        """Refuse new requests, end event streams now and other requests within `grace` seconds."""
        task, self._task = self._task, None
        self._context.closing.set()
        if self._listener is not None:
            await self._listener.close()
        for handshake in self._handshakes:
            handshake.cancel()
        if task is None:
            return
        self._server.begin_shutdown(grace)
        await task

    def _caps(self) -> tuple[int, int]:
        limits = self._context.config.limits
        return limits.max_connections, limits.max_connections_per_address

    async def _accept(self, sock: socket.socket, slot: ConnectionSlot) -> None:
        """Begin to serve one client; its slot is released when the connection has ended."""
        if self._tls is None:
            await self._serve(sock, slot, None)
            return
        # A client may take its time before and during the handshake; others must not wait.
        task = asyncio.create_task(self._shake_hands(sock, slot, self._tls), name="TLS handshake")
        slot.handle = _Handshake(task)
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _shake_hands(
        self, sock: socket.socket, slot: ConnectionSlot, tls: TlsIdentity
    ) -> None:
        try:
            async with asyncio.timeout(HEADER_TIMEOUT_SECONDS):
                if await speaks_tls(sock):
                    await self._serve(sock, slot, tls.context)
                elif _is_own_machine(sock, slot.address):
                    # Health checks and the command line; nobody else can read this connection.
                    await self._serve(sock, slot, None)
                else:
                    await asyncio.get_running_loop().sock_sendall(sock, _refusal(_PLAIN, 400))
                    sock.shutdown(socket.SHUT_WR)
                    await linger(sock)
        except (OSError, TimeoutError) as err:
            _LOGGER.debug("api: no TLS connection with %s: %s", slot.address, err)
        finally:
            if not isinstance(slot.handle, HeaderTimeoutProtocol):
                sock.close()
                self._connections.release(slot)

    async def _serve(
        self, sock: socket.socket, slot: ConnectionSlot, tls: ssl.SSLContext | None
    ) -> None:
        loop = asyncio.get_running_loop()

        def make_protocol() -> HeaderTimeoutProtocol:
            protocol = HeaderTimeoutProtocol(
                self._server.config, self._server.server_state, self._server.lifespan.state
            )
            protocol.on_close = lambda: self._connections.release(slot)
            return protocol

        shutdown = None if tls is None else DRAIN_SECONDS
        _, slot.handle = await loop.connect_accepted_socket(
            make_protocol, sock, ssl=tls, ssl_shutdown_timeout=shutdown
        )

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
    on_close: Callable[[], None]
    """Called once, when the connection has ended, that of a WebSocket too."""
    drain_timeout: float = DRAIN_SECONDS
    """Seconds."""
    _timer: asyncio.TimerHandle | None = None
    _drain_timer: asyncio.TimerHandle | None = None
    _last_read_at: float
    _upgraded = False

    @property
    def idle_since(self) -> float | None:
        """When the client last sent something, if no request is open; see `ClientHandle`."""
        cycle: Any = self.cycle
        """None before the first request, although uvicorn declares otherwise."""
        is_answering = cycle is not None and not cycle.response_complete
        return None if self._upgraded or is_answering else self._last_read_at

    def displace(self) -> None:
        """Close at once, because another client needs the place."""
        self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        self._last_read_at = self.loop.time()
        super().connection_made(transport)
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        self._last_read_at = self.loop.time()
        super().data_received(data)
        if self.conn.their_state is not h11.SEND_BODY:
            self._cancel_drain_timer()
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timer()
        self._cancel_drain_timer()
        super().connection_lost(exc)
        self.on_close()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over to the WebSocket's protocol."""
        super().handle_websocket_upgrade(event)
        successor: Any = self.transport.get_protocol()
        if successor is self:
            return
        self._upgraded = True
        self._cancel_timer()
        lost = successor.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            lost(exc)
            self.on_close()

        successor.connection_lost = connection_lost

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
            if self.conn.their_state is h11.SEND_BODY:
                self._drain_timer = self.loop.call_later(self.drain_timeout, self._on_timeout)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancel_drain_timer(self) -> None:
        if self._drain_timer is not None:
            self._drain_timer.cancel()
            self._drain_timer = None

    def _on_timeout(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class _Handshake:
    """The place of a client that has not begun or finished its TLS handshake."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task
        self.idle_since: float | None = task.get_loop().time()

    def displace(self) -> None:
        """Close at once, because another client needs the place."""
        self._task.cancel()


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


def _is_own_machine(sock: socket.socket, address: str) -> bool:
    """Return whether the client at `address` runs on this machine."""
    return ip_address(address).is_loopback or address == client_address(sock.getsockname())


def _refusal(error: ConductorError, status: int = 503) -> bytes:
    """Return the answer to a client that is not served."""
    response = problem_response(error, status=status)
    headers = [*response.raw_headers, (b"connection", b"close")]
    start = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
    lines = [start, *(b": ".join(item) for item in headers)]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
