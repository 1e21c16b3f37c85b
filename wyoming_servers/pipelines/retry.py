"""A second chance for a request whose worker failed before the client was sent anything."""

from typing import Final

from wyoming_servers.clock import Clock
from wyoming_servers.coordinator.face import CoordinatorFace, Snapshot
from wyoming_servers.coordinator.states import State
from wyoming_servers.errors import ConductorError, OutOfMemoryError, WorkerError
from wyoming_servers.pipelines.measure import Measure

_WORTH_IT: Final = (WorkerError, OutOfMemoryError)
"""Another process, or the same one with more room, may do what this one failed at. A request that
cannot be served, a full queue, a shutdown and a bug of ours would only meet the same again."""

SETTLE_SECONDS: Final = 5.0
"""Longest wait for the memory of models that were told to leave; then the try has to do with what
there is. The coordinator waits no longer either."""

_LOOK_SECONDS: Final = 0.05


class Retry:
    """One request's second chance; there is no third, since then the fault is not chance."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._first: ConductorError | None = None
        """What the first try failed with."""

    def take(self, error: ConductorError) -> bool:
        """Whether a run that failed is to be made once more, on a fresh lease.

        Give it what a run raised, not what a lease was refused with: the coordinator has tried
        more than once before it refuses. After True the request is known to be retried.
        """
        if self._first is not None or not isinstance(error, _WORTH_IT):
            return False
        self._first = error
        self._measure.retried(error)
        return True

    async def settle(self, coordinator: CoordinatorFace, clock: Clock, device: str) -> None:
        """Wait until the second try makes sense; hold no lease meanwhile.

        A lack of memory has made the coordinator unload what is idle on the device. The process
        that lacked it lives on and would be leased again at once, before theirs have gone.
        """
        if not isinstance(self._first, OutOfMemoryError):
            return
        until = clock.now() + SETTLE_SECONDS
        while _is_leaving(coordinator.snapshot(), device) and clock.now() < until:
            await clock.sleep(_LOOK_SECONDS)


def _is_leaving(snapshot: Snapshot, device: str) -> bool:
    """Whether memory of a device is about to come back."""
    return any(
        instance.state == State.STOPPING and instance.placement.device == device
        for instance in snapshot.instances
    ) or any(found.returning > 0 and found.device == device for found in snapshot.devices)
