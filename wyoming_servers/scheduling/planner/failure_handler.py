"""What follows when a load fails or a worker dies: retries, a lesser placement, or the error."""

from typing import TYPE_CHECKING

from wyoming_servers.core.events import ModelFailed
from wyoming_servers.scheduling.planner.failure_policy import (
    DEVICE_LOST,
    NON_RETRYABLE_CODES,
    OOM,
    RecoveryAction,
)
from wyoming_servers.scheduling.planner.instance import Instance
from wyoming_servers.scheduling.planner.load_queue import LoadReason
from wyoming_servers.scheduling.planner.policy import PRIORITIES
from wyoming_servers.scheduling.planner.state import (
    ModelRecord,
    PlannerState,
)
from wyoming_servers.scheduling.planner.timers import (
    TimerKey,
    TimerKind,
)

if TYPE_CHECKING:
    from wyoming_servers.scheduling.planner.lifecycle import Lifecycle


class FailureHandler:
    """The part of the lifecycle that nobody wishes for."""

    def __init__(self, board: PlannerState, lifecycle: "Lifecycle") -> None:
        self._board = board
        self._lifecycle = lifecycle

    def handle(
        self, instance: Instance, code: str, message: str, now: float, *, was_ready: bool
    ) -> None:
        """Work out what a failure means for the instance and for those who wait for it."""
        board, model = self._board, self._board.models[instance.key.model]
        wanted = board.is_requested(model.spec.id)
        verdict = board.failures.record_failure(
            instance.key,
            code,
            message,
            now,
            began=instance.launched_at,
            was_ready=was_ready,
            retry_memory=wanted,
            last_resort=model.placement_rank(instance.key) == len(model.spec.placements) - 1,
        )
        instance.reason = message
        barrier = board.failures.active_block(instance.key, now)
        until = barrier.until if barrier else now
        if until is not None:
            board.timers.set(TimerKey(TimerKind.RETRY, instance.key), until)
        board.publish(
            ModelFailed(
                **instance.event_fields,
                code=code,
                message=message,
                attempt=board.failures.attempts(instance.key),
                retry_seconds=None
                if verdict is RecoveryAction.OPEN_CIRCUIT or until is None
                else until - now,
            )
        )
        if verdict is RecoveryAction.EVICT_IDLE_AND_RETRY:
            self._lifecycle.evict_idle_on_device(instance, now)
        demand = board.queue.get(model.spec.id)
        if demand is not None and (
            verdict is RecoveryAction.OPEN_CIRCUIT or demand.reason is LoadReason.PREFETCH
        ):
            board.queue.withdraw(model.spec.id)
        elif was_ready and model.spec.keep_alive < 0 and not board.stopping:
            board.queue.add_reason(
                model.spec.id, LoadReason.PRELOAD, PRIORITIES[model.spec.task], now
            )
        if not was_ready and code not in (OOM, DEVICE_LOST):
            self._count_failed_load(model, code, message, until, now)

    def _count_failed_load(
        self, model: ModelRecord, code: str, message: str, until: float | None, now: float
    ) -> None:
        """Let requests that have sat through enough failed loads have the error."""
        demand = self._board.queue.get(model.spec.id)
        for request in list(demand.requests.values()) if demand else ():
            request.failed_loads += 1
            if (
                code in NON_RETRYABLE_CODES
                or request.failed_loads >= self._board.policy.max_failed_loads
            ):
                after = None if until is None else max(0.0, until - now)
                self._board.reject(request.id, code, message, retry_after=after)
