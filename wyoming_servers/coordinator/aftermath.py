"""What follows when a load fails or a worker dies: retries, a lesser placement, or the error."""

from typing import TYPE_CHECKING

from wyoming_servers.coordinator.board import Board, Model
from wyoming_servers.coordinator.instance import Instance
from wyoming_servers.coordinator.load_queue import Want
from wyoming_servers.coordinator.policy import PRIORITIES
from wyoming_servers.coordinator.recovery import DEVICE_LOST, OOM, POINTLESS, Verdict
from wyoming_servers.coordinator.timers import Due, Timer
from wyoming_servers.events import ModelFailed

if TYPE_CHECKING:
    from wyoming_servers.coordinator.lifecycle import Lifecycle


class Aftermath:
    """The part of the lifecycle that nobody wishes for."""

    def __init__(self, board: Board, lifecycle: "Lifecycle") -> None:
        self._board = board
        self._lifecycle = lifecycle

    def failed(
        self, instance: Instance, code: str, message: str, now: float, *, was_ready: bool
    ) -> None:
        """Work out what a failure means for the instance and for those who wait for it."""
        board, model = self._board, self._board.models[instance.key.model]
        wanted = board.waited_for(model.spec.id)
        verdict = board.recovery.failed(
            instance.key,
            code,
            message,
            now,
            began=instance.launched_at,
            was_ready=was_ready,
            retry_memory=wanted,
            last_resort=model.place(instance.key) == len(model.spec.placements) - 1,
        )
        instance.reason = message
        barrier = board.recovery.barrier(instance.key, now)
        until = barrier.until if barrier else now
        if until is not None:
            board.timers.set(Timer(Due.RETRY, instance.key), until)
        board.publish(
            ModelFailed(
                **instance.names,
                code=code,
                message=message,
                attempt=board.recovery.attempts(instance.key),
                retry_seconds=None if verdict is Verdict.OPEN or until is None else until - now,
            )
        )
        if verdict is Verdict.CLEAR_AND_RETRY:
            self._lifecycle.clear(instance, now)
        demand = board.queue.get(model.spec.id)
        if demand is not None and (verdict is Verdict.OPEN or demand.want is Want.PREFETCH):
            board.queue.unwant(model.spec.id)
        elif was_ready and model.spec.keep_alive < 0 and not board.stopping:
            board.queue.want(model.spec.id, Want.PRELOAD, PRIORITIES[model.spec.kind], now)
        if not was_ready and code not in (OOM, DEVICE_LOST):
            self._strike(model, code, message, until, now)

    def _strike(
        self, model: Model, code: str, message: str, until: float | None, now: float
    ) -> None:
        """Let requests that have sat through enough failed loads have the error."""
        demand = self._board.queue.get(model.spec.id)
        for request in list(demand.requests.values()) if demand else ():
            request.strikes += 1
            if code in POINTLESS or request.strikes >= self._board.policy.strikes:
                after = None if until is None else max(0.0, until - now)
                self._board.refuse(request.id, code, message, retry_after=after)
