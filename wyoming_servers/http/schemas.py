"""What the API shows of models and devices, and how it is made from a snapshot."""

from datetime import UTC, datetime

from pydantic import BaseModel, Field

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.scheduling.interface import (
    DeviceStatus,
    ModelStatus,
    Snapshot,
)
from wyoming_servers.telemetry.model_stats import ModelStats
from wyoming_servers.telemetry.traces import TraceBuffer

_MIB = 1024 * 1024


def iso_timestamp(seconds: float) -> str:
    """Return seconds since 1970 as `2026-05-10T14:00:00.000Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def mib(size: int) -> int:
    """Return bytes as whole MiB."""
    return size // _MIB


class ModelStateResponse(BaseModel):
    """The state of one model, short; fields that do not apply are left out."""

    state: ModelState
    loaded_at: str | None = Field(None, description="When it became ready (ISO 8601, UTC).")
    vram_needed_mb: int | None = Field(None, description="While it waits for memory, MiB.")
    vram_free_mb: int | None = Field(None, description="While it waits for memory, MiB.")
    retry_in_secs: int | None = Field(None, description="Until a load is tried again.")
    vram_used_mb: int | None = Field(None, description="In use on its GPU, by anybody, MiB.")
    vram_total_mb: int | None = Field(None, description="Size of its GPU's memory, MiB.")


class OfferResponse(BaseModel):
    """A voice or a wake word."""

    name: str
    description: str
    languages: list[str]
    phrase: str
    speakers: list[str]


class LoadProgressResponse(BaseModel):
    """How far a load is."""

    phase: str
    percent: int = Field(description="0 to 100, or -1 where it cannot be known.")


class ModelErrorResponse(BaseModel):
    """Why a model failed."""

    code: str
    message: str


class ModelResponse(ModelStateResponse):
    """Everything about one model; fields that do not apply are left out."""

    id: str
    kind: str
    engine: str
    description: str
    version: str
    languages: list[str]
    offers: list[OfferResponse] = Field(description="Its voices or wake words.")
    device: str = Field(description="Where it is or will be: `cpu` or `cuda:N`.")
    compute_type: str
    compute_types: list[str] = Field(
        description="Values of `models.<id>.compute_type` that its engine supports, besides `auto`."
    )
    memory_bytes: int = Field(description="Measured while loaded, else the estimate.")
    active_requests: int
    queued_requests: int
    keep_alive: float = Field(
        description="Seconds loaded after the last use; 0: unload at once; negative: for ever."
    )
    pinned: bool = Field(description="Never evicted to make room for another.")
    last_used: str | None = Field(None, description="ISO 8601, UTC.")
    load_seconds: float | None = Field(None, description="What the last load took.")
    pid: int | None = Field(None, description="Process that holds it.")
    progress: LoadProgressResponse | None = None
    error: ModelErrorResponse | None = None
    fallback_reason: str | None = Field(
        None, description="Why it is not on the device it was wished to be on, where it is not."
    )
    requests: int = Field(0, description="That ended since the start, but for who left.")
    errors: int = Field(0, description="How many of them failed.")
    last_seconds: float | None = Field(
        None, description="What the last one took; of an utterance: from its end to the answer."
    )
    real_time_factor: float | None = Field(
        None, description="Seconds of inference per second of audio, of the last one."
    )


class DeviceResponse(BaseModel):
    """One device's memory, in bytes."""

    device: str
    name: str
    total_bytes: int
    free_bytes: int
    budget_bytes: int = Field(description="What models may hold together.")
    reserved_bytes: int = Field(description="Promised to loads in flight.")
    committed_bytes: int = Field(description="Measured of loaded models.")
    pressure: str = Field(description="normal, warning or critical.")
    others_bytes: int = Field(0, description="Held by programs that are not ours.")
    present: bool = Field(True, description="Whether it can be read; nothing loads where not.")
    utilisation: float | None = Field(None, description="0 to 1, where the device tells it.")
    temperature: float | None = Field(None, description="Degrees Celsius, where it tells it.")
    power: float | None = Field(None, description="Watts, where it tells it.")


