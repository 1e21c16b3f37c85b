"""Builds all services from the bottom up and shuts them down in reverse order."""

import asyncio
import logging

from wyoming_servers import __version__
from wyoming_servers.app.config_reload import ConfigReloader, models_to_preload
from wyoming_servers.app.context import AppContext
from wyoming_servers.app.pipelines import open_pipelines
from wyoming_servers.config.editor import keep_good_overrides, write_overrides
from wyoming_servers.config.errors import (
    ConfigError,
    ConfigProblem,
)
from wyoming_servers.config.holder import ConfigUpdate
from wyoming_servers.config.load import LoadedConfig, overrides_path
from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.domain import (
    model_service_name,
)
from wyoming_servers.core.errors import ConductorError, LoadFailedError, StorageError
from wyoming_servers.core.events import (
    ModelProgressed,
    ServerStarted,
    ServerStopping,
    SettingIgnored,
)
from wyoming_servers.data_dir.locks import InstanceLock
from wyoming_servers.devices.machine import MachineProbe
from wyoming_servers.models.config_references import leave_out_unknown_names
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.recommendation import AutoModel, Machine
from wyoming_servers.models.references import (
    REFERENCES_FILE,
    References,
    is_references_file,
)
from wyoming_servers.models.residency import PINS_FILE, Pins, follow_residency, is_pins_file
from wyoming_servers.models.specs import (
    model_specs,
    served_models,
    turn_model,
)
from wyoming_servers.models.store import ModelStore
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.scheduling.footprint_store import FileFootprintStore
from wyoming_servers.speech.wake.registry import CustomWakeWordsWatcher
from wyoming_servers.telemetry import event_logger
from wyoming_servers.telemetry.loop_watchdog import LoopWatchdog
from wyoming_servers.telemetry.metrics import Metrics
from wyoming_servers.worker.process import ProcessLauncher
from wyoming_servers.wyoming.servers import WyomingServers

_LOGGER = logging.getLogger(__name__)


