"""What the planner does with each message and each expired timer.

Every handler returns whether the scheduler has to look at the pending loads afterwards. The
sections are: requests of clients, commands of the operator, reports of workers and of the memory
probe, and timers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

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
from wyoming_servers.scheduling.planner.actions import PingWorker, ReplaceResult, ResolveRequest
from wyoming_servers.scheduling.planner.failure_policy import DEVICE_LOST, OOM, RecoveryAction
from wyoming_servers.scheduling.planner.instance import InstanceKey, InstanceState
from wyoming_servers.scheduling.planner.ledger import Ledger, MemoryPressure, pressure_level
from wyoming_servers.scheduling.planner.lifecycle import Lifecycle
from wyoming_servers.scheduling.planner.load_queue import LoadReason, PendingRequest
from wyoming_servers.scheduling.planner.placement import (
    choose_victims,
    eviction_candidate,
    is_evictable,
)
from wyoming_servers.scheduling.planner.policy import PRIORITIES
from wyoming_servers.scheduling.planner.scheduler import Scheduler
from wyoming_servers.scheduling.planner.state import (
    Instance,
    ModelRecord,
    PendingSwap,
    PlannerState,
    TimerKey,
    TimerKind,
)

_PAUSED_MESSAGE: Final = "The server is paused and accepts no requests."
_PAUSED_HINT: Final = "Turn “Accept requests” on in Home Assistant, or POST /resume."
_STOPPING_MESSAGE: Final = "The server is stopping."


class MessageHandlers:
    """One method per message; `handle` selects it by the type of the message."""

    def __init__(self, state: PlannerState, lifecycle: Lifecycle, scheduler: Scheduler) -> None:
        self._state = state
        self._lifecycle = lifecycle
        self._scheduler = scheduler

    def handle(self, message: messages.PlannerMessage, now: float) -> bool:
        """Apply a message; return whether pending loads may be affected."""
        return self._HANDLERS[type(message)](self, message, now)

    def _tick(self, tick: messages.Tick, now: float) -> bool:
        return False

    # Requests of clients

    def _lease_requested(self, message: messages.LeaseRequested, now: float) -> bool:
        """Grant, queue or reject a request; the first condition that is met decides.

        1. The server is stopping: SHUTTING_DOWN.
        2. Its model is unknown: MODEL_MISSING.
        3. The operator has paused the server: BUSY.
        4. The model is ready: granted on the best instance, whatever else is going on.
        5. Too many requests wait already: BUSY.
        6. Other requests wait for the model, or it is being loaded: joined.
        7. Otherwise: queued, and the scheduler looks for a placement.
        """
        state, request = self._state, message.request
        if state.stopping:  # 1
            state.reject(request, ShuttingDownError.code, _STOPPING_MESSAGE)
            return False
        model = state.available_model(message.model)
        if model is None:  # 2
            state.reject_unknown_model(request, message.model)
            return False
        if not state.accepting:  # 3
            state.reject(request, BusyError.code, _PAUSED_MESSAGE, _PAUSED_HINT)
            return False
        if ready := model.ready_instance():  # 4
            if message.wants_lease:
                state.grant_lease(request, ready, now)
            else:
                state.emit(ResolveRequest(request=request, value=True))
            return False
        if state.queue.full:  # 5
            state.reject(
                request,
                BusyError.code,
                f"{len(state.queue)} requests are already waiting for a model.",
                retry_after=max(1.0, model.load_seconds),
            )
            return False
        self._enqueue(message, model, now)  # 6, 7
        return True

    def _enqueue(self, message: messages.LeaseRequested, model: ModelRecord, now: float) -> None:
        state = self._state
        timeout = state.policy.request_timeout if message.timeout is None else message.timeout
        request = PendingRequest(
            id=message.request,
            model=message.model,
            priority=message.priority or PRIORITIES[model.spec.task],
            queued_at=now,
            deadline=now + timeout,
            client=message.client,
            wants_lease=message.wants_lease,
        )
        loading = model.loading_instance()
        joined = loading is not None or state.queue.get(message.model) is not None
        state.queue.add(request)
        state.timers.set(TimerKey(TimerKind.REQUEST_TIMEOUT, request.id), request.deadline)
        instance = loading or next(iter(model.instances.values()))
        if joined:
            waiting = state.queue.waiting(message.model)
            state.publish(ModelJoined(**instance.event_fields, waiting=waiting))
        else:
            state.publish(
                ModelQueued(
                    **instance.event_fields,
                    priority=int(request.priority),
                    position=state.queue.position(message.model, now),
                )
            )

    def _lease_ended(self, message: messages.LeaseEnded, now: float) -> bool:
        """End a lease, or remove a request from the queue; both may free memory."""
        state, request = self._state, message.request
        lease = state.leases.pop(request, None)
        if lease is None:
            if state.queue.remove(request) is None:
                return False  # it was rejected
            state.timers.cancel(TimerKey(TimerKind.REQUEST_TIMEOUT, request))
            return True
        instance = state.current_instance(lease.key, lease.generation)
        if instance is None or request not in instance.leases:
            return False  # its process has exited
        succeeded = message.succeeded and instance.kill_reason is None
        state.end_lease(instance, request, now, succeeded=succeeded)
        if instance.leases:
            return state.has_pending_work
        if instance.usable:
            if reason := state.start_keep_alive(instance, now):
                self._lifecycle.request_stop(instance, reason, now)
        elif instance.state is InstanceState.DRAINING:
            self._lifecycle.on_drained(instance)
        return state.has_pending_work

    def _prefetch_requested(self, message: messages.PrefetchRequested, now: float) -> bool:
        """Keep a ready model loaded; load any other one if no other model suffers."""
        state = self._state
        model = state.available_model(message.model)
        if model is None or state.stopping or not state.accepting:
            return False
        if ready := model.ready_instance():
            timer = TimerKey(TimerKind.KEEP_ALIVE, ready.key)
            if (until := state.timers.due_at(timer)) is not None:
                state.timers.set(timer, max(until, now + state.policy.prefetch_keep_alive))
            return False
        state.queue.add_reason(message.model, LoadReason.PREFETCH, PRIORITIES[model.spec.task], now)
        state.timers.set(
            TimerKey(TimerKind.PREFETCH_EXPIRED, message.model),
            now + state.policy.prefetch_timeout,
        )
        return True

    # Commands of the operator

    def _preload_requested(self, message: messages.PreloadRequested, now: float) -> bool:
        for name in message.models:
            model = self._state.available_model(name)
            if model is not None and model.ready_instance() is None:
                self._state.queue.add_reason(
                    name, LoadReason.PRELOAD, PRIORITIES[model.spec.task], now
                )
        return True

    def _load_requested(self, message: messages.LoadRequested, now: float) -> bool:
        """Reset the failures of a model and load it; reject at once if it cannot be loaded."""
        state, model = self._state, self._state.available_model(message.model)
        if model is None:
            state.reject_unknown_model(message.request, message.model)
            return False
        if state.stopping:
            state.reject(message.request, ShuttingDownError.code, _STOPPING_MESSAGE)
            return False
        if model.ready_instance() is not None:
            state.emit(ResolveRequest(request=message.request, value=True))
            return False
        state.failures.reset(message.model)
        for placement in model.spec.placements:
            state.failures.reset_device(placement.device)
        state.queue.add_reason(message.model, LoadReason.OPERATOR, PRIORITIES[model.spec.task], now)
        self._scheduler.run(now)
        if state.queue.get(message.model) is not None or model.load_refusal is None:
            state.emit(ResolveRequest(request=message.request, value=False))
        else:
            code, text, until = model.load_refusal
            wait = None if until is None else max(0.0, until - now)
            attempt = state.count_failures(model)
            state.reject(message.request, code, text, retry_after=wait, attempt=attempt)
        return False

    def _unload_requested(self, message: messages.UnloadRequested, now: float) -> bool:
        state, model = self._state, self._state.available_model(message.model)
        if model is None:
            state.reject_unknown_model(message.request, message.model)
            return False
        was_loaded = model.alive
        self._stop_all_instances(
            model, "operator", f"{message.model} was unloaded by the operator.", now
        )
        state.emit(ResolveRequest(request=message.request, value=was_loaded))
        return True

    def _stop_all_instances(
        self, model: ModelRecord, reason: str, message: str, now: float
    ) -> None:
        """Reject the requests that wait for a model and stop all its instances."""
        load = self._state.queue.get(model.spec.id)
        for request in list(load.requests.values()) if load else ():
            self._state.reject(request.id, BusyError.code, message)
        self._state.queue.withdraw(model.spec.id)
        for instance in list(model.instances.values()):
            self._lifecycle.request_stop(instance, reason, now)

    def _add_model_requested(self, message: messages.AddModelRequested, now: float) -> bool:
        """Add or update a model; processes with other weights or placements are stopped.

        This cancels a pending removal of the model, which is answered with False.
        """
        state, known = self._state, self._state.models.get(message.spec.id)
        if known is not None:
            self._lifecycle.refuse_swap(known, BusyError.code, "It was installed again.", now)
        model = state.set_spec(message.spec, known.revision if known else 0)
        for request in model.pending_removals:
            state.emit(ResolveRequest(request=request, value=False))
        model.pending_removals.clear()
        for instance in list(model.instances.values()):
            if not model.is_current(instance) or not _same_weights(instance.spec, message.spec):
                self._lifecycle.request_stop(instance, "replaced", now)
        self._lifecycle.drop_unused(model)
        return True

    def _replace_model_requested(self, message: messages.ReplaceModelRequested, now: float) -> bool:
        """Change the spec of a model; a worker with other weights or placements is swapped."""
        state, model = self._state, self._state.available_model(message.spec.id)
        if model is None:
            state.reject_unknown_model(message.request, message.spec.id)
            return False
        self._lifecycle.refuse_swap(model, BusyError.code, "It was changed again.", now)
        previous, revision = model.spec, model.revision
        weights_changed = not _same_weights(previous, message.spec)
        model = state.set_spec(message.spec, revision + weights_changed)
        best = model.instances[model.spec.placements[0]]
        needs_worker = weights_changed or model.spec.placements != previous.placements
        wanted = message.load or model.alive or state.is_requested(model.spec.id)
        fell_back = best.key.placement == previous.placements[0] and any(
            instance.alive and model.is_current(instance) for instance in model.instances.values()
        )
        if best.alive or fell_back or not (needs_worker and wanted):
            state.emit(ResolveRequest(request=message.request, value=ReplaceResult.UNCHANGED))
        else:
            model.swap = PendingSwap(message.request, previous)
            for placement in model.spec.placements:
                state.failures.reset_device(placement.device)
            self._lifecycle.enqueue(best, "reload")
        if model.swap is None:
            for instance in list(model.instances.values()):
                if not model.is_current(instance):
                    self._lifecycle.request_stop(instance, "replaced", now)
                elif instance.idle:
                    self._lifecycle.schedule_idle_unload(instance, now)
            self._lifecycle.drop_unused(model)
        return True

    def _replace_abandoned(self, message: messages.ReplaceAbandoned, now: float) -> bool:
        model = self._state.models.get(message.model)
        if model is None or model.swap is None or model.swap.request != message.request:
            return False
        text = f"{message.model} was not ready in time with the new settings."
        self._lifecycle.refuse_swap(model, DeadlineError.code, text, now)
        return True

    def _remove_model_requested(self, message: messages.RemoveModelRequested, now: float) -> bool:
        model = self._state.models.get(message.model)
        if model is None:
            self._state.emit(ResolveRequest(request=message.request, value=False))
            return False
        self._lifecycle.refuse_swap(model, BusyError.code, "It was removed.", now)
        self._stop_all_instances(model, "removed", f"{message.model} was removed.", now)
        model.pending_removals.append(message.request)
        self._lifecycle.drop_unused(model)
        return True

    def _policy_updated(self, message: messages.PolicyUpdated, now: float) -> bool:
        model = self._state.available_model(message.model)
        if model is None:
            return False
        if message.keep_alive is not None:
            model.spec = replace(model.spec, keep_alive=message.keep_alive)
        if message.pinned is not None:
            model.spec = replace(model.spec, pinned=message.pinned)
        for instance in list(model.instances.values()):
            if instance.idle:
                self._lifecycle.schedule_idle_unload(instance, now)
        return True

    def _residency_changed(self, message: messages.ResidencyChanged, now: float) -> bool:
        """Load what was pinned, and keep or release what is loaded, as the new set demands."""
        for name, model in self._state.models.items():
            before = (model.in_use, model.pinned_by)
            model.in_use, model.pinned_by = name in message.in_use, message.pins.get(name, ())
            if (model.in_use, model.pinned_by) == before:
                continue
            if model.pinned_by and self._state.available_model(name) and not model.alive:
                self._state.queue.add_reason(
                    name, LoadReason.PRELOAD, PRIORITIES[model.spec.task], now
                )
            for instance in list(model.instances.values()):
                if instance.idle:
                    self._lifecycle.schedule_idle_unload(instance, now)
        return True

    def _scheduling_policy_changed(
        self, message: messages.SchedulingPolicyChanged, now: float
    ) -> bool:
        """Use other limits; idle models that exceed a smaller budget are evicted."""
        self._state.set_policy(message.policy)
        for ledger in self._state.ledgers.values():
            self._evict_excess(ledger, now)
        return True

    def _accepting_set(self, message: messages.AcceptingSet, now: float) -> bool:
        if message.accepting == self._state.accepting:
            return False
        self._state.accepting = message.accepting
        self._state.publish(AcceptingChanged(accepting=message.accepting))
        return True

    def _shutdown_requested(self, message: messages.ShutdownRequested, now: float) -> bool:
        """Reject waiting requests and stop all instances; leased ones later, or immediately."""
        state = self._state
        state.stopping = True
        for model in list(state.models.values()):
            self._lifecycle.refuse_swap(model, ShuttingDownError.code, _STOPPING_MESSAGE, now)
        for load in state.queue:
            for request in list(load.requests):
                state.reject(request, ShuttingDownError.code, _STOPPING_MESSAGE)
            state.queue.withdraw(load.model)
        for instance in list(state.instances()):
            self._lifecycle.request_stop(instance, "shutdown", now)
            if message.immediate:
                self._lifecycle.revoke_leases(instance)
        return False

    # Reports of workers; a report about an earlier process of the instance is ignored

    def _worker_started(self, message: messages.WorkerStarted, now: float) -> bool:
        if instance := self._current(message):
            self._lifecycle.on_worker_started(instance, message.pid)
        return False

    def _worker_progressed(self, message: messages.WorkerProgressed, now: float) -> bool:
        instance = self._current(message)
        if instance and instance.state is InstanceState.LOADING:
            self._lifecycle.on_load_progress(instance, message.phase, message.percent, now)
        return False

    def _worker_ready(self, message: messages.WorkerReady, now: float) -> bool:
        instance = self._current(message)
        if (
            instance is None
            or instance.state is not InstanceState.LOADING
            or instance.kill_reason is not None
        ):
            return False  # it was told to stop, or is being killed, in the meantime
        instance.info = message.info
        self._lifecycle.on_worker_ready(instance, message.seconds, now)
        return True

    def _worker_exited(self, message: messages.WorkerExited, now: float) -> bool:
        instance = self._current(message)
        if instance is None or not instance.alive:
            return False
        self._lifecycle.on_worker_exit(instance, message.code, message.message, now)
        return True

    def _run_failed(self, message: messages.RunFailed, now: float) -> bool:
        """Handle a run on a living worker that failed with an error of the device.

        1. The device is lost: kill the process.
        2. Out of memory: evict everything idle there; the second time, if there is a fallback
           placement, stop the process once its leases have ended.
        """
        instance = self._current(message)
        if instance is None or not instance.usable:
            return False
        if message.code == DEVICE_LOST:  # 1
            self._lifecycle.kill(instance, message.code, message.message)
        elif message.code == OOM:  # 2
            if self._scheduler.has_fallback(instance, now):
                action = self._state.failures.record_run_oom(instance.key, now)
            else:
                action = RecoveryAction.EVICT_IDLE_AND_RETRY
            if action is RecoveryAction.USE_FALLBACK:
                self._lifecycle.request_stop(instance, "out of memory", now)
            else:
                self._lifecycle.evict_idle_on_device(instance, now)
        return True

    def _ping_answered(self, message: messages.PingAnswered, now: float) -> bool:
        if instance := self._current(message):
            instance.missed_pings = 0
        return False

    def _current(self, message: messages.WorkerMessage) -> Instance | None:
        return self._state.current_instance(message.key, message.generation)

    # Reports of the memory probe

    def _memory_sampled(self, message: messages.MemorySampled, now: float) -> bool:
        """Update the ledgers and commit the instances that became ready before the reading."""
        state = self._state
        readings = message.sample.readings
        for device, reading in readings.items():
            ledger = state.ledgers.get(device)
            if ledger is None:
                ledger = Ledger(Device(device, device, reading.total), state.policy)
                state.ledgers[device] = ledger
                state.has_new_limits = True
            state.has_new_limits |= reading.total != ledger.total
            ledger.update(reading)
            self._update_pressure(ledger, now)
            self._lifecycle.release_warm(ledger, now)
        for device, ledger in state.ledgers.items():
            if device not in readings:
                ledger.mark_missing()
        for instance in list(state.instances()):
            serving = instance.state in (InstanceState.READY, InstanceState.DRAINING)
            if (
                serving
                and instance.ready_at is not None
                and instance.ready_at <= message.started_at
            ):
                self._commit(instance)
        state.timers.set(TimerKey(TimerKind.PROBE), now + self._scheduler.probe_interval())
        return True

    def _commit(self, instance: Instance) -> None:
        """Book the measured memory of an instance; the first time, publish that it is loaded."""
        state = self._state
        ledger = state.ledgers[instance.key.device]
        measured = ledger.measure(instance.key)
        first = instance.memory_bytes == 0
        if measured is None and not first:
            return
        size = measured if measured is not None else ledger.size_of(instance.key)
        ledger.commit(instance.key, size)
        instance.memory_bytes = max(instance.memory_bytes, size)
        if measured is not None:
            instance.measured = True
            if size > state.footprints.get(instance.key.footprint_key, 0):
                state.save_footprint(instance.key.footprint_key, size)
        if first:
            state.publish(
                ModelLoaded(
                    **instance.event_fields,
                    seconds=instance.load_seconds or 0.0,
                    memory_bytes=size,
                )
            )

    def _update_pressure(self, ledger: Ledger, now: float) -> None:
        """Publish a change of the pressure; if it is critical, evict what exceeds the budget."""
        state = self._state
        fraction = ledger.used / ledger.total if ledger.total else 0.0
        level = pressure_level(ledger.pressure, fraction)
        if level is not ledger.pressure:
            ledger.pressure = level
            state.publish(
                PressureChanged(device=ledger.device, level=level.value, used_fraction=fraction)
            )
        if level is MemoryPressure.CRITICAL:
            self._evict_excess(ledger, now)

    def _evict_excess(self, ledger: Ledger, now: float) -> None:
        """Evict idle instances until the others are within the budget."""
        state = self._state
        excess = ledger.promised - ledger.budget - state.bytes_being_freed(ledger.device)
        if excess > 0:
            candidates = [
                eviction_candidate(state, instance, now)
                for instance in state.instances()
                if is_evictable(state, instance, ledger.device)
            ]
            for victim in choose_victims(candidates, excess) or candidates:
                instance = state.models[victim.key.model].instances[victim.key.placement]
                self._lifecycle.evict(instance, "", now)

    # Timers

    def timer_expired(self, timer: TimerKey, now: float) -> bool:
        """Handle an expired timer; return whether pending loads may be affected."""
        state, owner = self._state, timer.owner
        if isinstance(owner, InstanceKey):
            instance = state.instance(owner)
            return instance is not None and self._instance_timer_expired(timer.kind, instance, now)
        if timer.kind is TimerKind.REQUEST_TIMEOUT and isinstance(owner, int):
            self._request_timed_out(owner)
        elif timer.kind is TimerKind.PROBE:
            state.sample_memory()
            return False
        elif timer.kind is TimerKind.MEMORY_RETURN_TIMEOUT and isinstance(owner, tuple):
            device, ticket = owner
            state.ledgers[device].write_off(ticket)
        elif timer.kind is TimerKind.PREFETCH_EXPIRED and isinstance(owner, str):
            load, model = state.queue.get(owner), state.models.get(owner)
            started = model is None or model.loading_instance() is not None
            if load is not None and load.reason is LoadReason.PREFETCH and not started:
                state.queue.withdraw(owner)
        return True

    def _instance_timer_expired(self, kind: TimerKind, instance: Instance, now: float) -> bool:
        if kind is TimerKind.LOAD_PROGRESS:
            if instance.state is InstanceState.LOADING:
                self._lifecycle.estimate_load_progress(instance, now)
            return False
        if kind is TimerKind.KEEP_ALIVE and instance.idle:
            self._keep_alive_ended(instance, now)
        elif kind is TimerKind.LOAD_TIMEOUT and instance.state is InstanceState.LOADING:
            self._lifecycle.on_load_timeout(instance)
        elif kind is TimerKind.FAILURE_RESET and instance.state is InstanceState.READY:
            self._state.failures.record_success(instance.key, now)
        elif kind is TimerKind.PING and instance.leases:
            self._ping(instance, now)
        return True

    def _keep_alive_ended(self, instance: Instance, now: float) -> None:
        """Unload an idle instance, unless there is memory to spare by now to keep it warm."""
        state = self._state
        until = instance.idle_since() + state.policy.warm_keep_alive
        if state.is_warm(instance) and now < until:
            state.timers.set(TimerKey(TimerKind.KEEP_ALIVE, instance.key), until)
        else:
            self._lifecycle.request_stop(instance, "idle", now)

    def _ping(self, instance: Instance, now: float) -> None:
        """Ping a leased worker, or kill it if it has not answered often enough."""
        policy = self._state.policy
        if instance.missed_pings >= policy.max_missed_pings:
            seconds = policy.ping_interval * policy.max_missed_pings
            message = f"{instance.key} did not answer for {seconds:.0f} s."
            self._lifecycle.kill(instance, DeadlineError.code, message)
            return
        instance.missed_pings += 1
        self._state.emit(PingWorker(key=instance.key, generation=instance.generation))
        self._state.timers.set(TimerKey(TimerKind.PING, instance.key), now + policy.ping_interval)

    def _request_timed_out(self, request: int) -> None:
        """Reject a request that has waited too long, for memory or for a load."""
        state = self._state
        waiting = state.queue.remove(request)
        if waiting is None:
            return
        model = state.models[waiting.model]
        short = next((i for i in model.instances.values() if i.waits_for_memory), None)
        if short is not None and model.loading_instance() is None:
            code = OutOfMemoryError.code
            message = f"{short.key} did not get enough memory in time."
        else:
            code, message = DeadlineError.code, f"{waiting.model} was not ready in time."
        waits = state.policy.gpu_poll_interval if code == OutOfMemoryError.code else 1.0
        state.reject(request, code, message, retry_after=max(waits, model.load_seconds))

    _HANDLERS: Final[
        Mapping[type[messages.PlannerMessage], Callable[["MessageHandlers", Any, float], bool]]
    ] = {
        messages.Tick: _tick,
        messages.LeaseRequested: _lease_requested,
        messages.LeaseEnded: _lease_ended,
        messages.PrefetchRequested: _prefetch_requested,
        messages.PreloadRequested: _preload_requested,
        messages.LoadRequested: _load_requested,
        messages.UnloadRequested: _unload_requested,
        messages.AddModelRequested: _add_model_requested,
        messages.ReplaceModelRequested: _replace_model_requested,
        messages.ReplaceAbandoned: _replace_abandoned,
        messages.SchedulingPolicyChanged: _scheduling_policy_changed,
        messages.RemoveModelRequested: _remove_model_requested,
        messages.PolicyUpdated: _policy_updated,
        messages.ResidencyChanged: _residency_changed,
        messages.AcceptingSet: _accepting_set,
        messages.ShutdownRequested: _shutdown_requested,
        messages.WorkerStarted: _worker_started,
        messages.WorkerProgressed: _worker_progressed,
        messages.WorkerReady: _worker_ready,
        messages.WorkerExited: _worker_exited,
        messages.RunFailed: _run_failed,
        messages.PingAnswered: _ping_answered,
        messages.MemorySampled: _memory_sampled,
    }
    """The method for each type of message."""


def _same_weights(one: ModelSpec, other: ModelSpec) -> bool:
    """Return whether a process with one spec can serve as the other."""
    return (one.task, one.engine, one.files, one.options) == (
        other.task,
        other.engine,
        other.files,
        other.options,
    )
