"""Moves instances through their states, with all that belongs to each move."""

from wyoming_servers.coordinator.actions import Answer, Grant, Kill, Launch
from wyoming_servers.coordinator.actions import Stop as StopWorker
from wyoming_servers.coordinator.aftermath import Aftermath
from wyoming_servers.coordinator.board import Board, Held, Model
from wyoming_servers.coordinator.eviction import Candidate
from wyoming_servers.coordinator.instance import Instance
from wyoming_servers.coordinator.load_queue import Request
from wyoming_servers.coordinator.states import State, Trigger
from wyoming_servers.coordinator.timers import Due, Timer
from wyoming_servers.errors import DeadlineError
from wyoming_servers.events import (
    ModelEvicted,
    ModelFellBack,
    ModelLoading,
    ModelProgressed,
    ModelStateChanged,
    ModelUnloaded,
)


class Lifecycle:
    """What can happen to one instance; it changes the board and asks for actions."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._aftermath = Aftermath(board, self)

    # On the way up

    def queue(self, instance: Instance, reason: str, *, no_room: bool = False) -> None:
        """Let it wait for its turn, or for memory."""
        if instance.state in (State.COLD, State.FAILED):
            instance.move(Trigger.WANTED)
        instance.reason = reason
        instance.no_room = no_room

    def abandon(self, instance: Instance) -> None:
        """Nobody waits for it any more."""
        instance.move(Trigger.ABANDONED)
        instance.reason = "abandoned"
        instance.no_room = False

    def launch(self, instance: Instance, now: float, fell_back: str = "") -> None:
        """Reserve its memory and start its process; there is room, the caller has seen to it."""
        board, model = self._board, self._board.models[instance.key.model]
        needed = board.estimate(instance.key)
        board.ledgers[instance.key.device].reserve(instance.key, needed)
        self.queue(instance, "wanted")
        instance.move(Trigger.ROOM_MADE)
        instance.begin_life(next(board.generations), now)
        instance.spec = model.spec
        board.timers.cancel(Timer(Due.RETRY, instance.key))
        board.timers.set(Timer(Due.LOAD, instance.key), now + board.policy.load)
        model.refusal = None
        if fell_back:
            model.fell_back = fell_back
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
        board.publish(ModelLoading(**instance.names, reserved_bytes=needed))
        board.do(
            Launch(
                key=instance.key,
                generation=instance.generation,
                spec=model.spec,
                stop_grace=board.policy.stop_grace,
            )
        )

    def started(self, instance: Instance, pid: int) -> None:
        """Its process has an id."""
        instance.pid = pid
        self._board.ledgers[instance.key.device].attach(instance.key, pid)

    def progressed(self, instance: Instance, phase: str, percent: int) -> None:
        """Its load moved on."""
        instance.progress = (phase, percent)
        self._board.publish(ModelProgressed(**instance.names, phase=phase, percent=percent))

    def ready(self, instance: Instance, seconds: float, now: float) -> None:
        """It is warm: whoever waits gets a lease at once; its memory is measured right after."""
        board, model = self._board, self._board.models[instance.key.model]
        instance.move(Trigger.WORKER_READY)
        instance.ready_at = now
        instance.load_seconds = model.load_seconds = seconds
        instance.progress = None
        board.timers.cancel(Timer(Due.LOAD, instance.key))
        board.timers.set(Timer(Due.STABLE, instance.key), now + board.policy.stable)
        if model.place(instance.key) == 0:
            model.fell_back = ""
        board.timers.cancel(Timer(Due.GIVE_UP, model.spec.id))
        for request in board.queue.take(model.spec.id):
            self.serve(request, instance, now)
        for other in list(model.instances.values()):
            lesser = model.place(other.key) > model.place(instance.key)
            if lesser and (other.idle or other.state is State.LOADING):
                self.let_go(other, "replaced", now)
        if instance.idle:
            self.rest(instance, now)
        board.probe()

    # In use

    def serve(self, request: Request, instance: Instance, now: float) -> None:
        """Give a request what it waits for: a lease, or the news that the model is ready."""
        board = self._board
        board.timers.cancel(Timer(Due.REQUEST, request.id))
        if not request.hold:
            board.do(Answer(request=request.id, value=True))
            return
        if not instance.leases:
            instance.unanswered = 0
            board.timers.cancel(Timer(Due.KEEP_ALIVE, instance.key))
            board.timers.set(Timer(Due.PING, instance.key), now + board.policy.ping)
        instance.leases.add(request.id)
        instance.last_used = board.models[request.model].last_used = now
        board.held[request.id] = Held(instance.key, instance.generation, now)
        board.do(Grant(request=request.id, key=instance.key, generation=instance.generation))

    def lease_ended(self, instance: Instance, lease: int, now: float, *, well: bool) -> None:
        """One of its leases is over; it did `well` if it was of use."""
        instance.leases.discard(lease)
        if model := self._board.models.get(instance.key.model):
            model.last_used = now
        instance.last_used = now
        if well:
            self._board.recovery.succeeded(instance.key, now)
        if instance.leases:
            return
        self._board.timers.cancel(Timer(Due.PING, instance.key))
        if instance.usable:
            self.rest(instance, now)
        elif instance.state is State.DRAINING:
            self._drained(instance)

    def rest(self, instance: Instance, now: float) -> None:
        """Nobody uses it: decide how long it stays.

        1. A better instance of the model is ready: not at all.
        2. It was used: `keep_alive` from now on; 0 is not at all, negative for ever.
        3. It was loaded ahead of its use: the same, but long enough for the use to come.
        """
        board, model = self._board, self._board.models[instance.key.model]
        keep_alive, timer = model.spec.keep_alive, Timer(Due.KEEP_ALIVE, instance.key)
        best = model.ready()
        if best is not None and best is not instance:  # 1
            self.let_go(instance, "replaced", now)
        elif keep_alive < 0:
            board.timers.cancel(timer)
        elif instance.last_used is not None:  # 2
            if instance.last_used + keep_alive <= now:
                self.let_go(instance, "idle", now)
            else:
                board.timers.set(timer, instance.last_used + keep_alive)
        else:  # 3
            begun = instance.ready_at if instance.ready_at is not None else now
            board.timers.set(timer, begun + max(keep_alive, board.policy.linger))

    # On the way down

    def let_go(self, instance: Instance, reason: str, now: float) -> None:
        """Stop it as its state demands; leases on it may end first."""
        if instance.state is State.QUEUED:
            self.abandon(instance)
        elif instance.state is State.LOADING:
            instance.reason = reason
            instance.move(Trigger.STOP_ASKED)
            self._stop(instance)
        elif instance.state is State.READY:
            instance.reason = reason
            instance.move(Trigger.STOP_ASKED)
            if not instance.leases:
                self._drained(instance)

    def revoke(self, instance: Instance) -> None:
        """End it although it is leased: the time for that is over."""
        if instance.state is State.DRAINING:
            instance.leases.clear()
            self._drained(instance)

    def kill(self, instance: Instance, code: str, message: str) -> None:
        """End a process that is of no use any more, without asking it."""
        instance.doom = (code, message)
        self._board.do(
            Kill(key=instance.key, generation=instance.generation, code=code, message=message)
        )

    def evict(self, victim: Instance, for_model: str, now: float) -> None:
        """Unload an idle instance to make room."""
        self._board.publish(
            ModelEvicted(
                **victim.names,
                for_model=for_model,
                memory_bytes=self._board.ledgers[victim.key.device].size_of(victim.key),
                idle_seconds=now - victim.idle_since(),
            )
        )
        self._board.queue.unwant(victim.key.model)
        self.let_go(victim, "evicted", now)

    def clear(self, instance: Instance, now: float) -> None:
        """Unload everything idle on its device; its next load waits until that has left."""
        instance.clears = True
        for victim in list(self._board.instances()):
            if victim is not instance and self.evictable(victim, instance.key.device):
                self.evict(victim, instance.key.model, now)

    def gone(self, instance: Instance, code: str, message: str, now: float) -> None:
        """Its process does not exist any more; what follows depends on where it stood."""
        board = self._board
        before, leased = instance.state, bool(instance.leases)
        instance.move(Trigger.WORKER_GONE)
        device = instance.key.device
        freed, ticket = board.ledgers[device].release(instance.key)
        board.timers.set(Timer(Due.SETTLE, (device, ticket)), now + board.policy.settle_for)
        for due in (Due.LOAD, Due.KEEP_ALIVE, Due.PING, Due.STABLE):
            board.timers.cancel(Timer(due, instance.key))
        if instance.measured and instance.memory != board.footprints.get(instance.key.footprint):
            board.learn(instance.key.footprint, instance.memory)
        instance.leases, instance.pid, instance.progress = set(), None, None
        board.probe()
        failed = instance.state is State.FAILED
        if before is not State.LOADING:
            crashed = failed or (before is State.DRAINING and leased)
            reason = "crash" if crashed else instance.reason
            board.publish(ModelUnloaded(**instance.names, reason=reason, freed_bytes=freed))
        if failed:
            code, message = instance.doom or (code, message)
            self._aftermath.failed(instance, code, message, now, was_ready=before is State.READY)
        self.tidy(board.models[instance.key.model])

    def evictable(self, instance: Instance, device: str) -> bool:
        """Whether it may be unloaded to make room: nobody uses it, waits for it or pinned it."""
        board = self._board
        model = board.models[instance.key.model]
        return (
            instance.key.device == device
            and not model.spec.pinned
            and (
                instance.idle
                or (instance.state is State.LOADING and not board.queue.waiting(model.spec.id))
            )
        )

    def candidate(self, instance: Instance, now: float) -> Candidate:
        """Describe it for the choice of victims."""
        return Candidate(
            key=instance.key,
            size=self._board.ledgers[instance.key.device].size_of(instance.key),
            idle=now - instance.idle_since(),
            load_seconds=instance.load_seconds or 0.0,
        )

    # For all

    def overdue(self, instance: Instance) -> None:
        """Its load has taken too long."""
        limit = self._board.policy.load
        self.kill(
            instance, DeadlineError.code, f"{instance.key} was not ready after {limit:.0f} s."
        )

    def tell(self) -> None:
        """Tell the outside what its view of each instance has become since it was told last."""
        for instance in self._board.instances():
            if instance.visible_state is not instance.shown:
                instance.shown = instance.visible_state
                self._board.publish(
                    ModelStateChanged(
                        **instance.names, state=instance.shown.value, reason=instance.reason
                    )
                )

    def _drained(self, instance: Instance) -> None:
        instance.move(Trigger.DRAINED)
        self._stop(instance)

    def _stop(self, instance: Instance) -> None:
        board = self._board
        for due in (Due.LOAD, Due.KEEP_ALIVE, Due.PING, Due.STABLE):
            board.timers.cancel(Timer(due, instance.key))
        board.do(
            StopWorker(
                key=instance.key,
                generation=instance.generation,
                grace=board.policy.stop_grace,
            )
        )

    def tidy(self, model: Model) -> None:
        """Drop placements the spec no longer has, and the model itself if it was removed."""
        for placement in list(model.instances):
            instance = model.instances[placement]
            if placement not in model.spec.placements and not instance.alive:
                del model.instances[placement]
        if model.removals and not model.alive:
            del self._board.models[model.spec.id]
            for request in model.removals:
                self._board.do(Answer(request=request, value=True))
