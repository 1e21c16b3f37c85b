"""What the server says, as frozen facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from .errors import ConductorResponseError
from .fields import Json, items, mapping, moment, number, text, texts, truth, whole


class Feature(StrEnum):
    """Parts of the API that not every server has; `GET /info` names them."""

    CONFIG = "config"
    JOBS = "jobs"
    """Recordings and texts can be sent over HTTP."""
    LIBRARY = "library"
    """Models can be deleted from the disk."""
    PHRASES = "phrases"
    """Spoken sentences are kept, and can be deleted."""
    VOCABULARY = "vocabulary"


class ModelState(StrEnum):
    """Where a model is in its life."""

    UNLOADED = "unloaded"
    WAITING_FOR_GPU = "waiting_for_gpu"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Who the server is."""

    name: str
    version: str
    api_version: str
    uuid: str
    """Of the installation; stays the same whatever its address."""
    instance: str
    """Of this run."""
    started_at: datetime | None
    ports: Mapping[str, int]
    """Name of a server (`asr`, `tts`, `wake`, `api`) to its port."""
    features: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Read the answer of `GET /info`."""
        ports = mapping(data.get("ports", {}), "ports")
        return cls(
            name=text(data, "name"),
            version=text(data, "version"),
            api_version=text(data, "api_version"),
            uuid=text(data, "uuid"),
            instance=text(data, "instance"),
            started_at=moment(data, "started_at"),
            ports={name: whole(ports, name) for name in ports},
            features=frozenset(texts(data, "features")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A voice or a wake word."""

    name: str
    description: str
    languages: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Read one of a model's offers."""
        return cls(
            name=text(data, "name"),
            description=text(data, "description", ""),
            languages=texts(data, "languages"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a load is."""

    phase: str
    percent: int
    """0 to 100, or -1 where nobody can know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a model failed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model."""

    id: str
    kind: str
    """`asr`, `tts` or `wake`."""
    engine: str
    description: str
    version: str
    state: ModelState
    languages: tuple[str, ...]
    offers: tuple[Offer, ...]
    device: str
    """`cpu` or `cuda:N`."""
    compute_type: str
    memory_bytes: int
    """Measured while loaded, else the estimate."""
    active_requests: int
    queued_requests: int
    keep_alive: float
    """Seconds; 0: unload after each use, negative: for ever."""
    pinned: bool
    last_used: datetime | None
    load_seconds: float | None
    progress: Progress | None
    error: Problem | None
    fallback_reason: str | None
    vram_needed_mb: int | None
    vram_free_mb: int | None
    requests: int
    """That ended since the server started, but for those whose client left."""
    errors: int
    last_seconds: float | None
    """What the last one that went well took."""
    real_time_factor: float | None
    """Seconds of inference per second of audio, of the last one."""

    @property
    def is_loaded(self) -> bool:
        """Whether it holds memory and answers at once."""
        return self.state is ModelState.READY

    @property
    def is_kept(self) -> bool:
        """Whether it stays loaded for ever and is never evicted."""
        return self.pinned and self.keep_alive < 0

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Read one model of `GET /models`."""
        try:
            state = ModelState(text(data, "state"))
        except ValueError as err:
            raise ConductorResponseError(f"unknown state {data.get('state')}") from err
        progress = data.get("progress")
        error = data.get("error")
        return cls(
            id=text(data, "id"),
            kind=text(data, "kind"),
            engine=text(data, "engine"),
            description=text(data, "description", ""),
            version=text(data, "version", ""),
            state=state,
            languages=texts(data, "languages"),
            offers=tuple(Offer.from_json(item) for item in items(data, "offers")),
            device=text(data, "device"),
            compute_type=text(data, "compute_type", ""),
            memory_bytes=whole(data, "memory_bytes"),
            active_requests=whole(data, "active_requests"),
            queued_requests=whole(data, "queued_requests"),
            keep_alive=number(data, "keep_alive") or 0.0,
            pinned=truth(data, "pinned"),
            last_used=moment(data, "last_used"),
            load_seconds=number(data, "load_seconds"),
            progress=None if progress is None else _progress(mapping(progress, "progress")),
            error=None if error is None else _problem(mapping(error, "error")),
            fallback_reason=text(data, "fallback_reason", "") or None,
            vram_needed_mb=_maybe_whole(data, "vram_needed_mb"),
            vram_free_mb=_maybe_whole(data, "vram_free_mb"),
            requests=whole(data, "requests"),
            errors=whole(data, "errors"),
            last_seconds=number(data, "last_seconds"),
            real_time_factor=number(data, "real_time_factor"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The memory of one compute device, in bytes, and its gauges."""

    id: str
    """`cpu` or `cuda:N`."""
    name: str
    total_bytes: int
    free_bytes: int
    budget_bytes: int
    """What our models may hold together."""
    committed_bytes: int
    """Held by our models."""
    reserved_bytes: int
    """Promised to loads that are under way."""
    others_bytes: int
    pressure: str
    """normal, warning or critical."""
    present: bool
    utilisation: float | None
    """0 to 1."""
    temperature: float | None
    """Degrees Celsius."""
    power: float | None
    """Watts."""

    @property
    def is_gpu(self) -> bool:
        """Whether it is a graphics card."""
        return self.id.startswith("cuda")

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Read one device of `GET /status`."""
        return cls(
            id=text(data, "device"),
            name=text(data, "name", ""),
            total_bytes=whole(data, "total_bytes"),
            free_bytes=whole(data, "free_bytes"),
            budget_bytes=whole(data, "budget_bytes"),
            committed_bytes=whole(data, "committed_bytes"),
            reserved_bytes=whole(data, "reserved_bytes"),
            others_bytes=whole(data, "others_bytes"),
            pressure=text(data, "pressure", "normal"),
            present=truth(data, "present", default=True),
            utilisation=number(data, "utilisation"),
            temperature=number(data, "temperature"),
            power=number(data, "power"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The server's disk for models, caches and recordings, in bytes."""

    total_bytes: int
    free_bytes: int

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Read the disk of `GET /status`."""
        return cls(total_bytes=whole(data, "total_bytes"), free_bytes=whole(data, "free_bytes"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything at one moment."""

    ready: bool
    reasons: tuple[str, ...]
    """Why it is not ready, a sentence each."""
    accepting: bool | None
    """False while it is paused; None where it cannot be."""
    queue_depth: int
    default_asr: str
    """The model that hears what names no other."""
    disk: Disk | None
    """None where the server cannot tell."""
    models: Mapping[str, Model]
    devices: Mapping[str, Device]

    @classmethod
    def from_json(cls, status: Json, models: Json) -> Self:
        """Put the answers of `GET /status` and `GET /models` together."""
        found = [Model.from_json(item) for item in items(models, "models")]
        devices = [Device.from_json(item) for item in items(status, "devices")]
        disk = status.get("disk")
        return cls(
            ready=truth(status, "ready"),
            reasons=texts(status, "reasons"),
            accepting=None if status.get("accepting") is None else truth(status, "accepting"),
            queue_depth=whole(status, "queue_depth"),
            default_asr=text(status, "asr_model", ""),
            disk=None if disk is None else Disk.from_json(mapping(disk, "disk")),
            models={model.id: model for model in found},
            devices={device.id: device for device in devices},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One thing that happened."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None
    """Its number, for `Last-Event-ID`; None for what belongs to the stream itself."""


def _progress(data: Json) -> Progress:
    return Progress(phase=text(data, "phase"), percent=whole(data, "percent", -1))


def _problem(data: Json) -> Problem:
    return Problem(code=text(data, "code"), message=text(data, "message", ""))


def _maybe_whole(data: Json, key: str) -> int | None:
    value = number(data, key)
    return None if value is None else int(value)
