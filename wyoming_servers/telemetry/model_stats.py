"""Requests, failures and last response time of each model since the server started."""

from dataclasses import dataclass, replace
from typing import Final

from wyoming_servers.core.events import RequestFinished

_CANCELLED: Final = "CANCELLED"
"""Code of a request whose client disconnected: neither a success nor a failure."""


@dataclass(frozen=True, slots=True)
class ModelStats:
    """One model's requests since the server started."""

    requests: int = 0
    """Completed or failed requests, without those that the client cancelled."""
    errors: int = 0
    last_seconds: float | None = None
    """Duration of the last successful request; of an utterance, from its end to the response."""
    real_time_factor: float | None = None
    """Seconds of inference per second of audio, in the last request with inference."""

    def with_request(self, event: RequestFinished) -> "ModelStats":
        """Return the statistics including one more request."""
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
    """Statistics of all models, by id."""

    def __init__(self) -> None:
        self._stats: dict[str, ModelStats] = {}

    def record(self, event: RequestFinished) -> None:
        """Count a request, unless it ended before a model was chosen."""
        if event.model:
            self._stats[event.model] = self.get(event.model).with_request(event)

    def get(self, model: str) -> ModelStats:
        """Return a model's statistics, empty before its first request."""
        return self._stats.get(model, ModelStats())
