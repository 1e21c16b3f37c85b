"""Retries a request once when its worker failed before any output was sent to the client."""

from dataclasses import dataclass, field
from typing import Final

from wyoming_servers.core.errors import (
    ConductorError,
    OutOfMemoryError,
    WorkerError,
)
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.telemetry.request_records import RequestTimer

_RETRYABLE: Final = (WorkerError, OutOfMemoryError)
"""A new process, or the same one with more memory, may succeed. A bad request, a full queue, a
shutdown or a bug would fail the same way again."""


@dataclass(slots=True)
class Retry:
    """Allows one retry per request: a second failure is not a coincidence."""

    _timer: RequestTimer
    _first_error: ConductorError | None = field(default=None, init=False)
    """The error of the first attempt."""

    def should_retry(self, error: ConductorError) -> bool:
        """Return whether to start the failed run again on a new lease, and publish the retry.

        Pass errors of runs only, not of leases: the coordinator retries before it refuses one.
        """
        if self._first_error is not None or not isinstance(error, _RETRYABLE):
            return False
        self._first_error = error
        self._timer.publish_retry(error)
        return True

    async def wait_for_memory(self, coordinator: CoordinatorProtocol, device: str) -> None:
        """Wait until memory is free again if the first attempt ran out of it; hold no lease."""
        if isinstance(self._first_error, OutOfMemoryError):
            await coordinator.memory_returned(device)
