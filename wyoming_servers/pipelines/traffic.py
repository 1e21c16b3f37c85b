"""Who has something transcribed by one model at this moment, and who has to wait for whom."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from wyoming_servers.coordinator.face import CoordinatorFace

_CRITICAL: Final = "critical"


class Traffic:
    """The transcriptions of one model, shared by all its utterances.

    What somebody waits for goes before a speculation, and that before a partial transcript: the
    worker sees to it by their priorities, and here those that would only be in the way are not
    begun, or end.
    """

    def __init__(self, coordinator: CoordinatorFace, model: str) -> None:
        self._coordinator = coordinator
        self._model = model
        self._finals = 0
        self._arrived = asyncio.Event()
        """Set when somebody begins to wait."""
        self._speculations = 0
        self._partials: set[asyncio.Task[Any]] = set()

    @contextmanager
    def final(self) -> Iterator[None]:
        """Somebody waits for the transcription that is made inside."""
        self._finals += 1
        self._arrived.set()
        self._stop_partials()
        try:
            yield
        finally:
            self._finals -= 1

    @contextmanager
    def speculation(self) -> Iterator[None]:
        """Somebody will probably wait for the transcription that is made inside."""
        self._speculations += 1
        self._stop_partials()
        try:
            yield
        finally:
            self._speculations -= 1

    async def crowded(self) -> None:
        """Wait until somebody else, too, waits for a transcription."""
        while self._finals <= 1:
            self._arrived.clear()
            await self._arrived.wait()

    def add_partial(self, task: asyncio.Task[Any]) -> None:
        """A task makes a partial transcript; it is cancelled when the model is wanted."""
        self._partials.add(task)
        task.add_done_callback(self._partials.discard)

    @property
    def allows_speculation(self) -> bool:
        """Whether nobody would have to wait for a speculation, and there is memory for it."""
        return self._is_free and self._queue() == 0

    @property
    def allows_partial(self) -> bool:
        """Whether one utterance alone uses the model, and computes nothing."""
        alone = all(
            status.leases <= 1
            for status in self._coordinator.snapshot().models
            if status.spec.id == self._model
        )
        return alone and self.allows_speculation and not self._partials

    @property
    def _is_free(self) -> bool:
        return not self._finals and not self._speculations

    def _queue(self) -> int:
        """Count what waits for the model; a machine without memory counts as one."""
        snapshot = self._coordinator.snapshot()
        waiting = sum(status.queued for status in snapshot.models if status.spec.id == self._model)
        return waiting + any(device.pressure == _CRITICAL for device in snapshot.devices)

    def _stop_partials(self) -> None:
        for task in self._partials:
            task.cancel()
