"""What clients ask of the planner."""

from typing import Final

from wyoming_servers.coordinator import signals
from wyoming_servers.coordinator.board import Board, Model
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.load_queue import Request, Want
from wyoming_servers.coordinator.policy import PRIORITIES
from wyoming_servers.coordinator.timers import Due, Timer
from wyoming_servers.errors import BusyError, ShuttingDownError
from wyoming_servers.events import ModelJoined, ModelQueued

_PAUSED: Final = "The server is paused and takes no requests."
_RESUME: Final = "Turn “Accept requests” on in Home Assistant, or POST /resume."


class Desk:
    """Takes requests and what becomes of them; each method is told whether it matters to those who
    wait."""

    def __init__(self, board: Board, lifecycle: Lifecycle) -> None:
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
            self._board.refuse(request, ShuttingDownError.code, "The server is stopping.")
            return False
        model = board.known(asked.model)
        if model is None:  # 2
            self._board.refuse_unknown(request, asked.model)
            return False
        if not board.accepting:  # 3
            self._board.refuse(request, BusyError.code, _PAUSED, _RESUME)
            return False
        wanting = self._request(asked, model, now)
        if ready := model.ready():  # 4
            self._lifecycle.serve(wanting, ready, now)
            return False
        if board.queue.full:  # 5
            message = f"{len(board.queue)} requests wait for a model already."
            after = max(1.0, model.load_seconds)
            self._board.refuse(request, BusyError.code, message, retry_after=after)
            return False
        loading = model.loading() or next(iter(model.instances.values()))
        joined = model.loading() is not None or board.queue.get(asked.model) is not None
        board.queue.add(wanting)
        board.timers.set(Timer(Due.REQUEST, request), wanting.deadline)
        if joined:  # 6
            waiting = board.queue.waiting(asked.model)
            board.publish(ModelJoined(**loading.names, waiting=waiting))
        else:  # 7
            board.publish(
                ModelQueued(
                    **loading.names,
                    priority=int(wanting.priority),
                    position=board.queue.position(asked.model, now),
                )
            )
        return True

    def _request(self, asked: signals.LeaseRequested, model: Model, now: float) -> Request:
        timeout = asked.timeout if asked.timeout is not None else self._board.policy.request
        return Request(
            id=asked.request,
            model=asked.model,
            priority=asked.priority or PRIORITIES[model.spec.kind],
            since=now,
            deadline=now + timeout,
            client=asked.client,
            hold=asked.hold,
        )

    def lease_ended(self, ended: signals.LeaseEnded, now: float) -> bool:
        """Whoever asked has left: the queue, or the lease; that may make room for another."""
        board = self._board
        if board.queue.remove(ended.request) is not None:
            board.timers.cancel(Timer(Due.REQUEST, ended.request))
            return True
        held = board.held.pop(ended.request, None)
        instance = board.current(held.key, held.generation) if held else None
        if instance is None or ended.request not in instance.leases:
            return False  # it was rejected, or its process is gone
        well = ended.well and instance.doom is None
        self._lifecycle.lease_ended(instance, ended.request, now, well=well)
        return True

    def prefetch_asked(self, asked: signals.PrefetchAsked, now: float) -> bool:
        """Use is near: keep what is ready, or have it loaded if that costs nobody anything."""
        board = self._board
        model = board.known(asked.model)
        if model is None or board.stopping or not board.accepting:
            return False
        if ready := model.ready():
            timer = Timer(Due.KEEP_ALIVE, ready.key)
            if (until := board.timers.at(timer)) is not None:
                board.timers.set(timer, max(until, now + board.policy.linger))
            return False
        board.queue.want(asked.model, Want.PREFETCH, PRIORITIES[model.spec.kind], now)
        board.timers.set(Timer(Due.GIVE_UP, asked.model), now + board.policy.prefetch)
        return True
