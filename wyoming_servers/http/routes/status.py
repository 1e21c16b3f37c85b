"""`/status`: complete state of the server in one response; `/pause` and `/resume`."""

import asyncio
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.event_bus import HISTORY, SequencedEvent
from wyoming_servers.http import schemas
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.scheduling.status import DeviceStatus, ModelStatus, Snapshot
from wyoming_servers.telemetry.event_logger import describe_event

router = APIRouter(tags=["system"], responses={**PROBLEM_RESPONSES})

Level = Literal["debug", "info", "warning", "error"]

_DEFAULT_EVENTS: Final = 20
"""Number of events in the response by default."""


class DeviceStatusResponse(schemas.DeviceResponse):
    """Memory of one device, in bytes."""

    returning_bytes: int = Field(
        description="Memory of stopped workers that the device does not report as free yet."
    )


class ModelStatusResponse(BaseModel):
    """Status of one model; fields that do not apply are left out."""

    id: str
    kind: str
    state: ModelState
    device: str = Field(description="Current or planned device: `cpu` or `cuda:N`.")
    compute_type: str
    active_requests: int
    queued_requests: int
    memory_bytes: int = Field(description="Measured memory while loaded, otherwise the estimate.")
    keep_alive: float = Field(
        description="Seconds to stay loaded when idle. 0 unloads after each request, a negative "
        "value never unloads."
    )
    unload_in_secs: float | None = Field(
        None, description="Seconds until the model is unloaded; while it is loaded and idle."
    )
    pinned: bool = Field(description="Never evicted to make room for another model.")
    load_seconds: float | None = Field(None, description="Duration of the last load, in seconds.")
    pid: int | None = Field(None, description="Id of the worker process.")
    progress: schemas.LoadProgressResponse | None = None
    needed_bytes: int | None = Field(
        None, description="Memory that the model needs; while it waits for memory."
    )
    free_bytes: int | None = Field(
        None, description="Free memory of its device; while it waits for memory."
    )
    retry_in_secs: float | None = Field(None, description="Seconds until the next attempt to load.")
    error: schemas.ModelErrorResponse | None = None
    fallback_reason: str | None = Field(
        None, description="Why the model does not run on its preferred device."
    )


class InstanceStatusResponse(BaseModel):
    """One model on one device: a worker process, or a queued load."""

    model: str
    device: str
    compute_type: str
    state: str = Field(
        description="Internal state such as `queued` or `draining`; see docs/architecture.md."
    )
    active_requests: int
    memory_bytes: int = Field(description="Reserved memory, or measured memory once loaded.")
    pid: int | None = None
    reason: str = ""


class RecentEventResponse(BaseModel):
    """A recent event as text; `/events` has all fields."""

    number: int
    at: str = Field(description="ISO 8601, UTC.")
    type: str
    level: str = Field(description="Severity: debug, info, warning or error.")
    text: str


class DiskUsageResponse(BaseModel):
    """Disk of the data folder, in bytes."""

    total_bytes: int
    free_bytes: int


class AcceptingResponse(BaseModel):
    """Whether the server accepts new requests."""

    accepting: bool


class StatusResponse(BaseModel):
    """Complete state of the server at one moment."""

    version: str
    at: str = Field(description="ISO 8601, UTC.")
    uptime_secs: float
    ready: bool = Field(description="The same as `/health/ready`.")
    reasons: list[str] = Field(description="Why the server is not ready.")
    accepting: bool = Field(description="False while the server is paused.")
    asr_model: str = Field(description="Id of the default speech-to-text model.")
    queue_depth: int = Field(description="Requests that wait for a model.")
    active_requests: int
    disk: DiskUsageResponse | None = Field(None, description="Left out if the disk cannot be read.")
    devices: list[DeviceStatusResponse]
    models: list[ModelStatusResponse]
    instances: list[InstanceStatusResponse] = Field(
        description="Loaded and queued instances of models."
    )
    events: list[RecentEventResponse] = Field(description="Most recent events, oldest first.")


@router.get("/status", summary="Show the complete state", response_model_exclude_none=True)
async def get_status(
    context: Context,
    events: Annotated[
        int, Query(ge=0, le=HISTORY, description="Maximum number of events.")
    ] = _DEFAULT_EVENTS,
    level: Annotated[Level, Query(description="Lowest severity of events to include.")] = "info",
) -> StatusResponse:
    """Cheap enough to poll every second; `/events` reports changes without polling."""
    snapshot, now = context.coordinator.snapshot(), time.time()
    is_ready, reasons = context.ready()
    return StatusResponse(
        version=context.version,
        at=iso_timestamp(now),
        uptime_secs=now - context.started,
        ready=is_ready,
        reasons=reasons,
        accepting=snapshot.accepting,
        asr_model=context.config.asr.model,
        queue_depth=snapshot.queue_depth,
        active_requests=sum(model.leases for model in snapshot.models),
        disk=await asyncio.to_thread(disk_usage, context.config.data_dir),
        devices=[device_status_response(device) for device in snapshot.devices],
        models=[_model(model) for model in snapshot.models],
        instances=_instances(snapshot),
        events=_events(context.bus.recent(HISTORY), events, level),
    )


@router.post("/pause", summary="Pause: refuse new requests")
async def pause(context: Context) -> AcceptingResponse:
    """New requests are refused with `BUSY`. Running and queued requests continue, and idle models
    are unloaded as usual.
    """
    return _set_accepting(context, False)


@router.post("/resume", summary="Resume: accept requests again")
async def resume(context: Context) -> AcceptingResponse:
    """A restart of the server resumes as well."""
    return _set_accepting(context, True)


def _set_accepting(context: ApiContext, accepting: bool) -> AcceptingResponse:
    context.coordinator.set_accepting(accepting)
    return AcceptingResponse(accepting=accepting)


def disk_usage(folder: Path) -> DiskUsageResponse | None:
    """Return the usage of the disk on which a folder is, or will be created."""
    folder = folder.expanduser().absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        usage = shutil.disk_usage(existing)
    except OSError:
        return None
    return DiskUsageResponse(total_bytes=usage.total, free_bytes=usage.free)


def device_status_response(status: DeviceStatus) -> DeviceStatusResponse:
    """Return the memory of a device."""
    return DeviceStatusResponse(
        **schemas.device_response(status).model_dump(), returning_bytes=status.returning
    )


def _model(status: ModelStatus) -> ModelStatusResponse:
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
        unload_in_secs=status.unload_in,
        pinned=bool(status.pinned_by),
        load_seconds=status.load_seconds,
        pid=status.pid,
        progress=schemas.load_progress(status),
        needed_bytes=status.needed_bytes,
        free_bytes=status.free_bytes,
        retry_in_secs=status.retry_in,
        error=schemas.model_error(status),
        fallback_reason=status.fallback_reason or None,
    )


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
    """Return the most recent `count` events of at least the severity `least`, oldest first."""
    recent: list[RecentEventResponse] = []
    for item in reversed(items):
        if len(recent) == count:
            break
        level, text = describe_event(item.event)
        if level >= logging.getLevelNamesMapping()[least.upper()]:
            name = logging.getLevelName(level).lower()
            number, kind = item.sequence, item.event.type
            recent.append(
                RecentEventResponse(
                    number=number,
                    at=iso_timestamp(item.timestamp),
                    type=kind,
                    level=name,
                    text=text,
                )
            )
    return recent[::-1]
