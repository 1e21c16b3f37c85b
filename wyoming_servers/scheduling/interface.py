"""What pipelines and the HTTP edge may ask of the coordinator; `coordinator.Coordinator` is it."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from wyoming_servers.core.domain import (
    ModelSpec,
    ModelState,
    Placement,
    Priority,
)
from wyoming_servers.worker.interface import Run


class Lease(Protocol):
    """The right to use a ready model; ends with its `async with`, whatever happens inside."""

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def placement(self) -> Placement:
        """Where it really runs, which may be a fallback."""
        ...

    @property
    def info(self) -> Mapping[str, Any]:
        """What the loaded model reported (`sample_rate`, `words`, …)."""
        ...

    def open(
        self,
        request: Mapping[str, Any],
        *,
        payload: bytes = b"",
        streaming: bool = False,
        priority: Priority | None = None,
    ) -> Run:
        """Prepare a run on the leased worker."""
        ...


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model as the outside sees it; immutable."""

    spec: ModelSpec
    state: ModelState
    placement: Placement
    """Where it is or will be."""
    leases: int = 0
    memory_bytes: int = 0
    """Measured while loaded, else the estimate."""
    loaded_at: float | None = None
    """Seconds since 1970, while ready."""
    last_used: float | None = None
    """Seconds since 1970."""
    load_seconds: float | None = None
    pid: int | None = None
    queued: int = 0
    """Requests waiting for it."""
    progress: tuple[str, int] | None = None
    """Phase and percentage while loading."""
    needed_bytes: int | None = None
    free_bytes: int | None = None
    retry_in: float | None = None
    """Seconds until a waiting or failed load is tried again."""
    error_code: str = ""
    error_message: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    fallback_reason: str = ""
    """Why it is not on the first placement of its spec, where it is not."""


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """A model on one device; a model can be on two while it moves or falls back."""

    model: str
    placement: Placement
    state: str
    """A word of `coordinator.states`."""
    leases: int = 0
    memory_bytes: int = 0
    """Promised to it, or measured once it is loaded."""
    pid: int | None = None
    reason: str = ""
    """Why it waits, stops or failed."""


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One device's memory, in bytes."""

    device: str
    name: str
    total: int
    free: int
    budget: int
    reserved: int
    """Promised to loads in flight."""
    committed: int
    """Measured of loaded models."""
    pressure: str = "normal"
    others: int = 0
    """Held by programs that are not ours."""
    returning: int = 0
    """Of models whose process is gone; not seen to have come back yet."""
    present: bool = True
    """Whether it can be read; nothing is loaded where it cannot."""
    utilisation: float | None = None
    """0 to 1."""
    temperature: float | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment."""

    models: tuple[ModelStatus, ...]
    devices: tuple[DeviceStatus, ...]
    queue_depth: int
    instances: tuple[InstanceStatus, ...] = ()
    """Every model on every device, where it is not simply unloaded."""
    accepting: bool = True
    """False while the operator has paused the server: new leases are refused with BUSY."""


class CoordinatorProtocol(Protocol):
    """The coordinator as others see it; every call is for the event loop's thread."""

    def lease(
        self, model: str, *, priority: Priority | None = None, client: str = ""
    ) -> AbstractAsyncContextManager[Lease]:
        """Wait until the model is ready and hold it; `priority` defaults to its kind's.

        Raises ModelMissingError for an unknown id, BusyError when the queue is full or the
        circuit is open, LoadFailedError, OutOfMemoryError, DeviceLostError, DeadlineError,
        ShuttingDownError. Cancelling while waiting leaves the queue at once.
        """
        ...

    def prefetch(self, model: str, reason: str) -> None:
        """Load it if there is room without evicting anybody; never raises, returns at once."""
        ...

    async def load(self, model: str) -> bool:
        """Operator: begin loading; True if it is ready already. Returns without waiting for it."""
        ...

    async def unload(self, model: str) -> bool:
        """Operator: unload once its leases have ended; False if it was not loaded."""
        ...

    async def wait_ready(self, model: str) -> None:
        """Wait until the model is ready; raises as `lease`."""
        ...

    def set_accepting(self, accepting: bool) -> None:
        """Operator: take new leases, or refuse them with BUSY; those that run or wait go on."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the state of everything; cheap, never waits."""
        ...
