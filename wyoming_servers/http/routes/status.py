"""What goes on right now, in one answer: for a terminal, a panel, or a script that looks on."""

import asyncio
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.event_bus import (
    HISTORY,
    SequencedEvent,
)
from wyoming_servers.http import schemas
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.scheduling.interface import (
    DeviceStatus,
    ModelStatus,
    Snapshot,
)
from wyoming_servers.telemetry.event_logger import describe_event

router = APIRouter(tags=["system"], responses={**PROBLEM_RESPONSES})

Level = Literal["debug", "info", "warning", "error"]

_DEFAULT_EVENTS: Final = 20
"""Events that are told if the client does not say how many."""


class DeviceStatusResponse(schemas.DeviceResponse):
    """One device's memory, in bytes."""

    returning_bytes: int = Field(
        description="Of models whose process is gone; not seen to have come back yet."
    )


class ModelStatusResponse(BaseModel):
    """One model; fields that do not apply are left out."""

    id: str
    kind: str
    state: ModelState
    device: str = Field(description="Where it is or will be: `cpu` or `cuda:N`.")
    compute_type: str
    active_requests: int
    queued_requests: int
    memory_bytes: int = Field(description="Measured while loaded, else the estimate.")
    keep_alive: float = Field(
        description="Seconds loaded after the last use; 0: unload at once; negative: for ever."
    )
    unload_in_secs: float | None = Field(
        None, description="Until it is unloaded, while it is loaded and nobody uses it."
    )
    pinned: bool = Field(description="Never evicted to make room for another.")
    load_seconds: float | None = Field(None, description="What the last load took.")
    pid: int | None = Field(None, description="Process that holds it.")
    progress: schemas.LoadProgressResponse | None = None
    needed_bytes: int | None = Field(None, description="While it waits for memory.")
    free_bytes: int | None = Field(None, description="While it waits for memory.")
    retry_in_secs: float | None = Field(None, description="Until a load is tried again.")
    error: schemas.ModelErrorResponse | None = None
    fallback_reason: str | None = Field(None, description="Why it is not where it was wished.")


class InstanceStatusResponse(BaseModel):
    """A model's process on one device, or its place in the queue."""

    model: str
    device: str
    compute_type: str
    state: str = Field(description="As in the table of the architecture: queued, draining, …")
    active_requests: int
    memory_bytes: int = Field(description="Promised to it, or measured once it is loaded.")
    pid: int | None = None
    reason: str = ""


class RecentEventResponse(BaseModel):
    """Something that has happened, in words; `/events` has all its fields."""

    number: int
    at: str = Field(description="ISO 8601, UTC.")
    type: str
    level: str = Field(description="As in the log: debug, info, warning or error.")
    text: str


class DiskUsageResponse(BaseModel):
    """The disk that holds models, caches and recordings, in bytes."""

    total_bytes: int
    free_bytes: int


class AcceptingResponse(BaseModel):
    """Whether new requests are taken."""

    accepting: bool


class StatusResponse(BaseModel):
    """Everything at one moment."""

    version: str
    at: str = Field(description="ISO 8601, UTC.")
    uptime_secs: float
    ready: bool = Field(description="As `/health/ready` says.")
    reasons: list[str] = Field(description="Why it is not ready.")
    accepting: bool = Field(description="False while it is paused.")
    asr_model: str = Field(description="Speech-to-text model of clients that name none.")
    queue_depth: int = Field(description="Requests that wait for a model.")
    active_requests: int
    disk: DiskUsageResponse | None = Field(description="Null where it cannot be read.")
    devices: list[DeviceStatusResponse]
    models: list[ModelStatusResponse]
    instances: list[InstanceStatusResponse] = Field(
        description="Where models are more than unloaded."
    )
    events: list[RecentEventResponse] = Field(description="The newest, oldest first.")


