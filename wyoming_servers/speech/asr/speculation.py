"""Transcriptions before the end of an utterance, and their admission to the model.

Speculation: the audio up to a pause is transcribed at once, because the last pause is the end.
Partial transcripts: the audio so far is transcribed repeatedly while the speaker speaks.
"""

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

MAX_SPECULATIONS: Final = 8
"""Speculations per utterance; at later pauses nothing is transcribed until the end."""

PARTIAL_INTERVAL: Final = 1.0
"""Seconds between the starts of two partial transcriptions; more often would flicker."""

PARTIAL_REST_FACTOR: Final = 2.0
"""Rest after a partial transcription, as a multiple of its duration: two thirds of the machine stay
free."""

_LOGGER: Final = logging.getLogger(__name__)


class Transcribe(Protocol):
    """Transcribes 16 kHz audio on the current lease; a cancellation cancels the run."""

    def __call__(
        self, audio: bytes, priority: Priority | None = None
    ) -> Coroutine[Any, Any, Hypothesis]: ...


OnHypothesis = Callable[[Hypothesis | None], None]
"""Called with the transcript up to a pause, or None if its transcription failed."""


class AdmissionController:
    """Decides which transcriptions of one model may start; shared by all its utterances.

    A final run, for which a client waits, takes precedence over a speculation, and a speculation
    over a partial transcription. Their priorities order them in the worker; this class prevents or
    cancels those that would only delay the others.
    """

    def __init__(self, coordinator: CoordinatorProtocol, model: str) -> None:
        self._coordinator = coordinator
        self._model = model
        self._final_runs = 0
        self._final_run_started = asyncio.Event()
        self._speculative_runs = 0
        self._partials: set[asyncio.Task[Any]] = set()
        self._listeners: set[Callable[[], None]] = set()

    @contextmanager
    def final_run(self) -> Iterator[None]:
        """Count a transcription that a client waits for, and cancel partial ones."""
        self._final_runs += 1
        self._final_run_started.set()
        self._cancel_partials()
        try:
            yield
        finally:
            self._final_runs -= 1
            self._notify()

    @contextmanager
    def speculative_run(self) -> Iterator[None]:
        """Count a transcription that a client will probably wait for, and cancel partial ones."""
        self._speculative_runs += 1
        self._cancel_partials()
        try:
            yield
        finally:
            self._speculative_runs -= 1
            self._notify()

    async def wait_for_contention(self) -> None:
        """Wait until a second final run has started."""
        while self._final_runs <= 1:
            self._final_run_started.clear()
            await self._final_run_started.wait()

    def add_partial(self, task: asyncio.Task[Any]) -> None:
        """Add a partial transcription; it is cancelled when the model is needed."""
        self._partials.add(task)
        task.add_done_callback(self._remove_partial)

    @contextmanager
    def notify(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call `listener` whenever `allows_partial` may have changed because of a transcription.

        For changes of the model's use see `CoordinatorProtocol.changed`.
        """
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)

    @property
    def allows_speculation(self) -> bool:
        """Whether a speculation would delay no client, and there is memory for it."""
        return (
            not self._final_runs
            and not self._speculative_runs
            and not self._coordinator.model_usage(self._model).queued
            and not self._coordinator.is_memory_critical()
        )

    @property
    def allows_partial(self) -> bool:
        """Whether only one utterance uses the model, and nothing is being transcribed."""
        return (
            not self._partials
            and self._coordinator.model_usage(self._model).leases <= 1
            and self.allows_speculation
        )

    def _cancel_partials(self) -> None:
        for task in self._partials:
            task.cancel()

    def _remove_partial(self, task: asyncio.Task[Any]) -> None:
        self._partials.discard(task)
        self._notify()

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener()


@dataclass(slots=True)
class _Attempt:
    started_at: float
    size: int
    """Bytes of its audio."""
    task: asyncio.Task[Hypothesis | None] | None = None
    seconds: float | None = None
    """Its duration, once it has ended."""


class Speculation:
    """Transcribes the audio up to the current pause, at most one at a time, while a lease is held.

    Call `start` at a pause, `discard` when speech continues, `final_hypothesis` at the end of the
    turn. A speculation that fails does not fail the request: a final run follows. Leaving
    `async with` cancels what is running.
    """

    def __init__(
        self,
        transcribe: Transcribe,
        admission: AdmissionController,
        on_hypothesis: OnHypothesis,
        *,
        client: str,
        model: str,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        self._transcribe = transcribe
        self._admission = admission
        self._on_hypothesis = on_hypothesis
        self._client = client
        self._model = model
        self._bus = bus
        self._clock = clock
        self._started = 0
        self._current: _Attempt | None = None
        self._running: set[asyncio.Task[Hypothesis | None]] = set()
        """Includes cancelled tasks that have not ended yet."""

    def start(self, audio: bytes) -> bool:
        """Transcribe the audio up to a pause, if that delays no client; True if it started."""
        if self._started >= MAX_SPECULATIONS or not self._admission.allows_speculation:
            return False
        self._started += 1
        attempt = self._current = _Attempt(self._clock.now(), len(audio))
        attempt.task = asyncio.create_task(self._run(attempt, audio), name="speculation")
        self._running.add(attempt.task)
        attempt.task.add_done_callback(self._running.discard)
        return True

    def discard(self) -> bool:
        """Cancel the speculation of this pause, because speech continues; True if there was one."""
        attempt, self._current = self._current, None
        if attempt is None:
            return False
        if attempt.task is not None:
            attempt.task.cancel()
        self._publish_outcome("void", attempt)
        return True

    async def final_hypothesis(
        self, size: int, final: Callable[[], Coroutine[Any, Any, Hypothesis]]
    ) -> Hypothesis:
        """Return the transcript at the end of the turn, of a speculation or else of a final run.

        `size` is the number of bytes that the final run would transcribe.

        1. There is no speculation of the last pause, or there was a sound in it: the final run.
        2. The speculation has ended, or ends while no other client waits for the model: its result,
           or the final run if it failed.
        3. Other clients wait as well, and their runs have priority over a speculation: start a
           final run in addition, and return the result of whichever ends first.

        Raises the error of the final run.
        """
        with self._admission.final_run():
            if self._current is not None and self._current.size != size:
                self.discard()
            attempt = self._current
            if attempt is None or attempt.task is None:  # 1
                return await final()
            contention = asyncio.create_task(
                self._admission.wait_for_contention(), name="wait for contention"
            )
            try:
                await asyncio.wait({attempt.task, contention}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancel_and_wait(contention)
            if attempt.task.done():  # 2
                hypothesis = self._completed_result(attempt)
                return await final() if hypothesis is None else hypothesis
            final_run = asyncio.create_task(final(), name="final transcription")  # 3
            try:
                await asyncio.wait({attempt.task, final_run}, return_when=asyncio.FIRST_COMPLETED)
                hypothesis = self._completed_result(attempt)
                return await final_run if hypothesis is None else hypothesis
            finally:
                await cancel_and_wait(final_run)

    def _completed_result(self, attempt: _Attempt) -> Hypothesis | None:
        """Return the result of a speculation; None if it is running or has failed."""
        if attempt.task is None or not attempt.task.done():
            return None
        hypothesis = attempt.task.result()
        if hypothesis is not None:
            self._current = None
            self._publish_outcome("used", attempt)
        return hypothesis

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
        hypothesis: Hypothesis | None = None
        try:
            with self._admission.speculative_run():
                hypothesis = await self._transcribe(audio, Priority.SPECULATIVE)
        except ConductorError as err:
            _LOGGER.debug("%s: a speculation failed: %s", self._client, err)
        except Exception:
            _LOGGER.exception("%s: unexpected error in a speculation", self._client)
        attempt.seconds = self._clock.now() - attempt.started_at
        if self._current is attempt:
            if hypothesis is None:
                self._current = None
                self._publish_outcome("failed", attempt)
            self._on_hypothesis(hypothesis)
        return hypothesis

    def _publish_outcome(self, outcome: str, attempt: _Attempt) -> None:
        seconds = attempt.seconds
        if seconds is None:
            seconds = self._clock.now() - attempt.started_at
        self._bus.publish(
            SpeculationEnded(
                client=self._client, model=self._model, outcome=outcome, seconds=seconds
            )
        )


class PartialTranscriber:
    """Transcribes the audio so far repeatedly, with the lowest priority."""

    def __init__(
        self,
        transcribe: Transcribe,
        audio: Callable[[], bytes | None],
        admission: AdmissionController,
        coordinator: CoordinatorProtocol,
        clock: Clock,
        on_hypothesis: Callable[[Hypothesis], None],
    ) -> None:
        """`audio` returns None while nothing should be transcribed; see `recheck`."""
        self._transcribe = transcribe
        self._audio = audio
        self._admission = admission
        self._coordinator = coordinator
        self._clock = clock
        self._on_hypothesis = on_hypothesis
        self._changed = asyncio.Event()

    def recheck(self) -> None:
        """Look again whether a transcription can start: the result of `audio` may have changed."""
        self._changed.set()

    async def run(self) -> None:
        """Transcribe until cancelled, or until the model fails: the final run reports the error."""
        watch = asyncio.create_task(self._watch_coordinator(), name="watch the model's use")
        try:
            with self._admission.notify(self.recheck):
                await self._run()
        finally:
            await cancel_and_wait(watch)

    async def _run(self) -> None:
        pause = PARTIAL_INTERVAL
        while True:
            await self._clock.sleep(pause)
            audio = await self._wait_for_audio()
            started_at = self._clock.now()
            try:
                hypothesis = await self._transcribe_once(audio)
            except ConductorError as err:
                _LOGGER.debug("A partial transcription failed: %s", err)
                return
            if hypothesis is not None:
                self._on_hypothesis(hypothesis)
            seconds = self._clock.now() - started_at
            pause = max(PARTIAL_INTERVAL - seconds, PARTIAL_REST_FACTOR * seconds)

    async def _wait_for_audio(self) -> bytes:
        """Wait until there is audio to transcribe, and the model is free for it."""
        while True:
            self._changed.clear()
            if self._admission.allows_partial and (audio := self._audio()) is not None:
                return audio
            await self._changed.wait()

    async def _watch_coordinator(self) -> None:
        while True:
            await self._coordinator.changed()
            self.recheck()

    async def _transcribe_once(self, audio: bytes) -> Hypothesis | None:
        """Transcribe; None if the transcription was cancelled because the model was needed."""
        task = asyncio.ensure_future(self._transcribe(audio, Priority.BACKGROUND))
        self._admission.add_partial(task)
        try:
            await asyncio.wait([task])
        finally:
            await cancel_and_wait(task)
        return None if task.cancelled() else task.result()
