"""The services that routes use; created once by the composition root."""

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
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import Clock, SystemClock
from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.errors import InternalError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.http.auth.sessions import SessionStore, SignInLimiter
from wyoming_servers.http.auth.tokens import Pairing, TicketStore, TokenStore
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.references import References
from wyoming_servers.models.residency import Pins
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.conversation.conversation import ConversationServices
from wyoming_servers.speech.speaker.recognizer import SpeakerRecognizer
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.telemetry.log_buffer import LogBuffer
from wyoming_servers.telemetry.request_records import RequestArchive
from wyoming_servers.telemetry.status_history import StatusHistory
from wyoming_servers.telemetry.traces import TraceBuffer
from wyoming_servers.text.vocabulary import Vocabulary
from wyoming_servers.webhooks.manager import WebhookManager


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """The services and settings behind the API; routers of services that are None are left out."""

    config_holder: ConfigHolder
    coordinator: CoordinatorProtocol
    bus: EventBus
    version: str
    uuid: str
    """Identity of this installation; stays the same across restarts."""
    token: str | None
    """The token of the owner, with every scope; None, like `api.auth: none`, lets everybody in."""
    ports: Mapping[str, int]
    """Service name to open port; read per request, so that it can be filled in later."""
    ready: Callable[[], tuple[bool, list[str]]]
    """Return whether all services are ready, and the reasons if not, one sentence each."""
    metrics: CollectorRegistry
    specs: Mapping[str, ModelSpec] = field(default_factory=dict)
    """Installed models by id."""
    served: Mapping[str, str] = field(default_factory=dict)
    """Service name to the id of its default model, such as `asr` to `whisper/base`."""
    jobs: JobManager | None = None
    """None: background jobs are not served."""
    webhooks: WebhookManager | None = None
    """None: webhooks are not served."""
    tts: TtsPipeline | None = None
    """None: text-to-speech is not served."""
    conversations: ConversationServices | None = None
    """None: conversations are not served."""
    vocabulary: Vocabulary | None = None
    """None: the vocabulary is not served."""
    speakers: SpeakerRecognizer | None = None
    """None: speakers cannot be enrolled."""
    model_manager: ModelManager | None = None
    """None: models cannot be downloaded or deleted."""
    references: References | None = None
    """None: clients cannot declare which models they need."""
    config_editor: ConfigEditor | None = None
    """None: the configuration is not served."""
    restart: Callable[[], object] | None = None
    """Make the server restart; None: it cannot be restarted over the API."""
    tokens: TokenStore = field(default_factory=TokenStore)
    """All other tokens."""
    pins: Pins | None = None
    """None: clients cannot keep models loaded."""
    tickets: TicketStore = field(default_factory=TicketStore)
    """Tickets of event streams in browsers."""
    pairing: Pairing = field(default_factory=Pairing)
    fingerprint: str = ""
    """SHA-256 of the server's certificate, lower-case hexadecimal; empty without TLS."""
    sessions: SessionStore = field(default_factory=SessionStore)
    """Browsers that have signed in."""
    sign_in_limiter: SignInLimiter = field(default_factory=SignInLimiter)
    traces: TraceBuffer | None = None
    """None: requests are not traced."""
    requests: RequestArchive | None = None
    """None: texts and audio of requests are not kept."""
    history: StatusHistory | None = None
    """None: there are no samples of the last hour."""
    log_buffer: LogBuffer | None = None
    """None: the log is not served."""
    clock: Clock = field(default_factory=SystemClock)
    heartbeat: float = 15.0
    """Seconds between comments in an idle event stream, which keep proxies from closing it."""
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    """Identity of this run; event numbers restart with each run."""
    started: float = field(default_factory=time.time)
    """Start of this run, in seconds since 1970."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server stops, so that event streams end at once."""

    @property
    def config(self) -> Config:
        """The configuration in effect now."""
        return self.config_holder.current

    @property
    def requires_token(self) -> bool:
        """Whether requests need a token."""
        return self.token is not None and self.config.api.auth == "token"

    def is_owner_token(self, token: str) -> bool:
        """Return whether this is the token of the owner; compared in constant time."""
        return self.token is not None and secrets.compare_digest(
            token.encode("utf-8", "surrogatepass"), self.token.encode()
        )


def _context_of(connection: HTTPConnection) -> ApiContext:
    return cast("ApiContext", connection.app.state.context)


Context = Annotated[ApiContext, Depends(_context_of)]
"""Type of a route parameter that receives the application's context."""


def require_jobs(context: ApiContext) -> JobManager:
    """Return the job manager. Without one, the routes that call this are left out."""
    if context.jobs is None:
        raise InternalError("The job routes exist without a job manager.")
    return context.jobs
