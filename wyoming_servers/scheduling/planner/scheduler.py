"""Decides which pending load is started next and where, whenever something relevant has changed."""

from dataclasses import replace
from typing import Final

from wyoming_servers.core.errors import BusyError
from wyoming_servers.core.events import ModelWaiting
from wyoming_servers.scheduling.planner.actions import ReplaceResult
from wyoming_servers.scheduling.planner.failure_policy import (
    MODEL_TOO_LARGE,
    NON_RETRYABLE_CODES,
    BlockReason,
)
from wyoming_servers.scheduling.planner.instance import InstanceKey, InstanceState
from wyoming_servers.scheduling.planner.ledger import MemoryPressure
from wyoming_servers.scheduling.planner.lifecycle import Lifecycle
from wyoming_servers.scheduling.planner.load_queue import LoadReason, PendingLoad
from wyoming_servers.scheduling.planner.placement import (
    BackingOff,
    EvictionCandidate,
    InsufficientMemory,
    Placed,
    Unplaceable,
    WaitForDrain,
    choose_placement,
    choose_victims,
    eviction_candidate,
    format_mib,
    placement_options,
    unfit_reason,
)
from wyoming_servers.scheduling.planner.policy import PRIORITIES
from wyoming_servers.scheduling.planner.state import (
    Instance,
    LoadRefusal,
    ModelRecord,
    PlannerState,
    TimerKey,
    TimerKind,
)

_FREE_STEP_BYTES: Final = 64 * 2**20
"""A smaller change of the free memory is no news for a client whose model waits for memory."""


