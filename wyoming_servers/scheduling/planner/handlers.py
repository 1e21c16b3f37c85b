"""What clients ask of the planner."""

from dataclasses import replace
from typing import Final

from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.errors import (
    BusyError,
    DeadlineError,
    OutOfMemoryError,
    ShuttingDownError,
)
from wyoming_servers.core.events import (
    AcceptingChanged,
    ModelJoined,
    ModelLoaded,
    ModelQueued,
    PressureChanged,
)
from wyoming_servers.devices.probe import Device
from wyoming_servers.scheduling.planner import messages
from wyoming_servers.scheduling.planner.actions import PingWorker, ResolveRequest
from wyoming_servers.scheduling.planner.failure_policy import (
    DEVICE_LOST,
    OOM,
    RecoveryAction,
)
from wyoming_servers.scheduling.planner.instance import (
    Instance,
    InstanceKey,
    InstanceState,
)
from wyoming_servers.scheduling.planner.ledger import (
    Ledger,
    MemoryPressure,
    pressure_level,
)
from wyoming_servers.scheduling.planner.lifecycle import Lifecycle
from wyoming_servers.scheduling.planner.load_queue import (
    LoadReason,
    PendingRequest,
)
from wyoming_servers.scheduling.planner.placement import choose_victims
from wyoming_servers.scheduling.planner.policy import PRIORITIES
from wyoming_servers.scheduling.planner.scheduler import Scheduler
from wyoming_servers.scheduling.planner.state import (
    ModelRecord,
    PlannerState,
)
from wyoming_servers.scheduling.planner.timers import (
    TimerKey,
    TimerKind,
)

_PAUSED_MESSAGE: Final = "The server is paused and takes no requests."
_PAUSED_HINT: Final = "Turn “Accept requests” on in Home Assistant, or POST /resume."


class RequestHandlers:
    """Takes requests and what becomes of them; each method is told whether it matters to those who
    wait."""

    def __init__(self, board: PlannerState, lifecycle: Lifecycle) -> None:
        self._board = board
        self._lifecycle = lifecycle

    def lease_requested(self, asked: messages.LeaseRequested, now: float) -> bool:
        """Decide what becomes of a request; each step ends it or hands it on.

        1. The server stops: SHUTTING_DOWN.
        2. Its model is unknown: MODEL_MISSING.
        3. The operator has paused the server: BUSY.
        4. The model is ready: granted on the best instance, whatever else goes on.
        5. Too many wait already: BUSY.
        6. Others wait for the model, or it is being loaded: joined.
        7. Otherwise: queued, and the scheduler looks for a place.
        """
        board, request = self._board, asked.request
        if board.stopping:  # 1
            self._board.reject(request, ShuttingDownError.code, "The server is stopping.")
            return False
        model = board.available_model(asked.model)
        if model is None:  # 2
            self._board.reject_unknown_model(request, asked.model)
            return False
        if not board.accepting:  # 3
            self._board.reject(request, BusyError.code, _PAUSED_MESSAGE, _PAUSED_HINT)
            return False
        wanting = self._request(asked, model, now)
        if ready := model.ready_instance():  # 4
            self._lifecycle.grant(wanting, ready, now)
            return False
        if board.queue.full:  # 5
            message = f"{len(board.queue)} requests wait for a model already."
            after = max(1.0, model.load_seconds)
            self._board.reject(request, BusyError.code, message, retry_after=after)
            return False
        loading = model.loading_instance() or next(iter(model.instances.values()))
        joined = model.loading_instance() is not None or board.queue.get(asked.model) is not None
        board.queue.add(wanting)
        board.timers.set(TimerKey(TimerKind.REQUEST_TIMEOUT, request), wanting.deadline)
        if joined:  # 6
            waiting = board.queue.waiting(asked.model)
            board.publish(ModelJoined(**loading.event_fields, waiting=waiting))
        else:  # 7
            board.publish(
                ModelQueued(
                    **loading.event_fields,
                    priority=int(wanting.priority),
                    position=board.queue.position(asked.model, now),
                )
            )
        return True

    def _request(
        self, asked: messages.LeaseRequested, model: ModelRecord, now: float
    ) -> PendingRequest:
        timeout = asked.timeout if asked.timeout is not None else self._board.policy.request_timeout
        return PendingRequest(
            id=asked.request,
            model=asked.model,
            priority=asked.priority or PRIORITIES[model.spec.task],
            queued_at=now,
            deadline=now + timeout,
            client=asked.client,
            wants_lease=asked.wants_lease,
        )

    def lease_ended(self, ended: messages.LeaseEnded, now: float) -> bool:
        """Whoever asked has left: the queue, or the lease; that may make room for another."""
        board = self._board
        if board.queue.remove(ended.request) is not None:
            board.timers.cancel(TimerKey(TimerKind.REQUEST_TIMEOUT, ended.request))
            return True
        held = board.leases.pop(ended.request, None)
        instance = board.current_instance(held.key, held.generation) if held else None
        if instance is None or ended.request not in instance.leases:
            return False  # it was rejected, or its process is gone
        well = ended.succeeded and instance.kill_reason is None
        self._lifecycle.on_lease_ended(instance, ended.request, now, well=well)
        return True

    def prefetch_requested(self, asked: messages.PrefetchRequested, now: float) -> bool:
        """Use is near: keep what is ready, or have it loaded if that costs nobody anything."""
        board = self._board
        model = board.available_model(asked.model)
        if model is None or board.stopping or not board.accepting:
            return False
        if ready := model.ready_instance():
            timer = TimerKey(TimerKind.KEEP_ALIVE, ready.key)
            if (until := board.timers.due_at(timer)) is not None:
                board.timers.set(timer, max(until, now + board.policy.prefetch_keep_alive))
            return False
        board.queue.add_reason(asked.model, LoadReason.PREFETCH, PRIORITIES[model.spec.task], now)
        board.timers.set(
            TimerKey(TimerKind.PREFETCH_EXPIRED, asked.model), now + board.policy.prefetch_timeout
        )
        return True


