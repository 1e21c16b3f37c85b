"""Decoded answers of the API, as frozen dataclasses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from .errors import ConductorResponseError
from .fields import (
    Json,
    as_mapping,
    get_bool,
    get_datetime,
    get_float,
    get_int,
    get_objects,
    get_str,
    get_str_list,
)


class Feature(StrEnum):
    """Optional parts of the API; `GET /info` lists those that the server has."""

    CONFIG = "config"
    """The configuration can be read and changed."""
    JOBS = "jobs"
    """Recordings and texts can be sent over HTTP."""
    LIBRARY = "library"
    """Models can be downloaded and deleted."""
    PHRASES = "phrases"
    """Synthesized speech is cached, and the cache can be cleared."""
    RESTART = "restart"
    """The server can be restarted."""
    REFERENCES = "references"
    """Clients can declare the models, voices and wake words that they need."""
    VOCABULARY = "vocabulary"
    """Names and terms that speech-to-text favors can be set."""


class ModelState(StrEnum):
    """Lifecycle state of a model."""

    UNLOADED = "unloaded"
    DOWNLOADING = "downloading"
    WAITING_FOR_MEMORY = "waiting_for_gpu"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    FAILED = "failed"
    UNFIT = "unfit"
    """Needs more memory than models may ever use on its devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Identity, version, ports and features of the server."""

    name: str
    version: str
    api_version: str
    uuid: str
    """Of the installation; does not change with the address."""
    instance: str
    """Of the running process; changes with each start."""
    started_at: datetime | None
    ports: Mapping[str, int]
    """Port of each service (`asr`, `tts`, `wake`, `api`)."""
    features: frozenset[str] = frozenset()
    scope: str = ""
    """Of the token of the request: `read`, `use`, `operate` or `admin`; empty if unknown."""

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode `GET /info`."""
        ports = as_mapping(data.get("ports", {}), "ports")
        return cls(
            name=get_str(data, "name"),
            version=get_str(data, "version"),
            api_version=get_str(data, "api_version"),
            uuid=get_str(data, "uuid"),
            instance=get_str(data, "instance"),
            started_at=get_datetime(data, "started_at"),
            ports={name: get_int(ports, name) for name in ports},
            features=frozenset(get_str_list(data, "features")),
            scope=get_str(data, "scope", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A voice or a wake word that a model offers."""

    name: str
    description: str
    languages: tuple[str, ...]
    phrase: str = ""
    """Spoken words of a wake word."""

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode one of the `offers` of a model."""
        return cls(
            phrase=get_str(data, "phrase", ""),
            name=get_str(data, "name"),
            description=get_str(data, "description", ""),
            languages=get_str_list(data, "languages"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a download or load."""

    phase: str
    percent: int
    """0 to 100; -1 if unknown."""

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode the `progress` of a model."""
        return cls(phase=get_str(data, "phase"), percent=get_int(data, "percent", -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailure:
    """Why a model failed to load."""

    code: str
    message: str
    retry_at: datetime | None = None
    """Time of the server's next attempt, by this machine's clock; None if it makes none."""

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode the `error` of a model."""
        seconds = get_float(data, "retry_in_secs")
        retry_at = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
        return cls(
            code=get_str(data, "code"),
            message=get_str(data, "message", ""),
            retry_at=retry_at and retry_at.replace(microsecond=0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryShortage:
    """Why a model waits for memory, or can never be loaded."""

    device: str
    """`cpu` or `cuda:N`."""
    needed_bytes: int
    free_bytes: int | None = None
    """Memory that could be given to the model now; None if it can never be loaded."""
    budget_bytes: int | None = None
    """The most that all models together may ever use; None while the model waits."""
    held_by: tuple[str, ...] = ()
    """Models and programs that hold the memory, largest first."""

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode the `waiting` or `unfit` of a model."""
        return cls(
            device=get_str(data, "device", ""),
            needed_bytes=get_int(data, "needed_bytes"),
            free_bytes=_get_optional_int(data, "free_bytes"),
            budget_bytes=_get_optional_int(data, "budget_bytes"),
            held_by=tuple(get_str(item, "name") for item in get_objects(data, "held_by")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """State and statistics of one model."""

    id: str
    kind: str
    """`asr`, `tts` or `wake`."""
    engine: str
    description: str
    version: str
    state: ModelState
    installed: bool
    """False while it is downloaded, and if that failed."""
    languages: tuple[str, ...]
    offers: tuple[Offer, ...]
    device: str
    """`cpu` or `cuda:N`; empty until it is installed."""
    compute_type: str
    """In use while loaded."""
    compute_types: tuple[str, ...]
    """Those that its engine supports, besides `auto`."""
    memory_bytes: int
    """Measured while loaded, otherwise estimated."""
    active_requests: int
    queued_requests: int
    keep_alive: float
    """Seconds to keep the idle model loaded; 0 unloads after each request, negative never."""
    pinned: bool
    """Whether it is never evicted."""
    last_used: datetime | None
    load_seconds: float | None
    progress: Progress | None
    error: ModelFailure | None
    fallback_reason: str | None
    """Why it runs on the CPU instead of its preferred device."""
    shortage: MemoryShortage | None
    """While it waits for memory, or if it can never be loaded."""
    vram_needed_mb: int | None
    vram_free_mb: int | None
    requests: int
    """Completed requests since the server started, excluding those the client cancelled."""
    errors: int
    """Failed requests since the server started."""
    last_seconds: float | None
    """Duration of the last successful request."""
    real_time_factor: float | None
    """Seconds of inference per second of audio, of the last request."""

    @property
    def is_loaded(self) -> bool:
        """Whether the model occupies memory and answers without delay."""
        return self.state is ModelState.READY

    @property
    def loaded_bytes(self) -> int:
        """Memory in use; 0 unless loaded, when `memory_bytes` is only an estimate."""
        return self.memory_bytes if self.is_loaded else 0

    @property
    def is_kept_loaded(self) -> bool:
        """Whether the model is neither unloaded when idle nor evicted."""
        return self.pinned and self.keep_alive < 0

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode one model of `GET /models`."""
        try:
            state = ModelState(get_str(data, "state"))
        except ValueError as err:
            raise ConductorResponseError(f"unknown state {data.get('state')}") from err
        progress = data.get("progress")
        error = data.get("error")
        shortage = data.get("waiting") or data.get("unfit")
        return cls(
            id=get_str(data, "id"),
            kind=get_str(data, "kind"),
            engine=get_str(data, "engine"),
            description=get_str(data, "description", ""),
            version=get_str(data, "version", ""),
            state=state,
            installed=get_bool(data, "installed", default=True),
            languages=get_str_list(data, "languages"),
            offers=tuple(Offer.from_json(item) for item in get_objects(data, "offers")),
            device=get_str(data, "device", ""),
            compute_type=get_str(data, "compute_type", ""),
            compute_types=get_str_list(data, "compute_types"),
            memory_bytes=get_int(data, "memory_bytes"),
            active_requests=get_int(data, "active_requests"),
            queued_requests=get_int(data, "queued_requests"),
            keep_alive=get_float(data, "keep_alive") or 0.0,
            pinned=get_bool(data, "pinned"),
            last_used=get_datetime(data, "last_used"),
            load_seconds=get_float(data, "load_seconds"),
            progress=(
                None if progress is None else Progress.from_json(as_mapping(progress, "progress"))
            ),
            error=None if error is None else ModelFailure.from_json(as_mapping(error, "error")),
            fallback_reason=get_str(data, "fallback_reason", "") or None,
            shortage=(
                None
                if shortage is None
                else MemoryShortage.from_json(as_mapping(shortage, "waiting or unfit"))
            ),
            vram_needed_mb=_get_optional_int(data, "vram_needed_mb"),
            vram_free_mb=_get_optional_int(data, "vram_free_mb"),
            requests=get_int(data, "requests"),
            errors=get_int(data, "errors"),
            last_seconds=get_float(data, "last_seconds"),
            real_time_factor=get_float(data, "real_time_factor"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Memory (in bytes) and sensor readings of a CPU or GPU."""

    id: str
    """`cpu` or `cuda:N`."""
    name: str
    total_bytes: int
    free_bytes: int
    budget_bytes: int
    """Limit for all models together."""
    committed_bytes: int
    """In use by loaded models."""
    reserved_bytes: int
    """Reserved for models that are being loaded."""
    others_bytes: int
    """In use by other programs."""
    pressure: str
    """`normal`, `warning` or `critical`."""
    present: bool
    utilization: float | None
    """0 to 1."""
    temperature: float | None
    """Degrees Celsius."""
    power: float | None
    """Watts."""

    @property
    def is_gpu(self) -> bool:
        """Whether the device is a graphics card."""
        return self.id.startswith("cuda")

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode one device of `GET /status`."""
        return cls(
            id=get_str(data, "device"),
            name=get_str(data, "name", ""),
            total_bytes=get_int(data, "total_bytes"),
            free_bytes=get_int(data, "free_bytes"),
            budget_bytes=get_int(data, "budget_bytes"),
            committed_bytes=get_int(data, "committed_bytes"),
            reserved_bytes=get_int(data, "reserved_bytes"),
            others_bytes=get_int(data, "others_bytes"),
            pressure=get_str(data, "pressure", "normal"),
            present=get_bool(data, "present", default=True),
            utilization=get_float(data, "utilisation"),
            temperature=get_float(data, "temperature"),
            power=get_float(data, "power"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The server's disk for models, caches and recordings."""

    total_bytes: int
    free_bytes: int

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode the `disk` of `GET /status`."""
        return cls(total_bytes=get_int(data, "total_bytes"), free_bytes=get_int(data, "free_bytes"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedFile:
    """A file of the server that was damaged, and was renamed."""

    path: str
    moved_to: str
    """New name of the file, in the same folder."""
    reason: str


_DAMAGED_FILE: Final = re.compile(
    r"(?P<path>.+) was set aside as (?P<moved_to>\S+\.broken-[\d-]+): (?P<reason>.+)", re.DOTALL
)
"""One of the `reasons` of `GET /status`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """State of the server, its models and its devices at one moment."""

    ready: bool
    reasons: tuple[str, ...]
    """Why the server is not ready, failed tasks and damaged files; one sentence each."""
    accepting: bool | None
    """False while paused; None if the server cannot be paused."""
    queue_depth: int
    default_asr: str
    """Id of the default speech-to-text model."""
    disk: Disk | None
    """None if unknown."""
    models: Mapping[str, Model]
    devices: Mapping[str, Device]

    @property
    def damaged_files(self) -> list[DamagedFile]:
        """Files that the server has set aside since its start."""
        matches = (_DAMAGED_FILE.fullmatch(reason) for reason in self.reasons)
        return [DamagedFile(**match.groupdict()) for match in matches if match]

    @classmethod
    def from_json(cls, status: Json, models: Json) -> Self:
        """Combine `GET /status` and `GET /models`."""
        decoded = [Model.from_json(item) for item in get_objects(models, "models")]
        devices = [Device.from_json(item) for item in get_objects(status, "devices")]
        disk = status.get("disk")
        return cls(
            ready=get_bool(status, "ready"),
            reasons=get_str_list(status, "reasons"),
            accepting=None if status.get("accepting") is None else get_bool(status, "accepting"),
            queue_depth=get_int(status, "queue_depth"),
            default_asr=get_str(status, "asr_model", ""),
            disk=None if disk is None else Disk.from_json(as_mapping(disk, "disk")),
            models={model.id: model for model in decoded},
            devices={device.id: device for device in devices},
        )


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The server's configuration, nested as in its configuration file."""

    effective: Mapping[str, Any]
    """The values in effect."""
    saved: Mapping[str, Any]
    """The values of the next start."""
    pending: Mapping[str, Any] = field(default_factory=dict)
    """Saved values that are not in effect yet, by dotted key."""
    restart_needed: tuple[str, ...] = ()
    """Dotted keys whose saved value takes effect when the server restarts."""

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode `GET /config`."""
        saved = as_mapping(data.get("config"), "config")
        pending = as_mapping(data.get("pending") or {}, "pending")
        return cls(
            effective=as_mapping(data.get("effective", saved), "effective"),
            saved=saved,
            pending={key: as_mapping(value, key).get("pending") for key, value in pending.items()},
            restart_needed=get_str_list(data, "restart_needed"),
        )

    def get(self, *path: str) -> Any:
        """Return the value in effect at a path such as `("asr", "language")`; None if absent."""
        return _get_nested(self.effective, path)

    def get_saved(self, *path: str) -> Any:
        """Return the value of the next start at a path; None if absent."""
        return _get_nested(self.saved, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event of the event stream."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None
    """Sequence number, for `Last-Event-ID`; None for events of the stream itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A finished request with its timing."""

    kind: str
    """`asr`, `tts` or `wake`."""
    model: str
    device: str
    client: str
    ended_at: datetime
    seconds: float
    """Duration; of an utterance from its end to the transcript."""
    code: str
    """Error code; empty on success."""
    message: str
    stages: Mapping[str, float]
    """Seconds per stage."""

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode one trace of `GET /traces`."""
        ended = get_datetime(data, "ended_at")
        if ended is None:
            raise ConductorResponseError("a trace has no time")
        stages = as_mapping(data.get("stages", {}), "stages")
        return cls(
            kind=get_str(data, "kind"),
            model=get_str(data, "model", ""),
            device=get_str(data, "device", ""),
            client=get_str(data, "client", ""),
            ended_at=ended,
            seconds=get_float(data, "seconds") or 0.0,
            code=get_str(data, "code", ""),
            message=get_str(data, "message", ""),
            stages={name: get_float(stages, name) or 0.0 for name in stages},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice, or a preset of the configuration."""

    name: str
    description: str
    languages: tuple[str, ...]
    quality: str
    """According to its authors, `low` to `high` or a grade from A to F; empty if unknown."""
    license: str

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode one voice of `GET /voices`."""
        return cls(
            name=get_str(data, "name"),
            description=get_str(data, "description", ""),
            languages=get_str_list(data, "languages"),
            quality=get_str(data, "quality", ""),
            license=get_str(data, "licence", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesizedSpeech:
    """Audio of a synthesized text with its timing."""

    RATE = 24_000

    pcm: bytes
    """16-bit mono at 24 kHz."""
    first_audio_seconds: float
    """Until the first audio arrived."""
    seconds: float
    """Until all audio had arrived."""

    @property
    def audio_seconds(self) -> float:
        """Length of the audio."""
        return len(self.pcm) / 2 / self.RATE


def _get_nested(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _get_optional_int(data: Json, key: str) -> int | None:
    value = get_float(data, key)
    return None if value is None else int(value)
