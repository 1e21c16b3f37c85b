"""Work that nobody waits for lets those pass who do."""

from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import Event, RequestFinished, SpeechStarted, WakeWordDetected
from wyoming_servers.scheduling.interface import CoordinatorProtocol

MAX_WAIT_SECONDS: Final = 30.0
"""Longest wait for a pause in live speech before each piece, so that a job ends one day."""

QUIET_SECONDS: Final = 1.5
"""After somebody has spoken: the answer is about to be thought of, and then to be spoken."""

_POLL_SECONDS: Final = 0.1
"""Between two looks whether somebody still speaks."""


class LiveTrafficGate:
    """Ask it before each piece of work, holding no lease."""

    def __init__(self, coordinator: CoordinatorProtocol, bus: EventBus, clock: Clock) -> None:
        self._coordinator = coordinator
        self._bus = bus
        self._clock = clock

    async def wait(self) -> None:
        """Wait while somebody speaks, is answered, waits for a model, or has just done so.

        While the operator has paused the server nothing is begun, however long that is.
        """
        clock = self._clock
        while not self._coordinator.snapshot().accepting:
            await clock.sleep(_POLL_SECONDS)
        until = clock.now() + MAX_WAIT_SECONDS
        while clock.now() < until and (self._is_live_now() or self._was_live_recently()):
            await clock.sleep(_POLL_SECONDS)

    def _was_live_recently(self) -> bool:
        """Whether somebody was heard or answered, or called, so lately that more will follow."""
        since = self._clock.wall() - QUIET_SECONDS
        return any(
            _is_live_event(item.event) for item in self._bus.recent() if item.timestamp > since
        )

    def _is_live_now(self) -> bool:
        snapshot = self._coordinator.snapshot()
        # Wake words are listened for all the time; nobody waits while they are.
        live = [model for model in snapshot.models if model.spec.task is not Task.WAKE]
        return any(model.leases or model.queued for model in live)


def _is_live_event(event: Event) -> bool:
    if isinstance(event, RequestFinished):
        return event.kind != Task.WAKE
    return isinstance(event, SpeechStarted | WakeWordDetected)