class Application:
    """The server process; call `start`, then `stop`."""

    def __init__(self, loaded: LoadedConfig) -> None:
        # The loop's time: all deadlines are later after a suspension.
        clock = SystemClock(asyncio.get_running_loop().time)
        self._context = AppContext(loaded, clock=clock)
        self._served: dict[str, str] = {}
        """The default model of each service."""
        self.ports: dict[str, int] = {}
        """Service name (asr, tts, wake, api) to open port."""

    async def start(self) -> None:
        """Open all ports; models are loaded afterwards. Cleans up and raises ConductorError."""
        try:
            await self._start()
        except BaseException:
            await self._context.stack.aclose()
            raise

    async def wait_restart(self) -> None:
        """Wait until a restart is requested over the API."""
        await self._context.restart_requested.wait()

    async def stop(self) -> None:
        """Reject new requests, let running ones finish within the grace time, and clean up."""
        self._context.bus.publish(ServerStopping())
        await self._context.stack.aclose()

    async def _start(self) -> None:
        """Start all services; the exit stack shuts them down in reverse order."""
        context = self._context
        bus, clock, stack = context.bus, context.clock, context.stack

        instance_lock = await asyncio.to_thread(InstanceLock(context.config.data_dir).acquire)
        stack.push_async_callback(asyncio.to_thread, instance_lock.release)
        context.spawn(lambda: event_logger.log_events(bus), "event log")
        store = await ModelStore.open(context.config.data_dir)
        probe = MachineProbe.detect()
        stack.push_async_callback(probe.close)
        devices = await probe.devices()
        gpus = [device.id for device in devices if device.id.startswith("cuda")]
        resolve = AutoModel(store, Machine.of(devices)).resolve
        loaded = await asyncio.to_thread(leave_out_unknown_names, context.loaded, store.catalog)
        config = await asyncio.to_thread(resolve, loaded.config)
        context.use(loaded, config)
        report_ignored(context)
        await mend_overrides(context)
        store.configure(
            offline=config.downloads.offline,
            endpoint=config.downloads.endpoint,
            mirrors=config.downloads.mirrors,
            min_free=config.limits.min_free_disk,
        )
        self._served = served_models(config, store.catalog)
        downloads = await self._install_local(store)
        changed = await asyncio.to_thread(store.changed_models)
        turn = turn_model(config, store.catalog)
        if turn is not None and not store.installed(turn) and not config.downloads.offline:
            downloads.append(turn)

        specs = await asyncio.to_thread(model_specs, config, store, gpus)

        coordinator = Coordinator(
            specs,
            ProcessLauncher(),
            probe,
            bus,
            clock,
            limits=config.limits,
            memory=config.memory,
            footprints=FileFootprintStore(config.data_dir / "footprints.json"),
        )
        await stack.enter_async_context(coordinator)
        metrics = Metrics(coordinator.snapshot, __version__)
        context.spawn(lambda: metrics.run(bus), "metrics")
        watchdog = await stack.enter_async_context(LoopWatchdog(metrics.observe_loop_lag))
        watchdog.logs = False

        references = await self._open_references()
        context.spawn(references.run, "use of models")
        library = ModelManager(
            store,
            coordinator,
            specs,
            context.config_holder,
            bus,
            references=references,
            clock=clock,
            served=self._served.values(),
            gpus=gpus,
        )
        stack.push_async_callback(library.close)
        pins = await self._open_pins()
        context.spawn(
            lambda: follow_residency(bus, pins, library.kept_warm, coordinator), "residency"
        )
        pipelines = await open_pipelines(context, coordinator, specs, library.explain_missing)
        identity = await asyncio.to_thread(instance_lock.installation_id)
        wanted = list(dict.fromkeys([*models_to_preload(config, self._served), *pins.by_model()]))
        reloader = self._reloader = ConfigReloader(
            coordinator=coordinator,
            store=store,
            library=library,
            custom_words=pipelines.custom_words,
            served=self._served,
            ports=self.ports,
        )
        preloaded = [model for model in wanted if model in specs]
        if config.api.enabled:
            # Imported late: 27 MB and a third of a second that a server without the API saves.
            from wyoming_servers.app.api import ApiDependencies, start_api  # noqa: PLC0415

            dependencies = ApiDependencies(
                coordinator=coordinator,
                library=library,
                specs=specs,
                pipelines=pipelines,
                metrics=metrics,
                served=self._served,
                preloaded=preloaded,
                ports=self.ports,
                identity=identity,
                reloader=reloader,
                resolve=resolve,
                references=references,
                pins=pins,
            )
            try:
                self.ports["api"] = await start_api(context, dependencies)
            except LoadFailedError as err:
                # Speech needs no API.
                _LOGGER.error("The HTTP API is not available. %s", err)  # noqa: TRY400
        servers = WyomingServers(
            context.config_holder,
            specs,
            pipelines.asr,
            pipelines.tts,
            pipelines.wake,
            clock,
            uuid=identity,
            api_port=self.ports.get("api"),
            tasks=context.tasks,
            connections=context.connections,
            references=references,
            loop_time=context.loop_time,
        )
        # Pushed before the start, so that all opened ports are closed if one is not available.
        stack.push_async_callback(servers.stop)
        self.ports |= await servers.start()
        reloader.servers = servers

        async def publish_ports(_update: ConfigUpdate) -> None:
            await asyncio.to_thread(instance_lock.publish_state, config.host, self.ports)

        reloader.subscribe(publish_ports, "asr.", "tts.", "wake.enabled", "api.enabled")
        watcher = CustomWakeWordsWatcher(pipelines.custom_words, clock, servers.refresh)
        context.spawn(watcher.run, "custom wake words")
        context.spawn(lambda: servers.follow_references(bus), "announcements")
        library.add_listener(servers.refresh)
        context.spawn(lambda: library.watch(clock), "model synchronization")

        try:
            await asyncio.to_thread(instance_lock.publish_state, config.host, self.ports)
        except OSError as err:
            _LOGGER.warning("Commands on this machine cannot find the server: %s", err)
        await keep_overrides(context)
        watchdog.logs = True
        bus.publish(ServerStarted(ports=dict(self.ports)))
        coordinator.preload(preloaded)
        pipelines.speakers.preload("speakers are enrolled")

        def preload(model: str) -> None:
            if model in wanted:
                preloaded.append(model)
                coordinator.preload([model])

        # Only now: a download takes minutes, and all other models can be used meanwhile.
        missing = list(dict.fromkeys([*downloads, *changed]))
        context.spawn(
            lambda: library.install_missing(missing, clock, preload), "model installation"
        )

    async def _open_references(self) -> References:
        context = self._context
        path = context.config.data_dir / REFERENCES_FILE
        try:
            await context.damaged.check(path, is_references_file, "Its content cannot be read.")
        except OSError as err:
            _LOGGER.warning("%s cannot be read: %s", path, err)
        return await References.open(path, context.bus, context.clock)

    async def _open_pins(self) -> Pins:
        context = self._context
        path = context.config.data_dir / PINS_FILE
        try:
            await context.damaged.check(path, is_pins_file, "Its content cannot be read.")
        except OSError as err:
            _LOGGER.warning("%s cannot be read: %s", path, err)
        return await Pins.open(path, context.bus)

    async def _install_local(self, store: ModelStore) -> list[str]:
        """Install the models that need no download; return the default models that need one.

        A model that cannot be installed is reported and left out: the other services start, and
        requests for it fail with a hint. But the port of one model is useless without it: that
        raises ConfigError.
        """
        problems: list[ConfigProblem] = []
        downloads: list[str] = []
        embedded = await store.embedded_models()
        for model in dict.fromkeys([*self._served.values(), *embedded]):
            if model not in embedded and not self._context.config.downloads.offline:
                downloads += [] if store.installed(model) else [model]
                continue

            def on_progress(phase: str, percent: int, model: str = model) -> None:
                self._context.bus.publish(
                    ModelProgressed(model=model, phase=phase, percent=percent)
                )

            try:
                await store.ensure(model, on_progress)
            except ConductorError as err:
                if model_service_name(model) in self._served:
                    path = f"asr.extra_ports.{model}"
                    problems.append(ConfigProblem(path, f"{model} is not installed. {err}"))
                else:
                    _LOGGER.error("%s is not available. %s", model, err)  # noqa: TRY400
        if problems:
            raise ConfigError(problems)
        return downloads


