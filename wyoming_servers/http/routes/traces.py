"""`/traces`: recent requests with the duration of each stage."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from wyoming_servers.http import schemas
from wyoming_servers.http.context import Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES

router = APIRouter(tags=["system"], responses={**PROBLEM_RESPONSES})


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
async def traces(
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
                ended_at=schemas.iso_timestamp(trace.ended),
                seconds=round(trace.seconds, 4),
                code=trace.code,
                message=trace.message,
                stages={name: round(value, 4) for name, value in trace.stages.items()},
            )
            for trace in found
        ]
    )
