"""Opens the Wyoming ports, one per service, and announces them."""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.aio import LoopTimeBudget
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import ModelSpec, model_service_name
from wyoming_servers.core.errors import BusyError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import ReferencesChanged
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.models.references import References
from wyoming_servers.net.connection_limits import (
    BufferBudget,
    ConnectionLimits,
    ConnectionSlot,
)
from wyoming_servers.net.listener import Listener, open_sockets
from wyoming_servers.protocol.codec import Frame, encode_frame
from wyoming_servers.speech.asr.pipeline import AsrPipeline
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.speech.wake.pipeline import WakePipeline
from wyoming_servers.wyoming.asr import AsrClientSession
from wyoming_servers.wyoming.connection import BUFFER_BYTES, Connection
from wyoming_servers.wyoming.discovery import Discovery
from wyoming_servers.wyoming.info import (
    InfoCache,
    asr_info,
    machine_name,
    tts_info,
    wake_info,
)
from wyoming_servers.wyoming.program import ProgramRegistry, ProgramSession
from wyoming_servers.wyoming.session import SessionFactory, error_event
from wyoming_servers.wyoming.tts import TtsClientSession
from wyoming_servers.wyoming.wake import WakeClientSession

_LOGGER: Final = logging.getLogger(__name__)

_REFERENCE_CHECK_SECONDS: Final = 3_600.0
"""Between two checks whether a reference has expired."""


class WyomingServers:
    """Serves the services that the configuration enables, each on its port.

    The services are `asr`, `tts`, `wake`, and `asr:<model>` for the port of one model.
    """

    CONFIG_KEYS: ClassVar = (
        *("asr.", "tts.", "models.", "discovery."),
        *("wake.enabled", "wake.words", "wake.word_settings", "wake.models_dir"),
    )
    """Beginnings of the keys that `apply_config` puts into effect."""

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
        connections: ConnectionLimits | None = None,
        references: References | None = None,
        loop_time: LoopTimeBudget | None = None,
    ) -> None:
        """`uuid` identifies this installation in announcements; `api_port` is announced as well.

        `tasks` runs the announcements and the accept loops; a supervisor of its own by default.
        With `references`, the services are not announced while a client uses the API in place of
        them. `connections` are the limits that the HTTP port shares; `loop_time` is shared with the
        pipelines.
        """
        self._config = config
        self._api_port = api_port
        tasks = tasks or TaskSupervisor(clock)
        self._discovery = Discovery(config.current, uuid, clock, tasks)
        self._clock = clock
        self._references = references
        self._shared = SharedLimits(
            connections or ConnectionLimits(), tasks, loop_time or LoopTimeBudget()
        )
        self._service_ports: Callable[[], list[ServicePort]] = lambda: _service_ports(
            config, specs, asr, tts, wake
        )
        self._servers = {
            item.service: TcpServer(item, config, clock, self._shared)
            for item in self._service_ports()
        }
        self._closing: set[asyncio.Task[None]] = set()
        """Servers of services that were disabled, whose last requests end."""
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

    async def apply_config(self) -> dict[str, int]:
        """Open and close ports and announce them as configured now; return the open ports.

        A closed port accepts no more clients; its open requests end within the grace time, and
        this does not wait for them. Raises BusyError for a port that cannot be opened.
        """
        wanted = {item.service: item for item in self._service_ports()}
        for service in self._servers.keys() - wanted.keys():
            server = self._servers.pop(service)
            self._open_servers.pop(service, None)
            self._ports.pop(service, None)
            await server.close()
            closing = asyncio.create_task(
                server.stop(self._config.current.limits.shutdown_grace), name=f"close {service}"
            )
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        for service in [name for name in wanted if name not in self._servers]:
            server = TcpServer(wanted[service], self._config, self._clock, self._shared)
            self._ports[service] = await server.start()
            self._servers[service] = self._open_servers[service] = server
        self._refresh_info()
        self._announced = self._ports_to_announce()
        self._discovery.update(self._config.current, self._announced)
        return {service: self._ports[service] for service in wanted}

    def refresh(self) -> bool:
        """Rebuild the answers to `describe`; True if any of them changed."""
        changed = self._refresh_info()
        self._update_announcements()
        return changed

    async def follow_references(self, bus: EventBus) -> None:
        """Announce the services when no client uses the API in place of them, until cancelled."""

        async def follow_events() -> None:
            with bus.subscribe() as events:
                async for item in events:
                    if isinstance(item.event, ReferencesChanged):
                        self._update_announcements()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow_events(), name="changes of references")
            while True:
                # A reference expires without an event.
                await self._clock.sleep(_REFERENCE_CHECK_SECONDS)
                self._update_announcements()

    def _update_announcements(self) -> None:
        if (ports := self._ports_to_announce()) != self._announced:
            self._announced = ports
            self._discovery.update(self._config.current, ports)

    def _refresh_info(self) -> bool:
        changed = [server.info.refresh() for server in self._servers.values()]
        return any(changed)

    def _ports_to_announce(self) -> dict[str, int]:
        """Return the open ports without those that nobody needs, and those that have no model yet.

        Home Assistant describes a discovered service once, and forgets one that offers nothing.
        """
        hidden = {name for name, server in self._servers.items() if server.info.is_empty}
        match self._config.current.discovery.wyoming:
            case "never":
                hidden = set(self._servers)
            case "auto" if self._references is not None and self._references.replaces_wyoming():
                hidden = set(self._servers)
        return {service: port for service, port in self._ports.items() if service not in hidden}

    async def stop(self, grace: float | None = None) -> None:
        """Accept no more clients, give open requests `grace` seconds, then disconnect the rest.

        `grace` defaults to `limits.shutdown_grace`. Can be called at any time, and repeatedly.
        """
        await self._discovery.stop()
        seconds = self._config.current.limits.shutdown_grace if grace is None else grace
        servers, self._open_servers = list(self._open_servers.values()), {}
        await asyncio.gather(*(server.stop(seconds) for server in servers), *self._closing)


