"""`/requests`: recent requests with their stages, and what was said, if that is kept."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from wyoming_servers.audio.wav import Wav
from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import NotFoundError
from wyoming_servers.http.context import Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.telemetry.request_records import RequestContent
from wyoming_servers.telemetry.traces import Trace

router = APIRouter(tags=["requests"], responses={**PROBLEM_RESPONSES})

RequestId = Annotated[str, Path(description="Id from `GET /requests`.", max_length=64)]


class StageResponse(BaseModel):
    """One stage of a request."""

    stage: str = Field(description="speech, queue, load, inference, first_audio and others.")
    start: float = Field(description="Seconds after the first stage began.")
    end: float


class RequestResponse(BaseModel):
    """One request."""

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
    stages: list[StageResponse] = Field(description="In the order in which they began.")
    text: str | None = Field(
        description="Transcript or synthesized text; null unless `requests.keep_text` is on."
    )
    voice: str | None = Field(description="Voice of the synthesized text.")
    speaker: str | None = Field(description="Recognized speaker of the speech.")
    confidence: float | None = Field(description="Confidence of the recognition, from 0 to 1.")
    audio: str | None = Field(
        description="Path of the audio; null unless `requests.keep_audio` is on."
    )


class RequestListResponse(BaseModel):
    """Requests, newest first."""

    keep_text: bool
    keep_audio: bool
    requests: list[RequestResponse]


class ForgottenResponse(BaseModel):
    """Result of a deletion."""

    forgotten: int = Field(description="Number of requests whose text or audio was kept.")


@router.get("/requests", summary="List recent requests with what was said")
async def list_requests(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    kind: Literal["asr", "tts", "wake"] | None = None,
    failed: Annotated[bool, Query(description="Only requests that failed.")] = False,
) -> RequestListResponse:
    """Texts and audio are kept in memory only, and only if the owner has switched that on
    (`requests.keep_text`, `requests.keep_audio`).
    """
    traces = context.traces.latest(500, kind=kind) if context.traces is not None else []
    archive = context.requests
    return RequestListResponse(
        keep_text=archive is not None and archive.keeps_text,
        keep_audio=archive is not None and archive.keeps_audio,
        requests=[
            _response(trace, None if archive is None else archive.get(trace.id))
            for trace in traces
            if trace.code or not failed
        ][:limit],
    )


@router.get(
    "/requests/{request_id}/audio",
    summary="Get the audio of a request",
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}}}},
)
async def get_request_audio(context: Context, request_id: RequestId) -> Response:
    content = None if context.requests is None else context.requests.get(request_id)
    if content is None or not content.pcm:
        raise NotFoundError(
            "The audio of this request is not kept.",
            hint="Set requests.keep_audio to true to keep the audio of later requests.",
        )
    recording = Wav(AudioFormat(rate=content.rate), content.pcm)
    headers = {"Cache-Control": "no-store"}
    return Response(recording.render(), media_type="audio/wav", headers=headers)


@router.delete("/requests", summary="Forget what was said in all requests")
async def forget_requests(context: Context) -> ForgottenResponse:
    """Deletes all kept texts and audio; the times of the stages stay."""
    return ForgottenResponse(forgotten=0 if context.requests is None else context.requests.clear())


@router.delete("/requests/{request_id}", summary="Forget what was said in a request")
async def forget_request(context: Context, request_id: RequestId) -> ForgottenResponse:
    removed = context.requests is not None and context.requests.remove(request_id)
    return ForgottenResponse(forgotten=int(removed))


def _response(trace: Trace, content: RequestContent | None) -> RequestResponse:
    begin = min((span.start for span in trace.spans), default=trace.ended)
    spans = sorted(trace.spans, key=lambda span: span.start)
    return RequestResponse(
        id=trace.id,
        kind=trace.kind,
        client=trace.client,
        model=trace.model,
        device=trace.device,
        ended_at=iso_timestamp(trace.ended),
        seconds=round(trace.seconds, 4),
        code=trace.code,
        message=trace.message,
        stages=[
            StageResponse(
                stage=span.stage, start=round(span.start - begin, 4), end=round(span.end - begin, 4)
            )
            for span in spans
        ],
        text=(content.text or None) if content else None,
        voice=(content.voice or None) if content else None,
        speaker=trace.speaker or None,
        confidence=round(trace.confidence, 3) if trace.speaker else None,
        audio=f"/requests/{trace.id}/audio" if content and content.pcm else None,
    )
