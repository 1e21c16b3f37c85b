"""The three Wyoming services as one thing that starts and stops."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from wyoming_servers.clock import Clock
from wyoming_servers.config.schema import Config
from wyoming_servers.domain import ModelSpec, extra_service
from wyoming_servers.pipelines.asr import AsrPipeline
from wyoming_servers.pipelines.tts import TtsPipeline
from wyoming_servers.pipelines.wake import WakePipeline
from wyoming_servers.servers.asr import AsrSession
from wyoming_servers.servers.discovery import Discovery
from wyoming_servers.servers.info import InfoCache, asr_info, tts_info, wake_info
from wyoming_servers.servers.listen import Listener
from wyoming_servers.servers.programs import Programs, ProgramSession
from wyoming_servers.servers.session import MakeSession
from wyoming_servers.servers.tts import TtsSession
from wyoming_servers.servers.wake import WakeSession


@dataclass(frozen=True, slots=True)
class _Door:
    """What one port is for."""

    key: str
    """Where the configuration names the port."""
    port: int
    info: InfoCache
    make_session: MakeSession


def _asr_door(
    config: Config, specs: Mapping[str, ModelSpec], asr: AsrPipeline, model: str | None = None
) -> _Door:
    """Return the port of speech-to-text, or that of one model."""
    programs = Programs(specs, model)
    port = config.asr.port if model is None else config.asr.extra_ports[model]
    return _Door(
        "asr.port" if model is None else f"asr.extra_ports.{model}",
        port,
        InfoCache(lambda: asr_info(specs, config, model)),
        lambda peer: ProgramSession(AsrSession(peer, asr), programs),
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
        self._discovery = Discovery(config, uuid)
        self._doors: dict[str, _Door] = {}
        if config.asr.enabled:
            self._doors["asr"] = _asr_door(config, specs, asr)
            for model in config.asr.extra_ports:
                self._doors[extra_service(model)] = _asr_door(config, specs, asr, model)
        if config.tts.enabled:
            self._doors["tts"] = _Door(
                "tts.port",
                config.tts.port,
                InfoCache(lambda: tts_info(tts.voices)),
                lambda peer: TtsSession(peer, tts),
            )
        if config.wake.enabled:
            self._doors["wake"] = _Door(
                "wake.port",
                config.wake.port,
                InfoCache(lambda: wake_info(wake.words)),
                lambda peer: WakeSession(peer, wake),
            )
        self._listeners = {
            service: Listener(
                service,
                config.host,
                door.port,
                door.info,
                door.make_session,
                config.limits,
                clock,
                key=door.key,
            )
            for service, door in self._doors.items()
        }
        self._open: dict[str, Listener] = {}

    @property
    def connections(self) -> dict[str, int]:
        """Clients connected now, per service."""
        return {service: listener.connections for service, listener in self._open.items()}

    async def start(self) -> dict[str, int]:
        """Open all ports, announce them, and return them by service; all or none.

        Raises BusyError for a port that cannot be had.
        """
        ports = {}
        try:
            for service, listener in self._listeners.items():
                ports[service] = await listener.start()
                self._open[service] = listener
        except BaseException:
            await self.stop(grace=0)
            raise
        api = {} if self._api_port is None else {"api": self._api_port}
        self._discovery.start(ports | api)
        return ports

    def refresh(self) -> bool:
        """Describe anew after models came or went; True if anything has changed."""
        changed = [door.info.refresh() for door in self._doors.values()]
        return any(changed)

    async def stop(self, grace: float | None = None) -> None:
        """Take no new clients, let open requests end within `grace` seconds, cut off the rest.

        Without `grace` it is the configured time. May be called at any time, and twice.
        """
        await self._discovery.stop()
        seconds = self._config.limits.shutdown_grace if grace is None else grace
        listeners, self._open = list(self._open.values()), {}
        await asyncio.gather(*(listener.stop(seconds) for listener in listeners))
