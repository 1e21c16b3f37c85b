"""What pipelines, jobs and the edges may use of the coordinator."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from wyoming_servers.core.domain import ModelSpec, Placement, Priority
from wyoming_servers.scheduling.lease import LoadedModelInfo
from wyoming_servers.scheduling.status import ModelUsage, Snapshot
from wyoming_servers.worker.interface import Run


class Lease(Protocol):
    """The right to use a loaded model; it ends with its `async with`."""

    @property
    def spec(self) -> ModelSpec:
        """The spec with which the model was loaded."""
        ...

    @property
    def placement(self) -> Placement:
        """Where the model is loaded, which may be a fallback."""
        ...

    @property
    def info(self) -> LoadedModelInfo:
        """What the loaded model reported."""
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


class CoordinatorProtocol(Protocol):
    """The interface of the coordinator; every call must be made on the event loop's thread."""

    def lease(
        self, model: str, *, priority: Priority | None = None, client: str = ""
    ) -> AbstractAsyncContextManager[Lease]:
        """Wait until the model is loaded and lease it; `priority` defaults to that of its task.

        Raises ModelMissingError for an unknown id, BusyError if the queue is full or the circuit is
        open, LoadFailedError, OutOfMemoryError, DeviceLostError, DeadlineError, ShuttingDownError.
        A caller that is canceled while it waits leaves the queue at once.
        """
        ...

    def prefetch(self, model: str, reason: str) -> None:
        """Load the model if no other one must be evicted; returns at once and never raises."""
        ...

    async def load(self, model: str) -> bool:
        """Operator: start loading and return without waiting; True if it is ready already."""
        ...

    async def unload(self, model: str) -> bool:
        """Operator: unload once its leases have ended; False if it was not loaded."""
        ...

    async def wait_ready(self, model: str) -> None:
        """Wait until the model is ready; raises like `lease`."""
        ...

    def set_accepting(self, accepting: bool) -> None:
        """Operator: accept new leases, or reject them with BUSY; existing ones are not affected."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the public state of everything. Never waits, but costs time per model."""
        ...

    def model_usage(self, model: str) -> ModelUsage:
        """Return the leases and waiting requests of one model; cheap."""
        ...

    def is_memory_critical(self) -> bool:
        """Return whether any device is under critical memory pressure; cheap."""
        ...

    async def changed(self) -> None:
        """Wait for the next change of usage, pressure or anything else in `snapshot`.

        To wait for a condition, check it and await this in a loop; no change is missed as long as
        there is no other `await` between the check and this call.
        """
        ...

    async def wait_accepting(self) -> None:
        """Wait while the operator has paused the server; returns at once if it is not paused."""
        ...

    async def wait_idle(self, timeout: float | None = None) -> bool:
        """Wait until no speech-to-text or text-to-speech request is served or waits for a model.

        Returns False after `timeout` seconds. Wake word models do not count: they are leased all
        the time.
        """
        ...

    async def memory_returned(self, device: str) -> None:
        """Wait until memory that exiting workers hold on a device is free, at most 5 seconds.

        For a run that was out of memory: the coordinator evicts idle models on the device then,
        and a second attempt before they have exited would fail again. Hold no lease meanwhile.
        """
        ...
