"""Work that nobody waits for lets those pass who do."""

from typing import Final

from wyoming_servers.clock import Clock
from wyoming_servers.coordinator.face import CoordinatorFace
from wyoming_servers.domain import Kind

YIELD_SECONDS: Final = 30.0
"""Longest wait for a pause in live speech before each piece, so that a job ends one day."""

CALM_SECONDS: Final = 1.5
"""After somebody has spoken: the answer is about to be thought of, and then to be spoken."""

_LOOK_SECONDS: Final = 0.1
"""Between two looks whether somebody still speaks."""


class Courtesy:
    """Ask it before each piece of work, holding no lease."""

    def __init__(self, coordinator: CoordinatorFace, clock: Clock) -> None:
        self._coordinator = coordinator
        self._clock = clock

    async def wait(self) -> None:
        """Wait while somebody speaks, is answered, waits for a model, or has just done so.

        While the operator has paused the server nothing is begun, however long that is.
        """
        clock = self._clock
        while not self._coordinator.snapshot().accepting:
            await clock.sleep(_LOOK_SECONDS)
        now = clock.now()
        until, calm = now + YIELD_SECONDS, now
        while now < until:
            if self._somebody_speaks():
                calm = now + CALM_SECONDS
            elif now >= calm:
                return
            await clock.sleep(_LOOK_SECONDS)
            now = clock.now()

    def _somebody_speaks(self) -> bool:
        snapshot = self._coordinator.snapshot()
        # Wake words are listened for all the time; nobody waits while they are.
        live = [model for model in snapshot.models if model.spec.kind is not Kind.WAKE]
        return any(model.leases or model.queued for model in live)
