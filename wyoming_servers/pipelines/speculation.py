"""Transcribes an utterance at its pauses already: the last of them is usually its end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.domain import Priority
from wyoming_servers.errors import ConductorError
from wyoming_servers.events import SpeculationEnded
from wyoming_servers.pipelines.together import cancel_and_wait
from wyoming_servers.pipelines.traffic import AdmissionController
from wyoming_servers.pipelines.transcription import Hypothesis

MAX_SPECULATIONS: Final = 8
"""Speculations of one utterance; whoever pauses more often waits for the final run."""


class Transcribe(Protocol):
    """Transcribes 16 kHz audio on the lease that is held; cancelling it cancels the run."""

    def __call__(
        self, audio: bytes, priority: Priority | None = None
    ) -> Coroutine[Any, Any, Hypothesis]: ...


OnHypothesis = Callable[[Hypothesis | None], None]
"""Called with what the speaker has said up to this pause, or None if that could not be told."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class _Attempt:
    started_at: float
    task: asyncio.Task[Hypothesis | None] | None = None
    seconds: float | None = None
    """How long it took, once it has ended."""


class Speculation:
    """At most one transcription ahead of the end of a turn; use it while the lease is held.

    `begin` at a pause, `void` when speech goes on, `answer` at the end of the turn. What it fails
    at is no failure of the request: the final run decides. Leaving `async with` cancels what runs.
    """

    def __init__(
        self,
        transcribe: Transcribe,
        traffic: AdmissionController,
        on_heard: OnHypothesis,
        *,
        client: str,
        model: str,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        self._transcribe = transcribe
        self._admission = traffic
        self._on_hypothesis = on_heard
        self._client = client
        self._model = model
        self._bus = bus
        self._clock = clock
        self._started = 0
        self._current: _Attempt | None = None
        self._running: set[asyncio.Task[Hypothesis | None]] = set()
        """Also those that were cancelled and have not ended yet."""

    def start(self, audio: bytes) -> bool:
        """Transcribe the audio up to a pause, if nobody has to wait for that; whether it began."""
        if self._started >= MAX_SPECULATIONS or not self._admission.allows_speculation:
            return False
        self._started += 1
        attempt = self._current = _Attempt(self._clock.now())
        attempt.task = asyncio.create_task(self._run(attempt, audio), name="speculation")
        self._running.add(attempt.task)
        attempt.task.add_done_callback(self._running.discard)
        return True

    def discard(self) -> bool:
        """Speech goes on: what was begun in the pause is of no use. Whether there was anything."""
        attempt, self._current = self._current, None
        if attempt is None:
            return False
        if attempt.task is not None:
            attempt.task.cancel()
        self._publish_outcome("void", attempt)
        return True

    async def final_hypothesis(self, final: Callable[[], Coroutine[Any, Any, Hypothesis]]) -> Hypothesis:
        """The turn is over: return what was said, by a speculation or else by a final run.

        1. Nothing was begun in the last pause: the final run.
        2. It has ended, or does so now: that is the answer, unless it failed.
        3. Meanwhile others wait for the model, whose runs go before a speculation: a final run of
           our own stands in their row, and whichever of the two ends first is the answer.

        Raises what the final run raises.
        """
        with self._admission.final_run():
            attempt = self._current
            if attempt is None or attempt.task is None:  # 1
                return await final()
            crowded = asyncio.create_task(self._admission.wait_for_contention(), name="speculation")
            try:
                await asyncio.wait({attempt.task, crowded}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancel_and_wait(crowded)
            if attempt.task.done():  # 2
                heard = self._completed_result(attempt)
                return await final() if heard is None else heard
            last = asyncio.create_task(final(), name="transcribe")  # 3
            try:
                await asyncio.wait({attempt.task, last}, return_when=asyncio.FIRST_COMPLETED)
                heard = self._completed_result(attempt)
                return await last if heard is None else heard
            finally:
                await cancel_and_wait(last)

    def _completed_result(self, attempt: _Attempt) -> Hypothesis | None:
        """Return what a speculation has led to; None if it runs, or has failed."""
        if attempt.task is None or not attempt.task.done():
            return None
        heard = attempt.task.result()
        if heard is not None:
            self._current = None
            self._publish_outcome("used", attempt)
        return heard

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()
        if self._running:
            await asyncio.wait(set(self._running))

    async def _run(self, attempt: _Attempt, audio: bytes) -> Hypothesis | None:
        heard: Hypothesis | None = None
        try:
            with self._admission.speculative_run():
                heard = await self._transcribe(audio, Priority.SPECULATIVE)
        except ConductorError as err:
            _LOGGER.debug("%s: a speculation failed: %s", self._client, err)
        except Exception:
            _LOGGER.exception("%s: a speculation failed by a bug", self._client)
        attempt.seconds = self._clock.now() - attempt.started_at
        if self._current is attempt:
            if heard is None:
                self._current = None
                self._publish_outcome("failed", attempt)
            self._on_hypothesis(heard)
        return heard

    def _publish_outcome(self, outcome: str, attempt: _Attempt) -> None:
        seconds = attempt.seconds
        if seconds is None:
            seconds = self._clock.now() - attempt.started_at
        self._bus.publish(
            SpeculationEnded(
                client=self._client, model=self._model, outcome=outcome, seconds=seconds
            )
        )
