"""Who has something transcribed by one model at this moment, and who has to wait for whom."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Priority
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import SpeculationEnded
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.asr.transcriber import Hypothesis

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


# Transcribes an utterance at its pauses already: the last of them is usually its end.

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

    async def final_hypothesis(
        self, final: Callable[[], Coroutine[Any, Any, Hypothesis]]
    ) -> Hypothesis:
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


# Transcribes while somebody speaks, as often as the machine has nothing else to do.

PARTIAL_INTERVAL: Final = 1.0
"""Seconds between the beginnings of two transcriptions; more often is a flicker."""

PARTIAL_REST_FACTOR: Final = 2.0
"""After each, as many times as long as it took: two thirds of the machine stay free."""

_RECHECK_SECONDS: Final = 0.1
"""Seconds until it is asked again whether the moment is good."""


class PartialTranscriber:
    """Transcribes the audio so far, again and again, with the lowest priority."""

    def __init__(
        self,
        transcribe: Transcribe,
        audio: Callable[[], bytes | None],
        traffic: AdmissionController,
        clock: Clock,
        on_heard: Callable[[Hypothesis], None],
    ) -> None:
        """`audio` returns None while this is no moment to transcribe it."""
        self._transcribe = transcribe
        self._audio = audio
        self._admission = traffic
        self._clock = clock
        self._on_hypothesis = on_heard

    async def run(self) -> None:
        """Go on until cancelled, or until the model fails: the final run will tell why."""
        wait = PARTIAL_INTERVAL
        while True:
            await self._clock.sleep(wait)
            audio = self._audio() if self._admission.allows_partial else None
            if audio is None:
                wait = _RECHECK_SECONDS
                continue
            begun = self._clock.now()
            try:
                heard = await self._transcribe_once(audio)
            except ConductorError as err:
                _LOGGER.debug("A partial transcript failed: %s", err)
                return
            if heard is not None:
                self._on_hypothesis(heard)
            took = self._clock.now() - begun
            wait = max(PARTIAL_INTERVAL - took, PARTIAL_REST_FACTOR * took)

    async def _transcribe_once(self, audio: bytes) -> Hypothesis | None:
        """Transcribe; None if the model was wanted meanwhile."""
        task = asyncio.ensure_future(self._transcribe(audio, Priority.BACKGROUND))
        self._admission.add_partial(task)
        try:
            await asyncio.wait([task])
        finally:
            await cancel_and_wait(task)
        return None if task.cancelled() else task.result()
