"""How each model has served since the start: requests, failures, and how long the last one took."""

from dataclasses import dataclass, replace
from typing import Final

from wyoming_servers.core.events import RequestFinished

_CANCELLED: Final = "CANCELLED"
"""The client went away: neither served nor failed."""


@dataclass(frozen=True, slots=True)
class ModelStats:
    """One model's requests since the server started."""

    requests: int = 0
    """That ended, well or not; those whose client left do not count."""
    errors: int = 0
    last_seconds: float | None = None
    """How long the last one that went well took; of an utterance: from its end to the answer."""
    real_time_factor: float | None = None
    """Seconds of inference per second of audio, of the last one in which there was any."""

    def with_request(self, event: RequestFinished) -> "ModelStats":
        """Return the tally with one more request in it."""
        if event.code == _CANCELLED:
            return self
        if event.code:
            return replace(self, requests=self.requests + 1, errors=self.errors + 1)
        inference = event.stages.get("inference")
        factor = self.real_time_factor
        if inference is not None and event.audio_seconds > 0:
            factor = inference / event.audio_seconds
        return ModelStats(self.requests + 1, self.errors, event.seconds, factor)


class ModelStatsRegistry:
    """All models' tallies, by id."""

    def __init__(self) -> None:
        self._stats: dict[str, ModelStats] = {}

    def record(self, event: RequestFinished) -> None:
        """Count a request; one that never had a model is nobody's."""
        if event.model:
            self._stats[event.model] = self.get(event.model).with_request(event)

    def get(self, model: str) -> ModelStats:
        """Return a model's tally, an empty one if nobody has asked it yet."""
        return self._stats.get(model, ModelStats())
