"""`/info`, `/metrics` and `/traces`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES

API_VERSION = "1"
"""Incremented when an existing endpoint changes incompatibly; additions do not count."""

router = APIRouter(tags=["system"], responses={**PROBLEM_RESPONSES})


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
    features: list[str] = Field(
        description="Optional parts of the API that this server has, such as config, jobs, library."
    )


@router.get("/info", summary="Show version, identity and ports")
async def get_info(context: Context) -> InfoResponse:
    return InfoResponse(
        version=context.version,
        uuid=context.uuid,
        instance=context.instance,
        started_at=iso_timestamp(context.started),
        ports=dict(context.ports),
        features=_features(context),
    )


def _features(context: ApiContext) -> list[str]:
    tts = context.tts
    parts = {
        "config": context.config_editor,
        "jobs": context.jobs,
        "lexicon": tts and tts.lexicon,
        "library": context.model_manager,
        "phrases": tts and tts.phrase_cache,
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
