"""Looks at a model's placements: what stands for each, and what against."""

from wyoming_servers.coordinator.board import Board, Model
from wyoming_servers.coordinator.instance import InstanceKey
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.placing import Option
from wyoming_servers.coordinator.recovery import DEVICE_LOST, OOM, Bar, Barrier
from wyoming_servers.coordinator.states import State
from wyoming_servers.domain import Placement


class Survey:
    """Turns what is on the board into options for `placing.choose`."""

    def __init__(self, board: Board, lifecycle: Lifecycle) -> None:
        self._board = board
        self._lifecycle = lifecycle

    def of(self, model: Model, now: float) -> list[Option]:
        """Return the options for a model, one per placement, best first."""
        return [self._option(model, placement, now) for placement in model.spec.placements]

    def _option(self, model: Model, placement: Placement, now: float) -> Option:
        board = self._board
        key = InstanceKey(model.spec.id, placement)
        tier = model.tier(key)
        needed = board.estimate(key)
        barrier = self._barrier(key, needed, now)
        ledger = board.ledger(key)
        if barrier is not None or ledger is None:
            return Option(key=key, tier=tier, needed=needed, barrier=barrier)
        instance = model.instances[placement]
        leaving = board.leaving(placement.device)
        return Option(
            key=key,
            tier=tier,
            needed=needed,
            room=ledger.available(key),
            leaving=leaving,
            candidates=tuple(
                self._lifecycle.candidate(other, now)
                for other in board.instances()
                if other.key.model != key.model
                and self._lifecycle.evictable(other, placement.device)
            ),
            departing=instance.leaving or (instance.clears and leaving > 0),
            occupied=instance.state is State.DRAINING,
        )

    def _barrier(self, key: InstanceKey, needed: int, now: float) -> Barrier | None:
        ledger = self._board.ledger(key)
        if ledger is None:
            return Barrier(Bar.MISSING, DEVICE_LOST, f"There is no {key.device} on this machine.")
        if not ledger.present:
            again = now + self._board.policy.retry
            return Barrier(Bar.MISSING, DEVICE_LOST, f"{key.device} cannot be read.", again)
        if needed > ledger.ceiling:
            return Barrier(
                Bar.TOO_BIG,
                OOM,
                f"{key} needs {mib(needed)}; models may hold {mib(ledger.ceiling)} there.",
            )
        return self._board.recovery.barrier(key, now)


def mib(size: int) -> str:
    """Write a number of bytes for people."""
    return f"{size / 2**20:,.0f} MiB"
