"""Immutable snapshot of a server and the way an event changes it; no I/O."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from .api import Info, Model, ModelState, Offer, ServerConfig, ServerEvent, Status

LOW_DISK_BYTES = 1024**3
"""A small speech model takes about half of this."""


@dataclass(frozen=True, slots=True)
class VoiceOffer:
    """A voice or a preset that can be chosen."""

    name: str
    label: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything known about a server at one moment; the only input of the entities."""

    info: Info
    status: Status
    config: ServerConfig | None = None
    """None if the server does not allow changing its configuration over HTTP."""
    evictions: int = 0
    """Number of evictions since the integration was loaded."""

    @property
    def models_loaded(self) -> int:
        """Number of loaded models."""
        return sum(model.is_loaded for model in self.status.models.values())

    @property
    def active_requests(self) -> int:
        """Number of running requests."""
        return sum(model.active_requests for model in self.status.models.values())

    @property
    def requests(self) -> int:
        """Number of completed requests since the server started."""
        return sum(model.requests for model in self.status.models.values())

    @property
    def errors(self) -> int:
        """Number of failed requests since the server started."""
        return sum(model.errors for model in self.status.models.values())

    @property
    def disk_free(self) -> int | None:
        """Free bytes on the server's disk; None if unknown."""
        return None if self.status.disk is None else self.status.disk.free_bytes

    @property
    def is_disk_low(self) -> bool:
        """Whether the next download or recording may run out of disk space."""
        return self.disk_free is not None and self.disk_free < LOW_DISK_BYTES

    @property
    def has_problem(self) -> bool:
        """Whether a model failed or fell back to the CPU, or a device is missing or full."""
        return any(
            model.state is ModelState.FAILED or model.fallback_reason
            for model in self.status.models.values()
        ) or any(
            not device.present or device.pressure == "critical"
            for device in self.status.devices.values()
        )

    @property
    def asr_models(self) -> list[str]:
        """Ids of the installed speech-to-text models."""
        models = self.status.models.values()
        return [model.id for model in models if model.kind == "asr" and model.installed]

    @property
    def voices(self) -> list[str]:
        """Names of all voices, including the presets of the configuration."""
        presets = None if self.config is None else self.config.get("tts", "presets")
        return sorted({*(presets or ()), *self._offered_names("tts")})

    @property
    def voice_offers(self) -> list[VoiceOffer]:
        """All voices of installed models, and the presets of the configuration."""
        offers = {
            offer.name: VoiceOffer(offer.name, offer.description or offer.name, offer.languages)
            for offer in self._offers("tts")
        }
        for preset in self.get_config("tts", "presets") or ():
            if (voice := offers.get(base_voice(preset))) is not None:
                label = f"{voice.label} ({preset.removeprefix(voice.name).lstrip('@*+')})"
                offers.setdefault(preset, VoiceOffer(preset, label, voice.languages))
        return [offers[name] for name in sorted(offers)]

    @property
    def default_voice(self) -> str | None:
        """Name of the server's default voice; None if unknown."""
        voice = self.get_config("tts", "voice")
        return voice if isinstance(voice, str) else None

    @property
    def wake_word_offers(self) -> list[Offer]:
        """All wake words of installed models, by name."""
        return sorted(self._offers("wake"), key=lambda offer: offer.name)

    @property
    def wake_words(self) -> list[str]:
        """Names of all wake words."""
        return sorted(self._offered_names("wake"))

    def get_config(self, *path: str) -> Any:
        """Return the value of the configuration that is in effect; None if absent."""
        return None if self.config is None else self.config.get(*path)

    def get_saved_config(self, *path: str) -> Any:
        """Return the value of the configuration for the next start; None if absent."""
        return None if self.config is None else self.config.get_saved(*path)

    def is_config_pending(self, *path: str) -> bool:
        """Return whether a saved value is not in effect yet."""
        return self.config is not None and ".".join(path) in self.config.pending

    def apply_event(self, event: ServerEvent) -> Snapshot:
        """Return the snapshot after an event; the same object if nothing changes."""
        match event.type:
            case "model_state_changed":
                return self._with_model_state(event.data)
            case "accepting_changed":
                accepting = event.data.get("accepting") is not False
                return replace(self, status=replace(self.status, accepting=accepting))
            case "model_evicted":
                return replace(self, evictions=self.evictions + 1)
            case _:
                return self

    def as_dict(self) -> dict[str, Any]:
        """Return the status for service responses and the panel."""
        status = self.status
        return {
            "version": self.info.version,
            "ready": status.ready,
            "reasons": list(status.reasons),
            "accepting": status.accepting,
            "queue_depth": status.queue_depth,
            "active_requests": self.active_requests,
            "disk_free_bytes": self.disk_free,
            "models": [_model_as_dict(model) for model in status.models.values()],
            "devices": [asdict(device) for device in status.devices.values()],
        }

    def _offers(self, kind: str) -> list[Offer]:
        models = self.status.models.values()
        installed = (model for model in models if model.kind == kind and model.installed)
        return list({offer.name: offer for model in installed for offer in model.offers}.values())

    def _offered_names(self, kind: str) -> set[str]:
        models = (model for model in self.status.models.values() if model.kind == kind)
        return {offer.name for model in models for offer in model.offers}

    def _with_model_state(self, data: Mapping[str, Any]) -> Snapshot:
        model = self.status.models.get(str(data.get("model")))
        try:
            state = ModelState(str(data.get("state")))
        except ValueError:
            return self
        if model is None or model.state is state:
            return self
        models: dict[str, Model] = {**self.status.models, model.id: replace(model, state=state)}
        return replace(self, status=replace(self.status, models=models))


def base_voice(name: str) -> str:
    """Return the first plain voice of a preset (`name@slow`) or a mix (`one*0.7+other`)."""
    return re.split(r"[@*+]", name)[0]


def state_details(model: Model) -> dict[str, Any]:
    """Return why a model is not loaded, as far as the server tells it."""
    details: dict[str, Any] = {}
    is_short = model.state in (ModelState.WAITING_FOR_MEMORY, ModelState.UNFIT)
    if is_short and (shortage := model.shortage) is not None:
        details |= {
            "needed_bytes": shortage.needed_bytes,
            "free_bytes": shortage.free_bytes,
            "budget_bytes": shortage.budget_bytes,
            "held_by": list(shortage.held_by) or None,
        }
    if model.state is ModelState.DOWNLOADING and model.progress is not None:
        details["percent"] = None if model.progress.percent < 0 else model.progress.percent
    if model.state is ModelState.FAILED and model.error is not None:
        details |= {"cause": model.error.message, "retry_at": model.error.retry_at}
    return {name: value for name, value in details.items() if value is not None}


def _model_as_dict(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "kind": model.kind,
        "state": model.state.value,
        "device": model.device,
        "compute_type": model.compute_type,
        "memory_bytes": model.loaded_bytes,
        "kept_loaded": model.is_kept_loaded,
        "active_requests": model.active_requests,
        "queued_requests": model.queued_requests,
        "requests": model.requests,
        "errors": model.errors,
        "last_seconds": model.last_seconds,
        "real_time_factor": model.real_time_factor,
        "last_used": model.last_used.isoformat() if model.last_used else None,
        "percent": model.progress.percent if model.progress else None,
        "error": model.error.message if model.error else None,
    }
