"""Opens the Wyoming ports, one per service, and announces them."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import ModelSpec, model_service_name
from wyoming_servers.core.errors import BusyError, ConductorError, ShuttingDownError
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.protocol.codec import Frame, encode_frame
from wyoming_servers.speech.asr.pipeline import AsrPipeline
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.speech.wake.pipeline import WakePipeline
from wyoming_servers.wyoming.asr import AsrClientSession, ProgramRegistry, ProgramSession
from wyoming_servers.wyoming.connection import BufferBudget, Connection, close
from wyoming_servers.wyoming.discovery import Discovery
from wyoming_servers.wyoming.info import InfoCache, asr_info, tts_info, wake_info
from wyoming_servers.wyoming.session import SessionFactory, error_event
from wyoming_servers.wyoming.tts import TtsClientSession
from wyoming_servers.wyoming.wake import WakeClientSession

BACKLOG: Final = 128
"""Connections that the system holds until the server accepts them."""

_ANY: Final = ("", "::")
"""Hosts that mean every address of this machine, IPv4 and IPv6."""

_LOGGER: Final = logging.getLogger(__name__)


class WyomingServers:
    """Serves the services that the configuration enables, each on its port.

    The services are `asr`, `tts`, `wake`, and `asr:<model>` for the port of one model.
    """

    def __init__(
        self,
        config: ConfigHolder,
        specs: Mapping[str, ModelSpec],
        asr: AsrPipeline,
        tts: TtsPipeline,
        wake: WakePipeline,
        clock: Clock,
        *,
        uuid: str,
        api_port: int | None = None,
        tasks: TaskSupervisor | None = None,
    ) -> None:
        """`uuid` identifies this installation in announcements; `api_port` is announced as well.

        `tasks` runs the announcements; a supervisor of its own by default.
        """
        self._config = config
        self._api_port = api_port
        self._discovery = Discovery(config.current, uuid, clock, tasks or TaskSupervisor(clock))
        self._servers = {
            item.service: TcpServer(item, config, clock)
            for item in _service_ports(config, specs, asr, tts, wake)
        }
        self._open_servers: dict[str, TcpServer] = {}
        self._ports: dict[str, int] = {}
        """Every open port by service, that of the HTTP API included."""
        self._announced: dict[str, int] = {}

    @property
    def connections(self) -> dict[str, int]:
        """Number of connected clients per service."""
        return {service: server.connections for service, server in self._open_servers.items()}

    async def start(self) -> dict[str, int]:
        """Open all ports, announce them, and return them by service; all or none.

        Raises BusyError for a port that cannot be opened.
        """
        ports = {}
        try:
            for service, server in self._servers.items():
                ports[service] = await server.start()
                self._open_servers[service] = server
        except BaseException:
            await self.stop(grace=0)
            raise
        self._ports = ports | ({} if self._api_port is None else {"api": self._api_port})
        self._announced = self._ports_to_announce()
        self._discovery.start(self._announced)
        return ports

    def refresh(self) -> bool:
        """Rebuild the answers to `describe`; True if any of them changed."""
        changed = [server.info.refresh() for server in self._servers.values()]
        if (ports := self._ports_to_announce()) != self._announced:
            self._announced = ports
            self._discovery.update(ports)
        return any(changed)

    def _ports_to_announce(self) -> dict[str, int]:
        """Return the open ports without services that have no model yet.

        Home Assistant describes a discovered service once, and forgets one that offers nothing.
        """
        empty = {name for name, server in self._servers.items() if server.info.is_empty}
        return {service: port for service, port in self._ports.items() if service not in empty}

    async def stop(self, grace: float | None = None) -> None:
        """Accept no more clients, give open requests `grace` seconds, then disconnect the rest.

        `grace` defaults to `limits.shutdown_grace`. Can be called at any time, and repeatedly.
        """
        await self._discovery.stop()
        seconds = self._config.current.limits.shutdown_grace if grace is None else grace
        servers, self._open_servers = list(self._open_servers.values()), {}
        await asyncio.gather(*(server.stop(seconds) for server in servers))


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One service and its port."""

    service: str
    key: str
    """Configuration key of the port, for error messages."""
    port: int
    info: InfoCache
    make_session: SessionFactory


