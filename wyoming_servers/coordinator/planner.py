"""Thinks: turns what has happened into what is to be done; waits for nothing, touches nothing.

`board` is what it knows, `lifecycle` what can happen to one instance, `scheduler` who is next;
`runtime` brings signals and carries out actions.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from wyoming_servers.coordinator import signals
from wyoming_servers.coordinator.actions import Action, Answer, Ping
from wyoming_servers.coordinator.board import Board, Model
from wyoming_servers.coordinator.eviction import choose_victims
from wyoming_servers.coordinator.face import Snapshot
from wyoming_servers.coordinator.footprints import FootprintKey
from wyoming_servers.coordinator.instance import Instance, InstanceKey
from wyoming_servers.coordinator.ledger import Ledger
from wyoming_servers.coordinator.lifecycle import Lifecycle, names
from wyoming_servers.coordinator.load_queue import Request, Want
from wyoming_servers.coordinator.policy import PRIORITIES, Policy
from wyoming_servers.coordinator.pressure import Pressure, judge
from wyoming_servers.coordinator.recovery import DEVICE_LOST, OOM, Verdict
from wyoming_servers.coordinator.scheduler import Scheduler
from wyoming_servers.coordinator.states import State
from wyoming_servers.coordinator.timers import Due, Timer
from wyoming_servers.coordinator.views import view
from wyoming_servers.devices.probe import Device
from wyoming_servers.domain import ModelSpec
from wyoming_servers.errors import (
    BusyError,
    DeadlineError,
    ModelMissingError,
    OutOfMemoryError,
    ShuttingDownError,
)
from wyoming_servers.events import ModelJoined, ModelQueued, PressureChanged


class Planner:
    """Decides who may hold memory. Its only way in is `handle`, its only way out the actions."""

    def __init__(
        self,
        specs: Iterable[ModelSpec],
        devices: Iterable[Device],
        policy: Policy,
        jitter: Callable[[], float],
        footprints: Mapping[FootprintKey, int] | None = None,
    ) -> None:
        """Begin with these models and devices; `jitter` draws a number from 0 to 1."""
        self.board = Board(policy, jitter, footprints or {})
        self._lifecycle = Lifecycle(self.board)
        self._scheduler = Scheduler(self.board, self._lifecycle)
        for device in devices:
            self.board.ledgers[device.id] = Ledger(device, policy)
        for spec in specs:
            self._set_spec(spec)

    def handle(self, signal: signals.Signal, now: float) -> list[Action]:
        """Decide what one signal changes; no I/O, no clock, no logging.

        A lease request ends in exactly one of: granted, rejected, or ended by whoever asked.
        1. Whatever is due by `now` happens first, in the order of time.
        2. The signal itself changes what it is about.
        3. If that may matter to those who wait, the scheduler goes through them.
        4. The outside is told of every state that looks different from before.
        """
        board = self.board
        matters = False
        while timer := board.timers.pop_due(now):  # 1
            matters |= self._due(timer, now)
        matters |= self._HANDLERS[type(signal)](self, signal, now)  # 2
        if matters:
            self._round(now)  # 3
        if board.actions:
            self._lifecycle.tell()  # 4
        actions, board.actions = board.actions, []
        return actions

    def next_deadline(self) -> float | None:
        """Return when `handle` wants a Tick; None if there is nothing to wait for."""
        return self.board.timers.next()

    def snapshot(self, now: float, wall: float) -> Snapshot:
        """Return what the outside may see; `wall` is `now` in seconds since 1970."""
        return view(self.board, now, wall)

    # Requests

    def _lease_requested(self, asked: signals.LeaseRequested, now: float) -> bool:
        """Decide what becomes of a request; each step ends it or hands it on.

        1. The server stops: SHUTTING_DOWN.
        2. Its model is unknown: MODEL_MISSING.
        3. The operator has paused the server: BUSY.
        4. The model is ready: granted on the best instance, whatever else goes on.
        5. Too many wait already: BUSY.
        6. Others wait for the model, or it is being loaded: joined.
        7. Otherwise: queued, and the scheduler looks for a place.
        """
        board, request = self.board, asked.request
        if board.stopping:  # 1
            self._lifecycle.refuse(request, ShuttingDownError.code, "The server is stopping.")
            return False
        model = self._known(asked.model)
        if model is None:  # 2
            self._refuse_unknown(request, asked.model)
            return False
        if not board.accepting:  # 3
            message = "The server has been told to take no requests."
            self._lifecycle.refuse(request, BusyError.code, message)
            return False
        wanting = self._request(asked, model, now)
        if ready := model.ready():  # 4
            self._lifecycle.serve(wanting, ready, now)
            return False
        if board.queue.full:  # 5
            message = f"{len(board.queue)} requests wait for a model already."
            after = max(1.0, model.load_seconds)
            self._lifecycle.refuse(request, BusyError.code, message, retry_after=after)
            return False
        loading = model.loading() or next(iter(model.instances.values()))
        joined = model.loading() is not None or board.queue.get(asked.model) is not None
        board.queue.add(wanting)
        board.timers.set(Timer(Due.REQUEST, request), wanting.deadline)
        if joined:  # 6
            waiting = board.queue.waiting(asked.model)
            board.publish(ModelJoined(**names(loading), waiting=waiting))
        else:  # 7
            board.publish(
                ModelQueued(
                    **names(loading),
                    priority=int(wanting.priority),
                    position=board.queue.position(asked.model, now),
                )
            )
        return True

    def _request(self, asked: signals.LeaseRequested, model: Model, now: float) -> Request:
        timeout = asked.timeout if asked.timeout is not None else self.board.policy.request
        return Request(
            id=asked.request,
            model=asked.model,
            priority=asked.priority or PRIORITIES[model.spec.kind],
            since=now,
            deadline=now + timeout,
            client=asked.client,
            hold=asked.hold,
        )

    def _lease_ended(self, ended: signals.LeaseEnded, now: float) -> bool:
        """Whoever asked has left: the queue, or the lease; that may make room for another."""
        board = self.board
        if board.queue.remove(ended.request) is not None:
            board.timers.cancel(Timer(Due.REQUEST, ended.request))
            return True
        held = board.held.pop(ended.request, None)
        instance = board.current(held.key, held.generation) if held else None
        if instance is None or ended.request not in instance.leases:
            return False  # it was rejected, or its process is gone
        well = ended.well and instance.doom is None
        self._lifecycle.lease_ended(instance, ended.request, now, well=well)
        return True

    def _prefetch_asked(self, asked: signals.PrefetchAsked, now: float) -> bool:
        """Use is near: keep what is ready, or have it loaded if that costs nobody anything."""
        board, model = self.board, self._known(asked.model)
        if model is None or board.stopping or not board.accepting:
            return False
        if ready := model.ready():
            timer = Timer(Due.KEEP_ALIVE, ready.key)
            if (until := board.timers.at(timer)) is not None:
                board.timers.set(timer, max(until, now + board.policy.linger))
            return False
        board.queue.want(asked.model, Want.PREFETCH, PRIORITIES[model.spec.kind], now)
        board.timers.set(Timer(Due.GIVE_UP, asked.model), now + board.policy.prefetch)
        return True

    # The operator

    def _preload_asked(self, asked: signals.PreloadAsked, now: float) -> bool:
        for name in asked.models:
            model = self._known(name)
            if model is not None and model.ready() is None:
                self.board.queue.want(name, Want.PRELOAD, PRIORITIES[model.spec.kind], now)
        return True

    def _load_asked(self, asked: signals.LoadAsked, now: float) -> bool:
        """Forget what stood in the way and load; say at once if there is no way."""
        board, model = self.board, self._known(asked.model)
        if model is None:
            self._refuse_unknown(asked.request, asked.model)
            return False
        if board.stopping:
            self._lifecycle.refuse(asked.request, ShuttingDownError.code, "The server is stopping.")
            return False
        if model.ready() is not None:
            board.do(Answer(request=asked.request, value=True))
            return False
        board.recovery.forgive(asked.model)
        for placement in model.spec.placements:
            board.recovery.forgive_device(placement.device)
        board.queue.want(asked.model, Want.OPERATOR, PRIORITIES[model.spec.kind], now)
        self._round(now)
        if board.queue.get(asked.model) is not None or model.refusal is None:
            board.do(Answer(request=asked.request, value=False))
        else:
            code, message, after = model.refusal
            self._lifecycle.refuse(asked.request, code, message, retry_after=after)
        return False

    def _unload_asked(self, asked: signals.UnloadAsked, now: float) -> bool:
        board, model = self.board, self._known(asked.model)
        if model is None:
            self._refuse_unknown(asked.request, asked.model)
            return False
        loaded = model.alive
        self._clear_out(model, "operator", f"{asked.model} was unloaded by the operator.", now)
        board.do(Answer(request=asked.request, value=loaded))
        return True

    def _clear_out(self, model: Model, reason: str, message: str, now: float) -> None:
        """Let all instances of a model go, and nobody wait for it any more."""
        demand = self.board.queue.get(model.spec.id)
        for request in list(demand.requests.values()) if demand else ():
            self._lifecycle.refuse(request.id, BusyError.code, message)
        self.board.queue.unwant(model.spec.id)
        for instance in list(model.instances.values()):
            self._lifecycle.let_go(instance, reason, now)

    def _model_added(self, added: signals.ModelAdded, now: float) -> bool:
        """Take in a model; processes that hold it as it was before are let go."""
        model = self._set_spec(added.spec)
        for instance in list(model.instances.values()):
            gone = instance.key.placement not in added.spec.placements
            if gone or not _same_weights(instance.spec, added.spec):
                self._lifecycle.let_go(instance, "replaced", now)
        self._lifecycle.tidy(model)
        return True

    def _model_removed(self, removed: signals.ModelRemoved, now: float) -> bool:
        model = self.board.models.get(removed.model)
        if model is None:
            self.board.do(Answer(request=removed.request, value=False))
            return False
        self._clear_out(model, "removed", f"{removed.model} was removed.", now)
        model.removals.append(removed.request)
        self._lifecycle.tidy(model)
        return True

    def _policy_updated(self, updated: signals.PolicyUpdated, now: float) -> bool:
        model = self._known(updated.model)
        if model is None:
            return False
        if updated.keep_alive is not None:
            model.spec = replace(model.spec, keep_alive=updated.keep_alive)
        if updated.pinned is not None:
            model.spec = replace(model.spec, pinned=updated.pinned)
        for instance in list(model.instances.values()):
            if instance.idle:
                self._lifecycle.rest(instance, now)
        return True

    def _accepting_set(self, told: signals.AcceptingSet, now: float) -> bool:
        self.board.accepting = told.accepting
        return True

    def _stop_asked(self, asked: signals.StopAsked, now: float) -> bool:
        """Refuse what waits, let idle ones go, leased ones after their leases or now."""
        board = self.board
        board.stopping = True
        for demand in board.queue:
            for request in list(demand.requests):
                self._lifecycle.refuse(request, ShuttingDownError.code, "The server is stopping.")
            board.queue.unwant(demand.model)
        for instance in list(board.instances()):
            self._lifecycle.let_go(instance, "shutdown", now)
            if asked.now:
                self._lifecycle.revoke(instance)
        return False

    # Workers and memory

    def _worker_started(self, started: signals.WorkerStarted, now: float) -> bool:
        if instance := self._current(started):
            self._lifecycle.started(instance, started.pid)
        return False

    def _worker_progressed(self, moved: signals.WorkerProgressed, now: float) -> bool:
        if (instance := self._current(moved)) and instance.state is State.LOADING:
            self._lifecycle.progressed(instance, moved.phase, moved.percent)
        return False

    def _worker_ready(self, ready: signals.WorkerReady, now: float) -> bool:
        instance = self._current(ready)
        if instance is None or instance.state is not State.LOADING:
            return False  # it was told to stop, or is being killed, in the meantime
        instance.info = ready.info
        self._lifecycle.ready(instance, ready.seconds, now)
        return True

    def _worker_gone(self, gone: signals.WorkerGone, now: float) -> bool:
        instance = self._current(gone)
        if instance is None or not instance.alive:
            return False
        self._lifecycle.gone(instance, gone.code, gone.message, now)
        return True

    def _run_faulted(self, fault: signals.RunFaulted, now: float) -> bool:
        """A run on a living worker tells of its device.

        1. The device is lost: the process is of no use any more.
        2. Out of memory: unload everything idle there; the second time, and if there is a lesser
           placement, go there once the leases have ended.
        """
        instance = self._current(fault)
        if instance is None or instance.state is not State.READY:
            return False
        if fault.code == DEVICE_LOST:  # 1
            self._lifecycle.kill(instance, fault.code, fault.message)
        elif fault.code == OOM:  # 2
            if self._scheduler.has_lesser(instance, now):
                verdict = self.board.recovery.strained(instance.key, now)
            else:
                verdict = Verdict.CLEAR_AND_RETRY
            if verdict is Verdict.STEP_DOWN:
                self._lifecycle.let_go(instance, "out of memory", now)
            else:
                self._lifecycle.clear(instance, now)
        return True

    def _ping_answered(self, pong: signals.PingAnswered, now: float) -> bool:
        if instance := self._current(pong):
            instance.unanswered = 0
        return False

    def _probed(self, probed: signals.Probed, now: float) -> bool:
        """Take in how much memory there is and who holds it."""
        board = self.board
        for device, reading in probed.sample.readings.items():
            ledger = board.ledgers.get(device)
            if ledger is None:
                ledger = Ledger(Device(device, device, reading.total), board.policy)
                board.ledgers[device] = ledger
            ledger.read(reading)
            self._judge(ledger, now)
        for device, ledger in board.ledgers.items():
            if device not in probed.sample.readings:
                ledger.lost()
        for instance in list(board.instances()):
            serving = instance.state in (State.READY, State.DRAINING)
            if serving and instance.ready_at is not None and instance.ready_at <= probed.at:
                self._lifecycle.commit(instance)
        board.timers.set(Timer(Due.PROBE), now + self._pace())
        return True

    def _judge(self, ledger: Ledger, now: float) -> None:
        """Tell when a device becomes full; when it is, give back what models hold too much of."""
        fraction = ledger.used / ledger.total if ledger.total else 0.0
        level = judge(ledger.pressure, fraction)
        if level is not ledger.pressure:
            ledger.pressure = level
            self.board.publish(
                PressureChanged(device=ledger.device, level=level.value, used_fraction=fraction)
            )
        excess = ledger.promised - ledger.budget - self.board.leaving(ledger.device)
        if level is Pressure.CRITICAL and excess > 0:
            idle = [i for i in self.board.instances() if self._evictable(i, ledger)]
            candidates = [self._lifecycle.candidate(i, now) for i in idle]
            for victim in choose_victims(candidates, excess) or candidates:
                self._lifecycle.evict(
                    self.board.models[victim.key.model].instances[victim.key.placement], "", now
                )

    def _evictable(self, instance: Instance, ledger: Ledger) -> bool:
        return self._lifecycle.evictable(instance, ledger.device)

    # Time

    def _tick(self, tick: signals.Tick, now: float) -> bool:
        return False

    def _due(self, timer: Timer, now: float) -> bool:
        """Do what a timer was set for; tell whether it matters to those who wait."""
        board, owner = self.board, timer.owner
        if isinstance(owner, InstanceKey):
            instance = board.instance(owner)
            return instance is not None and self._instance_due(timer.due, instance, now)
        if timer.due is Due.REQUEST and isinstance(owner, int):
            self._expire(owner)
        elif timer.due is Due.PROBE:
            self._lifecycle.probe()
            return False
        elif timer.due is Due.SETTLE and isinstance(owner, tuple):
            device, ticket = owner
            board.ledgers[device].write_off(ticket)
        elif timer.due is Due.GIVE_UP and isinstance(owner, str):
            demand, model = board.queue.get(owner), board.models.get(owner)
            idle = model is not None and model.loading() is None
            if demand is not None and demand.want is Want.PREFETCH and idle:
                board.queue.unwant(owner)
        return True

    def _instance_due(self, due: Due, instance: Instance, now: float) -> bool:
        if due is Due.KEEP_ALIVE and instance.idle:
            self._lifecycle.let_go(instance, "idle", now)
        elif due is Due.LOAD and instance.state is State.LOADING:
            self._lifecycle.overdue(instance)
        elif due is Due.STABLE and instance.state is State.READY:
            self.board.recovery.succeeded(instance.key, now)
        elif due is Due.PING and instance.leases:
            self._ping(instance, now)
        return True

    def _ping(self, instance: Instance, now: float) -> None:
        """Ask a leased worker whether it lives, or end it if it did not answer often enough."""
        policy = self.board.policy
        if instance.unanswered >= policy.ping_misses:
            message = f"{instance.key} did not answer for {policy.ping * policy.ping_misses:.0f} s."
            self._lifecycle.kill(instance, DeadlineError.code, message)
            return
        instance.unanswered += 1
        self.board.do(Ping(key=instance.key, generation=instance.generation))
        self.board.timers.set(Timer(Due.PING, instance.key), now + policy.ping)

    def _expire(self, request: int) -> None:
        """A request has waited too long: for memory, or for a load."""
        waiting = self.board.queue.remove(request)
        if waiting is None:
            return
        model = self.board.models[waiting.model]
        short = next((i for i in model.instances.values() if i.no_room), None)
        after = max(1.0, model.load_seconds)
        if short is not None and model.loading() is None:
            message = f"{short.key} got no memory in time."
            self._lifecycle.refuse(request, OutOfMemoryError.code, message, retry_after=after)
        else:
            message = f"{waiting.model} was not ready in time."
            self._lifecycle.refuse(request, DeadlineError.code, message, retry_after=after)

    # Helpers

    def _round(self, now: float) -> None:
        """Let the scheduler decide, and have the memory read as often as that now asks for."""
        self._scheduler.run(now)
        timer = Timer(Due.PROBE)
        set_for, wanted = self.board.timers.at(timer), now + self._pace()
        if set_for is not None and set_for > wanted:
            self.board.timers.set(timer, wanted)

    def _pace(self) -> float:
        """Return the seconds until the memory is to be read again."""
        policy = self.board.policy
        if any(ledger.returning for ledger in self.board.ledgers.values()):
            return policy.settle
        if any(instance.no_room for instance in self.board.instances()):
            return policy.retry
        return policy.probe

    def _known(self, name: str) -> Model | None:
        """Return a model that is there to stay."""
        model = self.board.models.get(name)
        return model if model is not None and not model.removals else None

    def _current(self, news: signals.WorkerSignal) -> Instance | None:
        return self.board.current(news.key, news.generation)

    def _refuse_unknown(self, request: int, name: str) -> None:
        self._lifecycle.refuse(
            request,
            ModelMissingError.code,
            f"There is no model {name!r}.",
            ModelMissingError.default_hint,
        )

    def _set_spec(self, spec: ModelSpec) -> Model:
        """Take in what is known of a model; its instances stay, in the order of the placements."""
        model = self.board.models.setdefault(spec.id, Model(spec))
        before, model.spec = model.instances, spec
        model.instances = {
            placement: before.get(placement) or Instance(InstanceKey(spec.id, placement), spec)
            for placement in spec.placements
        }
        model.instances |= {p: i for p, i in before.items() if p not in model.instances}
        return model

    _HANDLERS: Final[Mapping[type[signals.Signal], Callable[[Any, Any, float], bool]]] = {
        signals.Tick: _tick,
        signals.LeaseRequested: _lease_requested,
        signals.LeaseEnded: _lease_ended,
        signals.PrefetchAsked: _prefetch_asked,
        signals.PreloadAsked: _preload_asked,
        signals.LoadAsked: _load_asked,
        signals.UnloadAsked: _unload_asked,
        signals.ModelAdded: _model_added,
        signals.ModelRemoved: _model_removed,
        signals.PolicyUpdated: _policy_updated,
        signals.AcceptingSet: _accepting_set,
        signals.StopAsked: _stop_asked,
        signals.WorkerStarted: _worker_started,
        signals.WorkerProgressed: _worker_progressed,
        signals.WorkerReady: _worker_ready,
        signals.WorkerGone: _worker_gone,
        signals.RunFaulted: _run_faulted,
        signals.PingAnswered: _ping_answered,
        signals.Probed: _probed,
    }
    """What each signal does; true if the scheduler has to look at it."""


def _same_weights(one: ModelSpec, other: ModelSpec) -> bool:
    """Whether a process with one can serve as the other."""
    return (one.kind, one.engine, one.files, one.options) == (
        other.kind,
        other.engine,
        other.files,
        other.options,
    )
