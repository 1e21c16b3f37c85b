"""`/health`: liveness, readiness, and a summary."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from wyoming_servers.core.domain import ModelState
from wyoming_servers.http import schemas
from wyoming_servers.http.context import Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES

_RETRY_SECONDS = 5
"""Models load in seconds, so polling more often is pointless."""

router = APIRouter(tags=["health"], responses={**PROBLEM_RESPONSES})

open_router = APIRouter(tags=["health"], responses={**PROBLEM_RESPONSES})
"""Needs no token: process supervisors have none."""


class LivenessResponse(BaseModel):
    """The server is running."""

    status: Literal["ok"] = "ok"


class ReadinessResponse(BaseModel):
    """Whether the server is ready to serve requests."""

    status: Literal["ready", "not_ready"]
    reasons: list[str] = Field(description="Why the server is not ready, one sentence each.")


class HealthResponse(BaseModel):
    """Summary of the server."""

    status: Literal["ok"] = Field("ok", description="Always `ok`: the server is running.")
    ready: bool = Field(description="The same as `/health/ready`.")
    reasons: list[str] = Field(description="Why the server is not ready.")
    version: str
    uuid: str
    gpu_name: str | None = Field(description="Name of the first GPU; null without a GPU.")
    vram_total_mb: int | None = Field(
        description="Memory of the first GPU in MiB; null without a GPU."
    )
    model: str = Field(description="Id of the default speech-to-text model.")
    model_state: ModelState | None = Field(
        description="State of the default model; null if it is not installed."
    )
    queue_depth: int = Field(description="Waiting jobs and requests that wait for a model.")
    active_requests: int
    models_ready: int
    models_total: int
    devices: list[schemas.DeviceResponse]


@open_router.get("/health/live", summary="Liveness probe")
async def get_liveness() -> LivenessResponse:
    return LivenessResponse()


@open_router.get(
    "/health/ready",
    summary="Readiness probe",
    responses={503: {"model": ReadinessResponse, "description": "Not ready, with the reasons."}},
)
async def get_readiness(context: Context, response: Response) -> ReadinessResponse:
    """Answers 200 if all services listen and all preloaded models were loaded once, else 503."""
    is_ready, reasons = context.ready()
    if is_ready:
        return ReadinessResponse(status="ready", reasons=[])
    response.status_code = 503
    response.headers["Retry-After"] = str(_RETRY_SECONDS)
    return ReadinessResponse(status="not_ready", reasons=reasons)


@router.get("/health", summary="Summary of the server")
async def get_health(context: Context) -> HealthResponse:
    snapshot = context.coordinator.snapshot()
    states = {status.spec.id: status.state for status in snapshot.models}
    gpu = schemas.first_gpu(snapshot)
    is_ready, reasons = context.ready()
    jobs_waiting = 0 if context.jobs is None else await context.jobs.queued_count()
    return HealthResponse(
        ready=is_ready,
        reasons=reasons,
        version=context.version,
        uuid=context.uuid,
        gpu_name=gpu.name if gpu else None,
        vram_total_mb=schemas.mib(gpu.total) if gpu else None,
        model=context.config.asr.model,
        model_state=states.get(context.config.asr.model),
        queue_depth=snapshot.queue_depth + jobs_waiting,
        active_requests=sum(status.leases for status in snapshot.models),
        models_ready=sum(state is ModelState.READY for state in states.values()),
        models_total=len(states),
        devices=[schemas.device_response(status) for status in snapshot.devices],
    )
