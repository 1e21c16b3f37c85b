"""The public face: leases, operators' commands and a view of everything."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from wyoming_servers.config.schema import LimitsSection, MemorySection
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import (
    ModelSpec,
    Priority,
)
from wyoming_servers.core.errors import (
    InternalError,
    ModelMissingError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.devices.probe import MemoryProbe
from wyoming_servers.scheduling.footprint_store import (
    FootprintStore,
    InMemoryFootprintStore,
)
from wyoming_servers.scheduling.interface import (
    Lease,
    Snapshot,
)
from wyoming_servers.scheduling.planner import messages
from wyoming_servers.scheduling.planner.planner import Planner
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.scheduling.runtime import Runtime
from wyoming_servers.worker.interface import Launcher


class Coordinator:
    """Decides which model may hold memory, and gives out leases; see `face.CoordinatorProtocol`.

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
        policy: SchedulingPolicy | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take the models by id. The probe stays the caller's, who closes it after `stop`.

        `limits` and `memory` are the configuration's; `policy`, if given, replaces both and sets
        what they do not. Without `footprints` nothing measured outlives the process.
        """
        self._specs = dict(specs)
        self._launcher = launcher
        self._probe = probe
        self._bus = bus
        self._clock = clock
        self._limits = limits or LimitsSection()
        self._policy = policy or SchedulingPolicy.from_config(
            self._limits, memory or MemorySection()
        )
        self._footprints = footprints or InMemoryFootprintStore()
        self._jitter = jitter
        self._numbers = itertools.count(1)
        self._started: Runtime | None = None

    async def start(self) -> None:
        """Read the memory once and begin to serve."""
        planner = Planner(
            self._specs.values(),
            await self._probe.devices(),
            self._policy,
            self._jitter,
            await asyncio.to_thread(self._footprints.load),
        )
        self._started = Runtime(
            planner, self._launcher, self._probe, self._bus, self._clock, self._footprints
        )
        await self._started.open()

    async def stop(self, grace: float | None = None) -> None:
        """Refuse new leases, let running ones end for `grace` seconds, stop every worker.

        After that no task and no process of ours is left. `grace` defaults to
        `limits.shutdown_grace`. May be called twice.
        """
        if self._started is not None:
            await self._started.close(self._limits.shutdown_grace if grace is None else grace)

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

    @asynccontextmanager
    async def lease(
        self,
        model: str,
        *,
        priority: Priority | None = None,
        client: str = "",
        timeout: float | None = None,
    ) -> AsyncIterator[Lease]:
        """Wait until the model is ready and hold it; see `face.CoordinatorProtocol.lease`.

        `timeout` bounds the wait, in seconds; None is `limits.request_timeout`.
        """
        lease = await self._request(model, priority, client, timeout, hold=True)
        try:
            yield lease
        finally:
            lease.end()
            self._runtime.send(messages.LeaseEnded(request=lease.number, succeeded=lease.succeeded))

    def prefetch(self, model: str, reason: str) -> None:
        """Load it if there is room without evicting anybody; never raises, returns at once."""
        self._runtime.send(messages.PrefetchRequested(model=model, reason=reason))

    def preload(self, models: Iterable[str]) -> None:
        """Load these one after the other whenever nobody waits, never evicting anybody."""
        self._runtime.send(messages.PreloadRequested(models=tuple(models)))

    async def load(self, model: str) -> bool:
        """Operator: begin loading; True if it is ready already. Closes an open circuit."""
        request = next(self._numbers)
        signal = messages.LoadRequested(request=request, model=model)
        return bool(await self._runtime.send_request(signal, request))

    async def unload(self, model: str) -> bool:
        """Operator: unload once its leases have ended; False if it was not loaded."""
        request = next(self._numbers)
        signal = messages.UnloadRequested(request=request, model=model)
        return bool(await self._runtime.send_request(signal, request))

    async def wait_ready(self, model: str, timeout: float | None = None) -> None:
        """Wait until the model is ready; raises as `lease`."""
        await self._request(model, None, "", timeout, hold=False)

    def add_model(self, spec: ModelSpec) -> None:
        """Add a model, or replace what is known of it; a worker with old settings is let go."""
        self._runtime.send(messages.AddModelRequested(spec=spec))

    async def remove_model(self, model: str) -> bool:
        """Forget a model once its leases have ended; False if it is unknown."""
        request = next(self._numbers)
        signal = messages.RemoveModelRequested(request=request, model=model)
        return bool(await self._runtime.send_request(signal, request))

    def update_policy(
        self, model: str, *, keep_alive: float | None = None, pinned: bool | None = None
    ) -> None:
        """Change how long a model stays (seconds), or whether it may be evicted; None: as it is.

        Raises ModelMissingError.
        """
        if model not in self._runtime.planner.state.models:
            raise ModelMissingError(f"There is no model {model!r}.")
        self._runtime.send(
            messages.PolicyUpdated(model=model, keep_alive=keep_alive, pinned=pinned)
        )

    def set_accepting(self, accepting: bool) -> None:
        """Take new leases, or refuse them with BUSY; those that run or wait go on."""
        self._runtime.send(messages.AcceptingSet(accepting=accepting))

    def snapshot(self) -> Snapshot:
        """Return the state of everything; cheap, never waits."""
        return self._runtime.planner.snapshot(self._clock.now(), self._clock.wall())

    @property
    def _runtime(self) -> Runtime:
        if self._started is None:
            raise InternalError("The coordinator was not started.")
        return self._started

    async def _request(
        self, model: str, priority: Priority | None, client: str, timeout: float | None, hold: bool
    ) -> Any:
        """Ask for a lease, or to be told when the model is ready; leave if we are cancelled."""
        runtime, request = self._runtime, next(self._numbers)
        signal = messages.LeaseRequested(
            request=request,
            model=model,
            priority=priority,
            client=client,
            timeout=timeout,
            wants_lease=hold,
        )
        answer = runtime.send_request(signal, request, priority)
        try:
            return await answer
        except asyncio.CancelledError:
            runtime.forget_request(request)
            runtime.send(messages.LeaseEnded(request=request, succeeded=False))
            raise
