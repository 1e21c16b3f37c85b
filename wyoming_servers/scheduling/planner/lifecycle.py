"""Moves instances through their states, with everything that belongs to each transition.

The methods are ordered by the life of an instance: queued, launched, loaded, idle, stopped, exited,
failed. Each one changes the state and emits actions; whether and when they are called is decided by
`handlers` and `scheduler`.
"""

from wyoming_servers.core.errors import DeadlineError
from wyoming_servers.core.events import (
    ModelEvicted,
    ModelFailed,
    ModelFellBack,
    ModelLoading,
    ModelProgressed,
    ModelStateChanged,
    ModelUnloaded,
)
from wyoming_servers.scheduling.planner.actions import (
    KillWorker,
    LaunchWorker,
    ReplaceResult,
    ResolveRequest,
    StopWorker,
)
from wyoming_servers.scheduling.planner.failure_policy import (
    DEVICE_LOST,
    NON_RETRYABLE_CODES,
    OOM,
    RecoveryAction,
)
from wyoming_servers.scheduling.planner.instance import InstanceState, InstanceTrigger, LoadProgress
from wyoming_servers.scheduling.planner.ledger import Ledger
from wyoming_servers.scheduling.planner.load_queue import LoadReason
from wyoming_servers.scheduling.planner.placement import (
    choose_victims,
    eviction_candidate,
    is_evictable,
    unfit_reason,
)
from wyoming_servers.scheduling.planner.policy import PRIORITIES
from wyoming_servers.scheduling.planner.state import (
    Instance,
    ModelRecord,
    PlannerState,
    TimerKey,
    TimerKind,
)

_PROCESS_TIMERS = (
    TimerKind.LOAD_PROGRESS,
    TimerKind.LOAD_TIMEOUT,
    TimerKind.KEEP_ALIVE,
    TimerKind.PING,
    TimerKind.FAILURE_RESET,
)
"""Timers that end with the process of an instance."""


