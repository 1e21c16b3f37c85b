"""Decides what is loaded next and where, whenever something has changed."""

from dataclasses import replace

from wyoming_servers.core.domain import Placement
from wyoming_servers.core.errors import BusyError
from wyoming_servers.core.events import ModelWaiting
from wyoming_servers.scheduling.planner.failure_policy import (
    DEVICE_LOST,
    NON_RETRYABLE_CODES,
    OOM,
    BlockReason,
    LoadBlock,
)
from wyoming_servers.scheduling.planner.instance import (
    Instance,
    InstanceKey,
    InstanceState,
)
from wyoming_servers.scheduling.planner.ledger import MemoryPressure
from wyoming_servers.scheduling.planner.lifecycle import Lifecycle
from wyoming_servers.scheduling.planner.load_queue import (
    LoadReason,
    PendingLoad,
)
from wyoming_servers.scheduling.planner.placement import (
    BackingOff,
    EvictionCandidate,
    InsufficientMemory,
    Placed,
    PlacementOption,
    Unplaceable,
    WaitForDrain,
    choose_placement,
    choose_victims,
)
from wyoming_servers.scheduling.planner.state import (
    LoadRefusal,
    ModelRecord,
    PlannerState,
)
from wyoming_servers.scheduling.planner.timers import (
    TimerKey,
    TimerKind,
)

# Looks at a model's placements: what stands for each, and what against.


class PlacementSurvey:
    """Turns what is on the board into options for `placing.choose`."""

    def __init__(self, board: PlannerState, lifecycle: Lifecycle) -> None:
        self._board = board
        self._lifecycle = lifecycle

    def options(self, model: ModelRecord, now: float) -> list[PlacementOption]:
        """Return the options for a model, one per placement, best first."""
        return [self._option(model, placement, now) for placement in model.spec.placements]

    def _option(self, model: ModelRecord, placement: Placement, now: float) -> PlacementOption:
        board = self._board
        key = InstanceKey(model.spec.id, placement)
        tier = model.placement_tier(key)
        needed = board.estimate(key)
        barrier = self._block(key, needed, now)
        ledger = board.ledger(key)
        if barrier is not None or ledger is None:
            return PlacementOption(key=key, tier=tier, needed_bytes=needed, block=barrier)
        instance = model.instances[placement]
        leaving = board.bytes_being_freed(placement.device)
        return PlacementOption(
            key=key,
            tier=tier,
            needed_bytes=needed,
            available_bytes=ledger.available(key),
            returning_bytes=leaving,
            candidates=tuple(
                self._lifecycle.eviction_candidate(other, now)
                for other in board.instances()
                if other.key.model != key.model
                and self._lifecycle.is_evictable(other, placement.device)
            ),
            exiting=instance.exiting or (instance.needs_empty_device and leaving > 0),
            draining=instance.state is InstanceState.DRAINING,
        )

    def _block(self, key: InstanceKey, needed: int, now: float) -> LoadBlock | None:
        ledger = self._board.ledger(key)
        if ledger is None:
            return LoadBlock(
                BlockReason.DEVICE_MISSING,
                DEVICE_LOST,
                f"There is no {key.device} on this machine.",
            )
        if not ledger.present:
            again = now + self._board.policy.memory_retry_interval
            return LoadBlock(
                BlockReason.DEVICE_MISSING, DEVICE_LOST, f"{key.device} cannot be read.", again
            )
        if needed > ledger.ceiling:
            return LoadBlock(
                BlockReason.TOO_LARGE,
                OOM,
                f"{key} needs {format_mib(needed)}; "
                f"models may hold {format_mib(ledger.ceiling)} there.",
            )
        return self._board.failures.active_block(key, now)


def format_mib(size: int) -> str:
    """Write a number of bytes for people."""
    return f"{size / 2**20:,.0f} MiB"


