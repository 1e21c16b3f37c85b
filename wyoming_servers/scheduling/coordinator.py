"""The coordinator: leases, commands of the operator, and the public state."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.config.schema import LimitsSection, MemorySection
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import ModelSpec, Priority
from wyoming_servers.core.errors import InternalError, ModelMissingError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.devices.probe import MemoryProbe
from wyoming_servers.scheduling.footprint_store import FootprintStore, InMemoryFootprintStore
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.scheduling.planner import messages
from wyoming_servers.scheduling.planner.actions import ReplaceResult
from wyoming_servers.scheduling.planner.planner import Planner
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.scheduling.runtime import Runtime
from wyoming_servers.scheduling.status import ModelUsage, Snapshot
from wyoming_servers.worker.interface import Launcher

MEMORY_RETURN_SECONDS: Final = 5.0
"""Longest wait of `memory_returned`; the planner does not wait longer for exited workers either."""


def policy_from_config(limits: LimitsSection, memory: MemorySection) -> SchedulingPolicy:
    """Return the scheduling policy that the configuration sets."""
    return SchedulingPolicy(
        budget=memory.budget,
        reserve=memory.reserve,
        max_queued_requests=limits.max_queued_requests,
        request_timeout=limits.request_timeout,
        load_timeout=limits.load_timeout,
        gpu_poll_interval=memory.gpu_poll_interval,
    )


class Coordinator:
    """Implements `interface.CoordinatorProtocol`.

    Use it as `async with Coordinator(...)`, or call `start` and `stop`. Every call must be made on
    the thread of the event loop in which it was started.
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
        """Take the models by id. The caller closes the probe after `stop`.

        `limits` and `memory` are sections of the configuration; `policy` replaces both. Without
        `footprints`, measured memory sizes are not kept for the next start.
        """
        self._specs = dict(specs)
        self._launcher = launcher
        self._probe = probe
        self._bus = bus
        self._clock = clock
        self._limits = limits or LimitsSection()
        self._policy = policy or policy_from_config(self._limits, memory or MemorySection())
        self._footprints = footprints or InMemoryFootprintStore()
        self._jitter = jitter
        self._numbers = itertools.count(1)
        self._started: Runtime | None = None

    async def start(self) -> None:
        """Read the memory once and accept requests."""
        planner = Planner(
            self._specs.values(),
            await self._probe.devices(),
            self._policy,
            self._jitter,
            await asyncio.to_thread(self._footprints.load),
            await asyncio.to_thread(self._footprints.load_profiles),
        )
        self._started = Runtime(
            planner, self._launcher, self._probe, self._bus, self._clock, self._footprints
        )
        await self._started.open()

    async def stop(self, grace: float | None = None) -> None:
        """Reject new leases, let existing ones end for `grace` seconds, stop every worker.

        After that, no task and no process of the coordinator is left. `grace` defaults to
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

    # Leases

    @asynccontextmanager
    async def lease(
        self,
        model: str,
        *,
        priority: Priority | None = None,
        client: str = "",
        timeout: float | None = None,
    ) -> AsyncIterator[Lease]:
        """Wait until the model is loaded and lease it; see `CoordinatorProtocol.lease`.

        `timeout` bounds the wait, in seconds; None is `limits.request_timeout`.
        """
        lease = await self._request(model, priority, client, timeout, wants_lease=True)
        try:
            yield lease
        finally:
            lease.end()
            self._runtime.send(messages.LeaseEnded(request=lease.number, succeeded=lease.succeeded))

    async def wait_ready(self, model: str, timeout: float | None = None) -> None:
        """Wait until the model is ready; raises like `lease`."""
        await self._request(model, None, "", timeout, wants_lease=False)

    def prefetch(self, model: str, reason: str) -> None:
        """Load the model if no other one must be evicted; returns at once and never raises."""
        self._runtime.send(messages.PrefetchRequested(model=model, reason=reason))

    def preload(self, models: Iterable[str]) -> None:
        """Load these models one after the other while the server is idle, without evictions."""
        self._runtime.send(messages.PreloadRequested(models=tuple(models)))

    # Commands of the operator

    async def load(self, model: str) -> bool:
        """Start loading and close an open circuit; True if the model is ready already."""
        request = next(self._numbers)
        message = messages.LoadRequested(request=request, model=model)
        return bool(await self._runtime.send_request(message, request))

    async def unload(self, model: str) -> bool:
        """Unload the model once its leases have ended; False if it was not loaded."""
        request = next(self._numbers)
        message = messages.UnloadRequested(request=request, model=model)
        return bool(await self._runtime.send_request(message, request))

    def add_model(self, spec: ModelSpec) -> None:
        """Add a model or update its spec; workers with other weights or placements are stopped."""
        self._runtime.send(messages.AddModelRequested(spec=spec))

    async def replace_model(self, spec: ModelSpec, *, load: bool = False) -> ReplaceResult:
        """Change the settings of a model; return when requests are served with them.

        The old worker serves until the new one is ready; `load` loads a model that is not loaded.
        If the new one fails, the old settings stay and this raises like `lease`.
        """
        runtime, request = self._runtime, next(self._numbers)
        message = messages.ReplaceModelRequested(request=request, spec=spec, load=load)
        answer = runtime.send_request(message, request)
        abandon = messages.ReplaceAbandoned(request=request, model=spec.id)
        policy = runtime.planner.state.policy
        late = asyncio.ensure_future(
            self._clock.sleep(policy.load_timeout + policy.request_timeout)
        )
        try:
            await asyncio.wait({answer, late}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                runtime.send(abandon)
            return ReplaceResult(await answer)
        except asyncio.CancelledError:
            runtime.forget_request(request)
            runtime.send(abandon)
            raise
        finally:
            late.cancel()

    def set_policy(self, limits: LimitsSection, memory: MemorySection) -> None:
        """Use other limits from now on; idle models that exceed a smaller budget are evicted."""
        self._limits = limits
        policy = policy_from_config(limits, memory)
        self._runtime.send(messages.SchedulingPolicyChanged(policy=policy))

    async def remove_model(self, model: str) -> bool:
        """Remove a model once its leases have ended.

        False if the model is unknown, or was added again before its last worker had exited.
        """
        request = next(self._numbers)
        message = messages.RemoveModelRequested(request=request, model=model)
        return bool(await self._runtime.send_request(message, request))

    def update_policy(
        self, model: str, *, keep_alive: float | None = None, pinned: bool | None = None
    ) -> None:
        """Change the keep-alive (seconds) and the pinning of a model; None: unchanged.

        Raises ModelMissingError.
        """
        if model not in self._runtime.planner.state.models:
            raise ModelMissingError(f"There is no model {model!r}.")
        self._runtime.send(
            messages.PolicyUpdated(model=model, keep_alive=keep_alive, pinned=pinned)
        )

    def set_residency(self, in_use: Iterable[str], pins: Mapping[str, tuple[str, ...]]) -> None:
        """Set the models that settings or clients name, and those that clients keep loaded."""
        self._runtime.send(messages.ResidencyChanged(in_use=frozenset(in_use), pins=pins))

    def set_accepting(self, accepting: bool) -> None:
        """Accept new leases, or reject them with BUSY; existing ones are not affected."""
        self._runtime.send(messages.AcceptingSet(accepting=accepting))

    # State and signals

    def snapshot(self) -> Snapshot:
        """Return the public state of everything. Never waits, but costs time per model."""
        return self._runtime.planner.snapshot(self._clock.now(), self._clock.wall())

    def model_usage(self, model: str) -> ModelUsage:
        """Return the leases and waiting requests of one model; cheap."""
        return self._runtime.planner.model_usage(model)

    def device_of(self, model: str) -> str:
        """Return the device on which a model is loaded or will be; empty if it is unknown."""
        return self._runtime.planner.device_of(model)

    def is_memory_critical(self) -> bool:
        """Return whether any device is under critical memory pressure; cheap."""
        return self._runtime.planner.is_memory_critical()

    async def changed(self) -> None:
        """Wait for the next change; see `CoordinatorProtocol.changed`."""
        await self._runtime.changed()

    async def wait_accepting(self) -> None:
        """Wait while the operator has paused the server."""
        await self._runtime.wait_until(lambda planner: planner.state.accepting)

    async def wait_idle(self, timeout: float | None = None) -> bool:
        """Wait until no speech request is served or waits; False after `timeout` seconds."""
        return await self._runtime.wait_until(
            lambda planner: not planner.is_serving_speech(), timeout
        )

    async def memory_returned(self, device: str) -> None:
        """Wait until memory that exiting workers hold on a device is free, at most 5 seconds."""
        await self._runtime.wait_until(
            lambda planner: not planner.is_freeing_memory(device), MEMORY_RETURN_SECONDS
        )

    @property
    def _runtime(self) -> Runtime:
        if self._started is None:
            raise InternalError("The coordinator was not started.")
        return self._started

    async def _request(
        self,
        model: str,
        priority: Priority | None,
        client: str,
        timeout: float | None,
        *,
        wants_lease: bool,
    ) -> Any:
        """Request a lease, or the answer that the model is ready; leave the queue if canceled."""
        runtime, request = self._runtime, next(self._numbers)
        message = messages.LeaseRequested(
            request=request,
            model=model,
            priority=priority,
            client=client,
            timeout=timeout,
            wants_lease=wants_lease,
        )
        answer = runtime.send_request(message, request, priority)
        try:
            return await answer
        except asyncio.CancelledError:
            runtime.forget_request(request)
            runtime.send(messages.LeaseEnded(request=request, succeeded=False))
            raise
