"""A coordinator over fake workers and fake memory, in time that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import Event
from wyoming_servers.devices.probe import FakeProbe, Sample
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.scheduling.footprint_store import InMemoryFootprintStore
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.scheduling.status import DeviceStatus, ModelStatus
from wyoming_servers.worker.fake import FakeLauncher, FakeWorker, WorkerBehavior

GIB = 2**30


class WorldProbe(FakeProbe):
    """A memory probe that sees the memory of the fake launcher's workers."""

    launcher: FakeLauncher

    async def sample(self, pids: Collection[int]) -> Sample:
        for device in self.machine.values():
            device.held.clear()
        for worker in self.launcher.running:
            if worker.memory_bytes:
                self.hold(worker.placement.device, worker.pid, worker.memory_bytes)
        return await super().sample(pids)


class World:
    """A coordinator with fake workers and fake memory, in time that the test moves."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.bus = EventBus()
        self.probe = WorldProbe({"cpu": 16 * GIB})
        self.launcher = FakeLauncher(clock, self._script)
        self.probe.launcher = self.launcher
        self.footprints = InMemoryFootprintStore()
        self.policy = SchedulingPolicy(reserve=0, budget="100%")
        self.specs: dict[str, ModelSpec] = {}
        self.behaviors: dict[tuple[str, str], Callable[[], WorkerBehavior]] = {}
        self.coordinator: Coordinator
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[Any]] = []

    def model(self, name: str, *places: str, size: float = 1, **fields: Any) -> ModelSpec:
        """Add a model of `size` GiB that may run on these `device/compute_type`s."""
        placements = tuple(Placement(*place.split("/")) for place in places) or (Placement(),)
        fields.setdefault("task", Task.ASR)
        spec = ModelSpec(
            id=name,
            engine="fake",
            placements=placements,
            memory_bytes=int(size * GIB),
            **fields,
        )
        self.specs[name] = spec
        return spec

    def behave(self, name: str, device: str = "", **fields: Any) -> None:
        """Set the behavior of a model's workers, on one device or on all."""
        self.behaviors[name, device] = lambda: WorkerBehavior(**fields)

    def _script(self, spec: ModelSpec, placement: Placement) -> WorkerBehavior:
        for key in ((spec.id, placement.device), (spec.id, "")):
            if key in self.behaviors:
                behavior = self.behaviors[key]()
                break
        else:
            behavior = WorkerBehavior()
        behavior.memory_bytes = behavior.memory_bytes or spec.memory_bytes
        return behavior

    async def start(self) -> Coordinator:
        """Start a coordinator of the models added so far."""
        self.coordinator = Coordinator(
            self.specs,
            self.launcher,
            self.probe,
            self.bus,
            self.clock,
            policy=self.policy,
            footprints=self.footprints,
            jitter=lambda: 0.5,
        )
        await self._stack.enter_async_context(self.coordinator)
        return self.coordinator

    async def stop(self) -> None:
        """Stop the coordinator while time moves."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        stopping = asyncio.ensure_future(self._stack.aclose())
        for _ in range(100):
            await self.clock.advance(1)
            if stopping.done():
                break
        await stopping

    def start_task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something beside the test; it is cancelled at the end."""
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    def hold(self, model: str, **options: Any) -> "Holder":
        """Request a lease in a task and keep it until `release`."""
        return Holder(self, model, options)

    async def use(self, model: str, **options: Any) -> Placement:
        """Take a lease and give it back; return where it was."""
        async with self.coordinator.lease(model, **options) as lease:
            return lease.placement

    async def use_after(self, model: str, seconds: float) -> Placement:
        """Take a lease and give it back, letting time pass; return where it was."""
        task = self.start_task(self.use(model))
        await self.after(seconds)
        placement: Placement = await task
        return placement

    async def after(self, seconds: float) -> None:
        """Move time in steps, and run all ready tasks after each."""
        await self.clock.run_ready_tasks(60)
        end = self.clock.now() + seconds
        step = max(0.1, seconds / 40)
        while (left := end - self.clock.now()) > 1e-9:
            await self.clock.advance(min(step, left))
            await self.clock.run_ready_tasks(60)

    async def learned(self) -> list[int]:
        """Return the footprints that were saved, once a save that is under way has ended."""
        saving = self.coordinator._runtime._saving
        if saving is not None:
            await saving
        return list(self.footprints.saved.values())

    def events(self, kind: type[Event]) -> list[Any]:
        """Return the events of a kind, oldest first."""
        return [item.event for item in self.bus.recent(512) if isinstance(item.event, kind)]

    def status(self, model: str) -> ModelStatus:
        """Return the public state of a model."""
        models = {status.spec.id: status for status in self.coordinator.snapshot().models}
        return models[model]

    def device(self, name: str) -> DeviceStatus:
        """Return the public state of a device."""
        devices = {device.device: device for device in self.coordinator.snapshot().devices}
        return devices[name]

    def workers(self, model: str) -> list[FakeWorker]:
        """Return the living workers of a model."""
        return [worker for worker in self.launcher.running if worker.spec.id == model]


class Holder:
    """A client that requests a lease, keeps it until `release`, or fails."""

    def __init__(self, world: World, model: str, options: dict[str, Any]) -> None:
        self.lease: Lease | None = None
        self.error: BaseException | None = None
        self._leave = asyncio.Event()
        self.task = world.start_task(self._ask(world, model, options))

    @property
    def done(self) -> bool:
        """Whether it has a lease or an error."""
        return self.lease is not None or self.error is not None

    @property
    def place(self) -> str:
        """Where its lease is."""
        assert self.lease is not None, self.error
        return str(self.lease.placement)

    async def release(self) -> None:
        """Return the lease."""
        self._leave.set()
        await self.task

    async def cancel(self) -> None:
        """Leave, whether it waits or holds."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _ask(self, world: World, model: str, options: dict[str, Any]) -> None:
        try:
            async with world.coordinator.lease(model, **options) as lease:
                self.lease = lease
                await self._leave.wait()
        except Exception as err:  # noqa: BLE001  (the test looks at it)
            self.error = err


@pytest.fixture
async def world(clock: FakeClock) -> AsyncIterator[World]:
    """A world whose coordinator the test starts; it must leave no worker at the end."""
    world = World(clock)
    yield world
    await world.stop()
    assert not world.launcher.running
