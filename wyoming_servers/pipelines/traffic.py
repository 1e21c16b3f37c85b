"""Who has something transcribed by one model at this moment, and who has to wait for whom."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from wyoming_servers.coordinator.face import CoordinatorProtocol

_CRITICAL: Final = "critical"


class AdmissionController:
    """The transcriptions of one model, shared by all its utterances.

    What somebody waits for goes before a speculation, and that before a partial transcript: the
    worker sees to it by their priorities, and here those that would only be in the way are not
    begun, or end.
    """

    def __init__(self, coordinator: CoordinatorProtocol, model: str) -> None:
        self._coordinator = coordinator
        self._model = model
        self._final_runs = 0
        self._final_run_started = asyncio.Event()
        """Set when somebody begins to wait."""
        self._speculative_runs = 0
        self._partials: set[asyncio.Task[Any]] = set()

    @contextmanager
    def final_run(self) -> Iterator[None]:
        """Somebody waits for the transcription that is made inside."""
        self._final_runs += 1
        self._final_run_started.set()
        self._cancel_partials()
        try:
            yield
        finally:
            self._final_runs -= 1

    @contextmanager
    def speculative_run(self) -> Iterator[None]:
        """Somebody will probably wait for the transcription that is made inside."""
        self._speculative_runs += 1
        self._cancel_partials()
        try:
            yield
        finally:
            self._speculative_runs -= 1

    async def wait_for_contention(self) -> None:
        """Wait until somebody else, too, waits for a transcription."""
        while self._final_runs <= 1:
            self._final_run_started.clear()
            await self._final_run_started.wait()

    def add_partial(self, task: asyncio.Task[Any]) -> None:
        """A task makes a partial transcript; it is cancelled when the model is wanted."""
        self._partials.add(task)
        task.add_done_callback(self._partials.discard)

    @property
    def allows_speculation(self) -> bool:
        """Whether nobody would have to wait for a speculation, and there is memory for it."""
        return self._is_idle and self._queued_requests() == 0

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
    def _is_idle(self) -> bool:
        return not self._final_runs and not self._speculative_runs

    def _queued_requests(self) -> int:
        """Count what waits for the model; a machine without memory counts as one."""
        snapshot = self._coordinator.snapshot()
        waiting = sum(status.queued for status in snapshot.models if status.spec.id == self._model)
        return waiting + any(device.pressure == _CRITICAL for device in snapshot.devices)

    def _cancel_partials(self) -> None:
        for task in self._partials:
            task.cancel()
