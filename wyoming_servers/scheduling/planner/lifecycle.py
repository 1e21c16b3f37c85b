"""Moves instances through their states, with all that belongs to each move."""

from wyoming_servers.core.errors import DeadlineError
from wyoming_servers.core.events import (
    ModelEvicted,
    ModelFellBack,
    ModelLoading,
    ModelProgressed,
    ModelStateChanged,
    ModelUnloaded,
)
from wyoming_servers.scheduling.planner.actions import (
    GrantLease,
    KillWorker,
    LaunchWorker,
    ResolveRequest,
    StopWorker,
)
from wyoming_servers.scheduling.planner.failure_handler import FailureHandler
from wyoming_servers.scheduling.planner.instance import (
    Instance,
    InstanceState,
    InstanceTrigger,
)
from wyoming_servers.scheduling.planner.load_queue import PendingRequest
from wyoming_servers.scheduling.planner.placement import EvictionCandidate
from wyoming_servers.scheduling.planner.state import (
    LeaseRecord,
    ModelRecord,
    PlannerState,
)
from wyoming_servers.scheduling.planner.timers import (
    TimerKey,
    TimerKind,
)


class Lifecycle:
    """What can happen to one instance; it changes the board and asks for actions."""

    def __init__(self, board: PlannerState) -> None:
        self._board = board
        self._aftermath = FailureHandler(board, self)

    # On the way up

    def enqueue(self, instance: Instance, reason: str, *, no_room: bool = False) -> None:
        """Let it wait for its turn, or for memory."""
        if instance.state in (InstanceState.COLD, InstanceState.FAILED):
            instance.transition(InstanceTrigger.LOAD_REQUESTED)
        instance.reason = reason
        instance.waits_for_memory = no_room

    def abandon(self, instance: Instance) -> None:
        """Nobody waits for it any more."""
        instance.transition(InstanceTrigger.ABANDONED)
        instance.reason = "abandoned"
        instance.waits_for_memory = False

    def launch(self, instance: Instance, now: float, fell_back: str = "") -> None:
        """Reserve its memory and start its process; there is room, the caller has seen to it."""
        board, model = self._board, self._board.models[instance.key.model]
        needed = board.estimate(instance.key)
        board.ledgers[instance.key.device].reserve(instance.key, needed)
        self.enqueue(instance, "wanted")
        instance.transition(InstanceTrigger.MEMORY_RESERVED)
        instance.reset_for_launch(next(board.generations), now)
        instance.spec = model.spec
        board.timers.cancel(TimerKey(TimerKind.RETRY, instance.key))
        board.timers.set(
            TimerKey(TimerKind.LOAD_TIMEOUT, instance.key), now + board.policy.load_timeout
        )
        model.load_refusal = None
        if fell_back:
            model.fallback_reason = fell_back
            wish = model.spec.placements[0]
            board.publish(
                ModelFellBack(
                    model=model.spec.id,
                    device=wish.device,
                    compute_type=wish.compute_type,
                    to_device=instance.key.placement.device,
                    to_compute_type=instance.key.placement.compute_type,
                    reason=fell_back,
                )
            )
        board.publish(ModelLoading(**instance.event_fields, reserved_bytes=needed))
        board.emit(
            LaunchWorker(
                key=instance.key,
                generation=instance.generation,
                spec=model.spec,
                stop_grace=board.policy.stop_grace,
            )
        )

    def on_worker_started(self, instance: Instance, pid: int) -> None:
        """Its process has an id."""
        instance.pid = pid
        self._board.ledgers[instance.key.device].set_pid(instance.key, pid)

    def on_load_progress(self, instance: Instance, phase: str, percent: int) -> None:
        """Its load moved on."""
        instance.progress = (phase, percent)
        self._board.publish(ModelProgressed(**instance.event_fields, phase=phase, percent=percent))

    def on_worker_ready(self, instance: Instance, seconds: float, now: float) -> None:
        """It is warm: whoever waits gets a lease at once; its memory is measured right after."""
        board, model = self._board, self._board.models[instance.key.model]
        instance.transition(InstanceTrigger.WORKER_READY)
        instance.ready_at = now
        instance.load_seconds = model.load_seconds = seconds
        instance.progress = None
        board.timers.cancel(TimerKey(TimerKind.LOAD_TIMEOUT, instance.key))
        board.timers.set(
            TimerKey(TimerKind.FAILURE_RESET, instance.key), now + board.policy.failure_reset
        )
        if model.placement_rank(instance.key) == 0:
            model.fallback_reason = ""
        board.timers.cancel(TimerKey(TimerKind.PREFETCH_EXPIRED, model.spec.id))
        for request in board.queue.take(model.spec.id):
            self.grant(request, instance, now)
        for other in list(model.instances.values()):
            lesser = model.placement_rank(other.key) > model.placement_rank(instance.key)
            if lesser and (other.idle or other.state is InstanceState.LOADING):
                self.request_stop(other, "replaced", now)
        if instance.idle:
            self.schedule_idle_unload(instance, now)
        board.sample_memory()

    # In use

    def grant(self, request: PendingRequest, instance: Instance, now: float) -> None:
        """Give a request what it waits for: a lease, or the news that the model is ready."""
        board = self._board
        board.timers.cancel(TimerKey(TimerKind.REQUEST_TIMEOUT, request.id))
        if not request.wants_lease:
            board.emit(ResolveRequest(request=request.id, value=True))
            return
        if not instance.leases:
            instance.missed_pings = 0
            board.timers.cancel(TimerKey(TimerKind.KEEP_ALIVE, instance.key))
            board.timers.set(
                TimerKey(TimerKind.PING, instance.key), now + board.policy.ping_interval
            )
        instance.leases.add(request.id)
        instance.last_used = board.models[request.model].last_used = now
        board.leases[request.id] = LeaseRecord(instance.key, instance.generation, now)
        board.emit(GrantLease(request=request.id, key=instance.key, generation=instance.generation))

    def on_lease_ended(self, instance: Instance, lease: int, now: float, *, well: bool) -> None:
        """One of its leases is over; it did `well` if it was of use."""
        instance.leases.discard(lease)
        if model := self._board.models.get(instance.key.model):
            model.last_used = now
        instance.last_used = now
        if well:
            self._board.failures.record_success(instance.key, now)
        if instance.leases:
            return
        self._board.timers.cancel(TimerKey(TimerKind.PING, instance.key))
        if instance.usable:
            self.schedule_idle_unload(instance, now)
        elif instance.state is InstanceState.DRAINING:
            self._drained(instance)

    def schedule_idle_unload(self, instance: Instance, now: float) -> None:
        """Nobody uses it: decide how long it stays.

        1. A better instance of the model is ready: not at all.
        2. It was used: `keep_alive` from now on; 0 is not at all, negative for ever.
        3. It was loaded ahead of its use: the same, but long enough for the use to come.
        """
        board, model = self._board, self._board.models[instance.key.model]
        keep_alive, timer = model.spec.keep_alive, TimerKey(TimerKind.KEEP_ALIVE, instance.key)
        best = model.ready_instance()
        if best is not None and best is not instance:  # 1
            self.request_stop(instance, "replaced", now)
        elif keep_alive < 0:
            board.timers.cancel(timer)
        elif instance.last_used is not None:  # 2
            if instance.last_used + keep_alive <= now:
                self.request_stop(instance, "idle", now)
            else:
                board.timers.set(timer, instance.last_used + keep_alive)
        else:  # 3
            begun = instance.ready_at if instance.ready_at is not None else now
            board.timers.set(timer, begun + max(keep_alive, board.policy.prefetch_keep_alive))

    # On the way down

    def request_stop(self, instance: Instance, reason: str, now: float) -> None:
        """Stop it as its state demands; leases on it may end first."""
        if instance.state is InstanceState.QUEUED:
            self.abandon(instance)
        elif instance.state is InstanceState.LOADING:
            instance.reason = reason
            instance.transition(InstanceTrigger.STOP_REQUESTED)
            self._stop(instance)
        elif instance.state is InstanceState.READY:
            instance.reason = reason
            instance.transition(InstanceTrigger.STOP_REQUESTED)
            if not instance.leases:
                self._drained(instance)

    def revoke_leases(self, instance: Instance) -> None:
        """End it although it is leased: the time for that is over."""
        if instance.state is InstanceState.DRAINING:
            instance.leases.clear()
            self._drained(instance)

    def kill(self, instance: Instance, code: str, message: str) -> None:
        """End a process that is of no use any more, without asking it."""
        instance.kill_reason = (code, message)
        self._board.emit(
            KillWorker(key=instance.key, generation=instance.generation, code=code, message=message)
        )

    def evict(self, victim: Instance, for_model: str, now: float) -> None:
        """Unload an idle instance to make room."""
        self._board.publish(
            ModelEvicted(
                **victim.event_fields,
                for_model=for_model,
                memory_bytes=self._board.ledgers[victim.key.device].size_of(victim.key),
                idle_seconds=now - victim.idle_since(),
            )
        )
        self._board.queue.withdraw(victim.key.model)
        self.request_stop(victim, "evicted", now)

    def evict_idle_on_device(self, instance: Instance, now: float) -> None:
        """Unload everything idle on its device; its next load waits until that has left."""
        instance.needs_empty_device = True
        for victim in list(self._board.instances()):
            if victim is not instance and self.is_evictable(victim, instance.key.device):
                self.evict(victim, instance.key.model, now)

    def on_worker_exit(self, instance: Instance, code: str, message: str, now: float) -> None:
        """Its process does not exist any more; what follows depends on where it stood."""
        board = self._board
        before, leased = instance.state, bool(instance.leases)
        instance.transition(InstanceTrigger.WORKER_EXITED)
        device = instance.key.device
        freed, ticket = board.ledgers[device].release(instance.key)
        board.timers.set(
            TimerKey(TimerKind.MEMORY_RETURN_TIMEOUT, (device, ticket)),
            now + board.policy.memory_return_timeout,
        )
        for due in (
            TimerKind.LOAD_TIMEOUT,
            TimerKind.KEEP_ALIVE,
            TimerKind.PING,
            TimerKind.FAILURE_RESET,
        ):
            board.timers.cancel(TimerKey(due, instance.key))
        if instance.measured and instance.memory_bytes != board.footprints.get(
            instance.key.footprint_key
        ):
            board.save_footprint(instance.key.footprint_key, instance.memory_bytes)
        instance.leases, instance.pid, instance.progress = set(), None, None
        board.sample_memory()
        failed = instance.state is InstanceState.FAILED
        if before is not InstanceState.LOADING:
            crashed = failed or (before is InstanceState.DRAINING and leased)
            reason = "crash" if crashed else instance.reason
            board.publish(ModelUnloaded(**instance.event_fields, reason=reason, freed_bytes=freed))
        if failed:
            code, message = instance.kill_reason or (code, message)
            self._aftermath.handle(
                instance, code, message, now, was_ready=before is InstanceState.READY
            )
        self.drop_unused(board.models[instance.key.model])

    def is_evictable(self, instance: Instance, device: str) -> bool:
        """Whether it may be unloaded to make room: nobody uses it, waits for it or pinned it."""
        board = self._board
        model = board.models[instance.key.model]
        return (
            instance.key.device == device
            and not model.spec.pinned
            and (
                instance.idle
                or (
                    instance.state is InstanceState.LOADING
                    and not board.queue.waiting(model.spec.id)
                )
            )
        )

    def eviction_candidate(self, instance: Instance, now: float) -> EvictionCandidate:
        """Describe it for the choice of victims."""
        return EvictionCandidate(
            key=instance.key,
            size_bytes=self._board.ledgers[instance.key.device].size_of(instance.key),
            idle_seconds=now - instance.idle_since(),
            load_seconds=instance.load_seconds or 0.0,
        )

    # For all

    def on_load_timeout(self, instance: Instance) -> None:
        """Its load has taken too long."""
        limit = self._board.policy.load_timeout
        self.kill(
            instance, DeadlineError.code, f"{instance.key} was not ready after {limit:.0f} s."
        )

    def publish_state_changes(self) -> None:
        """Tell the outside what its view of each instance has become since it was told last."""
        for instance in self._board.instances():
            if instance.public_state is not instance.published_state:
                instance.published_state = instance.public_state
                self._board.publish(
                    ModelStateChanged(
                        **instance.event_fields,
                        state=instance.published_state.value,
                        reason=instance.reason,
                    )
                )

    def _drained(self, instance: Instance) -> None:
        instance.transition(InstanceTrigger.DRAINED)
        self._stop(instance)

    def _stop(self, instance: Instance) -> None:
        board = self._board
        for due in (
            TimerKind.LOAD_TIMEOUT,
            TimerKind.KEEP_ALIVE,
            TimerKind.PING,
            TimerKind.FAILURE_RESET,
        ):
            board.timers.cancel(TimerKey(due, instance.key))
        board.emit(
            StopWorker(
                key=instance.key,
                generation=instance.generation,
                grace=board.policy.stop_grace,
            )
        )

    def drop_unused(self, model: ModelRecord) -> None:
        """Drop placements the spec no longer has, and the model itself if it was removed."""
        for placement in list(model.instances):
            instance = model.instances[placement]
            if placement not in model.spec.placements and not instance.alive:
                del model.instances[placement]
        if model.pending_removals and not model.alive:
            del self._board.models[model.spec.id]
            for request in model.pending_removals:
                self._board.emit(ResolveRequest(request=request, value=True))
