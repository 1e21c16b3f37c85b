"""The three Wyoming services as one thing that starts and stops."""

import asyncio
from collections.abc import Mapping

from wyoming_servers.clock import Clock
from wyoming_servers.config.schema import Config
from wyoming_servers.domain import ModelSpec
from wyoming_servers.pipelines.asr import AsrPipeline
from wyoming_servers.pipelines.tts import TtsPipeline
from wyoming_servers.pipelines.wake import WakePipeline
from wyoming_servers.servers.asr import AsrSession
from wyoming_servers.servers.discovery import Discovery
from wyoming_servers.servers.info import InfoCache, asr_info, tts_info, wake_info
from wyoming_servers.servers.listen import Listener
from wyoming_servers.servers.session import MakeSession
from wyoming_servers.servers.tts import TtsSession
from wyoming_servers.servers.wake import WakeSession


class WyomingServers:
    """Serves what the configuration enables, each service on its port."""

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
        self._infos = {
            "asr": InfoCache(lambda: asr_info(specs, config)),
            "tts": InfoCache(lambda: tts_info(tts.voices)),
            "wake": InfoCache(lambda: wake_info(wake.words)),
        }
        sessions: dict[str, MakeSession] = {
            "asr": lambda peer: AsrSession(peer, asr),
            "tts": lambda peer: TtsSession(peer, tts),
            "wake": lambda peer: WakeSession(peer, wake),
        }
        ports: dict[str, int] = {}
        if config.asr.enabled:
            ports["asr"] = config.asr.port
        if config.tts.enabled:
            ports["tts"] = config.tts.port
        if config.wake.enabled:
            ports["wake"] = config.wake.port
        self._listeners = {
            service: Listener(
                service,
                config.host,
                port,
                self._infos[service],
                sessions[service],
                config.limits,
                clock,
            )
            for service, port in ports.items()
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
        changed = [info.refresh() for info in self._infos.values()]
        return any(changed)

    async def stop(self, grace: float | None = None) -> None:
        """Take no new clients, let open requests end within `grace` seconds, cut off the rest.

        Without `grace` it is the configured time. May be called at any time, and twice.
        """
        await self._discovery.stop()
        seconds = self._config.limits.shutdown_grace if grace is None else grace
        listeners, self._open = list(self._open.values()), {}
        await asyncio.gather(*(listener.stop(seconds) for listener in listeners))