# What the operator tells the planner.


class CommandHandlers:
    """Carries out commands; each method tells whether that matters to those who wait."""

    def __init__(self, board: PlannerState, lifecycle: Lifecycle, scheduler: Scheduler) -> None:
        self._board = board
        self._lifecycle = lifecycle
        self._scheduler = scheduler

    def preload_requested(self, asked: messages.PreloadRequested, now: float) -> bool:
        for name in asked.models:
            model = self._board.available_model(name)
            if model is not None and model.ready_instance() is None:
                self._board.queue.add_reason(
                    name, LoadReason.PRELOAD, PRIORITIES[model.spec.task], now
                )
        return True

    def load_requested(self, asked: messages.LoadRequested, now: float) -> bool:
        """Forget what stood in the way and load; say at once if there is no way."""
        board, model = self._board, self._board.available_model(asked.model)
        if model is None:
            self._board.reject_unknown_model(asked.request, asked.model)
            return False
        if board.stopping:
            self._board.reject(asked.request, ShuttingDownError.code, "The server is stopping.")
            return False
        if model.ready_instance() is not None:
            board.emit(ResolveRequest(request=asked.request, value=True))
            return False
        board.failures.reset(asked.model)
        for placement in model.spec.placements:
            board.failures.reset_device(placement.device)
        board.queue.add_reason(asked.model, LoadReason.OPERATOR, PRIORITIES[model.spec.task], now)
        self._scheduler.run(now)
        if board.queue.get(asked.model) is not None or model.load_refusal is None:
            board.emit(ResolveRequest(request=asked.request, value=False))
        else:
            code, message, after = model.load_refusal
            self._board.reject(asked.request, code, message, retry_after=after)
        return False

    def unload_requested(self, asked: messages.UnloadRequested, now: float) -> bool:
        board, model = self._board, self._board.available_model(asked.model)
        if model is None:
            self._board.reject_unknown_model(asked.request, asked.model)
            return False
        loaded = model.alive
        self._stop_all_instances(
            model, "operator", f"{asked.model} was unloaded by the operator.", now
        )
        board.emit(ResolveRequest(request=asked.request, value=loaded))
        return True

    def _stop_all_instances(
        self, model: ModelRecord, reason: str, message: str, now: float
    ) -> None:
        """Let all instances of a model go, and nobody wait for it any more."""
        demand = self._board.queue.get(model.spec.id)
        for request in list(demand.requests.values()) if demand else ():
            self._board.reject(request.id, BusyError.code, message)
        self._board.queue.withdraw(model.spec.id)
        for instance in list(model.instances.values()):
            self._lifecycle.request_stop(instance, reason, now)

    def add_model_requested(self, added: messages.AddModelRequested, now: float) -> bool:
        """Take in a model; processes that hold it as it was before are let go."""
        model = self._board.set_spec(added.spec)
        for instance in list(model.instances.values()):
            gone = instance.key.placement not in added.spec.placements
            if gone or not _same_weights(instance.spec, added.spec):
                self._lifecycle.request_stop(instance, "replaced", now)
        self._lifecycle.drop_unused(model)
        return True

    def remove_model_requested(self, removed: messages.RemoveModelRequested, now: float) -> bool:
        model = self._board.models.get(removed.model)
        if model is None:
            self._board.emit(ResolveRequest(request=removed.request, value=False))
            return False
        self._stop_all_instances(model, "removed", f"{removed.model} was removed.", now)
        model.pending_removals.append(removed.request)
        self._lifecycle.drop_unused(model)
        return True

    def policy_updated(self, updated: messages.PolicyUpdated, now: float) -> bool:
        model = self._board.available_model(updated.model)
        if model is None:
            return False
        if updated.keep_alive is not None:
            model.spec = replace(model.spec, keep_alive=updated.keep_alive)
        if updated.pinned is not None:
            model.spec = replace(model.spec, pinned=updated.pinned)
        for instance in list(model.instances.values()):
            if instance.idle:
                self._lifecycle.schedule_idle_unload(instance, now)
        return True

    def accepting_set(self, told: messages.AcceptingSet, now: float) -> bool:
        if told.accepting == self._board.accepting:
            return False
        self._board.accepting = told.accepting
        self._board.publish(AcceptingChanged(accepting=told.accepting))
        return True

    def shutdown_requested(self, asked: messages.ShutdownRequested, now: float) -> bool:
        """Refuse what waits, let idle ones go, leased ones after their leases or now."""
        board = self._board
        board.stopping = True
        for demand in board.queue:
            for request in list(demand.requests):
                self._board.reject(request, ShuttingDownError.code, "The server is stopping.")
            board.queue.withdraw(demand.model)
        for instance in list(board.instances()):
            self._lifecycle.request_stop(instance, "shutdown", now)
            if asked.immediate:
                self._lifecycle.revoke_leases(instance)
        return False