def report_ignored(context: AppContext) -> None:
    """Publish the settings of the file and the environment for which defaults are used."""
    for problem in context.loaded.ignored:
        context.bus.publish(
            SettingIgnored(
                key=problem.path,
                message=problem.message,
                suggestion=problem.suggestion,
                where=problem.where,
            )
        )


async def mend_overrides(context: AppContext) -> None:
    """Set a damaged overrides file aside, and save the settings that could be used.

    Never raises: the server runs with these settings, whether they can be saved or not.
    """
    loaded = context.loaded
    for problem in loaded.overrides_problems:
        _LOGGER.warning("A saved setting is ignored: %s", problem)
    path = overrides_path(loaded.config.data_dir)
    if not loaded.overrides_problems or not await asyncio.to_thread(path.exists):
        return
    try:
        reason = " ".join(str(problem) for problem in loaded.overrides_problems)
        await context.damaged.set_aside(path, reason)
        await asyncio.to_thread(write_overrides, loaded.config.data_dir, loaded.valid_overrides)
    except (OSError, StorageError) as err:
        _LOGGER.warning("The saved settings in %s could not be mended: %s", path, err)


async def keep_overrides(context: AppContext) -> None:
    """Keep a copy of the overrides with which the server has started. Never raises."""
    try:
        await asyncio.to_thread(keep_good_overrides, context.config.data_dir)
    except OSError as err:
        _LOGGER.warning("The saved settings could not be copied: %s", err)
