"""The board as the outside may see it: immutable, and without the planner's own words."""

from wyoming_servers.scheduling.interface import (
    DeviceStatus,
    InstanceStatus,
    ModelStatus,
    Snapshot,
)
from wyoming_servers.scheduling.planner.failure_policy import LoadBlock
from wyoming_servers.scheduling.planner.instance import (
    Instance,
    InstanceKey,
    InstanceState,
)
from wyoming_servers.scheduling.planner.ledger import Ledger
from wyoming_servers.scheduling.planner.state import (
    ModelRecord,
    PlannerState,
)
from wyoming_servers.scheduling.planner.timers import (
    TimerKey,
    TimerKind,
)

_STATE_ORDER = (
    InstanceState.READY,
    InstanceState.LOADING,
    InstanceState.QUEUED,
    InstanceState.DRAINING,
    InstanceState.STOPPING,
    InstanceState.FAILED,
    InstanceState.COLD,
)
"""Which instance stands for a model that has several: what serves, or is nearest to it."""


def build_snapshot(board: PlannerState, now: float, wall: float) -> Snapshot:
    """Return everything at one moment; `wall` is `now` in seconds since 1970."""
    return Snapshot(
        models=tuple(_model(board, model, now, wall) for model in board.models.values()),
        devices=tuple(_device(ledger) for ledger in board.ledgers.values()),
        queue_depth=len(board.queue),
        instances=tuple(
            _instance(board, instance)
            for instance in board.instances()
            if instance.state is not InstanceState.COLD
        ),
        accepting=board.accepting,
    )


def _model(board: PlannerState, model: ModelRecord, now: float, wall: float) -> ModelStatus:
    shown = min(model.instances.values(), key=lambda i: _STATE_ORDER.index(i.state))
    short = next((i for i in model.instances.values() if i.waits_for_memory), None)
    ledger = board.ledger(short.key) if short else None
    trouble = _last_failure(board, model, shown)
    alive = [i for i in model.instances.values() if i.alive]
    memory = sum(board.ledgers[i.key.device].size_of(i.key) for i in alive)
    return ModelStatus(
        spec=model.spec,
        state=shown.public_state,
        placement=shown.key.placement,
        leases=sum(len(i.leases) for i in alive),
        memory_bytes=memory or board.estimate(shown.key),
        loaded_at=None if shown.ready_at is None else wall - (now - shown.ready_at),
        last_used=None if model.last_used is None else wall - (now - model.last_used),
        load_seconds=shown.load_seconds if shown.alive else model.load_seconds or None,
        pid=shown.pid,
        queued=board.queue.waiting(model.spec.id),
        progress=shown.progress,
        needed_bytes=board.estimate(short.key) if short else None,
        free_bytes=max(0, ledger.available(short.key)) if short and ledger else None,
        retry_in=_retry_in(board, short, trouble, now),
        error_code=trouble.code if trouble else "",
        error_message=trouble.message if trouble else "",
        info=shown.info if shown.state is InstanceState.READY else {},
        fallback_reason=model.fallback_reason,
    )


def _last_failure(board: PlannerState, model: ModelRecord, shown: Instance) -> LoadBlock | None:
    """Return what is wrong with the model: with what is shown, or with what it was wished to be."""
    keys = [shown.key] if shown.state is InstanceState.FAILED else []
    keys += [InstanceKey(model.spec.id, p) for p in model.spec.placements if model.fallback_reason]
    return next((t for key in keys if (t := board.failures.last_failure(key))), None)


def _retry_in(
    board: PlannerState, short: Instance | None, trouble: LoadBlock | None, now: float
) -> float | None:
    at = board.timers.due_at(TimerKey(TimerKind.PROBE)) if short else None
    if at is None and trouble is not None:
        at = trouble.until
    return None if at is None else max(0.0, at - now)


def _instance(board: PlannerState, instance: Instance) -> InstanceStatus:
    ledger = board.ledger(instance.key)
    return InstanceStatus(
        model=instance.key.model,
        placement=instance.key.placement,
        state=instance.state.value,
        leases=len(instance.leases),
        memory_bytes=ledger.size_of(instance.key) if ledger else 0,
        pid=instance.pid,
        reason=instance.reason,
    )


def _device(ledger: Ledger) -> DeviceStatus:
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
