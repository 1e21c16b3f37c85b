"""Work that nobody waits for lets those pass who do."""

from typing import Final

from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.coordinator.face import CoordinatorFace
from wyoming_servers.domain import Kind
from wyoming_servers.events import Event, RequestFinished, SpeechStarted, WakeWordDetected

YIELD_SECONDS: Final = 30.0
"""Longest wait for a pause in live speech before each piece, so that a job ends one day."""

CALM_SECONDS: Final = 1.5
"""After somebody has spoken: the answer is about to be thought of, and then to be spoken."""

_LOOK_SECONDS: Final = 0.1
"""Between two looks whether somebody still speaks."""


class Courtesy:
    """Ask it before each piece of work, holding no lease."""

    def __init__(self, coordinator: CoordinatorFace, bus: EventBus, clock: Clock) -> None:
        self._coordinator = coordinator
        self._bus = bus
        self._clock = clock

    async def wait(self) -> None:
        """Wait while somebody speaks, is answered, waits for a model, or has just done so.

        While the operator has paused the server nothing is begun, however long that is.
        """
        clock = self._clock
        while not self._coordinator.snapshot().accepting:
            await clock.sleep(_LOOK_SECONDS)
        until = clock.now() + YIELD_SECONDS
        while clock.now() < until and (self._somebody_speaks() or self._somebody_spoke()):
            await clock.sleep(_LOOK_SECONDS)

    def _somebody_spoke(self) -> bool:
        """Whether somebody was heard or answered, or called, so lately that more will follow."""
        since = self._clock.wall() - CALM_SECONDS
        return any(_is_live(item.event) for item in self._bus.recent() if item.at > since)

    def _somebody_speaks(self) -> bool:
        snapshot = self._coordinator.snapshot()
        # Wake words are listened for all the time; nobody waits while they are.
        live = [model for model in snapshot.models if model.spec.kind is not Kind.WAKE]
        return any(model.leases or model.queued for model in live)


def _is_live(event: Event) -> bool:
    if isinstance(event, RequestFinished):
        return event.kind != Kind.WAKE
    return isinstance(event, SpeechStarted | WakeWordDetected)
