"""The account of one request: how long each stage took, and how it ended."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import (
    RequestFinished,
    RequestRetried,
)

_MAX_SPANS: Final = 64
"""Of one request: a long text has an inference for each sentence."""


class RequestTimer:
    """Publishes RequestFinished exactly once, whichever way the request ends."""

    def __init__(self, kind: Task, client: str, bus: EventBus, clock: Clock) -> None:
        self._kind = kind
        self._client = client
        self._bus = bus
        self._clock = clock
        self._start = clock.now()
        self._stages: dict[str, float] = {}
        self._spans: list[tuple[str, float, float]] = []
        """Stages with their beginnings and ends on the clock."""
        self._done = False
        self.phrases = 0
        """Phrases spoken."""
        self.cached = 0
        """How many of them came from the phrase cache."""
        self.audio_seconds = 0.0
        """Audio that the model heard or made; what came from a cache is not of its making."""
        self.model = ""
        """The model that serves it, as soon as that is known."""

    def restart(self, stage: str) -> None:
        """Book the time so far under `stage`; the request's own seconds begin now.

        For an utterance: the time somebody speaks is not the time it takes to answer.
        """
        now = self._clock.now()
        self._stages[stage] = now - self._start
        self._record_span(stage, self._start, now)
        self._start = now

    def mark(self, stage: str) -> None:
        """Note when something happened first, in seconds since the request began."""
        if stage not in self._stages:
            now = self._clock.now()
            self._stages[stage] = now - self._start
            self._record_span(stage, self._start, now)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time inside to a stage."""
        start = self._clock.now()
        try:
            yield
        finally:
            now = self._clock.now()
            self._stages[name] = self._stages.get(name, 0.0) + now - start
            self._record_span(name, start, now)

    def publish_retry(self, error: ConductorError) -> None:
        """The request failed with `error`, and is being made once more."""
        self._bus.publish(
            RequestRetried(
                kind=self._kind.value,
                model=self.model,
                client=self._client,
                code=error.code,
                message=error.message,
            )
        )

    def finish(self, error: BaseException | None = None) -> None:
        """The request has ended, well or with `error`; only the first call counts."""
        if self._done:
            return
        self._done = True
        code, message = _code_and_message(error)
        now = self._clock.now()
        self._bus.publish(
            RequestFinished(
                kind=self._kind.value,
                model=self.model,
                client=self._client,
                seconds=now - self._start,
                code=code,
                message=message,
                stages=dict(self._stages),
                spans=tuple((name, now - begin, now - end) for name, begin, end in self._spans),
                phrases=self.phrases,
                cached=self.cached,
                audio_seconds=self.audio_seconds,
            )
        )

    def _record_span(self, stage: str, begin: float, end: float) -> None:
        if len(self._spans) < _MAX_SPANS:
            self._spans.append((stage, begin, end))


def _code_and_message(error: BaseException | None) -> tuple[str, str]:
    if error is None:
        return "", ""
    if isinstance(error, ConductorError):
        return error.code, error.message
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "CANCELLED", "The client left before the end."
    return "UNKNOWN", f"{type(error).__name__}: {error}"
