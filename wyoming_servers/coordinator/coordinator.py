"""The public face: leases, operators' commands and a view of everything."""

import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.config.schema import LimitsSection, MemorySection
from wyoming_servers.coordinator.face import Lease, Snapshot
from wyoming_servers.coordinator.footprints import FootprintStore
from wyoming_servers.devices.probe import MemoryProbe
from wyoming_servers.domain import ModelSpec, Priority
from wyoming_servers.worker.base import Launcher


class Coordinator:
    """Decides which model may hold memory, and gives out leases; see `face.CoordinatorFace`.

    Use it as `async with Coordinator(...)`, or call `start` and `stop`. Every call is for the
    thread of the event loop it was started in.
    """

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        launcher: Launcher,
        probe: MemoryProbe,
        bus: EventBus,
        clock: Clock,
        *,
        limits: LimitsSection | None = None,
        memory: MemorySection | None = None,
        footprints: FootprintStore | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take the models by id. The probe stays the caller's, who closes it after `stop`."""
        raise NotImplementedError

    async def start(self) -> None:
        """Read the memory once and begin to serve."""
        raise NotImplementedError

    async def stop(self, grace: float | None = None) -> None:
        """Refuse new leases, let running ones end for `grace` seconds, stop every worker.

        After that no task and no process of ours is left. May be called twice.
        """
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def lease(
        self,
        model: str,
        *,
        priority: Priority | None = None,
        client: str = "",
        timeout: float | None = None,
    ) -> AbstractAsyncContextManager[Lease]:
        """Wait until the model is ready and hold it; see `face.CoordinatorFace.lease`.

        `timeout` bounds the wait, in seconds; None is `limits.request`.
        """
        raise NotImplementedError

    def prefetch(self, model: str, reason: str) -> None:
        """Load it if there is room without evicting anybody; never raises, returns at once."""
        raise NotImplementedError

    def preload(self, models: Iterable[str]) -> None:
        """Load these one after the other whenever nobody waits, never evicting anybody."""
        raise NotImplementedError

    async def load(self, model: str) -> bool:
        """Operator: begin loading; True if it is ready already. Closes an open circuit."""
        raise NotImplementedError

    async def unload(self, model: str) -> bool:
        """Operator: unload once its leases have ended; False if it was not loaded."""
        raise NotImplementedError

    async def wait_ready(self, model: str, timeout: float | None = None) -> None:
        """Wait until the model is ready; raises as `lease`."""
        raise NotImplementedError

    def add_model(self, spec: ModelSpec) -> None:
        """Add a model, or replace what is known of it; a worker with old settings is let go."""
        raise NotImplementedError

    async def remove_model(self, model: str) -> bool:
        """Forget a model once its leases have ended; False if it is unknown."""
        raise NotImplementedError

    def update_policy(
        self, model: str, *, keep_alive: float | None = None, pinned: bool | None = None
    ) -> None:
        """Change how long a model stays (seconds), or whether it may be evicted; None: as it is.

        Raises ModelMissingError.
        """
        raise NotImplementedError

    def set_accepting(self, accepting: bool) -> None:
        """Take new leases, or refuse them with BUSY; those that run or wait go on."""
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        """Return the state of everything; cheap, never waits."""
        raise NotImplementedError