class Lifecycle:
    """Changes instances in the planner's state and emits the actions that follow."""

    def __init__(self, state: PlannerState) -> None:
        self._state = state

    def _transition(self, instance: Instance, trigger: InstanceTrigger) -> None:
        instance.transition(trigger)
        self._state.has_transitions = True

    # Queued

    def enqueue(self, instance: Instance, reason: str, *, waits_for_memory: bool = False) -> None:
        """Queue an instance until it is its turn, or until there is enough memory."""
        if instance.state in (InstanceState.COLD, InstanceState.FAILED):
            self._transition(instance, InstanceTrigger.LOAD_REQUESTED)
        instance.reason = reason
        instance.waits_for_memory = waits_for_memory
        if not waits_for_memory:
            instance.published_free = None

    def abandon(self, instance: Instance) -> None:
        """Remove an instance from the queue because nobody waits for it any more."""
        self._transition(instance, InstanceTrigger.ABANDONED)
        instance.reason = "abandoned"
        instance.waits_for_memory = False

    # Loading

    def launch(self, instance: Instance, now: float, fallback_reason: str = "") -> None:
        """Reserve memory and start a process; the caller has checked that there is enough."""
        state, model = self._state, self._state.models[instance.key.model]
        needed = state.estimate(instance.key)
        state.ledgers[instance.key.device].reserve(instance.key, needed)
        self.enqueue(instance, "requested")
        self._transition(instance, InstanceTrigger.MEMORY_RESERVED)
        instance.reset_for_launch(next(state.generations), now)
        instance.spec = model.spec
        state.timers.cancel(TimerKey(TimerKind.RETRY, instance.key))
        state.timers.set(
            TimerKey(TimerKind.LOAD_TIMEOUT, instance.key), now + state.policy.load_timeout
        )
        self._schedule_progress(instance, now)
        model.load_refusal = None
        if fallback_reason:
            model.fallback_reason = fallback_reason
            preferred = model.spec.placements[0]
            state.publish(
                ModelFellBack(
                    model=model.spec.id,
                    device=preferred.device,
                    compute_type=preferred.compute_type,
                    to_device=instance.key.placement.device,
                    to_compute_type=instance.key.placement.compute_type,
                    reason=fallback_reason,
                )
            )
        state.publish(ModelLoading(**instance.event_fields, reserved_bytes=needed))
        state.emit(
            LaunchWorker(
                key=instance.key,
                generation=instance.generation,
                spec=model.spec,
                stop_grace=state.policy.stop_grace,
            )
        )

    def on_worker_started(self, instance: Instance, pid: int) -> None:
        """The process is running."""
        instance.pid = pid
        self._state.ledgers[instance.key.device].set_pid(instance.key, pid)

    def on_load_progress(self, instance: Instance, phase: str, percent: int, now: float) -> None:
        """The worker reported progress of the load."""
        if (progress := instance.progress) is not None:
            before = (progress.phase, progress.percent)
            progress.report(phase, percent, now)
            progress.update(self._state.load_profiles.get(instance.key.footprint_key), now)
            self._publish_progress(instance, progress, before)

    def estimate_load_progress(self, instance: Instance, now: float) -> None:
        """Estimate how far a load is, from an earlier one, and do so again in a moment."""
        if (progress := instance.progress) is not None:
            before = (progress.phase, progress.percent)
            progress.update(self._state.load_profiles.get(instance.key.footprint_key), now)
            self._publish_progress(instance, progress, before)
            self._schedule_progress(instance, now)

    def _publish_progress(
        self, instance: Instance, progress: LoadProgress, before: tuple[str, int]
    ) -> None:
        if (progress.phase, progress.percent) != before:
            self._state.publish(
                ModelProgressed(
                    model=instance.key.model,
                    device=instance.key.placement.device,
                    compute_type=instance.key.placement.compute_type,
                    phase=progress.phase,
                    percent=progress.percent,
                )
            )

    def _schedule_progress(self, instance: Instance, now: float) -> None:
        if instance.key.footprint_key in self._state.load_profiles:
            timer = TimerKey(TimerKind.LOAD_PROGRESS, instance.key)
            self._state.timers.set(timer, now + self._state.policy.load_progress_interval)

    def on_load_timeout(self, instance: Instance) -> None:
        """The load has taken too long: kill the process."""
        limit = self._state.policy.load_timeout
        self.kill(
            instance, DeadlineError.code, f"{instance.key} was not ready after {limit:.0f} s."
        )

    def on_worker_ready(self, instance: Instance, seconds: float, now: float) -> None:
        """The model is warmed up: serve the waiting requests, then measure its memory."""
        state, model = self._state, self._state.models[instance.key.model]
        self._transition(instance, InstanceTrigger.WORKER_READY)
        instance.ready_at = now
        instance.load_seconds = model.load_seconds = seconds
        if instance.progress is not None:
            state.save_load_profile(instance.key.footprint_key, instance.progress.finish(now))
        instance.progress = None
        state.timers.cancel(TimerKey(TimerKind.LOAD_PROGRESS, instance.key))
        state.timers.cancel(TimerKey(TimerKind.LOAD_TIMEOUT, instance.key))
        state.timers.set(
            TimerKey(TimerKind.FAILURE_RESET, instance.key), now + state.policy.failure_reset
        )
        if model.placement_rank(instance.key) == 0:
            model.fallback_reason = ""
        if model.swap is not None and model.is_current(instance):
            state.emit(ResolveRequest(request=model.swap.request, value=model.swap.result))
            model.swap = None
        state.timers.cancel(TimerKey(TimerKind.PREFETCH_EXPIRED, model.spec.id))
        for request in state.queue.take(model.spec.id):
            state.serve(request, instance, now)
        for other in list(model.instances.values()):
            worse = model.placement_rank(other.key) > model.placement_rank(instance.key)
            if worse and (other.idle or other.state is InstanceState.LOADING):
                self.request_stop(other, "replaced", now)
        if instance.idle:
            self.schedule_idle_unload(instance, now)
        state.sample_memory()

    # Idle

    def schedule_idle_unload(self, instance: Instance, now: float) -> None:
        """Start the keep-alive of an unused instance, or stop it if it must not stay loaded."""
        if reason := self._state.start_keep_alive(instance, now):
            self.request_stop(instance, reason, now)

    def evict(self, victim: Instance, for_model: str, now: float) -> None:
        """Unload an idle instance to free memory for another model."""
        self._state.publish(
            ModelEvicted(
                **victim.event_fields,
                for_model=for_model,
                memory_bytes=self._state.ledgers[victim.key.device].size_of(victim.key),
                idle_seconds=now - victim.idle_since(),
            )
        )
        self._state.queue.withdraw(victim.key.model)
        self.request_stop(victim, "evicted", now)

    def evict_idle_on_device(self, instance: Instance, now: float) -> None:
        """Evict everything idle on a device before the next load of this instance."""
        instance.needs_empty_device = True
        for victim in list(self._state.instances()):
            if victim is not instance and is_evictable(self._state, victim, instance.key.device):
                self.evict(victim, instance.key.model, now)

    def release_warm(self, ledger: Ledger, now: float) -> None:
        """Unload models that are only kept warm until their device has memory to spare again.

        The cheapest per byte first; those whose ordinary keep-alive has not ended yet stay.
        """
        state = self._state
        deficit = ledger.spare_deficit - state.bytes_being_freed(ledger.device)
        if deficit <= 0:
            return
        candidates = [
            eviction_candidate(state, instance, now)
            for instance in state.instances()
            if instance.key.device == ledger.device
            and instance.idle
            and state.models[instance.key.model].keeps_warm
            and now >= state.ordinary_end(instance)
        ]
        for victim in choose_victims(candidates, deficit) or candidates:
            instance = state.models[victim.key.model].instances[victim.key.placement]
            self.request_stop(instance, "memory is needed", now)

    # Stopping

    def request_stop(self, instance: Instance, reason: str, now: float) -> None:
        """Stop an instance as its state demands; a leased one stops after its last lease."""
        if instance.state is InstanceState.QUEUED:
            self.abandon(instance)
        elif instance.state is InstanceState.LOADING:
            instance.reason = reason
            self._transition(instance, InstanceTrigger.STOP_REQUESTED)
            self._stop_process(instance)
        elif instance.state is InstanceState.READY:
            instance.reason = reason
            self._transition(instance, InstanceTrigger.STOP_REQUESTED)
            if not instance.leases:
                self.on_drained(instance)

    def revoke_leases(self, instance: Instance) -> None:
        """Stop a draining instance although it is leased; only at shutdown."""
        if instance.state is InstanceState.DRAINING:
            instance.leases.clear()
            self.on_drained(instance)

    def kill(self, instance: Instance, code: str, message: str) -> None:
        """Kill a process that hangs or has lost its device."""
        instance.kill_reason = (code, message)
        self._state.emit(
            KillWorker(key=instance.key, generation=instance.generation, code=code, message=message)
        )

    def on_drained(self, instance: Instance) -> None:
        """The last lease has ended: stop the process."""
        self._transition(instance, InstanceTrigger.DRAINED)
        self._stop_process(instance)

    def _stop_process(self, instance: Instance) -> None:
        self._cancel_process_timers(instance)
        self._state.emit(
            StopWorker(
                key=instance.key,
                generation=instance.generation,
                grace=self._state.policy.stop_grace,
            )
        )

    def _cancel_process_timers(self, instance: Instance) -> None:
        for kind in _PROCESS_TIMERS:
            self._state.timers.cancel(TimerKey(kind, instance.key))

    # Exited

    def on_worker_exit(self, instance: Instance, code: str, message: str, now: float) -> None:
        """The process has exited; what follows depends on the state it was in."""
        state = self._state
        before, leased = instance.state, bool(instance.leases)
        self._transition(instance, InstanceTrigger.WORKER_EXITED)
        device = instance.key.device
        freed, ticket = state.ledgers[device].release(instance.key)
        state.timers.set(
            TimerKey(TimerKind.MEMORY_RETURN_TIMEOUT, (device, ticket)),
            now + state.policy.memory_return_timeout,
        )
        self._cancel_process_timers(instance)
        footprint = instance.key.footprint_key
        if instance.measured and instance.memory_bytes != state.footprints.get(footprint):
            state.save_footprint(footprint, instance.memory_bytes)
        instance.leases, instance.pid, instance.progress = set(), None, None
        state.sample_memory()
        failed = instance.state is InstanceState.FAILED
        if before is not InstanceState.LOADING:
            crashed = failed or (before is InstanceState.DRAINING and leased)
            reason = "crash" if crashed else instance.reason
            state.publish(ModelUnloaded(**instance.event_fields, reason=reason, freed_bytes=freed))
        if failed:
            code, message = instance.kill_reason or (code, message)
            self._on_failure(instance, code, message, now, was_ready=before is InstanceState.READY)
        self.drop_unused(state.models[instance.key.model])

    def drop_unused(self, model: ModelRecord) -> None:
        """Drop placements the spec no longer has, and the model if its removal is pending."""
        for placement in list(model.instances):
            instance = model.instances[placement]
            if placement not in model.spec.placements and not instance.alive:
                del model.instances[placement]
        if model.pending_removals and not model.alive:
            del self._state.models[model.spec.id]
            for request in model.pending_removals:
                self._state.emit(ResolveRequest(request=request, value=True))

    # Failed

    def _on_failure(
        self, instance: Instance, code: str, message: str, now: float, *, was_ready: bool
    ) -> None:
        """Decide what a failure means for the instance and for the requests that wait for it."""
        state, model = self._state, self._state.models[instance.key.model]
        if model.swap is not None and model.is_current(instance) and not was_ready:
            self.refuse_swap(model, code, message, now)
            return
        last_rank = len(model.spec.placements) - 1
        action = state.failures.record_failure(
            instance.key,
            code,
            message,
            now,
            launched_at=instance.launched_at,
            was_ready=was_ready,
            retry_oom=state.is_requested(model.spec.id),
            last_resort=model.placement_rank(instance.key) == last_rank,
        )
        instance.reason = message
        block = state.failures.active_block(instance.key, now)
        retry_at = block.until if block else now
        if retry_at is not None:
            state.timers.set(TimerKey(TimerKind.RETRY, instance.key), retry_at)
        state.publish(
            ModelFailed(
                **instance.event_fields,
                code=code,
                message=message,
                attempt=state.failures.failures(instance.key),
                retry_seconds=(
                    None
                    if action is RecoveryAction.OPEN_CIRCUIT or retry_at is None
                    else retry_at - now
                ),
            )
        )
        if action is RecoveryAction.EVICT_IDLE_AND_RETRY:
            self.evict_idle_on_device(instance, now)
        load = state.queue.get(model.spec.id)
        if load is not None and (
            action is RecoveryAction.OPEN_CIRCUIT or load.reason is LoadReason.PREFETCH
        ):
            state.queue.withdraw(model.spec.id)
        elif was_ready and model.keep_alive < 0 and not state.stopping:
            state.queue.add_reason(
                model.spec.id, LoadReason.PRELOAD, PRIORITIES[model.spec.task], now
            )
        if not was_ready and code not in (OOM, DEVICE_LOST):
            self._count_failed_load(model, code, message, retry_at, now)

    def _count_failed_load(
        self, model: ModelRecord, code: str, message: str, retry_at: float | None, now: float
    ) -> None:
        """Reject the requests that have waited for enough failed loads."""
        state = self._state
        load = state.queue.get(model.spec.id)
        for request in list(load.requests.values()) if load else ():
            request.failed_loads += 1
            if code in NON_RETRYABLE_CODES or request.failed_loads >= state.policy.max_failed_loads:
                retry_after = None if retry_at is None else max(0.0, retry_at - now)
                state.reject(
                    request.id,
                    code,
                    message,
                    retry_after=retry_after,
                    attempt=state.count_failures(model),
                )

    # New settings

    def refuse_swap(self, model: ModelRecord, code: str, message: str, now: float) -> None:
        """Return to the previous spec: its worker serves on, or is loaded again if it had to leave.

        Requests that wait for the model keep waiting, for the previous worker.
        """
        state, swap = self._state, model.swap
        if swap is None:
            return
        model.swap = None
        state.set_spec(swap.previous, swap.previous.placements[0].revision)
        for instance in list(model.instances.values()):
            if not model.is_current(instance):
                self.request_stop(instance, "refused", now)
        self.drop_unused(model)
        state.queue.withdraw(model.spec.id)
        if swap.result is ReplaceResult.RELOADED and not state.stopping:
            state.queue.add_reason(
                model.spec.id, LoadReason.OPERATOR, PRIORITIES[model.spec.task], now
            )
        state.reject(swap.request, code, message)

    # Every state

    def publish_state_changes(self) -> None:
        """Publish the public state of each instance for which it has changed."""
        self._state.has_transitions = False
        for model in self._state.models.values():
            for instance in model.instances.values():
                shown = model.shown_state(instance)
                if shown is instance.published_state:
                    continue
                instance.published_state = shown
                ready = model.ready_instance()
                replacing = model.swap is not None or not model.is_current(instance)
                if replacing and ready is not None and ready is not instance:
                    continue  # clients see the model ready all the time while it is replaced
                self._state.publish(
                    ModelStateChanged(
                        **instance.event_fields,
                        state=instance.published_state.value,
                        reason=unfit_reason(model, "It") or instance.reason,
                    )
                )
