"""What the planner is told: requests, commands, and news of workers and memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wyoming_servers.coordinator.instance import InstanceKey
from wyoming_servers.devices.probe import Sample
from wyoming_servers.domain import ModelSpec, Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Base of all signals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Signal):
    """Time has passed; a timer may be due."""


# From clients


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequested(Signal):
    """Somebody wants to use a model."""

    request: int
    """Its number for life: while it waits, and as a lease once it is granted."""
    model: str
    priority: Priority | None = None
    """None: what the model's kind has."""
    client: str = ""
    timeout: float | None = None
    """Seconds it may wait; None: the policy's."""
    hold: bool = True
    """False: it only wants to know when the model is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseEnded(Signal):
    """Whoever asked has left, while it waited or with the lease."""

    request: int
    well: bool = True
    """Whether the worker was of use: it finished what it was asked at least once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchAsked(Signal):
    """A request for the model is likely to come soon."""

    model: str
    reason: str


# From the operator


@dataclass(frozen=True, slots=True, kw_only=True)
class PreloadAsked(Signal):
    """These models are to be loaded when there is nothing else to do."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadAsked(Signal):
    """The operator wants a model loaded; answered with whether it is ready."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnloadAsked(Signal):
    """The operator wants a model unloaded; answered with whether there was anything to unload."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAdded(Signal):
    """There is a model, or what is known of it has changed."""

    spec: ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRemoved(Signal):
    """A model is to be forgotten; answered when its last worker is gone."""

    request: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyUpdated(Signal):
    """A model stays for another time, or may or may not be evicted; None: as it is."""

    model: str
    keep_alive: float | None = None
    pinned: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptingSet(Signal):
    """New leases are taken, or refused."""

    accepting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked(Signal):
    """The server stops; `now` ends even what is leased."""

    now: bool = False


# From workers and the probe


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSignal(Signal):
    """Base of news of one process of an instance."""

    key: InstanceKey
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(WorkerSignal):
    """Its process runs; the load begins."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProgressed(WorkerSignal):
    """Its load moved on."""

    phase: str
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReady(WorkerSignal):
    """It is loaded and warm."""

    seconds: float
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerGone(WorkerSignal):
    """Its process does not exist (any more)."""

    code: str
    """Error code of the reason, where nobody asked it to go."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFaulted(WorkerSignal):
    """A run on a living worker ended with an error that says something about the device."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PingAnswered(WorkerSignal):
    """Its message loop lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed(Signal):
    """The memory was read."""

    sample: Sample
    at: float
    """When reading began, on the planner's clock."""
