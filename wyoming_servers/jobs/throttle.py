"""Delays background jobs while live voice requests are active."""

from typing import Final

from wyoming_servers.core.aio import ClockTimeout
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import DeadlineError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import Event, RequestFinished, SpeechStarted, WakeWordDetected
from wyoming_servers.scheduling.interface import CoordinatorProtocol

MAX_WAIT_SECONDS: Final = 30.0
"""Longest delay of each chunk of work, so that jobs finish on a busy server too."""

QUIET_SECONDS: Final = 1.5
"""After live activity more follows: the assistant thinks, and then its answer is spoken."""


class LiveTrafficGate:
    """Lets a chunk of background work start when no live request is active; `run` it in a task."""

    def __init__(self, coordinator: CoordinatorProtocol, bus: EventBus, clock: Clock) -> None:
        self._coordinator = coordinator
        self._bus = bus
        self._clock = clock
        # Not the time of the event: that is wall-clock time, which may jump.
        self._last_activity = float("-inf")
        """Monotonic time of the last live activity."""

    async def run(self) -> None:
        """Note live activity until cancelled."""
        with self._bus.subscribe() as subscription:
            async for item in subscription:
                if _is_live_event(item.event):
                    self._last_activity = self._clock.now()

    async def wait(self) -> None:
        """Wait for a pause in live speech, at most `MAX_WAIT_SECONDS`; hold no lease meanwhile.

        Live speech is a request for speech-to-text or text-to-speech that is served or waits for a
        model, and `QUIET_SECONDS` after one. While the operator has paused the server, the wait has
        no limit.
        """
        await self._coordinator.wait_accepting()
        try:
            async with ClockTimeout(self._clock, MAX_WAIT_SECONDS, "for a pause in live speech"):
                await self._wait_quiet()
        except DeadlineError:
            return

    async def _wait_quiet(self) -> None:
        while True:
            await self._coordinator.wait_idle()
            # The end of a request frees its lease and publishes its event in the same moment.
            await self._clock.sleep(0)
            remaining = self._last_activity + QUIET_SECONDS - self._clock.now()
            if remaining <= 0:
                return
            await self._clock.sleep(remaining)


def _is_live_event(event: Event) -> bool:
    if isinstance(event, RequestFinished):
        return event.kind != Task.WAKE
    return isinstance(event, SpeechStarted | WakeWordDetected)
