"""Acts: carries the planner's actions out and brings it news of workers, memory and time.

Everything happens on one event loop's thread. `tell` hands the planner a signal and carries out
what it decides before it returns, one signal at a time; nothing in it waits. So a lease on a ready
model is granted within the call, whatever loads or unloads at that moment.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Priority
from wyoming_servers.core.errors import (
    ConductorError,
    InternalError,
    from_code,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.devices.probe import MemoryProbe, Sample
from wyoming_servers.scheduling.footprint_store import FootprintStore
from wyoming_servers.scheduling.lease import ActiveLease
from wyoming_servers.scheduling.planner import (
    actions,
    messages,
)
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.planner import Planner
from wyoming_servers.scheduling.planner.policy import PRIORITIES
from wyoming_servers.scheduling.worker_supervisor import WorkerSupervisor
from wyoming_servers.worker.interface import Launcher

_LOGGER = logging.getLogger(__name__)

_KILL_TIMEOUT: Final = 5.0
"""Seconds that processes get to be gone after they were killed at shutdown."""


@dataclass(slots=True)
class Waiter:
    """Somebody who waits for the planner's answer."""

    future: asyncio.Future[Any]
    priority: Priority | None
    """Of the lease's runs; None: what the model's kind has."""


class Runtime:
    """Owns the planner, the worker processes and every task about them."""

    def __init__(
        self,
        planner: Planner,
        launcher: Launcher,
        probe: MemoryProbe,
        bus: EventBus,
        clock: Clock,
        footprints: FootprintStore,
    ) -> None:
        self._planner = planner
        self._launcher = launcher
        self._probe = probe
        self._bus = bus
        self._clock = clock
        self._store = footprints
        self._messages: deque[messages.PlannerMessage] = deque()
        self._dispatching = False
        self._supervisors: dict[tuple[InstanceKey, int], WorkerSupervisor] = {}
        self._waiters: dict[int, Waiter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at = 0.0
        self._probing = False
        self._probe_again: tuple[int, ...] | None = None
        self._unsaved = False
        self._saving: asyncio.Task[None] | None = None
        self._no_workers = asyncio.Event()
        self._no_workers.set()
        self._closed = False

    @property
    def planner(self) -> Planner:
        """To be looked at, not to be told anything."""
        return self._planner

    # In

    def send(self, signal: messages.PlannerMessage) -> None:
        """Hand the planner a signal and carry out what follows.

        Called again from within, it only puts the signal behind the one being handled. A fault of
        the planner is a bug: it is logged, whoever asked gets UNKNOWN, and the others go on.
        """
        self._messages.append(signal)
        if self._dispatching:
            return
        self._dispatching = True
        try:
            while self._messages:
                self._handle(self._messages.popleft())
        finally:
            self._dispatching = False
        self._update_no_workers()
        self._set_alarm()

    def send_request(
        self, signal: messages.PlannerMessage, request: int, priority: Priority | None = None
    ) -> asyncio.Future[Any]:
        """Hand over a signal that is answered: with a lease, a truth value, or an error."""
        future = asyncio.get_running_loop().create_future()
        self._waiters[request] = Waiter(future, priority)
        self.send(signal)
        return future

    def forget_request(self, request: int) -> None:
        """Nobody waits for this answer any more."""
        self._waiters.pop(request, None)

    def _handle(self, signal: messages.PlannerMessage) -> None:
        try:
            todo = self._planner.handle(signal, self._clock.now())
        except Exception:
            _LOGGER.exception("the planner failed at %s; this is a bug", signal)
            request = getattr(signal, "request", None)
            todo = []
            if isinstance(request, int):
                self._fail(request, InternalError("The coordinator failed."))
        for action in todo:
            self._ACTION_HANDLERS[type(action)](self, action)

    # The alarm

    def _set_alarm(self) -> None:
        """Make sure that somebody wakes up when the planner's next deadline is due.

        An alarm that is set too early only causes a Tick without effect; that is cheaper than
        setting it anew with every lease.
        """
        at = self._planner.next_deadline()
        if at is None or self._closed:
            return
        if self._alarm is not None and not self._alarm.done():
            if self._alarm_at <= at:
                return
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._spawn(self._wake_planner(at), "coordinator alarm")

    async def _wake_planner(self, at: float) -> None:
        await self._clock.sleep(at - self._clock.now())
        self._alarm = None
        self.send(messages.Tick())

    # Processes

    def _launch(self, action: actions.LaunchWorker) -> None:
        minder = WorkerSupervisor(action, self._launcher, self.send, self._spawn)
        self._supervisors[action.key, action.generation] = minder
        self._spawn(self._supervise(minder), f"worker of {action.key}")

    async def _supervise(self, minder: WorkerSupervisor) -> None:
        await minder.run()
        del self._supervisors[minder.key, minder.generation]
        self._update_no_workers()

    def _stop(self, action: actions.StopWorker) -> None:
        if minder := self._supervisors.get((action.key, action.generation)):
            minder.stop(action.grace)

    def _kill(self, action: actions.KillWorker) -> None:
        if minder := self._supervisors.get((action.key, action.generation)):
            minder.kill(action.code, action.message)

    def _ping(self, action: actions.PingWorker) -> None:
        if minder := self._supervisors.get((action.key, action.generation)):
            minder.ping()

    # Answers

    def _grant(self, action: actions.GrantLease) -> None:
        waiter = self._waiters.pop(action.request, None)
        minder = self._supervisors.get((action.key, action.generation))
        if waiter is None or waiter.future.done() or minder is None or minder.worker is None:
            # Whoever asked has left in this very moment.
            self.send(messages.LeaseEnded(request=action.request, succeeded=False))
            return
        waiter.future.set_result(
            ActiveLease(
                action.request,
                minder.spec,
                minder.key.placement,
                minder.info,
                minder.worker,
                minder.explain_error,
                waiter.priority or PRIORITIES[minder.spec.task],
            )
        )

    def _resolve(self, action: actions.ResolveRequest) -> None:
        waiter = self._waiters.pop(action.request, None)
        if waiter is not None and not waiter.future.done():
            waiter.future.set_result(action.value)

    def _reject(self, action: actions.RejectRequest) -> None:
        error = from_code(action.code, action.message, action.hint)
        error.retry_after = action.retry_after
        self._fail(action.request, error)

    def _fail(self, request: int, error: ConductorError) -> None:
        waiter = self._waiters.pop(request, None)
        if waiter is not None and not waiter.future.done():
            waiter.future.set_exception(error)

    # Memory

    def _read_memory(self, action: actions.SampleMemory) -> None:
        """Read now, or right after the reading that is under way."""
        if self._closed:
            return
        if self._probing:
            self._probe_again = action.pids
        else:
            self._probing = True
            self._spawn(self._sample(action.pids), "memory probe")

    async def _sample(self, pids: tuple[int, ...]) -> None:
        wanted: tuple[int, ...] | None = pids
        while wanted is not None:
            at = self._clock.now()
            try:
                sample = await self._probe.sample(wanted)
            except Exception:
                _LOGGER.exception("the memory probe failed; this is a bug")
                sample = Sample({})
            wanted, self._probe_again = self._probe_again, None
            self._probing = wanted is not None
            self.send(messages.MemorySampled(sample=sample, started_at=at))

    def _save_footprint(self, action: actions.SaveFootprint) -> None:
        self._unsaved = True
        if self._saving is None or self._saving.done():
            self._saving = self._spawn(self._save(), "footprints")

    async def _save(self) -> None:
        while self._unsaved:
            self._unsaved = False
            await asyncio.to_thread(self._store.save, dict(self._planner.state.footprints))

    def _publish(self, action: actions.PublishEvent) -> None:
        self._bus.publish(action.event)

    # Beginning and end

    async def open(self) -> None:
        """Read the memory once, so that the planner knows what there is."""
        self.send(
            messages.MemorySampled(
                sample=await self._probe.sample(()), started_at=self._clock.now()
            )
        )

    async def close(self, grace: float) -> None:
        """Refuse what comes, give leases `grace` seconds, end every process and task."""
        self.send(messages.ShutdownRequested())
        await self._wait_for_no_workers(grace)
        self.send(messages.ShutdownRequested(immediate=True))
        await self._wait_for_no_workers(3 * self._planner.state.policy.stop_grace)
        for minder in self._supervisors.values():
            _LOGGER.error("%s did not stop and is killed", minder.key)
            minder.kill_now()
        await self._wait_for_no_workers(_KILL_TIMEOUT)
        self._closed = True
        if self._saving is not None:
            await self._saving
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _update_no_workers(self) -> None:
        if self._supervisors:
            self._no_workers.clear()
        else:
            self._no_workers.set()

    async def _wait_for_no_workers(self, seconds: float) -> None:
        """Wait until no process is left, but not longer than this on the clock."""
        if self._no_workers.is_set():
            return
        quiet = asyncio.ensure_future(self._no_workers.wait())
        late = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({quiet, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            quiet.cancel()
            late.cancel()
            await asyncio.gather(quiet, late, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (err := task.exception()) is not None:
            _LOGGER.error("task %s failed; this is a bug", task.get_name(), exc_info=err)

    _ACTION_HANDLERS: Final[Mapping[type[actions.Action], Callable[[Any, Any], None]]] = {
        actions.GrantLease: _grant,
        actions.ResolveRequest: _resolve,
        actions.RejectRequest: _reject,
        actions.LaunchWorker: _launch,
        actions.StopWorker: _stop,
        actions.KillWorker: _kill,
        actions.PingWorker: _ping,
        actions.SampleMemory: _read_memory,
        actions.PublishEvent: _publish,
        actions.SaveFootprint: _save_footprint,
    }
    """What each action does."""
