"""Builds the HTTP API and the services behind it: jobs, webhooks and traces."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wyoming_servers import __version__
from wyoming_servers.app.config_reload import ConfigReloader
from wyoming_servers.app.context import AppContext
from wyoming_servers.app.pipelines import Pipelines
from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.config.holder import ConfigUpdate
from wyoming_servers.config.schema import Config
from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.core.domain import (
    ModelSpec,
    ModelState,
)
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.http.app import create_app
from wyoming_servers.http.auth.sessions import SESSIONS_FILE, SessionStore, SignInLimiter
from wyoming_servers.http.auth.tokens import (
    MIN_PROOF_TOKEN_LENGTH,
    TOKEN_FILE,
    TOKENS_FILE,
    Pairing,
    TicketStore,
    TokenStore,
    ensure_token,
    is_token,
    is_tokens_file,
)
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.server import ApiServer
from wyoming_servers.jobs.job import Job
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.jobs.schemas import job_payload
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.references import References
from wyoming_servers.models.residency import Pins
from wyoming_servers.net.tls import (
    CERTIFICATE_FILE,
    TlsIdentity,
    create_certificate,
    group_fingerprint,
    load_identity,
    own_names,
)
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.speech.conversation.conversation import ConversationServices
from wyoming_servers.telemetry.log_buffer import LogBuffer
from wyoming_servers.telemetry.metrics import Metrics
from wyoming_servers.telemetry.otlp import OtlpExporter
from wyoming_servers.telemetry.request_records import RequestArchive
from wyoming_servers.telemetry.status_history import StatusHistory
from wyoming_servers.telemetry.traces import Trace, TraceBuffer
from wyoming_servers.webhooks.manager import WebhookManager

_LOGGER: Final = logging.getLogger(__name__)

_LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_GRACE_S: Final = 2.0
"""Seconds that HTTP requests get to finish at shutdown; none of them is long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDependencies:
    """Services that the API shows and controls."""

    coordinator: Coordinator
    library: ModelManager
    specs: dict[str, ModelSpec]
    """Every installed model; the model manager adds and removes entries."""
    pipelines: Pipelines
    metrics: Metrics
    served: Mapping[str, str]
    """The default model of each service."""
    preloaded: list[str]
    """Models that must have been loaded once before the server is ready."""
    ports: Mapping[str, int]
    """Service name to open port; filled in while ports are opened."""
    identity: str
    """UUID of this installation."""
    reloader: ConfigReloader
    resolve: Callable[[Config], Config]
    """Replaces values such as `auto` by those that they mean now; blocks."""
    references: References
    pins: Pins