def _same_weights(one: ModelSpec, other: ModelSpec) -> bool:
    """Whether a process with one can serve as the other."""
    return (one.task, one.engine, one.files, one.options) == (
        other.task,
        other.engine,
        other.files,
        other.options,
    )


# What workers and the memory probe tell the planner.


class WorkerEventHandlers:
    """Takes reports; each method tells whether that matters to those who wait.

    News of a process that is not the instance's present one are late, and change nothing.
    """

    def __init__(self, board: PlannerState, lifecycle: Lifecycle, scheduler: Scheduler) -> None:
        self._board = board
        self._lifecycle = lifecycle
        self._scheduler = scheduler

    def worker_started(self, started: messages.WorkerStarted, now: float) -> bool:
        if instance := self._current(started):
            self._lifecycle.on_worker_started(instance, started.pid)
        return False

    def worker_progressed(self, moved: messages.WorkerProgressed, now: float) -> bool:
        if (instance := self._current(moved)) and instance.state is InstanceState.LOADING:
            self._lifecycle.on_load_progress(instance, moved.phase, moved.percent)
        return False

    def worker_ready(self, ready: messages.WorkerReady, now: float) -> bool:
        instance = self._current(ready)
        if (
            instance is None
            or instance.state is not InstanceState.LOADING
            or instance.kill_reason is not None
        ):
            return False  # it was told to stop, or is being killed, in the meantime
        instance.info = ready.info
        self._lifecycle.on_worker_ready(instance, ready.seconds, now)
        return True

    def worker_exited(self, gone: messages.WorkerExited, now: float) -> bool:
        instance = self._current(gone)
        if instance is None or not instance.alive:
            return False
        self._lifecycle.on_worker_exit(instance, gone.code, gone.message, now)
        return True

    def run_failed(self, fault: messages.RunFailed, now: float) -> bool:
        """A run on a living worker tells of its device.

        1. The device is lost: the process is of no use any more.
        2. Out of memory: unload everything idle there; the second time, and if there is a lesser
           placement, go there once the leases have ended.
        """
        instance = self._current(fault)
        if instance is None or not instance.usable:
            return False
        if fault.code == DEVICE_LOST:  # 1
            self._lifecycle.kill(instance, fault.code, fault.message)
        elif fault.code == OOM:  # 2
            if self._scheduler.has_fallback(instance, now):
                verdict = self._board.failures.record_run_oom(instance.key, now)
            else:
                verdict = RecoveryAction.EVICT_IDLE_AND_RETRY
            if verdict is RecoveryAction.USE_FALLBACK:
                self._lifecycle.request_stop(instance, "out of memory", now)
            else:
                self._lifecycle.evict_idle_on_device(instance, now)
        return True

    def ping_answered(self, pong: messages.PingAnswered, now: float) -> bool:
        if instance := self._current(pong):
            instance.missed_pings = 0
        return False

    def memory_sampled(self, probed: messages.MemorySampled, now: float) -> bool:
        """Take in how much memory there is and who holds it."""
        board = self._board
        for device, reading in probed.sample.readings.items():
            ledger = board.ledgers.get(device)
            if ledger is None:
                ledger = Ledger(Device(device, device, reading.total), board.policy)
                board.ledgers[device] = ledger
            ledger.update(reading)
            self._update_pressure(ledger, now)
        for device, ledger in board.ledgers.items():
            if device not in probed.sample.readings:
                ledger.mark_missing()
        for instance in list(board.instances()):
            serving = instance.state in (InstanceState.READY, InstanceState.DRAINING)
            if serving and instance.ready_at is not None and instance.ready_at <= probed.started_at:
                self._commit(instance)
        board.timers.set(TimerKey(TimerKind.PROBE), now + self._scheduler.probe_interval())
        return True

    def _commit(self, instance: Instance) -> None:
        """Book what the last reading says it holds; the first time, tell that it is loaded."""
        board = self._board
        ledger = board.ledgers[instance.key.device]
        measured = ledger.measure(instance.key)
        first = instance.memory_bytes == 0
        if measured is None and not first:
            return
        size = measured if measured is not None else ledger.size_of(instance.key)
        ledger.commit(instance.key, size)
        instance.memory_bytes = max(instance.memory_bytes, size)
        if measured is not None:
            instance.measured = True
            if size > board.footprints.get(instance.key.footprint_key, 0):
                board.save_footprint(instance.key.footprint_key, size)
        if first:
            board.publish(
                ModelLoaded(
                    **instance.event_fields, seconds=instance.load_seconds or 0.0, memory_bytes=size
                )
            )

    def _update_pressure(self, ledger: Ledger, now: float) -> None:
        """Tell when a device becomes full; when it is, give back what models hold too much of."""
        fraction = ledger.used / ledger.total if ledger.total else 0.0
        level = pressure_level(ledger.pressure, fraction)
        if level is not ledger.pressure:
            ledger.pressure = level
            self._board.publish(
                PressureChanged(device=ledger.device, level=level.value, used_fraction=fraction)
            )
        excess = ledger.promised - ledger.budget - self._board.bytes_being_freed(ledger.device)
        if level is MemoryPressure.CRITICAL and excess > 0:
            idle = [i for i in self._board.instances() if self._evictable(i, ledger)]
            candidates = [self._lifecycle.eviction_candidate(i, now) for i in idle]
            for victim in choose_victims(candidates, excess) or candidates:
                self._lifecycle.evict(
                    self._board.models[victim.key.model].instances[victim.key.placement], "", now
                )

    def _evictable(self, instance: Instance, ledger: Ledger) -> bool:
        return self._lifecycle.is_evictable(instance, ledger.device)

    def _current(self, news: messages.WorkerMessage) -> Instance | None:
        return self._board.current_instance(news.key, news.generation)


