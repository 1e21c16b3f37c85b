"""Response bodies for models and devices, built from a scheduler snapshot."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.core.errors import ModelMissingError, from_code
from wyoming_servers.models.manager import Installation
from wyoming_servers.scheduling.status import DeviceStatus, ModelStatus, Snapshot
from wyoming_servers.telemetry.traces import ModelStats, TraceBuffer

_MIB = 1024 * 1024


def mib(size: int) -> int:
    """Return bytes as whole MiB."""
    return size // _MIB


class ModelStateResponse(BaseModel):
    """State of one model; fields that do not apply are left out."""

    state: ModelState
    loaded_at: str | None = Field(None, description="Time the model became ready (ISO 8601, UTC).")
    vram_needed_mb: int | None = Field(
        None, description="Memory that the model needs, in MiB; while it waits for memory."
    )
    vram_free_mb: int | None = Field(
        None, description="Free memory of its device, in MiB; while it waits for memory."
    )
    retry_in_secs: int | None = Field(
        None,
        description="Seconds until a failed load is tried again; while the model waits for memory, "
        "seconds after which to ask again.",
    )
    vram_used_mb: int | None = Field(
        None, description="Used memory of its GPU, by all programs, in MiB."
    )
    vram_total_mb: int | None = Field(None, description="Total memory of its GPU, in MiB.")


class OfferResponse(BaseModel):
    """A voice or a wake word of a model."""

    name: str
    description: str
    languages: list[str]
    phrase: str
    speakers: list[str]


class LoadProgressResponse(BaseModel):
    """Progress of a download or a load."""

    phase: str = Field(description="`queued`, `download`, `verify`, `load` or `warmup`.")
    percent: int = Field(description="0 to 100, or -1 if unknown.")
    done_bytes: int | None = Field(None, description="While it is downloaded.")
    total_bytes: int | None = Field(None, description="While it is downloaded.")


class MemoryHolderResponse(BaseModel):
    """A model or a program that holds memory of a device."""

    kind: Literal["model", "program"]
    name: str = Field(description="Model id, or a name of the program.")
    bytes: int
    active_requests: int = Field(0, description="Requests that use the model now.")
    pinned: bool = Field(False, description="Never evicted to make room for another model.")


class WaitingResponse(BaseModel):
    """Why a model waits for memory."""

    device: str
    needed_bytes: int
    free_bytes: int = Field(description="Memory that could be given to it now.")
    held_by: list[MemoryHolderResponse] = Field(
        description="Models and programs that hold the memory of the device, largest first."
    )
    retry_in_secs: float = Field(
        description="Seconds after which a client should ask again. The server itself loads the "
        "model as soon as there is enough memory."
    )


class UnfitResponse(BaseModel):
    """Why a model can never be loaded on this machine as it is configured."""

    device: str
    needed_bytes: int
    budget_bytes: int = Field(description="The most that all models together may ever hold there.")


class ModelErrorResponse(BaseModel):
    """Last error of a model."""

    code: str
    message: str
    detail: str = Field("", description="What to do next, as a sentence.")
    recoverable: bool = Field(True, description="Whether it may succeed later without a change.")
    attempt: int = Field(1, description="Consecutive failures, with this one.")
    retry_in_secs: float | None = Field(
        None, description="Seconds until the next attempt; left out if only a request causes one."
    )


class ModelResponse(ModelStateResponse):
    """Details of one model; fields that do not apply are left out."""

    id: str
    kind: str
    engine: str
    description: str
    version: str
    languages: list[str]
    offers: list[OfferResponse] = Field(description="Voices or wake words of the model.")
    device: str = Field(
        description="Current or planned device: `cpu` or `cuda:N`; empty until it is installed."
    )
    compute_type: str
    compute_types: list[str] = Field(
        description="Values of `models.<id>.compute_type` that its engine supports, besides `auto`."
    )
    memory_bytes: int = Field(description="Measured memory while loaded, otherwise the estimate.")
    installed: bool = Field(True, description="False while it is downloaded.")
    default_for: list[str] = Field(
        default_factory=list,
        description="Services that use it by default: `asr`, `tts`, `wake`, or `asr:<model>`.",
    )
    active_requests: int
    queued_requests: int
    keep_alive: float = Field(
        description="Seconds to stay loaded when idle. 0 unloads after each request, a negative "
        "value never unloads."
    )
    kept_warm: bool = Field(
        False,
        description="In use by settings or clients: it stays loaded beyond `keep_alive` while its "
        "device has memory to spare.",
    )
    pinned: bool = Field(description="Never unloaded when idle, never evicted for another model.")
    pinned_by: list[str] = Field(
        default_factory=list,
        description="Owners of `PUT /pins/{owner}` that keep it loaded, and `configuration`.",
    )
    unload_in_secs: float | None = Field(
        None, description="Seconds until the model is unloaded; while it is loaded and idle."
    )
    waiting: WaitingResponse | None = Field(None, description="While it waits for memory.")
    unfit: UnfitResponse | None = Field(None, description="If it needs more than it may use.")
    last_used: str | None = Field(None, description="Time of the last request (ISO 8601, UTC).")
    load_seconds: float | None = Field(None, description="Duration of the last load, in seconds.")
    pid: int | None = Field(None, description="Id of the worker process.")
    progress: LoadProgressResponse | None = None
    error: ModelErrorResponse | None = None
    fallback_reason: str | None = Field(
        None, description="Why the model does not run on its preferred device."
    )
    requests: int = Field(
        0, description="Completed requests since start, excluding those the client cancelled."
    )
    errors: int = Field(0, description="Failed requests since start.")
    last_seconds: float | None = Field(
        None,
        description="Duration of the last request; for speech-to-text, from the end of the "
        "utterance to the transcript.",
    )
    real_time_factor: float | None = Field(
        None, description="Inference time per second of audio, of the last request."
    )


class DeviceResponse(BaseModel):
    """Memory of one device, in bytes."""

    device: str
    name: str
    total_bytes: int
    free_bytes: int
    budget_bytes: int = Field(description="Memory that all models together may use.")
    reserved_bytes: int = Field(description="Reserved for models that are being loaded.")
    committed_bytes: int = Field(description="Measured memory of loaded models.")
    pressure: str = Field(description="Memory pressure: `normal`, `warning` or `critical`.")
    others_bytes: int = Field(0, description="Used by other programs.")
    present: bool = Field(
        True, description="False if the device cannot be read; no model is loaded on it then."
    )
    utilisation: float | None = Field(
        None, description="Utilization from 0 to 1, if the device reports it."
    )
    temperature: float | None = Field(
        None, description="Degrees Celsius, if the device reports it."
    )
    power: float | None = Field(None, description="Watts, if the device reports it.")


def find_model(snapshot: Snapshot, model: str) -> ModelStatus:
    """Return the status of a model. Raises ModelMissingError."""
    for status in snapshot.models:
        if status.spec.id == model:
            return status
    raise ModelMissingError(
        f"Model {model!r} is not installed.", hint="GET /models lists the installed models."
    )


def model_state_response(status: ModelStatus, snapshot: Snapshot) -> ModelStateResponse:
    """Return the state of a model with the fields of that state."""
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


def load_progress(status: ModelStatus) -> LoadProgressResponse | None:
    """Return the progress of a load, if there is one."""
    if status.progress is None:
        return None
    return LoadProgressResponse(phase=status.progress[0], percent=status.progress[1])


def model_error(status: ModelStatus) -> ModelErrorResponse | None:
    """Return the last error of a model, if it has one."""
    if not status.error_code:
        return None
    error = from_code(status.error_code, status.error_message)
    return ModelErrorResponse(
        code=status.error_code,
        message=status.error_message,
        detail=error.hint,
        recoverable=error.recoverable,
        attempt=status.attempt,
        retry_in_secs=status.retry_in,
    )


def model_response(
    status: ModelStatus,
    snapshot: Snapshot,
    traces: TraceBuffer | None,
    served: Mapping[str, str],
) -> ModelResponse:
    """Return the details of a model; `served` has the default model of each service."""
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
            *(
                OfferResponse(
                    name=voice.name,
                    description=voice.description,
                    languages=list(voice.languages),
                    phrase="",
                    speakers=list(voice.speakers),
                )
                for voice in spec.voices
            ),
            *(
                OfferResponse(
                    name=word.name,
                    description=word.description,
                    languages=list(word.languages),
                    phrase=word.phrase,
                    speakers=[],
                )
                for word in spec.wake_words
            ),
        ],
        device=status.placement.device,
        compute_type=status.placement.compute_type,
        compute_types=[] if engine is None else list(engine.compute_types),
        memory_bytes=status.memory_bytes,
        active_requests=status.leases,
        queued_requests=status.queued,
        keep_alive=spec.keep_alive,
        pinned=bool(status.pinned_by),
        kept_warm=status.keeps_warm,
        last_used=None if status.last_used is None else iso_timestamp(status.last_used),
        load_seconds=status.load_seconds,
        pid=status.pid,
        progress=load_progress(status),
        error=model_error(status),
        default_for=[service for service, model in served.items() if model == spec.id],
        unload_in_secs=status.unload_in,
        waiting=_waiting(status, snapshot),
        unfit=status.unfit
        and UnfitResponse(
            device=status.unfit.device,
            needed_bytes=status.unfit.needed_bytes,
            budget_bytes=status.unfit.budget_bytes,
        ),
        pinned_by=list(status.pinned_by),
        fallback_reason=status.fallback_reason or None,
        requests=tally.requests,
        errors=tally.errors,
        last_seconds=_rounded(tally.last_seconds),
        real_time_factor=_rounded(tally.real_time_factor),
    )


def _waiting(status: ModelStatus, snapshot: Snapshot) -> WaitingResponse | None:
    """Return what a model waits for, if it does."""
    if status.state is not ModelState.WAITING_FOR_MEMORY or status.needed_bytes is None:
        return None
    device = status.waits_for or status.placement.device
    pinned = {model.spec.id for model in snapshot.models if model.pinned_by}
    holders = [
        MemoryHolderResponse(
            kind="model",
            name=instance.model,
            bytes=instance.memory_bytes,
            active_requests=instance.leases,
            pinned=instance.model in pinned,
        )
        for instance in snapshot.instances
        if instance.placement.device == device and instance.memory_bytes
    ]
    holders += [
        MemoryHolderResponse(kind="program", name="other programs", bytes=other.others)
        for other in snapshot.devices
        if other.device == device and other.others
    ]
    return WaitingResponse(
        device=device,
        needed_bytes=status.needed_bytes,
        free_bytes=status.free_bytes or 0,
        held_by=sorted(holders, key=lambda holder: holder.bytes, reverse=True),
        retry_in_secs=status.retry_in or 0.0,
    )


def installation_state(installation: Installation) -> ModelStateResponse:
    """Return the state of a model that is not installed yet."""
    return ModelStateResponse(
        state=ModelState.DOWNLOADING if installation.error is None else ModelState.FAILED,
        retry_in_secs=None if installation.retry_in is None else round(installation.retry_in),
    )


def installation_response(installation: Installation, served: Mapping[str, str]) -> ModelResponse:
    """Return the details of a model that is being installed, or could not be installed."""
    entry, error = installation.entry, installation.error
    engine = find_engine(entry.engine)
    progress = LoadProgressResponse(phase=installation.phase, percent=installation.percent)
    if installation.phase == "download" and entry.download_bytes:
        progress.total_bytes = entry.download_bytes
        progress.done_bytes = entry.download_bytes * installation.percent // 100
    return ModelResponse(
        **installation_state(installation).model_dump(),
        id=entry.id,
        kind=entry.kind,
        engine=entry.engine,
        description=entry.title,
        version=entry.version,
        languages=list(entry.languages),
        offers=[],
        device="",
        compute_type="",
        compute_types=[] if engine is None else list(engine.compute_types),
        memory_bytes=entry.memory_bytes(""),
        installed=False,
        default_for=[service for service, model in served.items() if model == entry.id],
        active_requests=0,
        queued_requests=0,
        keep_alive=0.0,
        pinned=False,
        progress=progress if error is None else None,
        error=error
        and ModelErrorResponse(
            code=error.code,
            message=error.message,
            detail=error.hint,
            recoverable=error.recoverable,
            retry_in_secs=installation.retry_in,
        ),
    )


def device_response(status: DeviceStatus) -> DeviceResponse:
    """Return the memory of a device."""
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
    """Return the first GPU, or None."""
    gpus = (device for device in snapshot.devices if device.device.startswith("cuda"))
    return next(gpus, None)


def _find_gpu(snapshot: Snapshot, name: str) -> DeviceStatus | None:
    if not name.startswith("cuda"):
        return None
    return next((device for device in snapshot.devices if device.device == name), None)
