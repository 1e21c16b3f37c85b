"""The three Wyoming services as one thing that starts and stops."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import (
    ModelSpec,
    model_service_name,
)
from wyoming_servers.speech.asr.pipeline import AsrPipeline
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.speech.wake.pipeline import WakePipeline
from wyoming_servers.wyoming.asr import AsrClientSession
from wyoming_servers.wyoming.discovery import Discovery
from wyoming_servers.wyoming.info import (
    InfoCache,
    asr_info,
    tts_info,
    wake_info,
)
from wyoming_servers.wyoming.select_program import (
    ProgramRegistry,
    ProgramSession,
)
from wyoming_servers.wyoming.session import SessionFactory
from wyoming_servers.wyoming.tcp_server import TcpServer
from wyoming_servers.wyoming.tts import TtsClientSession
from wyoming_servers.wyoming.wake import WakeClientSession


@dataclass(frozen=True, slots=True)
class _ServicePort:
    """What one port is for."""

    key: str
    """Where the configuration names the port."""
    port: int
    info: InfoCache
    make_session: SessionFactory


def _asr_service_port(
    config: Config, specs: Mapping[str, ModelSpec], asr: AsrPipeline, model: str | None = None
) -> _ServicePort:
    """Return the port of speech-to-text, or that of one model."""
    programs = ProgramRegistry(specs, model)
    port = config.asr.port if model is None else config.asr.extra_ports[model]
    return _ServicePort(
        "asr.port" if model is None else f"asr.extra_ports.{model}",
        port,
        InfoCache(lambda: asr_info(specs, config, model)),
        lambda peer: ProgramSession(AsrClientSession(peer, asr), programs),
    )


class WyomingServers:
    """Serves what the configuration enables, each service on its port.

    The services are `asr`, `tts`, `wake`, and `asr:<model>` for a port of one model.
    """

    def __init__(
        self,
        config: Config,
        specs: Mapping[str, ModelSpec],
        asr: AsrPipeline,
        tts: TtsPipeline,
        wake: WakePipeline,
        clock: Clock,
        *,
        uuid: str,
        api_port: int | None = None,
    ) -> None:
        self._config = config
        self._api_port = api_port
        """Announced with our own ports."""
        self._discovery = Discovery(config, uuid, clock)
        self._service_ports: dict[str, _ServicePort] = {}
        if config.asr.enabled:
            self._service_ports["asr"] = _asr_service_port(config, specs, asr)
            for model in config.asr.extra_ports:
                self._service_ports[model_service_name(model)] = _asr_service_port(
                    config, specs, asr, model
                )
        if config.tts.enabled:
            self._service_ports["tts"] = _ServicePort(
                "tts.port",
                config.tts.port,
                InfoCache(lambda: tts_info(tts.voices)),
                lambda peer: TtsClientSession(peer, tts),
            )
        if config.wake.enabled:
            self._service_ports["wake"] = _ServicePort(
                "wake.port",
                config.wake.port,
                InfoCache(lambda: wake_info(wake.registry)),
                lambda peer: WakeClientSession(peer, wake),
            )
        self._servers = {
            service: TcpServer(
                service,
                config.host,
                door.port,
                door.info,
                door.make_session,
                config.limits,
                clock,
                key=door.key,
            )
            for service, door in self._service_ports.items()
        }
        self._open_servers: dict[str, TcpServer] = {}

    @property
    def connections(self) -> dict[str, int]:
        """Clients connected now, per service."""
        return {service: listener.connections for service, listener in self._open_servers.items()}

    async def start(self) -> dict[str, int]:
        """Open all ports, announce them, and return them by service; all or none.

        Raises BusyError for a port that cannot be had.
        """
        ports = {}
        try:
            for service, listener in self._servers.items():
                ports[service] = await listener.start()
                self._open_servers[service] = listener
        except BaseException:
            await self.stop(grace=0)
            raise
        api = {} if self._api_port is None else {"api": self._api_port}
        self._discovery.start(ports | api)
        return ports

    def refresh(self) -> bool:
        """Describe anew after models came or went; True if anything has changed."""
        changed = [door.info.refresh() for door in self._service_ports.values()]
        return any(changed)

    async def stop(self, grace: float | None = None) -> None:
        """Take no new clients, let open requests end within `grace` seconds, cut off the rest.

        Without `grace` it is the configured time. May be called at any time, and twice.
        """
        await self._discovery.stop()
        seconds = self._config.limits.shutdown_grace if grace is None else grace
        listeners, self._open_servers = list(self._open_servers.values()), {}
        await asyncio.gather(*(listener.stop(seconds) for listener in listeners))