@router.get("/status", summary="Everything at one moment", response_model_exclude_none=True)
async def status(
    context: Context,
    events: Annotated[
        int, Query(ge=0, le=HISTORY, description="How many to tell.")
    ] = _DEFAULT_EVENTS,
    level: Annotated[Level, Query(description="Least severe event to tell.")] = "info",
) -> StatusResponse:
    """Cheap enough to be asked every second; `/events` tells when asking again is worth it."""
    snapshot, now = context.coordinator.snapshot(), time.time()
    fine, reasons = context.ready()
    return StatusResponse(
        version=context.version,
        at=schemas.iso_timestamp(now),
        uptime_secs=now - context.started,
        ready=fine,
        reasons=reasons,
        accepting=snapshot.accepting,
        asr_model=context.config.asr.model,
        queue_depth=snapshot.queue_depth,
        active_requests=sum(model.leases for model in snapshot.models),
        disk=await asyncio.to_thread(_disk, context.config.data_dir),
        devices=[_device(device) for device in snapshot.devices],
        models=[_model(model, now) for model in snapshot.models],
        instances=_instances(snapshot),
        events=_events(context.bus.recent(HISTORY), events, level),
    )


@router.post("/pause", summary="Take no new requests")
async def pause(context: Context) -> AcceptingResponse:
    """They are answered `BUSY`; those that run or wait go on, and models may leave as always."""
    return _accept(context, False)


@router.post("/resume", summary="Take requests again")
async def resume(context: Context) -> AcceptingResponse:
    """A restart resumes, too."""
    return _accept(context, True)


def _accept(context: ApiContext, accepting: bool) -> AcceptingResponse:
    context.coordinator.set_accepting(accepting)
    return AcceptingResponse(accepting=accepting)


def _disk(folder: Path) -> DiskUsageResponse | None:
    try:
        usage = shutil.disk_usage(folder.expanduser())
    except OSError:
        return None
    return DiskUsageResponse(total_bytes=usage.total, free_bytes=usage.free)


def _device(status: DeviceStatus) -> DeviceStatusResponse:
    return DeviceStatusResponse(
        **schemas.device_response(status).model_dump(), returning_bytes=status.returning
    )


def _model(status: ModelStatus, now: float) -> ModelStatusResponse:
    progress, code = status.progress, status.error_code
    return ModelStatusResponse(
        id=status.spec.id,
        kind=status.spec.task,
        state=status.state,
        device=status.placement.device,
        compute_type=status.placement.compute_type,
        active_requests=status.leases,
        queued_requests=status.queued,
        memory_bytes=status.memory_bytes,
        keep_alive=status.spec.keep_alive,
        unload_in_secs=_unload_in(status, now),
        pinned=status.spec.pinned,
        load_seconds=status.load_seconds,
        pid=status.pid,
        progress=progress and schemas.LoadProgressResponse(phase=progress[0], percent=progress[1]),
        needed_bytes=status.needed_bytes,
        free_bytes=status.free_bytes,
        retry_in_secs=status.retry_in,
        error=schemas.ModelErrorResponse(code=code, message=status.error_message) if code else None,
        fallback_reason=status.fallback_reason or None,
    )


def _unload_in(status: ModelStatus, now: float) -> float | None:
    """Work out when an idle model leaves; one that was loaded ahead may stay a little longer."""
    keep_alive = status.spec.keep_alive
    if status.state is not ModelState.READY or status.leases or keep_alive < 0:
        return None
    since = max(status.loaded_at or 0.0, status.last_used or 0.0)
    return max(0.0, since + keep_alive - now)


def _instances(snapshot: Snapshot) -> list[InstanceStatusResponse]:
    return [
        InstanceStatusResponse(
            model=instance.model,
            device=instance.placement.device,
            compute_type=instance.placement.compute_type,
            state=instance.state,
            active_requests=instance.leases,
            memory_bytes=instance.memory_bytes,
            pid=instance.pid,
            reason=instance.reason,
        )
        for instance in snapshot.instances
    ]


def _events(items: Sequence[SequencedEvent], count: int, least: Level) -> list[RecentEventResponse]:
    """Return the newest `count` that are severe enough, oldest first."""
    told: list[RecentEventResponse] = []
    for item in reversed(items):
        if len(told) == count:
            break
        level, text = describe_event(item.event)
        if level >= logging.getLevelNamesMapping()[least.upper()]:
            name = logging.getLevelName(level).lower()
            number, kind = item.sequence, item.event.type
            told.append(
                RecentEventResponse(
                    number=number,
                    at=schemas.iso_timestamp(item.timestamp),
                    type=kind,
                    level=name,
                    text=text,
                )
            )
    return told[::-1]
