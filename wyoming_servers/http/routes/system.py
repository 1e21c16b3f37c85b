"""The server itself: `/health`, `/info`, `/metrics` and `/traces`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.sandbox import policy
from wyoming_servers.core.sandbox.confine import kernel_support
from wyoming_servers.http import schemas
from wyoming_servers.http.auth.access import GrantedScope
from wyoming_servers.http.auth.tokens import TokenScope
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES

API_VERSION = "1"
"""Incremented when an existing endpoint changes incompatibly; additions do not count."""

router = APIRouter(tags=["system"], responses={**PROBLEM_RESPONSES})


class SandboxResponse(BaseModel):
    """How the processes that run models and read recordings are confined."""

    enabled: bool = Field(description="False if `security.sandbox` is `off`.")
    seccomp: bool = Field(description="Whether the kernel can refuse the network to a process.")
    landlock_abi: int = Field(
        description="Version of the kernel's Landlock, which protects files; 0 without it."
    )


class InfoResponse(BaseModel):
    """Identity of this server."""

    name: str = "Wyoming Conductor"
    version: str
    api_version: str = API_VERSION
    uuid: str = Field(description="Identity of this installation.")
    instance: str = Field(description="Identity of this run.")
    started_at: str = Field(description="ISO 8601, UTC.")
    ports: dict[str, int] = Field(
        description="Open port of each service: asr, tts, wake, api, and `asr:<model>` for the "
        "port of one model."
    )
    sandbox: SandboxResponse
    features: list[str] = Field(
        description="Optional parts of the API that this server has, such as config, jobs, library."
    )
    scope: TokenScope = Field(description="Scope of the token of this request.")


@router.get("/info", summary="Show version, identity and ports")
async def get_info(context: Context, scope: GrantedScope) -> InfoResponse:
    return info_response(context, scope)


def info_response(context: ApiContext, scope: TokenScope) -> InfoResponse:
    """Return the identity of the server, for a token with this scope."""
    return InfoResponse(
        version=context.version,
        uuid=context.uuid,
        instance=context.instance,
        started_at=iso_timestamp(context.started),
        ports=dict(context.ports),
        sandbox=_sandbox(),
        features=_features(context),
        scope=scope,
    )


def _sandbox() -> SandboxResponse:
    support = kernel_support()
    return SandboxResponse(
        enabled=policy.is_enabled(), seccomp=support.seccomp, landlock_abi=support.landlock_abi
    )


def _features(context: ApiContext) -> list[str]:
    tts = context.tts
    parts = {
        "config": context.config_editor,
        "jobs": context.jobs,
        "lexicon": tts and tts.lexicon,
        "library": context.model_manager,
        "phrases": tts and tts.phrase_cache,
        "references": context.references,
        "restart": context.restart,
        "speech_jobs": tts and context.jobs,
        "vocabulary": context.vocabulary,
        "webhooks": context.webhooks,
    }
    return sorted(name for name, part in parts.items() if part is not None)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def get_metrics(context: Context) -> Response:
    return Response(generate_latest(context.metrics), media_type=CONTENT_TYPE_LATEST)


class TraceResponse(BaseModel):
    """Trace of one request."""

    id: str
    kind: str = Field(description="asr, tts or wake.")
    client: str
    model: str
    device: str
    ended_at: str
    seconds: float = Field(
        description="Duration; for speech-to-text, from the end of the utterance to the transcript."
    )
    code: str = Field(description="Error code; empty if the request succeeded.")
    message: str
    stages: dict[str, float] = Field(description="Duration of each stage, in seconds.")


class TraceListResponse(BaseModel):
    """Traces, newest first."""

    traces: list[TraceResponse]


@router.get("/traces", summary="List recent requests")
async def list_traces(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    kind: Literal["asr", "tts", "wake"] | None = None,
    slower_than: Annotated[float, Query(ge=0, description="Minimum duration, in seconds.")] = 0.0,
) -> TraceListResponse:
    if context.traces is None:
        return TraceListResponse(traces=[])
    found = context.traces.latest(limit, kind=kind, slower_than=slower_than)
    return TraceListResponse(
        traces=[
            TraceResponse(
                id=trace.id,
                kind=trace.kind,
                client=trace.client,
                model=trace.model,
                device=trace.device,
                ended_at=iso_timestamp(trace.ended),
                seconds=round(trace.seconds, 4),
                code=trace.code,
                message=trace.message,
                stages={name: round(value, 4) for name, value in trace.stages.items()},
            )
            for trace in found
        ]
    )


_RETRY_SECONDS = 5
"""Models load in seconds, so polling more often is pointless."""

health_router = APIRouter(tags=["health"], responses={**PROBLEM_RESPONSES})

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
    queue_depth: int = Field(description="Jobs that wait, without the running ones.")
    waiting_requests: int = Field(description="Requests that wait for a model.")
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


@health_router.get("/health", summary="Summary of the server")
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
        queue_depth=jobs_waiting,
        waiting_requests=snapshot.queue_depth,
        active_requests=sum(status.leases for status in snapshot.models),
        models_ready=sum(state is ModelState.READY for state in states.values()),
        models_total=len(states),
        devices=[schemas.device_response(status) for status in snapshot.devices],
    )
