"""The account of one request: how long each stage took, and how it ended."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.domain import Kind
from wyoming_servers.errors import ConductorError
from wyoming_servers.events import RequestFinished, RequestRetried


class Measure:
    """Publishes RequestFinished exactly once, whichever way the request ends."""

    def __init__(self, kind: Kind, client: str, bus: EventBus, clock: Clock) -> None:
        self._kind = kind
        self._client = client
        self._bus = bus
        self._clock = clock
        self._start = clock.now()
        self._stages: dict[str, float] = {}
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
        self._start = now

    def mark(self, stage: str) -> None:
        """Note when something happened first, in seconds since the request began."""
        self._stages.setdefault(stage, self._clock.now() - self._start)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time inside to a stage."""
        start = self._clock.now()
        try:
            yield
        finally:
            self._stages[name] = self._stages.get(name, 0.0) + self._clock.now() - start

    def retried(self, error: ConductorError) -> None:
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
        code, message = _explain(error)
        self._bus.publish(
            RequestFinished(
                kind=self._kind.value,
                model=self.model,
                client=self._client,
                seconds=self._clock.now() - self._start,
                code=code,
                message=message,
                stages=dict(self._stages),
                phrases=self.phrases,
                cached=self.cached,
                audio_seconds=self.audio_seconds,
            )
        )


def _explain(error: BaseException | None) -> tuple[str, str]:
    if error is None:
        return "", ""
    if isinstance(error, ConductorError):
        return error.code, error.message
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "CANCELLED", "The client left before the end."
    return "UNKNOWN", f"{type(error).__name__}: {error}"