class Scheduler:
    """Goes through all that wait, first things first; keeps nothing between rounds.

    A round that finds nothing changed does nothing, so it may run after any signal.
    """

    def __init__(self, board: PlannerState, lifecycle: Lifecycle) -> None:
        self._board = board
        self._lifecycle = lifecycle
        self._survey = PlacementSurvey(board, lifecycle)

    def run(self, now: float) -> None:
        """Serve the demands in order, then improve placements, then drop what nobody wants."""
        board = self._board
        for ledger in board.ledgers.values():
            ledger.clear_claims()
        for demand in board.queue.ordered(now):
            self._advance(demand, now)
        for model in list(board.models.values()):
            if model.needs_planning:
                self._return_to_better_placement(model, now)
                self._abandon_unneeded(model)
        self._set_probe(now)

    # Demands

    def _advance(self, demand: PendingLoad, now: float) -> None:
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
        if ready := model.ready_instance():  # 1
            for request in board.queue.take(demand.model):
                self._lifecycle.grant(request, ready, now)
            return
        if model.loading_instance() or board.count_loading() >= board.policy.parallel_loads:
            return
        if demand.speculative and self._is_busy():
            return
        outcome = choose_placement(self._survey.options(model, now))
        if isinstance(outcome, Placed):
            self._place(model, demand, outcome, now)  # 2
        elif isinstance(outcome, WaitForDrain):
            self._claim(outcome.key, board.estimate(outcome.key))  # 3
        elif isinstance(outcome, InsufficientMemory):
            self._wait_for_memory(model, demand, outcome, now)  # 4
        elif isinstance(outcome, BackingOff):
            self._wait_for_backoff(model, demand, outcome, now)  # 5
        else:
            self._reject_all(model, demand, outcome, now)  # 6

    def _place(self, model: ModelRecord, demand: PendingLoad, place: Placed, now: float) -> None:
        if demand.speculative and (not place.immediate or self._is_critical(place.key)):
            return
        if place.preferred_lacking_memory is not None and not demand.speculative:
            self._mark_waiting_for_memory(model, place.preferred_lacking_memory)
        for victim in place.victims:
            self._lifecycle.evict(self._instance(victim), model.spec.id, now)
        instance = model.instances[place.key.placement]
        if place.immediate:
            self._lifecycle.launch(instance, now, self._fallback_reason(model, place))
        else:
            self._lifecycle.enqueue(instance, "room is being made")
            self._claim(place.key, place.needed_bytes)

    def _wait_for_memory(
        self, model: ModelRecord, demand: PendingLoad, wait: InsufficientMemory, now: float
    ) -> None:
        if demand.speculative:
            return
        self._mark_waiting_for_memory(model, wait)
        since = min((r.queued_at for r in demand.requests.values()), default=demand.queued_at)
        # The sum, not the difference: both sides must round alike, or the timer is set for ever.
        patient_until = since + self._board.policy.queue_jump_window
        if now >= patient_until:
            self._claim(wait.key, wait.needed_bytes)
            self._drain_busy_models(model, wait, now)
        else:
            self._board.timers.set(
                TimerKey(TimerKind.QUEUE_JUMP_EXPIRED, model.spec.id), patient_until
            )

    def _drain_busy_models(self, model: ModelRecord, wait: InsufficientMemory, now: float) -> None:
        """Let models in use here end their leases and take no new ones, if that would make room.

        Without this, two clients of one model could keep a third from its own for ever. A lease
        that has lasted longer than our patience (a stream of wake words) is not waited for.
        """
        board, device = self._board, wait.key.device
        fresh = now - board.policy.queue_jump_window
        long_lived = {held.key for held in board.leases.values() if held.since < fresh}
        turns, ending = [], 0
        for other in board.instances():
            if other.key.device != device or other.key in long_lived:
                continue
            if other.state is InstanceState.DRAINING:
                ending += board.ledgers[device].size_of(other.key)
            elif (
                other.state is InstanceState.READY
                and other.key.model != model.spec.id
                and not board.models[other.key.model].spec.pinned
            ):
                turns.append(self._lifecycle.eviction_candidate(other, now))
        room = board.ledgers[device].available(wait.key) + board.bytes_being_freed(device) + ending
        for victim in choose_victims(turns, wait.needed_bytes - room) or ():
            self._lifecycle.request_stop(self._instance(victim), "its turn is over", now)

    def _wait_for_backoff(
        self, model: ModelRecord, demand: PendingLoad, held: BackingOff, now: float
    ) -> None:
        """A request stays if the pause and the load after it fit before its deadline."""
        again = held.block.until if held.block.until is not None else now
        for request in list(demand.requests.values()):
            if again + model.load_seconds > request.deadline:
                self._board.reject(
                    request.id,
                    held.block.code,
                    held.block.message,
                    retry_after=again - now,
                )

    def _reject_all(
        self, model: ModelRecord, demand: PendingLoad, why: Unplaceable, now: float
    ) -> None:
        """An open circuit is BUSY with its cause; anything else says itself what it is."""
        barrier = why.block
        after = None if why.until is None else max(0.0, why.until - now)
        code, message = barrier.code, barrier.message
        if barrier.reason is BlockReason.CIRCUIT and code not in NON_RETRYABLE_CODES:
            code = BusyError.code
            message = f"{model.spec.id} failed too often ({barrier.code}: {barrier.message})"
        model.load_refusal = LoadRefusal(code, message, after)
        for request in list(demand.requests.values()):
            self._board.reject(request.id, code, message, retry_after=after)
        self._board.queue.withdraw(model.spec.id)

    # Placements

    def _fallback_reason(self, model: ModelRecord, place: Placed) -> str:
        """Return why a model goes to a lesser placement; empty if it does not."""
        if model.placement_rank(place.key) == 0:
            return ""
        if place.preferred_lacking_memory is not None:
            lacks = place.preferred_lacking_memory
            return (
                f"{lacks.key.device} has no room: {format_mib(lacks.needed_bytes)} needed, "
                f"{format_mib(lacks.free_bytes)} free."
            )
        if place.preferred_block is not None:
            return place.preferred_block.message
        return (
            ""
            if model.placement_tier(place.key) == 0
            else "It is being unloaded from a better placement."
        )

    def _mark_waiting_for_memory(self, model: ModelRecord, wait: InsufficientMemory) -> None:
        """Let the instance be seen waiting for memory."""
        instance = model.instances[wait.key.placement]
        if instance.state not in (InstanceState.COLD, InstanceState.FAILED, InstanceState.QUEUED):
            return
        told = instance.waits_for_memory
        self._lifecycle.enqueue(instance, "no room", no_room=True)
        if not told:
            self._board.publish(
                ModelWaiting(
                    **instance.event_fields,
                    needed_bytes=wait.needed_bytes,
                    free_bytes=wait.free_bytes,
                    retry_seconds=self._board.policy.memory_retry_interval,
                )
            )

    def _instance(self, candidate: EvictionCandidate) -> Instance:
        key = candidate.key
        return self._board.models[key.model].instances[key.placement]

    def has_fallback(self, instance: Instance, now: float) -> bool:
        """Whether its model could go to a lesser placement."""
        model = self._board.models[instance.key.model]
        tier = model.placement_tier(instance.key)
        return any(o.tier > tier and o.block is None for o in self._survey.options(model, now))

    def probe_interval(self) -> float:
        """Return the seconds until the memory is to be read again."""
        policy = self._board.policy
        if any(ledger.returning for ledger in self._board.ledgers.values()):
            return policy.memory_return_interval
        if any(instance.waits_for_memory for instance in self._board.instances()):
            return policy.memory_retry_interval
        return policy.probe_interval

    # What follows from having fallen back

    def _return_to_better_placement(self, model: ModelRecord, now: float) -> None:
        """Move a model that fell back to a better placement, if that costs nobody anything.

        1. Something better than what serves waits for room, or may be tried again.
        2. Nothing else is being loaded, and the device is not nearly full.
        3. It fits there, or those that would go have been of no use for longer than this model.
        """
        serving = model.ready_instance() or model.loading_instance()
        if serving is None or self._board.stopping:
            return
        waiting = (InstanceState.QUEUED, InstanceState.FAILED)
        if not any(  # 1
            instance.state in waiting
            and model.placement_tier(instance.key) < model.placement_tier(serving.key)
            for instance in model.instances.values()
        ):
            return
        if self._is_busy():  # 2
            return
        better = [
            option
            for option in self._survey.options(model, now)
            if option.tier < model.placement_tier(serving.key) and option.block is None
        ]
        if not better:
            return
        used = model.last_used if model.last_used is not None else serving.idle_since()
        spare = [
            replace(
                option,
                candidates=tuple(c for c in option.candidates if now - c.idle_seconds < used),
            )
            for option in better
        ]
        outcome = choose_placement(spare)
        if isinstance(outcome, Placed) and not self._is_critical(outcome.key):  # 3
            self._place(
                model, PendingLoad(model.spec.id, now, reason=LoadReason.OPERATOR), outcome, now
            )

    def _abandon_unneeded(self, model: ModelRecord) -> None:
        """Let a queued instance go that nobody waits for and that would improve nothing."""
        serving = model.ready_instance() or model.loading_instance()
        demanded = self._board.queue.get(model.spec.id) is not None
        for instance in model.instances.values():
            if instance.state is not InstanceState.QUEUED:
                continue
            improves = serving is not None and model.placement_tier(
                instance.key
            ) < model.placement_tier(serving.key)
            if not improves and (serving is not None or not demanded):
                self._lifecycle.abandon(instance)

    # The moment

    def _is_busy(self) -> bool:
        """Whether the machine has better to do than to load ahead of use."""
        board = self._board
        waited = any(not demand.speculative for demand in board.queue)
        return board.stopping or not board.accepting or waited or board.count_loading() > 0

    def _is_critical(self, key: InstanceKey) -> bool:
        ledger = self._board.ledger(key)
        return ledger is not None and ledger.pressure is MemoryPressure.CRITICAL

    def _set_probe(self, now: float) -> None:
        """Have the memory read as often as the moment asks for; not while it is being read."""
        timer = TimerKey(TimerKind.PROBE)
        set_for, wanted = self._board.timers.due_at(timer), now + self.probe_interval()
        if set_for is not None and set_for > wanted:
            self._board.timers.set(timer, wanted)

    def _claim(self, key: InstanceKey, size: int) -> None:
        if ledger := self._board.ledger(key):
            ledger.claim(key, size)
