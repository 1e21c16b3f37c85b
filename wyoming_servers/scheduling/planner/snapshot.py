"""Converts the planner's state to the public, immutable `scheduling.status`."""

from typing import Final

from wyoming_servers.scheduling.planner.failure_policy import BlockReason, LoadBlock
from wyoming_servers.scheduling.planner.instance import InstanceKey, InstanceState
from wyoming_servers.scheduling.planner.ledger import Ledger
from wyoming_servers.scheduling.planner.state import (
    Instance,
    ModelRecord,
    PlannerState,
    TimerKey,
    TimerKind,
)
from wyoming_servers.scheduling.status import DeviceStatus, InstanceStatus, ModelStatus, Snapshot

_STATE_ORDER: Final = (
    InstanceState.READY,
    InstanceState.LOADING,
    InstanceState.QUEUED,
    InstanceState.DRAINING,
    InstanceState.STOPPING,
    InstanceState.FAILED,
    InstanceState.COLD,
)
"""Order in which the instances of a model represent it: what serves requests, or will do so
soonest, first."""


def main_instance(model: ModelRecord) -> Instance:
    """Return the instance that represents a model."""
    return min(model.instances.values(), key=lambda i: _STATE_ORDER.index(i.state))


def build_snapshot(state: PlannerState, now: float, wall: float) -> Snapshot:
    """Return everything at one moment; `wall` is `now` in seconds since 1970."""
    return Snapshot(
        models=tuple(_model_status(state, model, now, wall) for model in state.models.values()),
        devices=tuple(_device_status(ledger) for ledger in state.ledgers.values()),
        queue_depth=len(state.queue),
        instances=tuple(
            _instance_status(state, instance)
            for instance in state.instances()
            if instance.state is not InstanceState.COLD
        ),
        accepting=state.accepting,
    )


def _model_status(state: PlannerState, model: ModelRecord, now: float, wall: float) -> ModelStatus:
    main = main_instance(model)
    short = next((i for i in model.instances.values() if i.waits_for_memory), None)
    ledger = state.ledger(short.key) if short else None
    failure = _last_failure(state, model, main)
    alive = [i for i in model.instances.values() if i.alive]
    memory = sum(state.ledgers[i.key.device].size_of(i.key) for i in alive)
    return ModelStatus(
        spec=model.spec,
        state=model.shown_state(main),
        placement=main.key.placement,
        leases=sum(len(i.leases) for i in alive),
        memory_bytes=memory or state.estimate(main.key),
        loaded_at=None if main.ready_at is None else wall - (now - main.ready_at),
        last_used=None if model.last_used is None else wall - (now - model.last_used),
        load_seconds=main.load_seconds if main.alive else model.load_seconds or None,
        pid=main.pid,
        queued=state.queue.waiting(model.spec.id),
        progress=None if main.progress is None else (main.progress.phase, main.progress.percent),
        needed_bytes=state.estimate(short.key) if short else None,
        free_bytes=max(0, ledger.available(short.key)) if short and ledger else None,
        waits_for=short.key.device if short else "",
        retry_in=_retry_in(state, short, failure, now),
        pinned_by=(*(("configuration",) if model.spec.pinned else ()), *model.pinned_by),
        keeps_warm=model.keeps_warm,
        unload_in=_unload_in(state, main, now),
        attempt=state.count_failures(model) or 0,
        error_code=failure.code if failure else "",
        error_message=failure.message if failure else "",
        unfit=model.unfit,
        info=main.info if main.state is InstanceState.READY else {},
        fallback_reason=model.fallback_reason,
    )


def _last_failure(state: PlannerState, model: ModelRecord, main: Instance) -> LoadBlock | None:
    """Return why a model was not loaded, or not on its best placement.

    1. The failure of the main instance, or of a better placement after a fallback.
    2. Why it could not be loaded anywhere at the last attempt.
    """
    keys = [main.key] if main.state is InstanceState.FAILED else []
    if model.fallback_reason:
        keys += [InstanceKey(model.spec.id, p) for p in model.spec.placements]
    failures = (state.failures.last_failure(key) for key in keys)
    found = next((failure for failure in failures if failure), None)
    refusal = model.load_refusal
    if found is None and refusal is not None and not model.alive and model.unfit is None:
        return LoadBlock(BlockReason.CIRCUIT, refusal.code, refusal.message, refusal.until)
    return found


def _retry_in(
    state: PlannerState, short: Instance | None, failure: LoadBlock | None, now: float
) -> float | None:
    """Return when a client should ask again, or when a failed load is tried again."""
    if short is not None:
        return state.policy.gpu_poll_interval
    if failure is None or failure.until is None:
        return None
    return max(0.0, failure.until - now)


def _unload_in(state: PlannerState, main: Instance, now: float) -> float | None:
    at = state.timers.due_at(TimerKey(TimerKind.KEEP_ALIVE, main.key)) if main.idle else None
    return None if at is None else max(0.0, at - now)


def _instance_status(state: PlannerState, instance: Instance) -> InstanceStatus:
    ledger = state.ledger(instance.key)
    return InstanceStatus(
        model=instance.key.model,
        placement=instance.key.placement,
        state=instance.state.value,
        leases=len(instance.leases),
        memory_bytes=ledger.size_of(instance.key) if ledger else 0,
        pid=instance.pid,
        reason=instance.reason,
    )


def _device_status(ledger: Ledger) -> DeviceStatus:
    reading = ledger.reading
    return DeviceStatus(
        device=ledger.device,
        name=ledger.name,
        total=ledger.total,
        free=ledger.free,
        budget=ledger.budget,
        reserved=ledger.reserved,
        committed=ledger.committed,
        pressure=ledger.pressure.value,
        others=ledger.others,
        returning=ledger.returning,
        present=ledger.present,
        utilisation=reading.utilisation if reading else None,
        temperature=reading.temperature if reading else None,
        power=reading.power if reading else None,
    )
