"""A second chance for a request whose worker failed before the client was sent anything."""

from typing import Final

from wyoming_servers.clock import Clock
from wyoming_servers.coordinator.face import CoordinatorFace
from wyoming_servers.coordinator.settle import settle
from wyoming_servers.errors import ConductorError, OutOfMemoryError, WorkerError
from wyoming_servers.pipelines.measure import Measure

_WORTH_IT: Final = (WorkerError, OutOfMemoryError)
"""Another process, or the same one with more room, may do what this one failed at. A request that
cannot be served, a full queue, a shutdown and a bug of ours would only meet the same again."""


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
        """Wait until the second try makes sense; hold no lease meanwhile."""
        if isinstance(self._first, OutOfMemoryError):
            await settle(coordinator, clock, device)
