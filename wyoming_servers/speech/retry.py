"""A second chance for a request whose worker failed before the client was sent anything."""

from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import (
    ConductorError,
    OutOfMemoryError,
    WorkerError,
)
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.scheduling.memory_wait import wait_for_memory
from wyoming_servers.telemetry.request_timer import RequestTimer

_RETRYABLE: Final = (WorkerError, OutOfMemoryError)
"""Another process, or the same one with more room, may do what this one failed at. A request that
cannot be served, a full queue, a shutdown and a bug of ours would only meet the same again."""


class Retry:
    """One request's second chance; there is no third, since then the fault is not chance."""

    def __init__(self, measure: RequestTimer) -> None:
        self._timer = measure
        self._first_error: ConductorError | None = None
        """What the first try failed with."""

    def should_retry(self, error: ConductorError) -> bool:
        """Whether a run that failed is to be made once more, on a fresh lease.

        Give it what a run raised, not what a lease was refused with: the coordinator has tried
        more than once before it refuses. After True the request is known to be retried.
        """
        if self._first_error is not None or not isinstance(error, _RETRYABLE):
            return False
        self._first_error = error
        self._timer.publish_retry(error)
        return True

    async def wait_for_memory(
        self, coordinator: CoordinatorProtocol, clock: Clock, device: str
    ) -> None:
        """Wait until the second try makes sense; hold no lease meanwhile."""
        if isinstance(self._first_error, OutOfMemoryError):
            await wait_for_memory(coordinator, clock, device)