class TcpServer:
    """Serves one port: accepts clients up to a limit and disconnects them when it stops."""

    def __init__(self, service_port: ServicePort, config: ConfigHolder, clock: Clock) -> None:
        self._service_port = service_port
        self._service = service_port.service
        self._host = config.current.host
        self._port = service_port.port
        self._config = config
        self._clock = clock
        self._budget = BufferBudget()
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._refused: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.info = service_port.info

    @property
    def connections(self) -> int:
        """Number of connected clients."""
        return len(self._connections)

    async def start(self) -> int:
        """Open the port and return its number. Raises BusyError if it cannot be opened."""
        try:
            self._server = await self._listen()
        except OSError as err:
            raise BusyError(
                f"Port {self._port} on {self._host} cannot be opened: {err.strerror or err}.",
                hint=f"Another server may be using it; choose another {self._service_port.key}.",
            ) from err
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self, grace: float) -> None:
        """Accept no more clients; open requests have `grace` seconds to finish."""
        self._stopping = True
        self._server.close()
        for connection in self._connections:
            connection.stop(grace)
        tasks = [*self._connections.values(), *self._refused]
        if tasks:
            await asyncio.wait(tasks)

    async def _listen(self) -> asyncio.Server:
        if self._host not in _ANY or not socket.has_dualstack_ipv6():
            host = "" if self._host in _ANY else self._host
            return await asyncio.start_server(self._accept, host, self._port, backlog=BACKLOG)
        # asyncio would limit `::` to IPv6.
        listener = socket.create_server(
            ("::", self._port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True
        )
        return await asyncio.start_server(self._accept, sock=listener, backlog=BACKLOG)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client; asyncio owns the task, and the end of the connection ends it."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (a running coroutine has a task)
        limits = self._config.current.limits
        if self._stopping or len(self._connections) >= limits.max_connections:
            self._refused.add(task)
            # Lingering costs a socket: in a flood, the clients beyond the first are just closed.
            linger = len(self._refused) <= limits.max_connections
            try:
                await self._refuse(reader, writer, linger=linger)
            finally:
                self._refused.discard(task)
            return
        connection = Connection(
            reader,
            writer,
            self.info,
            self._service_port.make_session,
            limits,
            self._clock,
            self._budget,
        )
        self._connections[connection] = task
        try:
            await connection.run()
        except Exception:
            _LOGGER.exception("%s: the connection of %s failed", self._service, connection.name)
        finally:
            del self._connections[connection]

    async def _refuse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, linger: bool
    ) -> None:
        error: ConductorError = BusyError("Too many connections are open.")
        if self._stopping:
            error = ShuttingDownError("The server is shutting down.")
        _LOGGER.warning("%s: connection refused: %s", self._service, error.message)
        event = error_event(error)
        writer.write(encode_frame(Frame(event.type, event.data)))
        await close(reader, writer, linger=linger)


def _service_ports(
    holder: ConfigHolder,
    specs: Mapping[str, ModelSpec],
    asr: AsrPipeline,
    tts: TtsPipeline,
    wake: WakePipeline,
) -> list[ServicePort]:
    """Return the services that the configuration enables."""
    config = holder.current
    ports = []
    if config.asr.enabled:
        ports.append(_asr_service_port(holder, specs, asr))
        ports += [_asr_service_port(holder, specs, asr, model) for model in config.asr.extra_ports]
    if config.tts.enabled:
        ports.append(
            ServicePort(
                "tts",
                "tts.port",
                config.tts.port,
                InfoCache(lambda: tts_info(tts.voices)),
                lambda client: TtsClientSession(client, tts),
            )
        )
    if config.wake.enabled:
        ports.append(
            ServicePort(
                "wake",
                "wake.port",
                config.wake.port,
                InfoCache(lambda: wake_info(wake.registry)),
                lambda client: WakeClientSession(client, wake),
            )
        )
    return ports


def _asr_service_port(
    holder: ConfigHolder,
    specs: Mapping[str, ModelSpec],
    asr: AsrPipeline,
    model: str | None = None,
) -> ServicePort:
    """Return the port of speech-to-text, or the port of one model."""
    programs = ProgramRegistry(specs, model)
    config = holder.current.asr
    return ServicePort(
        "asr" if model is None else model_service_name(model),
        "asr.port" if model is None else f"asr.extra_ports.{model}",
        config.port if model is None else config.extra_ports[model],
        InfoCache(lambda: asr_info(specs, holder.current.asr, model)),
        lambda client: ProgramSession(AsrClientSession(client, asr), programs),
    )
