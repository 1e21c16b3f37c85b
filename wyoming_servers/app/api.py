"""Wires the HTTP API with jobs, webhooks, the model library and traces."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wyoming_servers import __version__
from wyoming_servers.app.config_reload import ConfigReloader
from wyoming_servers.app.context import AppContext
from wyoming_servers.app.pipelines import Pipelines
from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.core.domain import (
    ModelSpec,
    ModelState,
)
from wyoming_servers.http.app import create_app
from wyoming_servers.http.auth import ensure_token
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.server import ApiServer
from wyoming_servers.jobs.job import Job
from wyoming_servers.jobs.line_synthesizer import ReadingOptions
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.jobs.schemas import job_payload
from wyoming_servers.jobs.transcription import TranscriptionDefaults
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.telemetry.metrics import Metrics
from wyoming_servers.telemetry.otlp import OtlpExporter
from wyoming_servers.telemetry.traces import TraceBuffer
from wyoming_servers.webhooks.manager import WebhookManager

_GRACE_S: Final = 2.0
"""Time an HTTP request gets to end at shutdown; none of them is long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    """The parts that the API shows and steers."""

    coordinator: Coordinator
    library: ModelManager
    specs: dict[str, ModelSpec]
    """Every installed model; the library adds and removes."""
    pipelines: Pipelines
    metrics: Metrics
    served: Mapping[str, str]
    """Each service with the model a client gets that names none."""
    preloaded: list[str]
    """Models that must have been loaded once before all is ready."""
    ports: Mapping[str, int]
    """Filled in as ports are opened."""
    identity: str
    """UUID of this installation."""


async def start_api(ground: AppContext, behind: ApiDependencies) -> int:
    """Open the HTTP port and return its number. Raises BusyError if it cannot be had."""
    config, bus, clock, stack = ground.config, ground.bus, ground.clock, ground.stack
    token = None
    if config.api.auth == "token":
        token = await asyncio.to_thread(ensure_token, config.data_dir)
    webhooks = await stack.enter_async_context(
        WebhookManager(config.data_dir, config.webhooks, bus, clock, default_model=config.asr.model)
    )
    jobs = await stack.enter_async_context(
        JobManager(
            config.data_dir / "jobs",
            behind.coordinator,
            config.jobs,
            bus,
            clock,
            manner=TranscriptionDefaults(
                config.asr.beam_size, tuple(config.asr.languages), behind.pipelines.vocabulary
            ),
            reading=ReadingOptions(behind.pipelines.tts.lexicon, config.tts.sentence_silence),
            on_end=_webhook_notifier(webhooks),
        )
    )
    ground.config_holder.subscribe(ConfigReloader(behind.coordinator))
    context = ApiContext(
        config_holder=ground.config_holder,
        coordinator=behind.coordinator,
        bus=bus,
        version=__version__,
        uuid=behind.identity,
        token=token,
        ports=behind.ports,
        ready=lambda: _ready(ground, behind),
        metrics=behind.metrics.registry,
        specs=behind.specs,
        jobs=jobs,
        webhooks=webhooks,
        tts=behind.pipelines.tts,
        vocabulary=behind.pipelines.vocabulary,
        library=behind.library,
        traces=_keep_traces(ground, behind.coordinator),
        editor=ConfigEditor(ground.loaded, ground.config_holder),
        clock=clock,
    )
    server = ApiServer(create_app(context), config.host, config.api.port)
    stack.push_async_callback(server.stop, _GRACE_S)
    return await server.start()


def _ready(ground: AppContext, behind: ApiDependencies) -> tuple[bool, list[str]]:
    """Return whether all services are ready, and the problems: why not, and failed tasks."""
    states = {status.spec.id: status for status in behind.coordinator.snapshot().models}
    missing = [
        f"{service}: {model} {behind.library.install_progress(model) or 'is not installed'}"
        for service, model in behind.served.items()
        if model not in states
    ]
    # An idle model that was let go again is no reason: the next request loads it.
    waiting = [
        f"{model} is {states[model].state}"
        for model in behind.preloaded
        # One that was removed since is missed above, if a service needs it.
        if model in states
        and states[model].load_seconds is None
        and states[model].state is not ModelState.READY
    ]
    return not missing and not waiting, missing + waiting + ground.tasks.problems()


def _keep_traces(ground: AppContext, coordinator: Coordinator) -> TraceBuffer:
    def device_of(model: str) -> str:
        models = coordinator.snapshot().models
        found = (one.placement.device for one in models if one.spec.id == model)
        return next(found, "")

    traces = TraceBuffer(device_of)
    if endpoint := ground.config.telemetry.otlp_endpoint:
        exporter = OtlpExporter(endpoint, ground.clock, version=__version__)
        traces.add_listener(exporter.add)
        ground.spawn(exporter.run, "OpenTelemetry")
    ground.spawn(lambda: traces.run(ground.bus), "traces")
    return traces


def _webhook_notifier(webhooks: WebhookManager) -> Callable[[Job], Awaitable[None]]:
    """Return what passes the end of a job on to those who asked for it."""

    async def tell(job: Job) -> None:
        await webhooks.notify_job_ended(job.id, job.webhook_url, job_payload(job))

    return tell
