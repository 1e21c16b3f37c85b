"""Decides what is loaded next and where, whenever something has changed."""

from dataclasses import replace

from wyoming_servers.coordinator.board import Board, Model, Refusal
from wyoming_servers.coordinator.eviction import Candidate, choose_victims
from wyoming_servers.coordinator.instance import Instance, InstanceKey
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.load_queue import Demand, Want
from wyoming_servers.coordinator.placing import (
    Await,
    Held,
    Hopeless,
    NoRoom,
    Place,
    choose,
)
from wyoming_servers.coordinator.pressure import Pressure
from wyoming_servers.coordinator.recovery import POINTLESS, Bar
from wyoming_servers.coordinator.states import State
from wyoming_servers.coordinator.survey import Survey, mib
from wyoming_servers.coordinator.timers import Due, Timer
from wyoming_servers.errors import BusyError
from wyoming_servers.events import ModelWaiting


class Scheduler:
    """Goes through all that wait, first things first; keeps nothing between rounds.

    A round that finds nothing changed does nothing, so it may run after any signal.
    """

    def __init__(self, board: Board, lifecycle: Lifecycle) -> None:
        self._board = board
        self._lifecycle = lifecycle
        self._survey = Survey(board, lifecycle)

    def run(self, now: float) -> None:
        """Serve the demands in order, then improve placements, then drop what nobody wants."""
        board = self._board
        for ledger in board.ledgers.values():
            ledger.clear_claims()
        for demand in board.queue.ordered(now):
            self._serve(demand, now)
        for model in list(board.models.values()):
            if model.unsettled:
                self._improve(model, now)
                self._abandon(model)
        self._set_probe(now)

    # Demands

    def _serve(self, demand: Demand, now: float) -> None:
        """Bring one demand nearer to its end.

        1. A better use of the moment: it is ready (an operator's wish that came late), it is being
           loaded already, too many loads are in flight, or it is speculative and others load.
        2. It can be placed: make room and launch, at once or when the room is there.
        3. Its placement is just being left: wait for that.
        4. No room: wait for memory; after a while nobody may pass any more.
        5. It failed a moment ago: wait, but let those requests go that cannot.
        6. Nothing can be done: they all get the error.
        """
        board = self._board
        model = board.models[demand.model]
        if ready := model.ready():  # 1
            for request in board.queue.take(demand.model):
                self._lifecycle.serve(request, ready, now)
            return
        if model.loading() or board.loads() >= board.policy.parallel_loads:
            return
        if demand.speculative and self._is_occupied():
            return
        outcome = choose(self._survey.of(model, now))
        if isinstance(outcome, Place):
            self._place(model, demand, outcome, now)  # 2
        elif isinstance(outcome, Await):
            self._claim(outcome.key, board.estimate(outcome.key))  # 3
        elif isinstance(outcome, NoRoom):
            self._wait_for_room(model, demand, outcome, now)  # 4
        elif isinstance(outcome, Held):
            self._hold(model, demand, outcome, now)  # 5
        else:
            self._give_up(model, demand, outcome, now)  # 6

    def _place(self, model: Model, demand: Demand, place: Place, now: float) -> None:
        if demand.speculative and (not place.at_once or self._is_critical(place.key)):
            return
        if place.better is not None and not demand.speculative:
            self._await_room(model, place.better)
        for victim in place.victims:
            self._lifecycle.evict(self._instance(victim), model.spec.id, now)
        instance = model.instances[place.key.placement]
        if place.at_once:
            self._lifecycle.launch(instance, now, self._why_here(model, place))
        else:
            self._lifecycle.queue(instance, "room is being made")
            self._claim(place.key, place.needed)

    def _wait_for_room(self, model: Model, demand: Demand, wait: NoRoom, now: float) -> None:
        if demand.speculative:
            return
        self._await_room(model, wait)
        since = min((r.since for r in demand.requests.values()), default=demand.since)
        # The sum, not the difference: both sides must round alike, or the timer is set for ever.
        patient_until = since + self._board.policy.patience
        if now >= patient_until:
            self._claim(wait.key, wait.needed)
            self._take_turn(model, wait, now)
        else:
            self._board.timers.set(Timer(Due.PATIENCE, model.spec.id), patient_until)

    def _take_turn(self, model: Model, wait: NoRoom, now: float) -> None:
        """Let models in use here end their leases and take no new ones, if that would make room.

        Without this, two clients of one model could keep a third from its own for ever. A lease
        that has lasted longer than our patience (a stream of wake words) is not waited for.
        """
        board, device = self._board, wait.key.device
        fresh = now - board.policy.patience
        long_lived = {held.key for held in board.held.values() if held.since < fresh}
        turns, ending = [], 0
        for other in board.instances():
            if other.key.device != device or other.key in long_lived:
                continue
            if other.state is State.DRAINING:
                ending += board.ledgers[device].size_of(other.key)
            elif (
                other.state is State.READY
                and other.key.model != model.spec.id
                and not board.models[other.key.model].spec.pinned
            ):
                turns.append(self._lifecycle.candidate(other, now))
        room = board.ledgers[device].available(wait.key) + board.leaving(device) + ending
        for victim in choose_victims(turns, wait.needed - room) or ():
            self._lifecycle.let_go(self._instance(victim), "its turn is over", now)

    def _hold(self, model: Model, demand: Demand, held: Held, now: float) -> None:
        """A request stays if the pause and the load after it fit before its deadline."""
        again = held.barrier.until if held.barrier.until is not None else now
        for request in list(demand.requests.values()):
            if again + model.load_seconds > request.deadline:
                self._board.refuse(
                    request.id,
                    held.barrier.code,
                    held.barrier.message,
                    retry_after=again - now,
                )

    def _give_up(self, model: Model, demand: Demand, why: Hopeless, now: float) -> None:
        """An open circuit is BUSY with its cause; anything else says itself what it is."""
        barrier = why.barrier
        after = None if why.until is None else max(0.0, why.until - now)
        code, message = barrier.code, barrier.message
        if barrier.bar is Bar.CIRCUIT and code not in POINTLESS:
            code = BusyError.code
            message = f"{model.spec.id} failed too often ({barrier.code}: {barrier.message})"
        model.refusal = Refusal(code, message, after)
        for request in list(demand.requests.values()):
            self._board.refuse(request.id, code, message, retry_after=after)
        self._board.queue.unwant(model.spec.id)

    # Placements

    def _why_here(self, model: Model, place: Place) -> str:
        """Return why a model goes to a lesser placement; empty if it does not."""
        if model.place(place.key) == 0:
            return ""
        if place.better is not None:
            lacks = place.better
            return (
                f"{lacks.key.device} has no room: {mib(lacks.needed)} needed, "
                f"{mib(lacks.free)} free."
            )
        if place.avoided is not None:
            return place.avoided.message
        return "" if model.tier(place.key) == 0 else "It is being unloaded from a better placement."

    def _await_room(self, model: Model, wait: NoRoom) -> None:
        """Let the instance be seen waiting for memory."""
        instance = model.instances[wait.key.placement]
        if instance.state not in (State.COLD, State.FAILED, State.QUEUED):
            return
        told = instance.no_room
        self._lifecycle.queue(instance, "no room", no_room=True)
        if not told:
            self._board.publish(
                ModelWaiting(
                    **instance.names,
                    needed_bytes=wait.needed,
                    free_bytes=wait.free,
                    retry_seconds=self._board.policy.retry,
                )
            )

    def _instance(self, candidate: Candidate) -> Instance:
        key = candidate.key
        return self._board.models[key.model].instances[key.placement]

    def has_lesser(self, instance: Instance, now: float) -> bool:
        """Whether its model could go to a lesser placement."""
        model = self._board.models[instance.key.model]
        tier = model.tier(instance.key)
        return any(o.tier > tier and o.barrier is None for o in self._survey.of(model, now))

    def pace(self) -> float:
        """Return the seconds until the memory is to be read again."""
        policy = self._board.policy
        if any(ledger.returning for ledger in self._board.ledgers.values()):
            return policy.settle
        if any(instance.no_room for instance in self._board.instances()):
            return policy.retry
        return policy.probe

    # What follows from having fallen back

    def _improve(self, model: Model, now: float) -> None:
        """Move a model that fell back to a better placement, if that costs nobody anything.

        1. Something better than what serves waits for room, or may be tried again.
        2. Nothing else is being loaded, and the device is not nearly full.
        3. It fits there, or those that would go have been of no use for longer than this model.
        """
        serving = model.ready() or model.loading()
        if serving is None or self._board.stopping:
            return
        waiting = (State.QUEUED, State.FAILED)
        if not any(  # 1
            instance.state in waiting and model.tier(instance.key) < model.tier(serving.key)
            for instance in model.instances.values()
        ):
            return
        if self._is_occupied():  # 2
            return
        better = [
            option
            for option in self._survey.of(model, now)
            if option.tier < model.tier(serving.key) and option.barrier is None
        ]
        if not better:
            return
        used = model.last_used if model.last_used is not None else serving.idle_since()
        spare = [
            replace(option, candidates=tuple(c for c in option.candidates if now - c.idle < used))
            for option in better
        ]
        outcome = choose(spare)
        if isinstance(outcome, Place) and not self._is_critical(outcome.key):  # 3
            self._place(model, Demand(model.spec.id, now, want=Want.OPERATOR), outcome, now)

    def _abandon(self, model: Model) -> None:
        """Let a queued instance go that nobody waits for and that would improve nothing."""
        serving = model.ready() or model.loading()
        demanded = self._board.queue.get(model.spec.id) is not None
        for instance in model.instances.values():
            if instance.state is not State.QUEUED:
                continue
            improves = serving is not None and model.tier(instance.key) < model.tier(serving.key)
            if not improves and (serving is not None or not demanded):
                self._lifecycle.abandon(instance)

    # The moment

    def _is_occupied(self) -> bool:
        """Whether the machine has better to do than to load ahead of use."""
        board = self._board
        waited = any(not demand.speculative for demand in board.queue)
        return board.stopping or not board.accepting or waited or board.loads() > 0

    def _is_critical(self, key: InstanceKey) -> bool:
        ledger = self._board.ledger(key)
        return ledger is not None and ledger.pressure is Pressure.CRITICAL

    def _set_probe(self, now: float) -> None:
        """Have the memory read as often as the moment asks for; not while it is being read."""
        timer = Timer(Due.PROBE)
        set_for, wanted = self._board.timers.at(timer), now + self.pace()
        if set_for is not None and set_for > wanted:
            self._board.timers.set(timer, wanted)

    def _claim(self, key: InstanceKey, size: int) -> None:
        if ledger := self._board.ledger(key):
            ledger.claim(key, size)
