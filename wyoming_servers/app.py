"""The composition root: the only file that knows every part and how they fit together."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final

from wyoming_servers import __version__
from wyoming_servers.api import jobs as job_views
from wyoming_servers.api.app import create_app
from wyoming_servers.api.auth import ensure_token
from wyoming_servers.api.context import ApiContext
from wyoming_servers.api.server import ApiServer
from wyoming_servers.bus import EventBus
from wyoming_servers.clock import SystemClock
from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.config.faults import ConfigError
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.schema import Config, ModelSection
from wyoming_servers.coordinator.coordinator import Coordinator
from wyoming_servers.coordinator.footprints import FileFootprints
from wyoming_servers.devices.machine import MachineProbe
from wyoming_servers.domain import Kind, ModelSpec, ModelState
from wyoming_servers.errors import ConductorError
from wyoming_servers.events import ModelProgressed, ServerStarted, ServerStopping
from wyoming_servers.jobs.job import Job
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.pipelines.asr import AsrPipeline
from wyoming_servers.pipelines.library import ModelLibrary
from wyoming_servers.pipelines.prefetch import Prefetcher
from wyoming_servers.pipelines.tts import TtsPipeline
from wyoming_servers.pipelines.wake import WakePipeline
from wyoming_servers.pipelines.word_watch import WordWatcher
from wyoming_servers.servers.wyoming import WyomingServers
from wyoming_servers.store.own_words import OwnWords, words_folder
from wyoming_servers.store.phrases import PhraseCache
from wyoming_servers.store.references import check_references
from wyoming_servers.store.specs import model_specs, served_models
from wyoming_servers.store.store import ModelStore
from wyoming_servers.store.tenancy import Tenancy
from wyoming_servers.telemetry import eventlog
from wyoming_servers.telemetry.metrics import Metrics
from wyoming_servers.telemetry.otlp import OtlpExporter
from wyoming_servers.telemetry.traces import Traces
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.webhooks.webhooks import Webhooks
from wyoming_servers.worker.process import ProcessLauncher

_LOG = logging.getLogger(__name__)

_API_GRACE_S: Final = 2.0
"""Time an HTTP request gets to end at shutdown; none of them is long."""


class Conductor:
    """The whole program: `start`, then `stop`."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self._loaded = loaded
        self._config: Config = loaded.config
        self._bus = EventBus()
        self._clock = SystemClock()
        self._stack = AsyncExitStack()
        self._served: dict[Kind, str] = {}
        """The model behind each service for a client that names none."""
        self.ports: dict[str, int] = {}
        """Each service (asr, tts, wake, api) with its open port."""

    async def start(self) -> None:
        """Open every port; models load behind them. Raises ConductorError, leaving nothing."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """Refuse new work, let running requests end within the grace time, leave nothing."""
        self._bus.publish(ServerStopping())
        await self._stack.aclose()

    async def _start(self) -> None:
        """Build from the bottom up; the stack takes everything down in the opposite order."""
        config, bus, clock, stack = self._config, self._bus, self._clock, self._stack

        tenancy = await asyncio.to_thread(Tenancy(config.data_dir).enter)
        stack.push_async_callback(asyncio.to_thread, tenancy.leave)
        self._own(eventlog.run(bus), "event log")

        store = await ModelStore.open(
            config.data_dir,
            offline=config.downloads.offline,
            endpoint=config.downloads.endpoint,
        )
        faults = await asyncio.to_thread(check_references, config, store.catalog)
        if faults:
            raise ConfigError(faults)
        self._served = served_models(config, store.catalog)
        await self._install(store)

        probe = MachineProbe.of_this_machine()
        stack.push_async_callback(probe.close)
        gpus = [found.id for found in await probe.devices() if found.id.startswith("cuda")]
        specs = await asyncio.to_thread(model_specs, config, store, gpus)

        coordinator = Coordinator(
            specs,
            ProcessLauncher(),
            probe,
            bus,
            clock,
            limits=config.limits,
            memory=config.memory,
            footprints=FileFootprints(config.data_dir / "footprints.json"),
        )
        await stack.enter_async_context(coordinator)
        metrics = Metrics(coordinator.snapshot, __version__)
        self._own(metrics.run(bus), "metrics")

        asr = AsrPipeline(coordinator, specs, config, bus, clock)
        phrases = _phrase_cache(config)
        if phrases is not None:
            self._own(phrases.run(), "phrase cache")
        lexicon = Lexicon(config.data_dir / "lexicon.yaml")
        await lexicon.refresh()
        self._own(lexicon.run(clock), "lexicon")
        tts = TtsPipeline(coordinator, specs, config, bus, clock, phrases, lexicon)
        own_words = await asyncio.to_thread(OwnWords, words_folder(config))
        wake = WakePipeline(coordinator, specs, config, bus, clock, own_words)
        self._own(Prefetcher(coordinator, tts.voices, config, bus).run(), "prefetch")

        identity = await asyncio.to_thread(tenancy.identity)
        if config.api.enabled:
            self.ports["api"] = await self._start_api(
                coordinator, store, specs, gpus, tts, metrics, identity
            )
        servers = WyomingServers(
            config,
            specs,
            asr,
            tts,
            wake,
            clock,
            uuid=identity,
            api_port=self.ports.get("api"),
        )
        # Pushed before the start, so that a port that is taken closes those that were opened.
        stack.push_async_callback(servers.stop)
        self.ports |= await servers.start()
        self._own(WordWatcher(own_words, clock, servers.refresh).run(), "wake word folder")

        await asyncio.to_thread(tenancy.announce, config.host, self.ports)
        bus.publish(ServerStarted(ports=dict(self.ports)))
        coordinator.preload(self._preloaded(specs))

    async def _install(self, store: ModelStore) -> None:
        """Bring what the services need, and what lies on this machine anyway.

        A model that cannot be had is reported and left out: the other services start all the
        same, and a request for it is told how to get it.
        """
        wanted = dict.fromkeys([*self._served.values(), *await store.embedded()])
        for model in wanted:

            def tell(phase: str, percent: int, model: str = model) -> None:
                self._bus.publish(ModelProgressed(model=model, phase=phase, percent=percent))

            try:
                await store.ensure(model, tell)
            except ConductorError as err:
                _LOG.error("%s is not available. %s", model, err)

    async def _start_api(
        self,
        coordinator: Coordinator,
        store: ModelStore,
        specs: dict[str, ModelSpec],
        gpus: list[str],
        tts: TtsPipeline,
        metrics: Metrics,
        identity: str,
    ) -> int:
        config = self._config
        token = None
        if config.api.auth == "token":
            token = await asyncio.to_thread(ensure_token, config.data_dir)
        needed = self._preloaded(specs)

        def ready() -> tuple[bool, list[str]]:
            states = {status.spec.id: status for status in coordinator.snapshot().models}
            missing = [
                f"{service}: {model} is not installed"
                for service, model in self._served.items()
                if model not in states
            ]
            # An idle model that was let go again is no reason: the next request loads it.
            waiting = [
                f"{model} is {states[model].state}"
                for model in needed
                if states[model].load_seconds is None
                and states[model].state is not ModelState.READY
            ]
            return not missing and not waiting, missing + waiting

        webhooks = await self._stack.enter_async_context(
            Webhooks(
                config.data_dir,
                config.webhooks,
                self._bus,
                self._clock,
                default_model=config.asr.model,
            )
        )
        jobs = await self._stack.enter_async_context(
            JobManager(
                config.data_dir / "jobs",
                coordinator,
                config.jobs,
                self._bus,
                self._clock,
                beam_size=config.asr.beam_size,
                on_end=_telling(webhooks),
            )
        )
        library = ModelLibrary(
            store,
            coordinator,
            specs,
            config,
            self._bus,
            served=self._served.values(),
            gpus=gpus,
        )
        self._stack.push_async_callback(library.close)
        context = ApiContext(
            config=config,
            coordinator=coordinator,
            bus=self._bus,
            version=__version__,
            uuid=identity,
            token=token,
            ports=self.ports,
            ready=ready,
            metrics=metrics.registry,
            specs=specs,
            jobs=jobs,
            webhooks=webhooks,
            tts=tts,
            library=library,
            traces=self._keep_traces(coordinator),
            editor=ConfigEditor(self._loaded, _Applier(coordinator)),
            clock=self._clock,
        )
        server = ApiServer(create_app(context), config.host, config.api.port)
        self._stack.push_async_callback(server.stop, _API_GRACE_S)
        return await server.start()

    def _keep_traces(self, coordinator: Coordinator) -> Traces:
        def device_of(model: str) -> str:
            models = coordinator.snapshot().models
            found = (one.placement.device for one in models if one.spec.id == model)
            return next(found, "")

        traces = Traces(device_of)
        if endpoint := self._config.telemetry.otlp_endpoint:
            exporter = OtlpExporter(endpoint, self._clock, version=__version__)
            traces.listen(exporter.add)
            self._own(exporter.run(), "OpenTelemetry")
        self._own(traces.run(self._bus), "traces")
        return traces

    def _preloaded(self, specs: dict[str, ModelSpec]) -> list[str]:
        """Return the models to load at start, those people wait for longest first."""
        if isinstance(self._config.preload, list):
            wanted = self._config.preload
        else:
            wanted = list(self._served.values()) if self._config.preload else []
        return [model for model in wanted if model in specs]

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run background work until the stack is closed; its failure is a bug and is logged."""
        task = asyncio.create_task(work, name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                _LOG.error("The %s task failed", name, exc_info=error)

        self._stack.push_async_callback(end)


class _Applier:
    """Applies what can change while the server runs; says whether it did."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    def __call__(self, old: Config, new: Config, key: str) -> bool:
        if key == "log.level":
            logging.getLogger().setLevel(new.log.level.upper())
            return True
        if key == "keep_alive" or key.endswith((".keep_alive", ".pinned")):
            self._update_policies(new)
            return True
        return False

    def _update_policies(self, config: Config) -> None:
        for status in self._coordinator.snapshot().models:
            own = config.models.get(status.spec.id, ModelSection())
            keep = config.keep_alive if own.keep_alive is None else own.keep_alive
            self._coordinator.update_policy(status.spec.id, keep_alive=keep, pinned=own.pinned)


def _phrase_cache(config: Config) -> PhraseCache | None:
    cache = config.tts.phrase_cache
    if not cache.enabled:
        return None
    return PhraseCache(config.data_dir / "cache" / "phrases", memory=cache.memory, disk=cache.disk)


def _telling(webhooks: Webhooks) -> Callable[[Job], Awaitable[None]]:
    """Return what passes the end of a job on to those who asked for it."""

    async def tell(job: Job) -> None:
        payload = job_views.view(job).model_dump(mode="json", exclude_none=True)
        await webhooks.job_ended(job.id, job.webhook_url, payload)

    return tell


async def serve(loaded: LoadedConfig) -> int:
    """Run until SIGTERM or SIGINT; return the exit code. Raises ConductorError if it can't start.

    A second signal ends the grace time at once.
    """
    conductor = Conductor(loaded)
    asked_to_stop = asyncio.Event()
    main = asyncio.current_task()

    def on_signal() -> None:
        if asked_to_stop.is_set() and main is not None:
            main.cancel()
        asked_to_stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)

    starting = asyncio.create_task(conductor.start(), name="start")
    asked = asyncio.create_task(asked_to_stop.wait(), name="wait for a signal")
    await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        # Asked to leave while models are still being fetched: what has arrived is kept.
        starting.cancel()
        await asyncio.wait([starting])
        return 0
    try:
        starting.result()
        await asked
    finally:
        asked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await conductor.stop()
    return 0