async def start_api(context: AppContext, dependencies: ApiDependencies) -> int:
    """Open the HTTP port and return its number.

    Raises BusyError if the port is not available, LoadFailedError if there can be no token or
    certificate.
    """
    config, bus, clock, stack = context.config, context.bus, context.clock, context.stack
    await _check_tokens(context)
    token = await asyncio.to_thread(ensure_token, config.data_dir)
    _warn_about_weak_protection(config, token)
    tls = await _load_tls(context) if config.api.tls else None
    webhooks = await stack.enter_async_context(
        WebhookManager(
            config.data_dir,
            context.config_holder,
            bus,
            clock,
            context.tasks,
            damaged=context.damaged,
        )
    )
    jobs = await stack.enter_async_context(
        JobManager(
            config.data_dir / "jobs",
            dependencies.coordinator,
            context.config_holder,
            bus,
            clock,
            context.tasks,
            damaged=context.damaged,
            vocabulary=dependencies.pipelines.vocabulary,
            lexicon=dependencies.pipelines.tts.lexicon,
            phrase_cache=lambda: dependencies.pipelines.tts.phrase_cache,
            on_end=_webhook_notifier(webhooks),
        )
    )
    traces = TraceBuffer(dependencies.coordinator.device_of)
    export = TraceExport(context, traces)
    await export.configure(config.telemetry.otlp_endpoint)
    context.spawn(lambda: traces.run(bus), "traces")
    requests = RequestArchive(context.config_holder, clock)
    dependencies.pipelines.asr.keep_in(requests)
    dependencies.pipelines.tts.keep_in(requests)
    history = StatusHistory(dependencies.coordinator.snapshot, clock)
    context.spawn(history.run, "history")
    log_buffer = LogBuffer()
    logging.getLogger().addHandler(log_buffer)
    stack.callback(logging.getLogger().removeHandler, log_buffer)
    pipelines = dependencies.pipelines
    conversations = ConversationServices(pipelines.asr, pipelines.tts, context.config_holder, clock)
    stack.push_async_callback(conversations.close)
    api_context = ApiContext(
        config_holder=context.config_holder,
        coordinator=dependencies.coordinator,
        bus=bus,
        version=__version__,
        uuid=dependencies.identity,
        token=token,
        tokens=await asyncio.to_thread(TokenStore.open, config.data_dir / TOKENS_FILE, clock),
        pairing=Pairing(clock),
        tickets=TicketStore(clock),
        fingerprint="" if tls is None else tls.fingerprint,
        sessions=await asyncio.to_thread(SessionStore.open, config.data_dir / SESSIONS_FILE, clock),
        sign_in_limiter=SignInLimiter(clock),
        ports=dependencies.ports,
        ready=lambda: _ready(context, dependencies),
        metrics=dependencies.metrics.registry,
        specs=dependencies.specs,
        served=dependencies.served,
        jobs=jobs,
        webhooks=webhooks,
        tts=pipelines.tts,
        conversations=conversations,
        vocabulary=dependencies.pipelines.vocabulary,
        speakers=dependencies.pipelines.speakers,
        model_manager=dependencies.library,
        references=dependencies.references,
        pins=dependencies.pins,
        traces=traces,
        requests=requests,
        history=history,
        log_buffer=log_buffer,
        config_editor=ConfigEditor(
            context.loaded,
            context.config_holder,
            dependencies.reloader,
            bus.publish,
            dependencies.resolve,
        ),
        restart=context.restart_requested.set,
        clock=clock,
    )
    server = ApiServer(
        create_app(api_context),
        config.host,
        config.api.port,
        tasks=context.tasks,
        connections=context.connections,
        tls=tls,
    )
    stack.push_async_callback(server.stop, _GRACE_S)

    async def apply_endpoint(update: ConfigUpdate) -> None:
        await export.configure(update.new.telemetry.otlp_endpoint)

    async def apply_enabled(update: ConfigUpdate) -> None:
        if not update.new.api.enabled:
            # Not awaited: the request that turns the API off is still to be answered.
            context.tasks.start(lambda: server.stop(_GRACE_S), "stop of the API")
            dependencies.reloader.ports.pop("api", None)

    dependencies.reloader.subscribe(apply_endpoint, "telemetry.otlp_endpoint")
    dependencies.reloader.subscribe(apply_enabled, "api.enabled")
    return await server.start()


def _ready(context: AppContext, dependencies: ApiDependencies) -> tuple[bool, list[str]]:
    """Return whether all services are ready, and the reasons if not.

    The reasons of a server that is ready are failed background tasks, damaged files and ignored
    settings.
    """
    states = {status.spec.id: status for status in dependencies.coordinator.snapshot().models}
    missing = [
        f"{service}: {model} {dependencies.library.install_progress(model) or 'is not installed'}"
        for service, model in dependencies.served.items()
        if model not in states
    ]
    # A model that was unloaded again does not count: the next request loads it.
    waiting = [
        f"{model} is {states[model].state}"
        for model in dependencies.preloaded
        # A removed model is reported above, if a service needs it.
        if model in states
        and states[model].load_seconds is None
        and states[model].state is not ModelState.READY
    ]
    return not missing and not waiting, [
        *missing,
        *waiting,
        *context.tasks.problems(),
        *context.damaged.problems(),
        *(f"Ignored setting: {problem}" for problem in context.loaded.ignored),
    ]