def find_model(snapshot: Snapshot, model: str) -> ModelStatus:
    """Return one model's status. Raises ModelMissingError."""
    for status in snapshot.models:
        if status.spec.id == model:
            return status
    raise ModelMissingError(
        f"There is no model {model!r} here.", hint="GET /models lists those that can be used."
    )


def model_state_response(status: ModelStatus, snapshot: Snapshot) -> ModelStateResponse:
    """Return a model's state and what belongs to that state."""
    view = ModelStateResponse(state=status.state)
    if status.state is ModelState.READY and status.loaded_at is not None:
        view.loaded_at = iso_timestamp(status.loaded_at)
    if status.state is ModelState.WAITING_FOR_MEMORY:
        view.vram_needed_mb = mib(status.needed_bytes or status.memory_bytes)
        view.vram_free_mb = mib(status.free_bytes or 0)
    if status.retry_in is not None:
        view.retry_in_secs = round(status.retry_in)
    gpu = _find_gpu(snapshot, status.placement.device)
    if gpu is not None:
        view.vram_used_mb, view.vram_total_mb = mib(gpu.total - gpu.free), mib(gpu.total)
    return view


def model_response(
    status: ModelStatus, snapshot: Snapshot, traces: TraceBuffer | None
) -> ModelResponse:
    """Return everything about a model."""
    spec = status.spec
    engine = find_engine(spec.engine)
    tally = traces.model_stats.get(spec.id) if traces else ModelStats()
    return ModelResponse(
        **model_state_response(status, snapshot).model_dump(),
        id=spec.id,
        kind=spec.task,
        engine=spec.engine,
        description=spec.description,
        version=spec.version,
        languages=list(spec.languages),
        offers=[
            OfferResponse(
                name=offer.name,
                description=offer.description,
                languages=list(offer.languages),
                phrase=offer.phrase,
                speakers=list(offer.speakers),
            )
            for offer in spec.offers
        ],
        device=status.placement.device,
        compute_type=status.placement.compute_type,
        compute_types=[] if engine is None else list(engine.compute_types),
        memory_bytes=status.memory_bytes,
        active_requests=status.leases,
        queued_requests=status.queued,
        keep_alive=spec.keep_alive,
        pinned=spec.pinned,
        last_used=None if status.last_used is None else iso_timestamp(status.last_used),
        load_seconds=status.load_seconds,
        pid=status.pid,
        progress=status.progress
        and LoadProgressResponse(phase=status.progress[0], percent=status.progress[1]),
        error=ModelErrorResponse(code=status.error_code, message=status.error_message)
        if status.error_code
        else None,
        fallback_reason=status.fallback_reason or None,
        requests=tally.requests,
        errors=tally.errors,
        last_seconds=_rounded(tally.last_seconds),
        real_time_factor=_rounded(tally.real_time_factor),
    )


def device_response(status: DeviceStatus) -> DeviceResponse:
    """Return a device's memory."""
    return DeviceResponse(
        device=status.device,
        name=status.name,
        total_bytes=status.total,
        free_bytes=status.free,
        budget_bytes=status.budget,
        reserved_bytes=status.reserved,
        committed_bytes=status.committed,
        pressure=status.pressure,
        others_bytes=status.others,
        present=status.present,
        utilisation=status.utilisation,
        temperature=status.temperature,
        power=status.power,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def first_gpu(snapshot: Snapshot) -> DeviceStatus | None:
    """Return the first GPU there is."""
    gpus = (device for device in snapshot.devices if device.device.startswith("cuda"))
    return next(gpus, None)


def _find_gpu(snapshot: Snapshot, name: str) -> DeviceStatus | None:
    if not name.startswith("cuda"):
        return None
    return next((device for device in snapshot.devices if device.device == name), None)
