"""How each model has served since the start: requests, failures, and how long the last one took."""

from dataclasses import dataclass, replace
from typing import Final

from wyoming_servers.events import RequestFinished

_LEFT: Final = "CANCELLED"
"""The client went away: neither served nor failed."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One model's requests since the server started."""

    requests: int = 0
    """That ended, well or not; those whose client left do not count."""
    errors: int = 0
    last_seconds: float | None = None
    """How long the last one that went well took; of an utterance: from its end to the answer."""
    real_time_factor: float | None = None
    """Seconds of inference per second of audio, of the last one in which there was any."""

    def after(self, event: RequestFinished) -> "Tally":
        """Return the tally with one more request in it."""
        if event.code == _LEFT:
            return self
        if event.code:
            return replace(self, requests=self.requests + 1, errors=self.errors + 1)
        inference = event.stages.get("inference")
        factor = self.real_time_factor
        if inference is not None and event.audio_seconds > 0:
            factor = inference / event.audio_seconds
        return Tally(self.requests + 1, self.errors, event.seconds, factor)


class Tallies:
    """All models' tallies, by id."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}

    def take(self, event: RequestFinished) -> None:
        """Count a request; one that never had a model is nobody's."""
        if event.model:
            self._tallies[event.model] = self.of(event.model).after(event)

    def of(self, model: str) -> Tally:
        """Return a model's tally, an empty one if nobody has asked it yet."""
        return self._tallies.get(model, Tally())