def _warn_about_weak_protection(config: Config, token: str) -> None:
    if config.api.auth == "none" and config.host not in _LOOPBACK_HOSTS:
        _LOGGER.warning(
            "api.auth is none and the server listens on %s: everybody on the network can operate "
            "it. Set api.auth: token, or host: 127.0.0.1.",
            config.host or "all addresses",
        )
    elif config.api.auth == "token" and len(token) < MIN_PROOF_TOKEN_LENGTH:
        _LOGGER.warning(
            "The API token is shorter than %d characters, so it can be guessed. Delete %s; the "
            "next start creates a new token.",
            MIN_PROOF_TOKEN_LENGTH,
            config.data_dir / TOKEN_FILE,
        )


async def _check_tokens(context: AppContext) -> None:
    """Set token files aside that are empty or damaged, as after a power cut.

    Raises LoadFailedError if that is impossible.
    """
    folder = context.config.data_dir
    try:
        await context.damaged.check(folder / TOKEN_FILE, is_token, "It contains no token.")
        await context.damaged.check(
            folder / TOKENS_FILE, is_tokens_file, "Its tokens cannot be read and are not accepted."
        )
    except OSError as err:
        raise LoadFailedError(
            f"The API tokens in {folder} cannot be read or replaced: {err}.",
            hint="Check the permissions of the files.",
        ) from err


async def _load_tls(context: AppContext) -> TlsIdentity:
    """Return the certificate; a missing one is made, and one that cannot be used is set aside.

    Raises LoadFailedError if that is impossible.
    """
    path = context.config.data_dir / CERTIFICATE_FILE
    try:
        try:
            identity = await asyncio.to_thread(load_identity, path)
        except (FileNotFoundError, IsADirectoryError, ValueError) as err:
            if not isinstance(err, FileNotFoundError):
                await context.damaged.set_aside(
                    path, "It holds no usable certificate. Clients must trust the new one."
                )
            await asyncio.to_thread(create_certificate, path, own_names())
            identity = await asyncio.to_thread(load_identity, path)
    except OSError as err:
        raise LoadFailedError(
            f"The certificate of the API in {path} cannot be read or written: {err}.",
            hint="Check the permissions of the file, or set api.tls: false.",
        ) from err
    _LOGGER.info(
        "The API speaks HTTPS; SHA-256 fingerprint of its certificate: %s",
        group_fingerprint(identity.fingerprint),
    )
    return identity


def _webhook_notifier(webhooks: WebhookManager) -> Callable[[Job], Awaitable[None]]:
    """Return a callback that notifies the webhooks of a job that has ended."""

    async def notify(job: Job) -> None:
        await webhooks.notify_job_ended(job.id, job.webhook_url, job_payload(job))

    return notify


class TraceExport:
    """Starts and stops an `OtlpExporter` as `telemetry.otlp_endpoint` changes."""

    def __init__(self, context: AppContext, traces: TraceBuffer) -> None:
        self._context = context
        self._endpoint = ""
        self._exporter: OtlpExporter | None = None
        self._task: asyncio.Task[None] | None = None
        traces.add_listener(self._add)
        context.stack.push_async_callback(self._stop)

    async def configure(self, endpoint: str) -> None:
        """Export to this collector from now on; to none if `endpoint` is empty."""
        if endpoint == self._endpoint:
            return
        await self._stop()
        self._endpoint = endpoint
        if endpoint:
            exporter = OtlpExporter(endpoint, self._context.clock, version=__version__)
            self._exporter = exporter
            self._task = self._context.tasks.start(exporter.run, "OpenTelemetry")

    def _add(self, trace: Trace) -> None:
        if self._exporter is not None:
            self._exporter.add(trace)

    async def _stop(self) -> None:
        self._exporter = None
        if self._task is not None:
            await cancel_and_wait(self._task)
            self._task = None