class Scheduler:
    """Goes through the pending loads in order; keeps no data between rounds.

    A round without changes since the last one does nothing, so it may run after any message.
    """

    def __init__(self, state: PlannerState, lifecycle: Lifecycle) -> None:
        self._state = state
        self._lifecycle = lifecycle

    def run(self, now: float) -> None:
        """Advance the pending loads, improve placements, then drop instances nobody needs."""
        state = self._state
        for ledger in state.ledgers.values():
            ledger.clear_claims()
        for load in state.queue.ordered(now):
            self._advance(load, now)
        for model in list(state.models.values()):
            if model.needs_planning:
                self._advance_swap(model, now)
                self._return_to_better_placement(model, now)
                self._abandon_unneeded(model)
        self._schedule_probe(now)
        state.has_pending_work = not state.queue.is_empty or any(
            model.needs_planning for model in state.models.values()
        )

    # Pending loads

    def _advance(self, load: PendingLoad, now: float) -> None:
        """Advance one pending load.

        1. Nothing to do now: the model is ready (the operator loaded it late), it is being loaded,
           too many loads are in flight, or the load is speculative and the server is busy.
        2. It can be placed: launch it, at once or when the memory has become free.
        3. Its placement is being left by an earlier process: wait for that.
        4. Not enough memory: wait; after `queue_jump_window` no other load may overtake it.
        5. It failed a moment ago: wait, and reject the requests that time out before.
        6. Nothing can be done: reject all requests.
        """
        state = self._state
        model = state.models[load.model]
        if ready := model.ready_instance():  # 1
            for request in state.queue.take(load.model):
                state.serve(request, ready, now)
            return
        if model.loading_instance() or state.count_loading() >= state.policy.parallel_loads:
            return
        if load.speculative and self._is_busy():
            return
        decision = choose_placement(placement_options(state, model, now))
        if isinstance(decision, Placed):
            self._place(model, load, decision, now)  # 2
        elif isinstance(decision, WaitForDrain):
            self._claim(decision.key, state.estimate(decision.key))  # 3
        elif isinstance(decision, InsufficientMemory):
            self._wait_for_memory(model, load, decision, now)  # 4
        elif isinstance(decision, BackingOff):
            self._wait_for_backoff(model, load, decision, now)  # 5
        else:
            self._reject_all(model, load, decision, now)  # 6

    def _place(self, model: ModelRecord, load: PendingLoad, place: Placed, now: float) -> None:
        if load.speculative and (not place.immediate or self._is_critical(place.key)):
            return
        if place.preferred_lacking_memory is not None and not load.speculative:
            self._mark_waiting_for_memory(model, place.preferred_lacking_memory)
        for victim in place.victims:
            self._lifecycle.evict(self._instance(victim), model.spec.id, now)
        instance = model.instances[place.key.placement]
        if place.immediate:
            self._lifecycle.launch(instance, now, self._fallback_reason(model, place))
        else:
            self._lifecycle.enqueue(instance, "memory is being freed")
            self._claim(place.key, place.needed_bytes)

    def _wait_for_memory(
        self, model: ModelRecord, load: PendingLoad, wait: InsufficientMemory, now: float
    ) -> None:
        if load.speculative:
            return
        self._mark_waiting_for_memory(model, wait)
        since = min((r.queued_at for r in load.requests.values()), default=load.queued_at)
        # The sum, not the difference: both must be rounded alike, or the timer is set forever.
        window_ends = since + self._state.policy.queue_jump_window
        if now >= window_ends:
            self._claim(wait.key, wait.needed_bytes)
            self._drain_busy_models(model, wait, now)
        else:
            self._state.timers.set(
                TimerKey(TimerKind.QUEUE_JUMP_EXPIRED, model.spec.id), window_ends
            )

    def _drain_busy_models(self, model: ModelRecord, wait: InsufficientMemory, now: float) -> None:
        """Drain leased models on this device, if that would free enough memory.

        Without this, two clients of one model could keep a third from its own model forever. A
        lease that is older than `queue_jump_window` (a wake word stream) is not waited for.
        """
        state, device = self._state, wait.key.device
        oldest = now - state.policy.queue_jump_window
        long_lived = {lease.key for lease in state.leases.values() if lease.since < oldest}
        candidates, draining_bytes = [], 0
        for other in state.instances():
            if other.key.device != device or other.key in long_lived:
                continue
            if other.state is InstanceState.DRAINING:
                draining_bytes += state.ledgers[device].size_of(other.key)
            elif (
                other.state is InstanceState.READY
                and other.key.model != model.spec.id
                and not state.models[other.key.model].pinned
            ):
                candidates.append(eviction_candidate(state, other, now))
        available = state.ledgers[device].available(wait.key)
        available += state.bytes_being_freed(device) + draining_bytes
        for victim in choose_victims(candidates, wait.needed_bytes - available) or ():
            self._lifecycle.request_stop(self._instance(victim), "yields to another model", now)

    def _wait_for_backoff(
        self, model: ModelRecord, load: PendingLoad, wait: BackingOff, now: float
    ) -> None:
        """Keep the requests whose deadline leaves time for the pause and the next load."""
        retry_at = wait.block.until if wait.block.until is not None else now
        for request in list(load.requests.values()):
            if retry_at + model.load_seconds > request.deadline:
                self._state.reject(
                    request.id,
                    wait.block.code,
                    wait.block.message,
                    retry_after=retry_at - now,
                    attempt=self._state.count_failures(model),
                )

    def _reject_all(
        self, model: ModelRecord, load: PendingLoad, why: Unplaceable, now: float
    ) -> None:
        """Reject all requests: an open circuit is BUSY, any other reason has its own code.

        A model that can never fit is MODEL_TOO_LARGE, whatever else is wrong.
        New settings with which the model cannot be loaded are refused instead.
        """
        code, message = why.block.code, why.block.message
        if model.unfit is not None:
            code, message = MODEL_TOO_LARGE, unfit_reason(model, model.spec.id)
        if model.swap is not None:
            self._lifecycle.refuse_swap(model, code, message, now)
            if (retry := self._state.queue.get(load.model)) is not None:
                self._advance(retry, now)
            return
        until = None if model.unfit is not None else why.until
        retry_after = None if until is None else max(0.0, until - now)
        if why.block.reason is BlockReason.CIRCUIT and code not in NON_RETRYABLE_CODES:
            message = f"{model.spec.id} failed too often ({code}: {message})"
            code = BusyError.code
        model.load_refusal = LoadRefusal(code, message, until)
        for request in list(load.requests.values()):
            self._state.reject(
                request.id,
                code,
                message,
                retry_after=retry_after,
                attempt=self._state.count_failures(model),
            )
        self._state.queue.withdraw(model.spec.id)

    # Placements

    def _fallback_reason(self, model: ModelRecord, place: Placed) -> str:
        """Return why a model is not loaded on its preferred placement; empty if it is."""
        if model.placement_rank(place.key) == 0:
            return ""
        if place.preferred_lacking_memory is not None:
            lacks = place.preferred_lacking_memory
            return (
                f"{lacks.key.device} has not enough memory: {format_mib(lacks.needed_bytes)} "
                f"needed, {format_mib(lacks.free_bytes)} free."
            )
        if place.preferred_block is not None:
            return place.preferred_block.message
        if model.placement_tier(place.key) == 0:
            return ""
        return "It is being unloaded from a better placement."

    def _mark_waiting_for_memory(self, model: ModelRecord, wait: InsufficientMemory) -> None:
        """Queue the instance so that clients see it waiting for memory."""
        instance = model.instances[wait.key.placement]
        if instance.state not in (
            InstanceState.COLD,
            InstanceState.FAILED,
            InstanceState.QUEUED,
        ):
            return
        published = instance.published_free if instance.waits_for_memory else None
        self._lifecycle.enqueue(instance, "not enough memory", waits_for_memory=True)
        if published is None or abs(wait.free_bytes - published) >= _FREE_STEP_BYTES:
            instance.published_free = wait.free_bytes
            self._state.publish(
                ModelWaiting(
                    **instance.event_fields,
                    needed_bytes=wait.needed_bytes,
                    free_bytes=wait.free_bytes,
                    retry_seconds=self._state.policy.gpu_poll_interval,
                )
            )

    def _instance(self, candidate: EvictionCandidate) -> Instance:
        key = candidate.key
        return self._state.models[key.model].instances[key.placement]

    def has_fallback(self, instance: Instance, now: float) -> bool:
        """Return whether the model of an instance could use a placement of a lower tier."""
        model = self._state.models[instance.key.model]
        tier = model.placement_tier(instance.key)
        options = placement_options(self._state, model, now)
        return any(option.tier > tier and option.block is None for option in options)

    # New settings

    def _advance_swap(self, model: ModelRecord, now: float) -> None:
        """Load the worker with the new settings of a model while the old one serves.

        1. Nothing to do now: it is being loaded, or too many other loads are in flight.
        2. No old one serves: the new one is loaded like any other model.
        3. It can be placed beside the old one, at most by evicting idle models.
        4. Not enough memory for both: the old one leaves first, and requests wait.
        5. An exiting process is in its place: wait.
        6. It can be placed nowhere: the new settings are refused.
        """
        state, swap = self._state, model.swap
        if swap is None or state.stopping:
            return
        loading = model.loading_instance()  # 1
        if loading is not None or state.count_loading() >= state.policy.parallel_loads:
            return
        if model.ready_instance() is None:  # 2
            if not state.is_requested(model.spec.id):
                self._request_load(model, now)
            return
        options = [
            option
            for option in placement_options(state, model, now)
            if not model.instances[option.key.placement].alive
        ]
        decision = choose_placement(options)
        if isinstance(decision, Placed):  # 3
            load = PendingLoad(model.spec.id, now, reason=LoadReason.OPERATOR)
            self._place(model, load, decision, now)
        elif isinstance(decision, InsufficientMemory):  # 4
            swap.result = ReplaceResult.RELOADED
            for instance in list(model.instances.values()):
                if not model.is_current(instance):
                    self._lifecycle.request_stop(instance, "replaced", now)
            self._request_load(model, now)
        elif isinstance(decision, BackingOff | Unplaceable):  # 6
            block = decision.block
            self._lifecycle.refuse_swap(model, block.code, block.message, now)

    def _request_load(self, model: ModelRecord, now: float) -> None:
        name = model.spec.id
        self._state.queue.add_reason(name, LoadReason.OPERATOR, PRIORITIES[model.spec.task], now)
        self._advance(self._state.queue.loads[name], now)

    # After a fallback

    def _return_to_better_placement(self, model: ModelRecord, now: float) -> None:
        """Move a model from a fallback to a better placement, if no other model suffers.

        1. A better placement waits for memory or may be tried again.
        2. No other model is being loaded.
        3. The model fits there, at most by evicting models that have been unused for longer than
           this one, and the device is not under critical pressure.
        """
        serving = model.ready_instance() or model.loading_instance()
        if serving is None or self._state.stopping or model.swap is not None:
            return
        tier = model.placement_tier(serving.key)
        waiting = (InstanceState.QUEUED, InstanceState.FAILED)
        if not any(  # 1
            instance.state in waiting and model.placement_tier(instance.key) < tier
            for instance in model.instances.values()
        ):
            return
        if self._is_busy():  # 2
            return
        better = [
            option
            for option in placement_options(self._state, model, now)
            if option.tier < tier and option.block is None
        ]
        if not better:
            return
        used_at = model.last_used if model.last_used is not None else serving.idle_since()
        options = [
            replace(
                option,
                candidates=tuple(c for c in option.candidates if now - c.idle_seconds < used_at),
            )
            for option in better
        ]
        decision = choose_placement(options)
        if isinstance(decision, Placed) and not self._is_critical(decision.key):  # 3
            load = PendingLoad(model.spec.id, now, reason=LoadReason.OPERATOR)
            self._place(model, load, decision, now)

    def _abandon_unneeded(self, model: ModelRecord) -> None:
        """Abandon queued instances that nobody waits for and that would improve nothing."""
        serving = model.ready_instance() or model.loading_instance()
        requested = self._state.queue.get(model.spec.id) is not None
        for instance in model.instances.values():
            if instance.state is not InstanceState.QUEUED:
                continue
            improves = serving is not None and model.placement_tier(
                instance.key
            ) < model.placement_tier(serving.key)
            if not improves and (serving is not None or not requested):
                self._lifecycle.abandon(instance)

    # Conditions

    def _is_busy(self) -> bool:
        """Return whether speculative loads have to wait."""
        state = self._state
        requested = any(not load.speculative for load in state.queue)
        return state.stopping or not state.accepting or requested or state.count_loading() > 0

    def _is_critical(self, key: InstanceKey) -> bool:
        ledger = self._state.ledger(key)
        return ledger is not None and ledger.pressure is MemoryPressure.CRITICAL

    def _claim(self, key: InstanceKey, size: int) -> None:
        if ledger := self._state.ledger(key):
            ledger.claim(key, size)

    # Memory readings

    def probe_interval(self) -> float:
        """Return the seconds until memory is to be read again."""
        policy = self._state.policy
        if any(ledger.returning for ledger in self._state.ledgers.values()):
            return policy.memory_return_interval
        if any(instance.waits_for_memory for instance in self._state.instances()):
            return policy.memory_retry_interval
        return policy.probe_interval

    def _schedule_probe(self, now: float) -> None:
        """Bring the next memory reading forward if needed; not while one is under way."""
        timer = TimerKey(TimerKind.PROBE)
        scheduled, wanted = self._state.timers.due_at(timer), now + self.probe_interval()
        if scheduled is not None and scheduled > wanted:
            self._state.timers.set(timer, wanted)
