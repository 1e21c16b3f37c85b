"""What the integration knows at one moment, and how an event changes it; no input, no output."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .api import Info, Model, ModelState, ServerEvent, Status
from .api.config import ServerConfig

LEFT = "CANCELLED"
"""The client went away; nobody's fault."""

LOW_DISK_BYTES = 1024**3
"""A small speech model takes half of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything at one moment; entities read nothing else."""

    info: Info
    status: Status
    config: ServerConfig | None = None
    """None where the server cannot be configured over HTTP."""
    evictions: int = 0
    """Since the integration was loaded."""

    @property
    def models_loaded(self) -> int:
        """How many models hold memory."""
        return sum(model.is_loaded for model in self.status.models.values())

    @property
    def active_requests(self) -> int:
        """How many requests run now."""
        return sum(model.active_requests for model in self.status.models.values())

    @property
    def requests(self) -> int:
        """How many requests have ended since the server started."""
        return sum(model.requests for model in self.status.models.values())

    @property
    def errors(self) -> int:
        """How many of them failed."""
        return sum(model.errors for model in self.status.models.values())

    @property
    def disk_free(self) -> int | None:
        """Bytes that are free on the server's disk; None where it cannot tell."""
        return None if self.status.disk is None else self.status.disk.free_bytes

    @property
    def is_disk_low(self) -> bool:
        """Whether the next download or recording may find no room."""
        return self.disk_free is not None and self.disk_free < LOW_DISK_BYTES

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

    def after(self, event: ServerEvent) -> Snapshot:
        """Return what is known after an event; the same object if it changes nothing here."""
        match event.type:
            case "model_state_changed":
                return self._moved(event.data)
            case "accepting_changed":
                accepting = event.data.get("accepting") is not False
                return replace(self, status=replace(self.status, accepting=accepting))
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
