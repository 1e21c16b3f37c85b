"""What the integration knows at one moment, and how an event changes it; no input, no output."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .api import Info, Model, ModelState, ServerEvent, Status
from .api.config import ServerConfig

LEFT = "CANCELLED"
"""The client went away; nobody's fault."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests of one model since the integration was loaded."""

    requests: int = 0
    errors: int = 0
    last_seconds: float | None = None
    """How long the last one that went well took."""


NOTHING = Tally()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything at one moment; entities read nothing else."""

    info: Info
    status: Status
    config: ServerConfig | None = None
    """None where the server cannot be configured over HTTP."""
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    """By model id."""
    evictions: int = 0

    @property
    def models_loaded(self) -> int:
        """How many models hold memory."""
        return sum(model.is_loaded for model in self.status.models.values())

    @property
    def active_requests(self) -> int:
        """How many requests run now."""
        return sum(model.active_requests for model in self.status.models.values())

    @property
    def total(self) -> Tally:
        """All models' requests together."""
        every = self.tallies.values()
        return Tally(sum(one.requests for one in every), sum(one.errors for one in every))

    @property
    def has_problem(self) -> bool:
        """Whether somebody should look: a failed or fallen back model, a lost or full device."""
        return any(
            model.state is ModelState.FAILED or model.fallback_reason
            for model in self.status.models.values()
        ) or any(
            not device.present or device.pressure == "critical"
            for device in self.status.devices.values()
        )

    def tally(self, model: str) -> Tally:
        """Return one model's requests."""
        return self.tallies.get(model, NOTHING)

    def after(self, event: ServerEvent) -> Snapshot:
        """Return what is known after an event; the same object if it changes nothing here."""
        match event.type:
            case "model_state_changed":
                return self._moved(event.data)
            case "request_finished":
                return self._finished(event.data)
            case "model_evicted":
                return replace(self, evictions=self.evictions + 1)
            case _:
                return self

    def _moved(self, data: Mapping[str, Any]) -> Snapshot:
        model = self.status.models.get(str(data.get("model")))
        try:
            state = ModelState(str(data.get("state")))
        except ValueError:
            return self
        if model is None or model.state is state:
            return self
        models: dict[str, Model] = {**self.status.models, model.id: replace(model, state=state)}
        return replace(self, status=replace(self.status, models=models))

    def _finished(self, data: Mapping[str, Any]) -> Snapshot:
        name, code, seconds = str(data.get("model")), data.get("code"), data.get("seconds")
        if code == LEFT or name not in self.status.models:
            return self
        before = self.tally(name)
        went_well = not code and isinstance(seconds, int | float)
        after = Tally(
            before.requests + 1,
            before.errors + bool(code),
            round(float(seconds), 3) if went_well and seconds is not None else before.last_seconds,
        )
        return replace(self, tallies={**self.tallies, name: after})


def activity_of(event: ServerEvent) -> str | None:
    """Return which activity an event is, if an automation can react to it."""
    code = event.data.get("code")
    match event.type:
        case "model_ready":
            return "model_loaded"
        case "model_unloaded" | "model_evicted" as name:
            return name
        case "model_failed":
            return "out_of_memory" if code == "OOM" else "load_failed"
        case "model_fell_back":
            return "fell_back"
        case "request_finished" if code == "OOM":
            return "out_of_memory"
        case "request_finished" if code and code != LEFT:
            return "request_failed"
        case _:
            return None
