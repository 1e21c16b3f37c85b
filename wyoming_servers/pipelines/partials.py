"""Transcribes while somebody speaks, as often as the machine has nothing else to do."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from wyoming_servers.clock import Clock
from wyoming_servers.domain import Priority
from wyoming_servers.errors import ConductorError
from wyoming_servers.pipelines.speculation import Transcribe
from wyoming_servers.pipelines.together import cancel_and_wait
from wyoming_servers.pipelines.traffic import AdmissionController
from wyoming_servers.pipelines.transcription import Hypothesis

PARTIAL_INTERVAL: Final = 1.0
"""Seconds between the beginnings of two transcriptions; more often is a flicker."""

PARTIAL_REST_FACTOR: Final = 2.0
"""After each, as many times as long as it took: two thirds of the machine stay free."""

_RECHECK_SECONDS: Final = 0.1
"""Seconds until it is asked again whether the moment is good."""

_LOGGER: Final = logging.getLogger(__name__)


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
