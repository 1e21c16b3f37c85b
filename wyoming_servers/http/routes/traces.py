"""The last requests and where their time went."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from wyoming_servers.http import schemas
from wyoming_servers.http.context import Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES

router = APIRouter(tags=["system"], responses={**PROBLEM_RESPONSES})


class TraceResponse(BaseModel):
    """One request."""

    id: str
    kind: str = Field(description="asr, tts or wake.")
    client: str
    model: str
    device: str
    ended_at: str
    seconds: float = Field(description="Of an utterance: from its end to the answer.")
    code: str = Field(description="Empty if it ended well.")
    message: str
    stages: dict[str, float] = Field(description="Seconds by stage.")


class TraceListResponse(BaseModel):
    """Requests, the newest first."""

    traces: list[TraceResponse]


@router.get("/traces", summary="The last requests, one by one")
async def traces(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    kind: Literal["asr", "tts", "wake"] | None = None,
    slower_than: Annotated[float, Query(ge=0, description="Seconds.")] = 0.0,
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
