"""After a lack of memory: until when trying again on the same device is of no use."""

from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.scheduling.interface import (
    CoordinatorProtocol,
    Snapshot,
)
from wyoming_servers.scheduling.planner.instance import InstanceState

MEMORY_WAIT_SECONDS: Final = 5.0
"""Longest wait for the memory of models that were told to leave; then the try has to do with what
there is. The coordinator waits no longer either."""

_POLL_SECONDS: Final = 0.05


async def wait_for_memory(coordinator: CoordinatorProtocol, clock: Clock, device: str) -> None:
    """Wait until memory that is about to come back has come; hold no lease meanwhile.

    A run that lacked memory has made the coordinator unload what is idle on the device. The
    process that lacked it lives on and would be leased again at once, before theirs have gone.
    """
    until = clock.now() + MEMORY_WAIT_SECONDS
    while _is_leaving(coordinator.snapshot(), device) and clock.now() < until:
        await clock.sleep(_POLL_SECONDS)


def _is_leaving(snapshot: Snapshot, device: str) -> bool:
    return any(
        instance.state == InstanceState.STOPPING and instance.placement.device == device
        for instance in snapshot.instances
    ) or any(found.returning > 0 and found.device == device for found in snapshot.devices)
