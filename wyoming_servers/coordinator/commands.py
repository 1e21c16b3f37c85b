"""What the operator tells the planner."""

from dataclasses import replace

from wyoming_servers.coordinator import signals
from wyoming_servers.coordinator.actions import Answer
from wyoming_servers.coordinator.board import Board, Model
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.load_queue import Want
from wyoming_servers.coordinator.policy import PRIORITIES
from wyoming_servers.coordinator.scheduler import Scheduler
from wyoming_servers.domain import ModelSpec
from wyoming_servers.errors import BusyError, ShuttingDownError
from wyoming_servers.events import AcceptingChanged


class Commands:
    """Carries out commands; each method tells whether that matters to those who wait."""

    def __init__(self, board: Board, lifecycle: Lifecycle, scheduler: Scheduler) -> None:
        self._board = board
        self._lifecycle = lifecycle
        self._scheduler = scheduler

    def preload_asked(self, asked: signals.PreloadAsked, now: float) -> bool:
        for name in asked.models:
            model = self._board.known(name)
            if model is not None and model.ready() is None:
                self._board.queue.want(name, Want.PRELOAD, PRIORITIES[model.spec.kind], now)
        return True

    def load_asked(self, asked: signals.LoadAsked, now: float) -> bool:
        """Forget what stood in the way and load; say at once if there is no way."""
        board, model = self._board, self._board.known(asked.model)
        if model is None:
            self._board.refuse_unknown(asked.request, asked.model)
            return False
        if board.stopping:
            self._board.refuse(asked.request, ShuttingDownError.code, "The server is stopping.")
            return False
        if model.ready() is not None:
            board.do(Answer(request=asked.request, value=True))
            return False
        board.recovery.forgive(asked.model)
        for placement in model.spec.placements:
            board.recovery.forgive_device(placement.device)
        board.queue.want(asked.model, Want.OPERATOR, PRIORITIES[model.spec.kind], now)
        self._scheduler.run(now)
        if board.queue.get(asked.model) is not None or model.refusal is None:
            board.do(Answer(request=asked.request, value=False))
        else:
            code, message, after = model.refusal
            self._board.refuse(asked.request, code, message, retry_after=after)
        return False

    def unload_asked(self, asked: signals.UnloadAsked, now: float) -> bool:
        board, model = self._board, self._board.known(asked.model)
        if model is None:
            self._board.refuse_unknown(asked.request, asked.model)
            return False
        loaded = model.alive
        self._clear_out(model, "operator", f"{asked.model} was unloaded by the operator.", now)
        board.do(Answer(request=asked.request, value=loaded))
        return True

    def _clear_out(self, model: Model, reason: str, message: str, now: float) -> None:
        """Let all instances of a model go, and nobody wait for it any more."""
        demand = self._board.queue.get(model.spec.id)
        for request in list(demand.requests.values()) if demand else ():
            self._board.refuse(request.id, BusyError.code, message)
        self._board.queue.unwant(model.spec.id)
        for instance in list(model.instances.values()):
            self._lifecycle.let_go(instance, reason, now)

    def model_added(self, added: signals.ModelAdded, now: float) -> bool:
        """Take in a model; processes that hold it as it was before are let go."""
        model = self._board.set_spec(added.spec)
        for instance in list(model.instances.values()):
            gone = instance.key.placement not in added.spec.placements
            if gone or not _same_weights(instance.spec, added.spec):
                self._lifecycle.let_go(instance, "replaced", now)
        self._lifecycle.tidy(model)
        return True

    def model_removed(self, removed: signals.ModelRemoved, now: float) -> bool:
        model = self._board.models.get(removed.model)
        if model is None:
            self._board.do(Answer(request=removed.request, value=False))
            return False
        self._clear_out(model, "removed", f"{removed.model} was removed.", now)
        model.removals.append(removed.request)
        self._lifecycle.tidy(model)
        return True

    def policy_updated(self, updated: signals.PolicyUpdated, now: float) -> bool:
        model = self._board.known(updated.model)
        if model is None:
            return False
        if updated.keep_alive is not None:
            model.spec = replace(model.spec, keep_alive=updated.keep_alive)
        if updated.pinned is not None:
            model.spec = replace(model.spec, pinned=updated.pinned)
        for instance in list(model.instances.values()):
            if instance.idle:
                self._lifecycle.rest(instance, now)
        return True

    def accepting_set(self, told: signals.AcceptingSet, now: float) -> bool:
        if told.accepting == self._board.accepting:
            return False
        self._board.accepting = told.accepting
        self._board.publish(AcceptingChanged(accepting=told.accepting))
        return True

    def stop_asked(self, asked: signals.StopAsked, now: float) -> bool:
        """Refuse what waits, let idle ones go, leased ones after their leases or now."""
        board = self._board
        board.stopping = True
        for demand in board.queue:
            for request in list(demand.requests):
                self._board.refuse(request, ShuttingDownError.code, "The server is stopping.")
            board.queue.unwant(demand.model)
        for instance in list(board.instances()):
            self._lifecycle.let_go(instance, "shutdown", now)
            if asked.now:
                self._lifecycle.revoke(instance)
        return False


def _same_weights(one: ModelSpec, other: ModelSpec) -> bool:
    """Whether a process with one can serve as the other."""
    return (one.kind, one.engine, one.files, one.options) == (
        other.kind,
        other.engine,
        other.files,
        other.options,
    )
