"""Checks configuration changes as a start would, and puts them into effect without a restart."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from wyoming_servers.config.errors import ConfigProblem
from wyoming_servers.config.holder import ConfigUpdate
from wyoming_servers.config.load import listening_ports
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import KEEP_FOREVER, ModelState
from wyoming_servers.core.errors import ConductorError, ModelMissingError
from wyoming_servers.data_dir.wake_word_files import wake_words_folder
from wyoming_servers.models.config_references import check_references
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.specs import served_models, turn_model
from wyoming_servers.models.store import ModelStore
from wyoming_servers.net.listener import open_sockets
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.scheduling.planner.actions import ReplaceResult
from wyoming_servers.speech.wake.registry import CustomWakeWords
from wyoming_servers.wyoming.servers import WyomingServers

_SPEC_KEYS: Final = ("models.", "keep_alive", "wake.models_dir")
"""Beginnings of the keys that are part of a `ModelSpec`."""

_SERVED_KEYS: Final = ("asr.", "tts.", "wake.enabled", "wake.words", "wake.word_settings")
"""Beginnings of the keys that select the default models."""

_WAITED: Final = (
    "There was not enough memory for the old and the new worker: requests waited for the new one."
)


def models_to_preload(config: Config, served: Mapping[str, str]) -> list[str]:
    """Return the models to load at the start, the most important first."""
    if isinstance(config.preload, list):
        wanted = config.preload
    else:
        wanted = list(served.values()) if config.preload else []
    return list(dict.fromkeys([*wanted, *pinned_models(config)]))


def pinned_models(config: Config) -> list[str]:
    """Return the models that settings keep loaded."""
    return [
        model
        for model, settings in config.models.items()
        if settings.pinned or settings.keep_alive == KEEP_FOREVER
    ]


@dataclass(slots=True, kw_only=True)
class ConfigReloader:
    """Implements `config.editor.ConfigApplier` for the whole application."""

    coordinator: Coordinator
    store: ModelStore
    library: ModelManager
    custom_words: CustomWakeWords
    served: dict[str, str]
    """The default model of each service; this keeps it up to date."""
    ports: dict[str, int]
    """Service to open port; this keeps it up to date."""
    servers: WyomingServers | None = None
    """None until the ports are open."""
    _listeners: list[tuple[Callable[[ConfigUpdate], Awaitable[None]], tuple[str, ...]]] = field(
        default_factory=list
    )

    def subscribe(
        self, listener: Callable[[ConfigUpdate], Awaitable[None]], *prefixes: str
    ) -> None:
        """Await `listener` at the end of each change of a key that begins with one of these."""
        self._listeners.append((listener, prefixes))

    async def check(self, saved: Config, effective: Config) -> list[ConfigProblem]:
        """Return why the server could not start with `saved`."""
        problems = await asyncio.to_thread(check_references, saved, self.store.catalog)
        problems += self._missing_models(saved)
        return problems + await check_listeners(saved, effective)

    def _missing_models(self, saved: Config) -> list[ConfigProblem]:
        """Return default models that would have to be downloaded first."""
        keys = {"asr": "asr.model", "tts": "tts.voice", "wake": "wake.words"}
        return [
            ConfigProblem(
                keys[service],
                f"{model} is not installed. {self.library.install_progress(model)}".strip()
                + f" Install it first: `wyoming-conductor models pull {model}`.",
            )
            for service, model in served_models(saved, self.store.catalog).items()
            if service in keys
            and model != self.served.get(service)
            and not self.store.installed(model)
        ]

    async def prepare(self, old: Config, new: Config, changed: frozenset[str]) -> Mapping[str, str]:
        """Give the models their new settings and load new default models; the old ones serve."""
        notes: dict[str, str] = {}
        served = served_models(new, self.store.catalog)
        has_specs = any(key.startswith(_SPEC_KEYS) for key in changed)
        if has_specs:
            results = await self.library.apply_settings(new, served.values())
            waited = {model for model, how in results.items() if how is ReplaceResult.RELOADED}
            for key in changed:
                if any(key.startswith(f"models.{model}.") for model in waited):
                    notes[key] = _WAITED
        try:
            for service, model in served.items():
                if model != self.served.get(service):
                    await self._load_default(model, new)
                    if service == "asr" and self._left_memory(old.asr.model):
                        notes["asr.model"] = _WAITED
        except ConductorError:
            if has_specs:
                await self.library.apply_settings(old, ())
            raise
        return notes

    async def _load_default(self, model: str, config: Config) -> None:
        """Wait until a model is ready that is to be used by default."""
        snapshot = self.coordinator.snapshot()
        if model not in {status.spec.id for status in snapshot.models}:
            raise ModelMissingError(f"{model} is not installed.")
        if snapshot.accepting:
            await self.coordinator.wait_ready(model, config.limits.load_timeout)

    def _left_memory(self, model: str) -> bool:
        return any(
            status.spec.id == model
            and status.state in (ModelState.UNLOADING, ModelState.UNLOADED)
            and status.load_seconds is not None
            for status in self.coordinator.snapshot().models
        )

    async def apply(self, update: ConfigUpdate) -> None:
        """Put an update into effect for the parts that do not read the configuration themselves."""
        config = update.new
        if update.touches(*_SERVED_KEYS):
            self.served.clear()
            self.served.update(served_models(config, self.store.catalog))
        if update.touches("log.level"):
            logging.getLogger().setLevel(config.log.level.upper())
        if update.touches("limits.", "memory."):
            self.coordinator.set_policy(config.limits, config.memory)
        if update.touches("downloads.", "limits.min_free_disk"):
            self.store.configure(
                offline=config.downloads.offline,
                endpoint=config.downloads.endpoint,
                mirrors=config.downloads.mirrors,
                min_free=config.limits.min_free_disk,
            )
        if update.touches("wake.models_dir"):
            folder = wake_words_folder(config.data_dir, config.wake.models_dir)
            await asyncio.to_thread(self.custom_words.set_folder, folder)
        if self.servers is not None and update.touches(*WyomingServers.CONFIG_KEYS):
            opened = await self.servers.apply_config()
            for service in [name for name in self.ports if name not in {*opened, "api"}]:
                del self.ports[service]
            self.ports.update(opened)
        if update.touches("asr.turn_") and (model := turn_model(config, self.store.catalog)):
            self.library.download(model)
        if update.touches("models."):
            self.coordinator.preload(pinned_models(config))
        if update.touches("preload"):
            self.coordinator.preload(models_to_preload(config, self.served))
        for listener, prefixes in self._listeners:
            if update.touches(*prefixes):
                await listener(update)


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
