"""What happens when a time has come."""

from wyoming_servers.coordinator.actions import PingWorker
from wyoming_servers.coordinator.board import PlannerState
from wyoming_servers.coordinator.instance import Instance, InstanceKey
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.load_queue import LoadReason
from wyoming_servers.coordinator.states import InstanceState
from wyoming_servers.coordinator.timers import TimerKind, TimerKey
from wyoming_servers.errors import DeadlineError, OutOfMemoryError


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
            message = f"{instance.key} did not answer for {policy.ping_interval * policy.max_missed_pings:.0f} s."
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
