"""What clients ask of the planner."""

from typing import Final

from wyoming_servers.coordinator import signals
from wyoming_servers.coordinator.board import PlannerState, ModelRecord
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.load_queue import PendingRequest, LoadReason
from wyoming_servers.coordinator.policy import PRIORITIES
from wyoming_servers.coordinator.timers import TimerKind, TimerKey
from wyoming_servers.errors import BusyError, ShuttingDownError
from wyoming_servers.events import ModelJoined, ModelQueued

_PAUSED_MESSAGE: Final = "The server is paused and takes no requests."
_PAUSED_HINT: Final = "Turn “Accept requests” on in Home Assistant, or POST /resume."


class RequestHandlers:
    """Takes requests and what becomes of them; each method is told whether it matters to those who
    wait."""

    def __init__(self, board: PlannerState, lifecycle: Lifecycle) -> None:
        self._board = board
        self._lifecycle = lifecycle

    def lease_requested(self, asked: signals.LeaseRequested, now: float) -> bool:
        """Decide what becomes of a request; each step ends it or hands it on.

        1. The server stops: SHUTTING_DOWN.
        2. Its model is unknown: MODEL_MISSING.
        3. The operator has paused the server: BUSY.
        4. The model is ready: granted on the best instance, whatever else goes on.
        5. Too many wait already: BUSY.
        6. Others wait for the model, or it is being loaded: joined.
        7. Otherwise: queued, and the scheduler looks for a place.
        """
        board, request = self._board, asked.request
        if board.stopping:  # 1
            self._board.reject(request, ShuttingDownError.code, "The server is stopping.")
            return False
        model = board.available_model(asked.model)
        if model is None:  # 2
            self._board.reject_unknown_model(request, asked.model)
            return False
        if not board.accepting:  # 3
            self._board.reject(request, BusyError.code, _PAUSED_MESSAGE, _PAUSED_HINT)
            return False
        wanting = self._request(asked, model, now)
        if ready := model.ready_instance():  # 4
            self._lifecycle.grant(wanting, ready, now)
            return False
        if board.queue.full:  # 5
            message = f"{len(board.queue)} requests wait for a model already."
            after = max(1.0, model.load_seconds)
            self._board.reject(request, BusyError.code, message, retry_after=after)
            return False
        loading = model.loading_instance() or next(iter(model.instances.values()))
        joined = model.loading_instance() is not None or board.queue.get(asked.model) is not None
        board.queue.add(wanting)
        board.timers.set(TimerKey(TimerKind.REQUEST_TIMEOUT, request), wanting.deadline)
        if joined:  # 6
            waiting = board.queue.waiting(asked.model)
            board.publish(ModelJoined(**loading.event_fields, waiting=waiting))
        else:  # 7
            board.publish(
                ModelQueued(
                    **loading.event_fields,
                    priority=int(wanting.priority),
                    position=board.queue.position(asked.model, now),
                )
            )
        return True

    def _request(self, asked: signals.LeaseRequested, model: ModelRecord, now: float) -> PendingRequest:
        timeout = asked.timeout if asked.timeout is not None else self._board.policy.request_timeout
        return PendingRequest(
            id=asked.request,
            model=asked.model,
            priority=asked.priority or PRIORITIES[model.spec.task],
            queued_at=now,
            deadline=now + timeout,
            client=asked.client,
            wants_lease=asked.wants_lease,
        )

    def lease_ended(self, ended: signals.LeaseEnded, now: float) -> bool:
        """Whoever asked has left: the queue, or the lease; that may make room for another."""
        board = self._board
        if board.queue.remove(ended.request) is not None:
            board.timers.cancel(TimerKey(TimerKind.REQUEST_TIMEOUT, ended.request))
            return True
        held = board.leases.pop(ended.request, None)
        instance = board.current_instance(held.key, held.generation) if held else None
        if instance is None or ended.request not in instance.leases:
            return False  # it was rejected, or its process is gone
        well = ended.succeeded and instance.kill_reason is None
        self._lifecycle.on_lease_ended(instance, ended.request, now, well=well)
        return True

    def prefetch_requested(self, asked: signals.PrefetchRequested, now: float) -> bool:
        """Use is near: keep what is ready, or have it loaded if that costs nobody anything."""
        board = self._board
        model = board.available_model(asked.model)
        if model is None or board.stopping or not board.accepting:
            return False
        if ready := model.ready_instance():
            timer = TimerKey(TimerKind.KEEP_ALIVE, ready.key)
            if (until := board.timers.due_at(timer)) is not None:
                board.timers.set(timer, max(until, now + board.policy.prefetch_keep_alive))
            return False
        board.queue.add_reason(asked.model, LoadReason.PREFETCH, PRIORITIES[model.spec.task], now)
        board.timers.set(TimerKey(TimerKind.PREFETCH_EXPIRED, asked.model), now + board.policy.prefetch_timeout)
        return True
