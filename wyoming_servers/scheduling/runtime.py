"""Carries out the planner's actions and reports workers, memory and time back to it.

Everything runs on one event loop's thread. `send` passes a message to the planner and carries out
its actions before it returns, one message at a time, without waiting. So a lease on a ready model
is granted within the call, whatever is being loaded or unloaded at that moment.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Priority
from wyoming_servers.core.errors import ConductorError, InternalError, from_code
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.devices.probe import MemoryProbe, Sample
from wyoming_servers.scheduling.footprint_store import FootprintStore
from wyoming_servers.scheduling.lease import ActiveLease
from wyoming_servers.scheduling.planner import actions, messages
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.planner import Planner
from wyoming_servers.scheduling.planner.policy import PRIORITIES
from wyoming_servers.scheduling.worker_supervisor import WorkerSupervisor
from wyoming_servers.worker.interface import Launcher

_LOGGER = logging.getLogger(__name__)

_KILL_TIMEOUT: Final = 5.0
"""Seconds that processes get to exit after they were killed at shutdown."""


@dataclass(slots=True)
class Waiter:
    """A caller that waits for the planner's answer."""

    future: asyncio.Future[Any]
    priority: Priority | None
    """Priority of the lease's runs; None: the default of the model's task."""


class Runtime:
    """Owns the planner, the worker processes and all tasks that belong to them."""

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
        self._footprints = footprints
        self._messages: deque[messages.PlannerMessage] = deque()
        self._dispatching = False
        self._supervisors: dict[tuple[InstanceKey, int], WorkerSupervisor] = {}
        self._waiters: dict[int, Waiter] = {}
        self._change_waiters: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._tick_task: asyncio.Task[None] | None = None
        self._tick_at = 0.0
        self._probing = False
        self._next_pids: tuple[int, ...] | None = None
        """Processes of the reading that follows the one under way; None: no further reading."""
        self._unsaved_footprints = False
        self._saving: asyncio.Task[None] | None = None
        self._no_workers = asyncio.Event()
        self._no_workers.set()
        self._closed = False

    @property
    def planner(self) -> Planner:
        """For queries; messages go through `send`."""
        return self._planner

    # Messages

    def send(self, message: messages.PlannerMessage) -> None:
        """Pass a message to the planner and carry out the actions that follow.

        A nested call only appends the message to the queue of the outer call. An exception in the
        planner or in an action is a bug: it is logged, the affected request fails with UNKNOWN, and
        all other messages and actions are still handled.
        """
        self._messages.append(message)
        if self._dispatching:
            return
        self._dispatching = True
        try:
            while self._messages:
                self._handle(self._messages.popleft())
        finally:
            self._dispatching = False
        self._update_no_workers()
        self._schedule_tick()
        self._notify_change_waiters()

    def send_request(
        self, message: messages.PlannerMessage, request: int, priority: Priority | None = None
    ) -> asyncio.Future[Any]:
        """Send a message that is answered: with a lease, a truth value, or an error."""
        future = asyncio.get_running_loop().create_future()
        self._waiters[request] = Waiter(future, priority)
        self.send(message)
        return future

    def forget_request(self, request: int) -> None:
        """Drop the answer to a request whose caller was canceled."""
        self._waiters.pop(request, None)

    def _handle(self, message: messages.PlannerMessage) -> None:
        now = self._clock.now()
        try:
            todo = self._planner.handle(message, now)
        except Exception:
            _LOGGER.exception("the planner failed at %s; this is a bug", message)
            todo = self._planner.recover(now)
            request = getattr(message, "request", None)
            if isinstance(request, int):
                self._fail(request, InternalError("The coordinator failed."))
        for action in todo:
            try:
                self._ACTION_HANDLERS[type(action)](self, action)
            except Exception:
                _LOGGER.exception("the action %s failed; this is a bug", action)
                self._on_action_failed(action)

    def _on_action_failed(self, action: actions.Action) -> None:
        """Tell the planner and the caller, so that neither waits for an action that failed."""
        error = InternalError("The coordinator failed.")
        if isinstance(action, actions.GrantLease):
            self._fail(action.request, error)
            self.send(messages.LeaseEnded(request=action.request, succeeded=False))
        elif isinstance(action, actions.ResolveRequest | actions.RejectRequest):
            self._fail(action.request, error)
        elif isinstance(action, actions.LaunchWorker):
            self.send(
                messages.WorkerExited(
                    key=action.key,
                    generation=action.generation,
                    code=error.code,
                    message=error.message,
                )
            )
        elif isinstance(action, actions.SampleMemory):
            self._planner.recover(self._clock.now())

    # Changes

    async def changed(self) -> None:
        """Wait until the planner has handled the next message."""
        await self._next_change()

    async def wait_until(
        self, condition: Callable[[Planner], bool], timeout: float | None = None
    ) -> bool:
        """Wait until a condition on the planner holds; return False after `timeout` seconds."""
        late: asyncio.Future[None] | None = None
        if timeout is not None and not condition(self._planner):
            late = asyncio.ensure_future(self._clock.sleep(timeout))
        try:
            while not condition(self._planner):
                change = self._next_change()
                if late is None:
                    await change
                    continue
                await asyncio.wait({change, late}, return_when=asyncio.FIRST_COMPLETED)
                if late.done():
                    return condition(self._planner)
            return True
        finally:
            if late is not None:
                late.cancel()

    def _next_change(self) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._change_waiters.append(future)
        return future

    def _notify_change_waiters(self) -> None:
        if not self._change_waiters:
            return
        waiters, self._change_waiters = self._change_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # Time

    def _schedule_tick(self) -> None:
        """Make sure that the planner gets a Tick at its next deadline.

        A Tick that comes too early has no effect; that is cheaper than a new task per lease.
        """
        at = self._planner.next_deadline()
        if at is None or self._closed:
            return
        if self._tick_task is not None and not self._tick_task.done():
            if self._tick_at <= at:
                return
            self._tick_task.cancel()
        self._tick_at = at
        self._tick_task = self._spawn(self._tick(at), "coordinator timer")

    async def _tick(self, at: float) -> None:
        await self._clock.sleep(at - self._clock.now())
        self._tick_task = None
        self.send(messages.Tick())

    # Processes

    def _launch(self, action: actions.LaunchWorker) -> None:
        supervisor = WorkerSupervisor(action, self._launcher, self.send, self._spawn)
        self._supervisors[action.key, action.generation] = supervisor
        self._spawn(self._supervise(supervisor), f"worker of {action.key}")

    async def _supervise(self, supervisor: WorkerSupervisor) -> None:
        await supervisor.run()
        del self._supervisors[supervisor.key, supervisor.generation]
        self._update_no_workers()

    def _stop(self, action: actions.StopWorker) -> None:
        if supervisor := self._supervisors.get((action.key, action.generation)):
            supervisor.stop(action.grace)

    def _kill(self, action: actions.KillWorker) -> None:
        if supervisor := self._supervisors.get((action.key, action.generation)):
            supervisor.kill(action.code, action.message)

    def _ping(self, action: actions.PingWorker) -> None:
        if supervisor := self._supervisors.get((action.key, action.generation)):
            supervisor.ping()

    # Answers

    def _grant(self, action: actions.GrantLease) -> None:
        waiter = self._waiters.get(action.request)
        supervisor = self._supervisors.get((action.key, action.generation))
        worker = supervisor.worker if supervisor is not None else None
        if supervisor is None or worker is None or waiter is None or waiter.future.done():
            # The caller was canceled at this very moment (or, as a bug, there is no worker).
            self._fail(action.request, InternalError("The coordinator lost the worker."))
            self.send(messages.LeaseEnded(request=action.request, succeeded=False))
            return
        lease = ActiveLease(
            action.request,
            supervisor.spec,
            supervisor.key.placement,
            supervisor.info,
            worker,
            supervisor.explain_error,
            waiter.priority or PRIORITIES[supervisor.spec.task],
        )
        del self._waiters[action.request]
        waiter.future.set_result(lease)

    def _resolve(self, action: actions.ResolveRequest) -> None:
        waiter = self._waiters.pop(action.request, None)
        if waiter is not None and not waiter.future.done():
            waiter.future.set_result(action.value)

    def _reject(self, action: actions.RejectRequest) -> None:
        error = from_code(action.code, action.message, action.hint)
        error.retry_after, error.attempt = action.retry_after, action.attempt
        self._fail(action.request, error)

    def _fail(self, request: int, error: ConductorError) -> None:
        waiter = self._waiters.pop(request, None)
        if waiter is not None and not waiter.future.done():
            waiter.future.set_exception(error)

    # Memory

    def _sample_memory(self, action: actions.SampleMemory) -> None:
        """Read now, or right after the reading that is under way."""
        if self._closed:
            return
        if self._probing:
            self._next_pids = action.pids
        else:
            self._probing = True
            self._spawn(self._read_memory(action.pids), "memory probe")

    async def _read_memory(self, pids: tuple[int, ...]) -> None:
        wanted: tuple[int, ...] | None = pids
        while wanted is not None:
            started_at = self._clock.now()
            try:
                sample = await self._probe.sample(wanted)
            except Exception:
                _LOGGER.exception("the memory probe failed; this is a bug")
                sample = Sample({})
            wanted, self._next_pids = self._next_pids, None
            self._probing = wanted is not None
            self.send(messages.MemorySampled(sample=sample, started_at=started_at))

    def _save_footprint(self, action: actions.SaveFootprint | actions.SaveLoadProfile) -> None:
        self._unsaved_footprints = True
        if self._saving is None or self._saving.done():
            self._saving = self._spawn(self._save_footprints(), "save footprints")

    async def _save_footprints(self) -> None:
        while self._unsaved_footprints:
            self._unsaved_footprints = False
            state = self._planner.state
            await asyncio.to_thread(
                self._footprints.save, dict(state.footprints), dict(state.load_profiles)
            )

    def _publish(self, action: actions.PublishEvent) -> None:
        self._bus.publish(action.event)

    # Start and shutdown

    async def open(self) -> None:
        """Read the memory once, so that the planner knows the devices."""
        sample = await self._probe.sample(())
        self.send(messages.MemorySampled(sample=sample, started_at=self._clock.now()))

    async def close(self, grace: float) -> None:
        """Reject new requests, give leases `grace` seconds, end every process and task."""
        self.send(messages.ShutdownRequested())
        await self._wait_for_no_workers(grace)
        self.send(messages.ShutdownRequested(immediate=True))
        await self._wait_for_no_workers(3 * self._planner.state.policy.stop_grace)
        for supervisor in self._supervisors.values():
            _LOGGER.error("%s did not stop and is killed", supervisor.key)
            supervisor.kill_now()
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
        """Wait until no process is left, at most for this time on the injected clock."""
        if self._no_workers.is_set():
            return
        exited = asyncio.ensure_future(self._no_workers.wait())
        late = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({exited, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exited.cancel()
            late.cancel()
            await asyncio.gather(exited, late, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
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
        actions.SampleMemory: _sample_memory,
        actions.PublishEvent: _publish,
        actions.SaveFootprint: _save_footprint,
        actions.SaveLoadProfile: _save_footprint,
    }
    """The method for each type of action."""