# What happens when a time has come.


class TimerHandlers:
    """Does what timers were set for."""

    def __init__(self, board: PlannerState, lifecycle: Lifecycle) -> None:
        self._board = board
        self._lifecycle = lifecycle

    def timer_expired(self, timer: TimerKey, now: float) -> bool:
        """Do what a timer was set for; tell whether it matters to those who wait."""
        board, owner = self._board, timer.owner
        if isinstance(owner, InstanceKey):
            instance = board.instance(owner)
            return instance is not None and self._instance_timer_expired(timer.kind, instance, now)
        if timer.kind is TimerKind.REQUEST_TIMEOUT and isinstance(owner, int):
            self._request_timed_out(owner)
        elif timer.kind is TimerKind.PROBE:
            self._board.sample_memory()
            return False
        elif timer.kind is TimerKind.MEMORY_RETURN_TIMEOUT and isinstance(owner, tuple):
            device, ticket = owner
            board.ledgers[device].write_off(ticket)
        elif timer.kind is TimerKind.PREFETCH_EXPIRED and isinstance(owner, str):
            demand, model = board.queue.get(owner), board.models.get(owner)
            idle = model is not None and model.loading_instance() is None
            if demand is not None and demand.reason is LoadReason.PREFETCH and idle:
                board.queue.withdraw(owner)
        return True

    def _instance_timer_expired(self, due: TimerKind, instance: Instance, now: float) -> bool:
        if due is TimerKind.KEEP_ALIVE and instance.idle:
            self._lifecycle.request_stop(instance, "idle", now)
        elif due is TimerKind.LOAD_TIMEOUT and instance.state is InstanceState.LOADING:
            self._lifecycle.on_load_timeout(instance)
        elif due is TimerKind.FAILURE_RESET and instance.state is InstanceState.READY:
            self._board.failures.record_success(instance.key, now)
        elif due is TimerKind.PING and instance.leases:
            self._ping(instance, now)
        return True

    def _ping(self, instance: Instance, now: float) -> None:
        """Ask a leased worker whether it lives, or end it if it did not answer often enough."""
        policy = self._board.policy
        if instance.missed_pings >= policy.max_missed_pings:
            seconds = policy.ping_interval * policy.max_missed_pings
            message = f"{instance.key} did not answer for {seconds:.0f} s."
            self._lifecycle.kill(instance, DeadlineError.code, message)
            return
        instance.missed_pings += 1
        self._board.emit(PingWorker(key=instance.key, generation=instance.generation))
        self._board.timers.set(TimerKey(TimerKind.PING, instance.key), now + policy.ping_interval)

    def _request_timed_out(self, request: int) -> None:
        """A request has waited too long: for memory, or for a load."""
        waiting = self._board.queue.remove(request)
        if waiting is None:
            return
        model = self._board.models[waiting.model]
        short = next((i for i in model.instances.values() if i.waits_for_memory), None)
        after = max(1.0, model.load_seconds)
        if short is not None and model.loading_instance() is None:
            message = f"{short.key} got no memory in time."
            self._board.reject(request, OutOfMemoryError.code, message, retry_after=after)
        else:
            message = f"{waiting.model} was not ready in time."
            self._board.reject(request, DeadlineError.code, message, retry_after=after)
