"""Asks a model of turns at each pause whether the speaker sounds finished.

The model only shortens or lengthens a wait, so that nothing here fails or delays a request: while
the model loads, when it is slow, when there is none and when its worker dies, there is no answer.
"""

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from wyoming_servers.core.aio import ClockTimeout, cancel_and_wait
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import ConductorError, DeadlineError
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease

MAX_SECONDS: Final = 0.35
"""Longest wait for an answer; one takes 50 ms on an idle core."""

LEASE_SECONDS: Final = 0.05
"""Longest wait for the model: it is loaded already, or will be at a later pause."""

HEARD_SECONDS: Final = 8.0
"""Audio up to the pause that the model gets."""

_LOGGER: Final = logging.getLogger(__name__)


class TurnAnalyzer:
    """Answers for one utterance; leases the model from its first pause to the end of `async with`.

    `start` at a pause, `discard` when speech continues. `on_answer` gets the probability that the
    speaker has finished, or None if there is no answer; it is not called after `discard`.
    """

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        model: str,
        on_answer: Callable[[float | None], None],
        *,
        client: str,
        clock: Clock,
    ) -> None:
        self._coordinator = coordinator
        self._model = model
        self._on_answer = on_answer
        self._client = client
        self._clock = clock
        self._lease: Lease | None = None
        """Set while the model is leased and works."""
        self._leased = asyncio.Event()
        self._holder: asyncio.Task[None] | None = None
        """Holds the lease."""
        self._analyses: set[asyncio.Task[None]] = set()
        """Includes cancelled ones that have not ended yet."""
        self._current: asyncio.Task[None] | None = None

    def start(self, audio: bytes) -> bool:
        """Analyze 16 kHz audio up to a pause; False if there is no model or no memory."""
        if self._coordinator.is_memory_critical():
            return False
        if self._holder is None:
            self._holder = asyncio.create_task(self._hold_lease(), name="lease of the turn model")
        elif self._holder.done():
            return False
        self.discard()
        tail = audio[-SPEECH_FORMAT.bytes_for(HEARD_SECONDS) :]
        self._current = asyncio.create_task(self._analyze(tail), name="turn analysis")
        self._analyses.add(self._current)
        self._current.add_done_callback(self._analyses.discard)
        return True

    def discard(self) -> None:
        """Cancel the analysis of this pause, if one is running."""
        if self._current is not None:
            self._current.cancel()
            self._current = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tasks = [*self._analyses, *([self._holder] if self._holder is not None else [])]
        for task in tasks:
            if (failure := await cancel_and_wait(task)) is not None:
                _LOGGER.error("Unexpected error in the analysis of a turn", exc_info=failure)

    async def _hold_lease(self) -> None:
        """Lease the model until cancelled; ends if it cannot be loaded, or has failed."""
        try:
            async with self._coordinator.lease(self._model, client=self._client) as lease:
                self._lease = lease
                self._leased.set()
                await asyncio.Event().wait()
        except ConductorError as err:
            _LOGGER.debug("%s: no model of turns: %s", self._client, err)
        finally:
            self._lease = None

    async def _analyze(self, audio: bytes) -> None:
        probability: float | None = None
        try:
            async with ClockTimeout(self._clock, LEASE_SECONDS, f"to get {self._model}"):
                await self._leased.wait()
            async with ClockTimeout(self._clock, MAX_SECONDS, f"for {self._model} to answer"):
                probability = await self._ask(audio)
        except DeadlineError as err:
            _LOGGER.debug("%s: %s", self._client, err)
        except ConductorError as err:
            _LOGGER.debug("%s: the model of turns gave no answer: %s", self._client, err)
            if self._holder is not None:
                self._holder.cancel()  # Its worker is gone; the next utterance gets another one.
        if self._current is asyncio.current_task():
            self._current = None
            self._on_answer(probability)

    async def _ask(self, audio: bytes) -> float | None:
        if self._lease is None:
            return None
        async with self._lease.open({}, payload=audio) as run:
            answer = (await run.result()).get("probability")
        return float(answer) if isinstance(answer, int | float) and 0.0 <= answer <= 1.0 else None
