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

from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.coordinator import actions, signals
from wyoming_servers.coordinator.footprints import FootprintStore
from wyoming_servers.coordinator.instance import InstanceKey
from wyoming_servers.coordinator.lease import ActiveLease
from wyoming_servers.coordinator.minder import Minder
from wyoming_servers.coordinator.planner import Planner
from wyoming_servers.coordinator.policy import PRIORITIES
from wyoming_servers.devices.probe import MemoryProbe, Sample
from wyoming_servers.domain import Priority
from wyoming_servers.errors import (
    ConductorError,
    InternalError,
    from_code,
)
from wyoming_servers.worker.base import Launcher

_LOG = logging.getLogger(__name__)

_LAST_WAIT: Final = 5.0
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
        self._signals: deque[signals.Signal] = deque()
        self._telling = False
        self._minders: dict[tuple[InstanceKey, int], Minder] = {}
        self._waiters: dict[int, Waiter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at = 0.0
        self._probing = False
        self._probe_again: tuple[int, ...] | None = None
        self._unsaved = False
        self._saving: asyncio.Task[None] | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closed = False

    @property
    def planner(self) -> Planner:
        """To be looked at, not to be told anything."""
        return self._planner

    # In

    def tell(self, signal: signals.Signal) -> None:
        """Hand the planner a signal and carry out what follows.

        Called again from within, it only puts the signal behind the one being handled. A fault of
        the planner is a bug: it is logged, whoever asked gets UNKNOWN, and the others go on.
        """
        self._signals.append(signal)
        if self._telling:
            return
        self._telling = True
        try:
            while self._signals:
                self._handle(self._signals.popleft())
        finally:
            self._telling = False
        self._note_quiet()
        self._set_alarm()

    def ask(
        self, signal: signals.Signal, request: int, priority: Priority | None = None
    ) -> asyncio.Future[Any]:
        """Hand over a signal that is answered: with a lease, a truth value, or an error."""
        future = asyncio.get_running_loop().create_future()
        self._waiters[request] = Waiter(future, priority)
        self.tell(signal)
        return future

    def forget(self, request: int) -> None:
        """Nobody waits for this answer any more."""
        self._waiters.pop(request, None)

    def _handle(self, signal: signals.Signal) -> None:
        try:
            todo = self._planner.handle(signal, self._clock.now())
        except Exception:  # noqa: BLE001  (one request must not end all others)
            _LOG.exception("the planner failed at %s; this is a bug", signal)
            request = getattr(signal, "request", None)
            todo = []
            if isinstance(request, int):
                self._fail(request, InternalError("The coordinator failed."))
        for action in todo:
            self._DOERS[type(action)](self, action)

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
        self._alarm = self._spawn(self._ring(at), "coordinator alarm")

    async def _ring(self, at: float) -> None:
        await self._clock.sleep(at - self._clock.now())
        self._alarm = None
        self.tell(signals.Tick())

    # Processes

    def _launch(self, action: actions.Launch) -> None:
        minder = Minder(action, self._launcher, self.tell, self._spawn)
        self._minders[action.key, action.generation] = minder
        self._spawn(self._mind(minder), f"worker of {action.key}")

    async def _mind(self, minder: Minder) -> None:
        await minder.run()
        del self._minders[minder.key, minder.generation]
        self._note_quiet()

    def _stop(self, action: actions.Stop) -> None:
        if minder := self._minders.get((action.key, action.generation)):
            minder.stop(action.grace)

    def _kill(self, action: actions.Kill) -> None:
        if minder := self._minders.get((action.key, action.generation)):
            minder.kill(action.code, action.message)

    def _ping(self, action: actions.Ping) -> None:
        if minder := self._minders.get((action.key, action.generation)):
            minder.ping()

    # Answers

    def _grant(self, action: actions.Grant) -> None:
        waiter = self._waiters.pop(action.request, None)
        minder = self._minders.get((action.key, action.generation))
        if waiter is None or waiter.future.done() or minder is None or minder.worker is None:
            # Whoever asked has left in this very moment.
            self.tell(signals.LeaseEnded(request=action.request, well=False))
            return
        waiter.future.set_result(
            ActiveLease(
                action.request,
                minder.spec,
                minder.key.placement,
                minder.info,
                minder.worker,
                minder.explain,
                waiter.priority or PRIORITIES[minder.spec.kind],
            )
        )

    def _answer(self, action: actions.Answer) -> None:
        waiter = self._waiters.pop(action.request, None)
        if waiter is not None and not waiter.future.done():
            waiter.future.set_result(action.value)

    def _reject(self, action: actions.Reject) -> None:
        error = from_code(action.code, action.message, action.hint)
        error.retry_after = action.retry_after
        self._fail(action.request, error)

    def _fail(self, request: int, error: ConductorError) -> None:
        waiter = self._waiters.pop(request, None)
        if waiter is not None and not waiter.future.done():
            waiter.future.set_exception(error)

    # Memory

    def _read_memory(self, action: actions.Probe) -> None:
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
            except Exception:  # noqa: BLE001  (without news the planner would wait for ever)
                _LOG.exception("the memory probe failed; this is a bug")
                sample = Sample({})
            wanted, self._probe_again = self._probe_again, None
            self._probing = wanted is not None
            self.tell(signals.Probed(sample=sample, at=at))

    def _learn(self, action: actions.Learn) -> None:
        self._unsaved = True
        if self._saving is None or self._saving.done():
            self._saving = self._spawn(self._save(), "footprints")

    async def _save(self) -> None:
        while self._unsaved:
            self._unsaved = False
            await asyncio.to_thread(self._store.save, dict(self._planner.board.footprints))

    def _publish(self, action: actions.Publish) -> None:
        self._bus.publish(action.event)

    # Beginning and end

    async def open(self) -> None:
        """Read the memory once, so that the planner knows what there is."""
        self.tell(signals.Probed(sample=await self._probe.sample(()), at=self._clock.now()))

    async def close(self, grace: float) -> None:
        """Refuse what comes, give leases `grace` seconds, end every process and task."""
        self.tell(signals.StopAsked())
        await self._await_quiet(grace)
        self.tell(signals.StopAsked(now=True))
        await self._await_quiet(3 * self._planner.board.policy.stop_grace)
        for minder in self._minders.values():
            _LOG.error("%s did not stop and is killed", minder.key)
            minder.kill_now()
        await self._await_quiet(_LAST_WAIT)
        self._closed = True
        if self._saving is not None:
            await self._saving
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _note_quiet(self) -> None:
        if self._minders:
            self._quiet.clear()
        else:
            self._quiet.set()

    async def _await_quiet(self, seconds: float) -> None:
        """Wait until no process is left, but not longer than this on the clock."""
        if self._quiet.is_set():
            return
        quiet = asyncio.ensure_future(self._quiet.wait())
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
            _LOG.error("task %s failed; this is a bug", task.get_name(), exc_info=err)

    _DOERS: Final[Mapping[type[actions.Action], Callable[[Any, Any], None]]] = {
        actions.Grant: _grant,
        actions.Answer: _answer,
        actions.Reject: _reject,
        actions.Launch: _launch,
        actions.Stop: _stop,
        actions.Kill: _kill,
        actions.Ping: _ping,
        actions.Probe: _read_memory,
        actions.Publish: _publish,
        actions.Learn: _learn,
    }
    """What each action does."""
