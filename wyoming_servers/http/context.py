"""What the routes work with; made once by the composition root."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends
from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import (
    Clock,
    SystemClock,
)
from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.errors import InternalError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.telemetry.traces import TraceBuffer
from wyoming_servers.text.vocabulary import Vocabulary
from wyoming_servers.webhooks.manager import WebhookManager


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """Everything the API shows or asks."""

    config: Config
    coordinator: CoordinatorProtocol
    bus: EventBus
    version: str
    uuid: str
    """Identity of this installation; stays the same over restarts."""
    token: str | None
    """The bearer token; None lets everybody in."""
    ports: Mapping[str, int]
    """Name of a server to its open port; read at each request, so it may be filled in later."""
    ready: Callable[[], tuple[bool, list[str]]]
    """Whether requests will be answered now, and if not, why (one sentence each)."""
    metrics: CollectorRegistry
    specs: Mapping[str, ModelSpec] = field(default_factory=dict)
    """Every installed model, as the pipelines see them."""
    jobs: JobManager | None = None
    """None: long recordings are not served."""
    webhooks: WebhookManager | None = None
    """None: nobody is called."""
    tts: TtsPipeline | None = None
    """None: no voice is served."""
    vocabulary: Vocabulary | None = None
    """None: nobody can tell what things are called here."""
    library: ModelManager | None = None
    """None: models neither come nor go."""
    editor: ConfigEditor | None = None
    """None: the configuration is not shown."""
    traces: TraceBuffer | None = None
    """None: requests are not kept."""
    clock: Clock = field(default_factory=SystemClock)
    heartbeat: float = 15.0
    """Seconds of silence after which an event stream sends a comment, so that proxies keep it."""
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    """Identity of this run; event numbers start again with each."""
    started: float = field(default_factory=time.time)
    """When this run began, in seconds since 1970."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server stops: event streams end at once."""


def _context_of(connection: HTTPConnection) -> ApiContext:
    return cast("ApiContext", connection.app.state.context)


Context = Annotated[ApiContext, Depends(_context_of)]
"""A route's parameter of this type receives the application's context."""


def require_jobs(context: ApiContext) -> JobManager:
    """Return the jobs, where they are served: their routes are left out elsewhere."""
    if context.jobs is None:
        raise InternalError("Jobs are routed but not served.")
    return context.jobs
