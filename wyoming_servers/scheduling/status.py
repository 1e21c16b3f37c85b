"""The public state of the coordinator: immutable snapshots for the API, telemetry and pipelines."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wyoming_servers.core.domain import ModelSpec, ModelState, Placement


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a model can never be loaded as it is configured; bytes."""

    device: str
    needed_bytes: int
    budget_bytes: int
    """The most that models may ever hold on the device."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Public state of one model."""

    spec: ModelSpec
    state: ModelState
    placement: Placement
    """Where it is loaded or will be."""
    leases: int = 0
    memory_bytes: int = 0
    """Measured while loaded, otherwise an estimate."""
    loaded_at: float | None = None
    """Seconds since 1970, while ready."""
    last_used: float | None = None
    """Seconds since 1970."""
    load_seconds: float | None = None
    """Duration of the last load."""
    pid: int | None = None
    queued: int = 0
    """Requests that wait for it."""
    progress: tuple[str, int] | None = None
    """Phase and percentage while loading."""
    needed_bytes: int | None = None
    """While it waits for memory: what its load needs."""
    free_bytes: int | None = None
    """While it waits for memory: what is available to it."""
    waits_for: str = ""
    """While it waits for memory: the device."""
    retry_in: float | None = None
    """Seconds until a waiting or failed load is tried again."""
    unload_in: float | None = None
    """Seconds until it is unloaded; while it is idle and not kept forever."""
    pinned_by: tuple[str, ...] = ()
    """Clients that keep it loaded, and `configuration`."""
    keeps_warm: bool = False
    """Whether it stays loaded for longer than its keep-alive where there is memory to spare."""
    unfit: Unfit | None = None
    """Set if it needs more memory than it may ever use."""
    attempt: int = 0
    """Consecutive failures."""
    error_code: str = ""
    error_message: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    """What the loaded model reported."""
    fallback_reason: str = ""
    """Why it does not run on the first placement of its spec."""


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """A model on one placement; a model has two instances while it moves to another placement."""

    model: str
    placement: Placement
    state: str
    """A value of `scheduling.planner.instance.InstanceState`."""
    leases: int = 0
    memory_bytes: int = 0
    """Promised to it, or measured once it is loaded."""
    pid: int | None = None
    reason: str = ""
    """Why it waits, is being stopped or failed."""


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """The memory of one device, in bytes."""

    device: str
    name: str
    total: int
    free: int
    budget: int
    """What models may hold now."""
    reserved: int
    """Promised to loads in flight."""
    committed: int
    """Measured, of loaded models."""
    pressure: str = "normal"
    """normal, warning or critical."""
    others: int = 0
    """Held by other programs."""
    returning: int = 0
    """Held by processes that have exited; not seen to be free yet."""
    present: bool = True
    """Whether it can be read; otherwise nothing is loaded on it."""
    utilisation: float | None = None
    """0 to 1."""
    temperature: float | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Public state of everything at one moment."""

    models: tuple[ModelStatus, ...]
    devices: tuple[DeviceStatus, ...]
    queue_depth: int
    """Requests that wait for a model."""
    instances: tuple[InstanceStatus, ...] = ()
    """Every instance that is not simply unloaded."""
    accepting: bool = True
    """False while the operator has paused the server: new leases are rejected with BUSY."""


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """How many requests use a model or wait for it; much cheaper than a `Snapshot`."""

    leases: int = 0
    queued: int = 0