@dataclass(frozen=True, slots=True)
class SharedLimits:
    """What all ports share."""

    connections: ConnectionLimits
    tasks: TaskSupervisor
    loop_time: LoopTimeBudget
    budget: BufferBudget = field(default_factory=BufferBudget)


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

    def __init__(
        self, service_port: ServicePort, config: ConfigHolder, clock: Clock, shared: SharedLimits
    ) -> None:
        self._service_port = service_port
        self._service = service_port.service
        self._host = config.current.host
        self._port = service_port.port
        self._config = config
        self._clock = clock
        self._shared = shared
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._listener: Listener | None = None
        self.info = service_port.info

    @property
    def connections(self) -> int:
        """Number of connected clients."""
        return len(self._connections)

    async def start(self) -> int:
        """Open the port and return its number. Raises BusyError if it cannot be opened."""
        try:
            sockets = await open_sockets(self._host, self._port)
        except OSError as err:
            raise BusyError(
                f"Port {self._port} on {self._host} cannot be opened: {err.strerror or err}.",
                hint=f"Another server may be using it; choose another {self._service_port.key}.",
            ) from err
        self._listener = Listener(
            self._service,
            sockets,
            self._accept,
            self._shared.connections,
            caps=self._caps,
            refusal=_refusal,
        )
        self._listener.start(self._shared.tasks)
        port: int = sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Accept no more clients."""
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.close()

    async def stop(self, grace: float) -> None:
        """Accept no more clients; open requests have `grace` seconds to finish."""
        await self.close()
        for connection in self._connections:
            connection.stop(grace)
        if self._connections:
            await asyncio.wait(self._connections.values())

    def _caps(self) -> tuple[int, int]:
        limits = self._config.current.limits
        return limits.max_connections, limits.max_connections_per_address

    async def _accept(self, sock: socket.socket, slot: ConnectionSlot) -> None:
        """Begin to serve one client; its slot is released when the connection has ended."""
        reader, writer = await asyncio.open_connection(sock=sock, limit=BUFFER_BYTES)
        connection = Connection(
            reader,
            writer,
            self.info,
            self._service_port.make_session,
            self._config.current.limits,
            self._clock,
            self._shared.budget,
            self._shared.loop_time,
        )
        slot.handle = connection
        task = asyncio.create_task(
            self._serve(connection, slot), name=f"{self._service} {connection.name}"
        )
        self._connections[connection] = task

    async def _serve(self, connection: Connection, slot: ConnectionSlot) -> None:
        try:
            await connection.run()
        except Exception:
            _LOGGER.exception("%s: the connection of %s failed", self._service, connection.name)
        finally:
            del self._connections[connection]
            self._shared.connections.release(slot)


def _refusal(error: BusyError) -> bytes:
    event = error_event(error)
    return encode_frame(Frame(event.type, event.data))


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
                InfoCache(lambda: tts_info(tts.voices, machine_name(holder.current))),
                lambda client: TtsClientSession(client, tts),
            )
        )
    if config.wake.enabled:
        ports.append(
            ServicePort(
                "wake",
                "wake.port",
                config.wake.port,
                InfoCache(lambda: wake_info(wake.registry, machine_name(holder.current))),
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
        InfoCache(lambda: asr_info(specs, holder.current.asr, machine_name(holder.current), model)),
        lambda client: ProgramSession(AsrClientSession(client, asr), programs),
    )
