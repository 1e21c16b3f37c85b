"""What happens when a time has come."""

from wyoming_servers.coordinator.actions import Ping
from wyoming_servers.coordinator.board import Board
from wyoming_servers.coordinator.instance import Instance, InstanceKey
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.load_queue import Want
from wyoming_servers.coordinator.states import State
from wyoming_servers.coordinator.timers import Due, Timer
from wyoming_servers.errors import DeadlineError, OutOfMemoryError


class Deadlines:
    """Does what timers were set for."""

    def __init__(self, board: Board, lifecycle: Lifecycle) -> None:
        self._board = board
        self._lifecycle = lifecycle

    def due(self, timer: Timer, now: float) -> bool:
        """Do what a timer was set for; tell whether it matters to those who wait."""
        board, owner = self._board, timer.owner
        if isinstance(owner, InstanceKey):
            instance = board.instance(owner)
            return instance is not None and self._of_instance(timer.due, instance, now)
        if timer.due is Due.REQUEST and isinstance(owner, int):
            self._expire(owner)
        elif timer.due is Due.PROBE:
            self._board.probe()
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

    def _of_instance(self, due: Due, instance: Instance, now: float) -> bool:
        if due is Due.KEEP_ALIVE and instance.idle:
            self._lifecycle.let_go(instance, "idle", now)
        elif due is Due.LOAD and instance.state is State.LOADING:
            self._lifecycle.overdue(instance)
        elif due is Due.STABLE and instance.state is State.READY:
            self._board.recovery.succeeded(instance.key, now)
        elif due is Due.PING and instance.leases:
            self._ping(instance, now)
        return True

    def _ping(self, instance: Instance, now: float) -> None:
        """Ask a leased worker whether it lives, or end it if it did not answer often enough."""
        policy = self._board.policy
        if instance.unanswered >= policy.ping_misses:
            message = f"{instance.key} did not answer for {policy.ping * policy.ping_misses:.0f} s."
            self._lifecycle.kill(instance, DeadlineError.code, message)
            return
        instance.unanswered += 1
        self._board.do(Ping(key=instance.key, generation=instance.generation))
        self._board.timers.set(Timer(Due.PING, instance.key), now + policy.ping)

    def _expire(self, request: int) -> None:
        """A request has waited too long: for memory, or for a load."""
        waiting = self._board.queue.remove(request)
        if waiting is None:
            return
        model = self._board.models[waiting.model]
        short = next((i for i in model.instances.values() if i.no_room), None)
        after = max(1.0, model.load_seconds)
        if short is not None and model.loading() is None:
            message = f"{short.key} got no memory in time."
            self._board.refuse(request, OutOfMemoryError.code, message, retry_after=after)
        else:
            message = f"{waiting.model} was not ready in time."
            self._board.refuse(request, DeadlineError.code, message, retry_after=after)
