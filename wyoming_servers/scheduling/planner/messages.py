"""The planner's input: requests, commands, and reports of workers and of the memory probe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wyoming_servers.core.domain import ModelSpec, Priority
from wyoming_servers.devices.probe import Sample
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerMessage:
    """Base of all messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(PlannerMessage):
    """Time has passed; a timer may have expired."""


# From clients


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequested(PlannerMessage):
    """A client wants to use a model."""

    request: int
    """Its number, both while it waits and as a lease once it is granted."""
    model: str
    priority: Priority | None = None
    """None: the default of the model's task."""
    client: str = ""
    timeout: float | None = None
    """Seconds it may wait; None: `SchedulingPolicy.request_timeout`."""
    wants_lease: bool = True
    """False: the client only waits until the model is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseEnded(PlannerMessage):
    """A client has left the queue or returned its lease."""

    request: int
    succeeded: bool = True
    """Whether at least one run on the lease succeeded and none failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchRequested(PlannerMessage):
    """A request for the model is likely to come soon."""

    model: str
    reason: str


# From the operator


@dataclass(frozen=True, slots=True, kw_only=True)
class PreloadRequested(PlannerMessage):
    """These models shall be loaded when the server is idle."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequested(PlannerMessage):
    """The operator loads a model; answered with whether it is ready already."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnloadRequested(PlannerMessage):
    """The operator unloads a model; answered with whether it was loaded."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddModelRequested(PlannerMessage):
    """A model was installed, or its spec has changed."""

    spec: ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceModelRequested(PlannerMessage):
    """The settings of a model have changed; answered with a `ReplaceResult` or rejected.

    If a new worker is needed, the old one serves until the new one is ready. If the new one fails,
    the request is rejected and the old spec stays.
    """

    request: int
    spec: ModelSpec
    load: bool = False
    """Load the model even if it is not loaded, to find out whether it can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceAbandoned(PlannerMessage):
    """The caller of `ReplaceModelRequested` waits no longer: the old spec comes back."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveModelRequested(PlannerMessage):
    """A model is to be removed; answered when its last worker has exited."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyUpdated(PlannerMessage):
    """The keep-alive or the pinning of a model has changed; None: unchanged."""

    model: str
    keep_alive: float | None = None
    pinned: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidencyChanged(PlannerMessage):
    """Other models are in use or pinned."""

    in_use: frozenset[str] = frozenset()
    """Models that settings or clients name."""
    pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Models that clients keep loaded, with the names of these clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingPolicyChanged(PlannerMessage):
    """The limits of the scheduler have changed."""

    policy: SchedulingPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptingSet(PlannerMessage):
    """The operator pauses the server (new leases are rejected) or resumes it."""

    accepting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownRequested(PlannerMessage):
    """The server stops; `immediate` ends leased workers as well."""

    immediate: bool = False


# From workers and the memory probe


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMessage(PlannerMessage):
    """Base of the reports about one process of an instance."""

    key: InstanceKey
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(WorkerMessage):
    """The process is running; the load begins."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProgressed(WorkerMessage):
    """The load made progress."""

    phase: str
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReady(WorkerMessage):
    """The model is loaded and warmed up."""

    seconds: float
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerExited(WorkerMessage):
    """The process does not exist any more, or could not be started."""

    code: str
    """Error code of the reason, if the exit was not requested."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(WorkerMessage):
    """A run on a living worker failed with an error of its device."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PingAnswered(WorkerMessage):
    """The message loop of the process answered a ping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySampled(PlannerMessage):
    """The memory of all devices was read."""

    sample: Sample
    started_at: float
    """Time at which the reading began, on the planner's clock."""
