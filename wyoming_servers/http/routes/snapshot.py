"""`GET /snapshot`: everything that a page or a program shows about the server, in one answer.

With `/events` from `last_event` on, a client is always up to date and never polls.
"""

import asyncio
import time

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.errors import StorageError
from wyoming_servers.http import schemas
from wyoming_servers.http.auth.access import GrantedScope
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes import cache, models, status, system
from wyoming_servers.jobs.job import JobStatus

router = APIRouter(tags=["system"], responses={**PROBLEM_RESPONSES})


class ServerHealthResponse(BaseModel):
    """Whether the server can serve requests."""

    ready: bool = Field(description="The same as `/health/ready`.")
    reasons: list[str] = Field(
        description="Why the server is not ready, failed background tasks and damaged files; one "
        "sentence each."
    )
    accepting: bool = Field(description="False while the server is paused.")
    uptime_secs: float


class ConfigRevisionResponse(BaseModel):
    """Version of the configuration; `GET /config` has the values."""

    revision: int = Field(description="Incremented whenever a value in effect changes.")
    restart_needed: list[str] = Field(
        description="Keys, dotted, whose saved value takes effect at the next start."
    )


class QueueResponse(BaseModel):
    """Requests of all models."""

    waiting_requests: int = Field(description="Requests that wait for a model.")
    max_waiting_requests: int = Field(description="When so many wait, others get `BUSY`.")
    active_requests: int = Field(description="Requests that use a model now.")


class JobCountsResponse(BaseModel):
    """Number of jobs by status."""

    queued: int
    running: int
    done: int
    failed: int
    cancelled: int


class ModelDiskUsageResponse(BaseModel):
    """Disk usage of all models; `GET /cache/models` has each of them."""

    bytes: int
    quota_bytes: int = Field(description="0: no quota.")


class CacheUsageResponse(BaseModel):
    """Sizes of everything that can be downloaded or synthesized again."""

    models: ModelDiskUsageResponse | None = None
    phrases: cache.PhraseCacheUsage | None = Field(
        None, description="Left out if the phrase cache is disabled."
    )


class SnapshotResponse(BaseModel):
    """The server at one moment; fields that do not apply are left out."""

    at: str = Field(description="ISO 8601, UTC.")
    last_event: int = Field(
        description="Number of the newest event that the snapshot contains: open `/events` with "
        "`Last-Event-ID` set to it to receive all later ones."
    )
    info: system.InfoResponse
    health: ServerHealthResponse
    config: ConfigRevisionResponse
    devices: list[status.DeviceStatusResponse]
    models: list[schemas.ModelResponse] = Field(description="The same as `GET /models`.")
    queue: QueueResponse
    jobs: JobCountsResponse | None = Field(
        None, description="Left out if jobs are not available; `health.reasons` has the reason."
    )
    caches: CacheUsageResponse
    disk: status.DiskUsageResponse | None = Field(
        None, description="Disk of the data folder; left out if it cannot be read."
    )


@router.get("/snapshot", summary="Show everything in one answer", response_model_exclude_none=True)
async def get_snapshot(context: Context, scope: GrantedScope) -> SnapshotResponse:
    """Read it once, then follow `/events`: every change of what it contains is an event, except
    free memory, sizes and counters, which change all the time.
    """
    # First: an event during the calls below is repeated to the client rather than missed.
    last_event = context.bus.last_sequence
    jobs, caches = await _job_counts(context), await _cache_usage(context)
    disk = await asyncio.to_thread(status.disk_usage, context.config.data_dir)
    now, snapshot = time.time(), context.coordinator.snapshot()
    is_ready, reasons = context.ready()
    editor = context.config_editor
    return SnapshotResponse(
        at=iso_timestamp(now),
        last_event=last_event,
        info=system.info_response(context, scope),
        health=ServerHealthResponse(
            ready=is_ready,
            reasons=reasons,
            accepting=snapshot.accepting,
            uptime_secs=now - context.started,
        ),
        config=ConfigRevisionResponse(
            revision=context.config_holder.revision,
            restart_needed=[] if editor is None else list(editor.restart_needed),
        ),
        devices=[status.device_status_response(device) for device in snapshot.devices],
        models=models.model_responses(context, snapshot),
        queue=QueueResponse(
            waiting_requests=snapshot.queue_depth,
            max_waiting_requests=context.config.limits.max_queued_requests,
            active_requests=sum(model.leases for model in snapshot.models),
        ),
        jobs=jobs,
        caches=caches,
        disk=disk,
    )


async def _job_counts(context: ApiContext) -> JobCountsResponse | None:
    if context.jobs is None:
        return None
    try:
        counts = await context.jobs.counts()
    except StorageError:
        return None  # The task that cannot open the storage is among the reasons.
    return JobCountsResponse(**{status.value: counts.get(status, 0) for status in JobStatus})


async def _cache_usage(context: ApiContext) -> CacheUsageResponse:
    usage = CacheUsageResponse(phrases=cache.phrase_cache_usage(context))
    if (manager := context.model_manager) is not None:
        size = sum((await manager.disk_sizes()).values())
        usage.models = ModelDiskUsageResponse(
            bytes=size, quota_bytes=context.config.downloads.quota
        )
    return usage
