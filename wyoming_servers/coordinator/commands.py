"""What the operator tells the planner."""

from dataclasses import replace

from wyoming_servers.coordinator import signals
from wyoming_servers.coordinator.actions import ResolveRequest
from wyoming_servers.coordinator.board import PlannerState, ModelRecord
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.load_queue import LoadReason
from wyoming_servers.coordinator.policy import PRIORITIES
from wyoming_servers.coordinator.scheduler import Scheduler
from wyoming_servers.domain import ModelSpec
from wyoming_servers.errors import BusyError, ShuttingDownError
from wyoming_servers.events import AcceptingChanged


class CommandHandlers:
    """Carries out commands; each method tells whether that matters to those who wait."""

    def __init__(self, board: PlannerState, lifecycle: Lifecycle, scheduler: Scheduler) -> None:
        self._board = board
        self._lifecycle = lifecycle
        self._scheduler = scheduler

    def preload_requested(self, asked: signals.PreloadRequested, now: float) -> bool:
        for name in asked.models:
            model = self._board.available_model(name)
            if model is not None and model.ready_instance() is None:
                self._board.queue.add_reason(name, LoadReason.PRELOAD, PRIORITIES[model.spec.task], now)
        return True

    def load_requested(self, asked: signals.LoadRequested, now: float) -> bool:
        """Forget what stood in the way and load; say at once if there is no way."""
        board, model = self._board, self._board.available_model(asked.model)
        if model is None:
            self._board.reject_unknown_model(asked.request, asked.model)
            return False
        if board.stopping:
            self._board.reject(asked.request, ShuttingDownError.code, "The server is stopping.")
            return False
        if model.ready_instance() is not None:
            board.emit(ResolveRequest(request=asked.request, value=True))
            return False
        board.failures.reset(asked.model)
        for placement in model.spec.placements:
            board.failures.reset_device(placement.device)
        board.queue.add_reason(asked.model, LoadReason.OPERATOR, PRIORITIES[model.spec.task], now)
        self._scheduler.run(now)
        if board.queue.get(asked.model) is not None or model.load_refusal is None:
            board.emit(ResolveRequest(request=asked.request, value=False))
        else:
            code, message, after = model.load_refusal
            self._board.reject(asked.request, code, message, retry_after=after)
        return False

    def unload_requested(self, asked: signals.UnloadRequested, now: float) -> bool:
        board, model = self._board, self._board.available_model(asked.model)
        if model is None:
            self._board.reject_unknown_model(asked.request, asked.model)
            return False
        loaded = model.alive
        self._stop_all_instances(model, "operator", f"{asked.model} was unloaded by the operator.", now)
        board.emit(ResolveRequest(request=asked.request, value=loaded))
        return True

    def _stop_all_instances(self, model: ModelRecord, reason: str, message: str, now: float) -> None:
        """Let all instances of a model go, and nobody wait for it any more."""
        demand = self._board.queue.get(model.spec.id)
        for request in list(demand.requests.values()) if demand else ():
            self._board.reject(request.id, BusyError.code, message)
        self._board.queue.withdraw(model.spec.id)
        for instance in list(model.instances.values()):
            self._lifecycle.request_stop(instance, reason, now)

    def add_model_requested(self, added: signals.AddModelRequested, now: float) -> bool:
        """Take in a model; processes that hold it as it was before are let go."""
        model = self._board.set_spec(added.spec)
        for instance in list(model.instances.values()):
            gone = instance.key.placement not in added.spec.placements
            if gone or not _same_weights(instance.spec, added.spec):
                self._lifecycle.request_stop(instance, "replaced", now)
        self._lifecycle.drop_unused(model)
        return True

    def remove_model_requested(self, removed: signals.RemoveModelRequested, now: float) -> bool:
        model = self._board.models.get(removed.model)
        if model is None:
            self._board.emit(ResolveRequest(request=removed.request, value=False))
            return False
        self._stop_all_instances(model, "removed", f"{removed.model} was removed.", now)
        model.pending_removals.append(removed.request)
        self._lifecycle.drop_unused(model)
        return True

    def policy_updated(self, updated: signals.PolicyUpdated, now: float) -> bool:
        model = self._board.available_model(updated.model)
        if model is None:
            return False
        if updated.keep_alive is not None:
            model.spec = replace(model.spec, keep_alive=updated.keep_alive)
        if updated.pinned is not None:
            model.spec = replace(model.spec, pinned=updated.pinned)
        for instance in list(model.instances.values()):
            if instance.idle:
                self._lifecycle.schedule_idle_unload(instance, now)
        return True

    def accepting_set(self, told: signals.AcceptingSet, now: float) -> bool:
        if told.accepting == self._board.accepting:
            return False
        self._board.accepting = told.accepting
        self._board.publish(AcceptingChanged(accepting=told.accepting))
        return True

    def shutdown_requested(self, asked: signals.ShutdownRequested, now: float) -> bool:
        """Refuse what waits, let idle ones go, leased ones after their leases or now."""
        board = self._board
        board.stopping = True
        for demand in board.queue:
            for request in list(demand.requests):
                self._board.reject(request, ShuttingDownError.code, "The server is stopping.")
            board.queue.withdraw(demand.model)
        for instance in list(board.instances()):
            self._lifecycle.request_stop(instance, "shutdown", now)
            if asked.immediate:
                self._lifecycle.revoke_leases(instance)
        return False


def _same_weights(one: ModelSpec, other: ModelSpec) -> bool:
    """Whether a process with one can serve as the other."""
    return (one.task, one.engine, one.files, one.options) == (
        other.task,
        other.engine,
        other.files,
        other.options,
    )
