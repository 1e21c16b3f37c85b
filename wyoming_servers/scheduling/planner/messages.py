"""What the planner is told: requests, commands, and news of workers and memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wyoming_servers.core.domain import (
    ModelSpec,
    Priority,
)
from wyoming_servers.devices.probe import Sample
from wyoming_servers.scheduling.planner.instance import InstanceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerMessage:
    """Base of all signals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(PlannerMessage):
    """Time has passed; a timer may be due."""


# From clients


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequested(PlannerMessage):
    """Somebody wants to use a model."""

    request: int
    """Its number for life: while it waits, and as a lease once it is granted."""
    model: str
    priority: Priority | None = None
    """None: what the model's kind has."""
    client: str = ""
    timeout: float | None = None
    """Seconds it may wait; None: the policy's."""
    wants_lease: bool = True
    """False: it only wants to know when the model is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseEnded(PlannerMessage):
    """Whoever asked has left, while it waited or with the lease."""

    request: int
    succeeded: bool = True
    """Whether the worker was of use: it finished what it was asked at least once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchRequested(PlannerMessage):
    """A request for the model is likely to come soon."""

    model: str
    reason: str


# From the operator


@dataclass(frozen=True, slots=True, kw_only=True)
class PreloadRequested(PlannerMessage):
    """These models are to be loaded when there is nothing else to do."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequested(PlannerMessage):
    """The operator wants a model loaded; answered with whether it is ready."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnloadRequested(PlannerMessage):
    """The operator wants a model unloaded; answered with whether there was anything to unload."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddModelRequested(PlannerMessage):
    """There is a model, or what is known of it has changed."""

    spec: ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveModelRequested(PlannerMessage):
    """A model is to be forgotten; answered when its last worker is gone."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyUpdated(PlannerMessage):
    """A model stays for another time, or may or may not be evicted; None: as it is."""

    model: str
    keep_alive: float | None = None
    pinned: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptingSet(PlannerMessage):
    """New leases are taken, or refused."""

    accepting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownRequested(PlannerMessage):
    """The server stops; `now` ends even what is leased."""

    immediate: bool = False


# From workers and the probe


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMessage(PlannerMessage):
    """Base of news of one process of an instance."""

    key: InstanceKey
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(WorkerMessage):
    """Its process runs; the load begins."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProgressed(WorkerMessage):
    """Its load moved on."""

    phase: str
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReady(WorkerMessage):
    """It is loaded and warm."""

    seconds: float
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerExited(WorkerMessage):
    """Its process does not exist (any more)."""

    code: str
    """Error code of the reason, where nobody asked it to go."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(WorkerMessage):
    """A run on a living worker ended with an error that says something about the device."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PingAnswered(WorkerMessage):
    """Its message loop lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySampled(PlannerMessage):
    """The memory was read."""

    sample: Sample
    started_at: float
    """When reading began, on the planner's clock."""
