"""Looks at a model's placements: what stands for each, and what against."""

from wyoming_servers.coordinator.board import PlannerState, ModelRecord
from wyoming_servers.coordinator.instance import InstanceKey
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.placing import PlacementOption
from wyoming_servers.coordinator.recovery import DEVICE_LOST, OOM, BlockReason, LoadBlock
from wyoming_servers.coordinator.states import InstanceState
from wyoming_servers.domain import Placement


class PlacementSurvey:
    """Turns what is on the board into options for `placing.choose`."""

    def __init__(self, board: PlannerState, lifecycle: Lifecycle) -> None:
        self._board = board
        self._lifecycle = lifecycle

    def options(self, model: ModelRecord, now: float) -> list[PlacementOption]:
        """Return the options for a model, one per placement, best first."""
        return [self._option(model, placement, now) for placement in model.spec.placements]

    def _option(self, model: ModelRecord, placement: Placement, now: float) -> PlacementOption:
        board = self._board
        key = InstanceKey(model.spec.id, placement)
        tier = model.placement_tier(key)
        needed = board.estimate(key)
        barrier = self._block(key, needed, now)
        ledger = board.ledger(key)
        if barrier is not None or ledger is None:
            return PlacementOption(key=key, tier=tier, needed_bytes=needed, block=barrier)
        instance = model.instances[placement]
        leaving = board.bytes_being_freed(placement.device)
        return PlacementOption(
            key=key,
            tier=tier,
            needed_bytes=needed,
            available_bytes=ledger.available(key),
            returning_bytes=leaving,
            candidates=tuple(
                self._lifecycle.eviction_candidate(other, now)
                for other in board.instances()
                if other.key.model != key.model
                and self._lifecycle.is_evictable(other, placement.device)
            ),
            exiting=instance.exiting or (instance.needs_empty_device and leaving > 0),
            draining=instance.state is InstanceState.DRAINING,
        )

    def _block(self, key: InstanceKey, needed: int, now: float) -> LoadBlock | None:
        ledger = self._board.ledger(key)
        if ledger is None:
            return LoadBlock(BlockReason.DEVICE_MISSING, DEVICE_LOST, f"There is no {key.device} on this machine.")
        if not ledger.present:
            again = now + self._board.policy.memory_retry_interval
            return LoadBlock(BlockReason.DEVICE_MISSING, DEVICE_LOST, f"{key.device} cannot be read.", again)
        if needed > ledger.ceiling:
            return LoadBlock(
                BlockReason.TOO_LARGE,
                OOM,
                f"{key} needs {format_mib(needed)}; models may hold {format_mib(ledger.ceiling)} there.",
            )
        return self._board.failures.active_block(key, now)


def format_mib(size: int) -> str:
    """Write a number of bytes for people."""
    return f"{size / 2**20:,.0f} MiB"
