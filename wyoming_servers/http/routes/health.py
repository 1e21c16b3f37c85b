"""Is it there, is it well, can it work."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from wyoming_servers.core.domain import ModelState
from wyoming_servers.http import schemas
from wyoming_servers.http.context import Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES

_RETRY_SECONDS = 5
"""A model loads in seconds; asking more often than this tells nothing new."""

router = APIRouter(tags=["health"], responses={**PROBLEM_RESPONSES})

open_router = APIRouter(tags=["health"], responses={**PROBLEM_RESPONSES})
"""Answers without a token: what supervises the process has none."""


class LivenessResponse(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadinessResponse(BaseModel):
    """Whether requests will be answered now."""

    status: Literal["ready", "not_ready"]
    reasons: list[str] = Field(description="Why not, one sentence each.")


class HealthResponse(BaseModel):
    """The whole at a glance."""

    status: Literal["ok"] = Field("ok", description="Always `ok`: the server is reachable.")
    ready: bool = Field(description="As `/health/ready` says.")
    reasons: list[str] = Field(description="Why it is not ready.")
    version: str
    uuid: str
    gpu_name: str | None = Field(description="First GPU, null without one.")
    vram_total_mb: int | None = Field(description="Its memory in MiB, null without one.")
    model: str = Field(description="Default speech-to-text model.")
    model_state: ModelState | None = Field(description="Its state, null if it is not installed.")
    queue_depth: int = Field(description="Jobs that wait, and requests that wait for a model.")
    active_requests: int
    models_ready: int
    models_total: int
    devices: list[schemas.DeviceResponse]


@open_router.get("/health/live", summary="The process answers")
async def live() -> LivenessResponse:
    return LivenessResponse()


@open_router.get(
    "/health/ready",
    summary="Requests will be answered now",
    responses={503: {"model": ReadinessResponse, "description": "Not yet, with the reasons."}},
)
async def ready(context: Context, response: Response) -> ReadinessResponse:
    """200 when every server listens and what is preloaded has answered once, else 503."""
    fine, reasons = context.ready()
    if fine:
        return ReadinessResponse(status="ready", reasons=[])
    response.status_code = 503
    response.headers["Retry-After"] = str(_RETRY_SECONDS)
    return ReadinessResponse(status="not_ready", reasons=reasons)


@router.get("/health", summary="The whole at a glance")
async def health(context: Context) -> HealthResponse:
    snapshot = context.coordinator.snapshot()
    states = {status.spec.id: status.state for status in snapshot.models}
    gpu = schemas.first_gpu(snapshot)
    fine, reasons = context.ready()
    jobs_waiting = 0 if context.jobs is None else await context.jobs.queued_count()
    return HealthResponse(
        ready=fine,
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
