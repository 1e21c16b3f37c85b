"""Long recordings: sent once, transcribed in the background, watched and fetched at leisure."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import JSONResponse, PlainTextResponse

from wyoming_servers.api import events as streams
from wyoming_servers.api import views
from wyoming_servers.api.context import ApiContext, Context
from wyoming_servers.api.problems import DOCUMENTED, Problem
from wyoming_servers.api.upload import Form, receive_form
from wyoming_servers.coordinator.face import ModelStatus
from wyoming_servers.domain import ModelState
from wyoming_servers.errors import BadRequestError, BusyError, InternalError
from wyoming_servers.events import JobFinished, JobProgressed
from wyoming_servers.jobs.job import Job, JobStatus, NewJob
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.pipelines.listener import choose_listener
from wyoming_servers.text.subtitles import Cue, srt, txt, vtt

router = APIRouter(tags=["jobs"], responses={**DOCUMENTED})

JobId = Annotated[str, Path(description="As POST /jobs has returned it.")]

_RETRY_SECONDS: Final = {
    ModelState.UNLOADED: 30,
    ModelState.WAITING_FOR_GPU: 30,
    ModelState.FAILED: 30,
    ModelState.LOADING: 10,
    ModelState.UNLOADING: 10,
}
"""Until asking again makes sense, where the coordinator does not know better."""

_MAX_KEY: Final = 200


def form_schema(file_field: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenAPI says of a form with one file, which FastAPI does not read for us."""
    file = {
        "type": "string",
        "format": "binary",
        "description": "Audio or video in any usual format.",
    }
    schema = {
        "type": "object",
        "required": [file_field],
        "properties": {file_field: file, **fields},
    }
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


_FORM: Final = form_schema(
    "audio",
    {
        "language": {"type": "string", "example": "en", "description": "Left out: detected."},
        "task": {"type": "string", "enum": ["transcribe", "translate"]},
        "model": {"type": "string", "example": "whisper/base"},
        "word_timestamps": {"type": "boolean", "default": False},
        "vad": {
            "type": "boolean",
            "default": True,
            "description": "Leave out what is not speech; cut at silences.",
        },
        "prompt": {"type": "string", "description": "Text that biases spelling, such as names."},
        "webhook_url": {
            "type": "string",
            "format": "uri",
            "description": "Told when the job ends, and of the model's coming and going as long "
            "as the server runs.",
        },
        "wait": {
            "type": "boolean",
            "default": False,
            "description": "Take the job though its model is not ready.",
        },
    },
)


class ResultFormat(StrEnum):
    """How a result can be fetched."""

    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TXT = "txt"


class WordView(BaseModel):
    """A word; times in seconds from the beginning of the recording."""

    text: str
    start: float
    end: float
    probability: float = Field(description="0 to 1.")


class SegmentView(BaseModel):
    """Some seconds of speech; times in seconds from the beginning of the recording."""

    index: int
    start: float
    end: float
    text: str
    words: list[WordView]


class JobView(BaseModel):
    """A job; fields that do not apply yet are left out."""

    id: str
    status: JobStatus
    task: Literal["transcribe", "translate"]
    model: str
    language: str | None = Field(None, description="Left out until it is set or detected.")
    progress: int = Field(description="Percent.")
    duration_secs: float | None = Field(None, description="Left out until the recording is read.")
    segments: list[SegmentView] = Field(description="What was heard so far.")
    error: str | None = Field(None, description="Why it failed.")
    error_code: str | None = Field(None, description="The same as a stable code.")
    webhook_url: str | None = None
    filename: str | None = None
    created_at: str = Field(description="ISO 8601, UTC.")
    started_at: str | None = None
    completed_at: str | None = Field(None, description="Left out until it has ended.")


class Jobs(BaseModel):
    """Jobs without their segments, the newest first."""

    jobs: list[JobView]


class Accepted(BaseModel):
    """A job was made."""

    job_id: str


class NotReady(Problem):
    """The model must be loaded first, and is being loaded."""

    state: ModelState


@router.post(
    "/jobs",
    status_code=202,
    summary="Send a recording",
    openapi_extra=_FORM,
    responses={503: {"model": NotReady, "description": "Being loaded: send it again then."}},
    response_model=Accepted,
)
async def submit(
    context: Context,
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=_MAX_KEY, description="The same key makes no second job."),
    ] = None,
    wait: Annotated[
        bool | None, Query(description="Take the job though its model is not ready.")
    ] = None,
) -> Response:
    """The model must be ready, else it is loaded and the answer is 503 with `Retry-After`: send
    the recording again then, or say `wait=true`.
    """
    jobs = _jobs(context)
    known = await jobs.check_room(idempotency_key or "")
    async with receive_form(request, jobs.inbox, "audio") as upload:
        new = _new_job(context, upload.form, idempotency_key or "")
        if known is None and not (wait or upload.form.flag("wait")):
            missing = await _not_ready(context, new.model)
            if missing is not None:
                return missing
        job = known or await jobs.submit(new, await upload.keep())
    if new.webhook_url and context.webhooks is not None:
        context.webhooks.follow_models(new.webhook_url)
    return JSONResponse({"job_id": job.id}, 202, headers={"Location": f"/jobs/{job.id}"})


@router.get("/jobs", summary="All jobs", response_model_exclude_none=True)
async def list_jobs(
    context: Context,
    status: JobStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> Jobs:
    return Jobs(jobs=[view(job) for job in await _jobs(context).latest(status, limit, offset)])


@router.get(
    "/jobs/{job_id}.{result_format}",
    summary="The result in another format",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}, "text/vtt": {}, "application/json": {}}}},
)
async def result(context: Context, job_id: JobId, result_format: ResultFormat) -> Response:
    """What was heard so far; `GET /jobs/{id}` says whether that is all."""
    job = await _jobs(context).get(job_id)
    cues = [Cue(segment.start, segment.end, segment.text) for segment in job.segments]
    match result_format:
        case ResultFormat.SRT:
            return PlainTextResponse(srt(cues), media_type="application/x-subrip")
        case ResultFormat.VTT:
            return PlainTextResponse(vtt(cues), media_type="text/vtt")
        case ResultFormat.TXT:
            return PlainTextResponse(txt(cues))
        case ResultFormat.JSON:
            return JSONResponse(view(job).model_dump(mode="json", exclude_none=True))


@router.get("/jobs/{job_id}", summary="One job", response_model_exclude_none=True)
async def show(context: Context, job_id: JobId) -> JobView:
    return view(await _jobs(context).get(job_id))


@router.delete("/jobs/{job_id}", summary="Cancel it", response_model_exclude_none=True)
async def cancel(context: Context, job_id: JobId) -> JobView:
    """409 if it has ended already."""
    return view(await _jobs(context).cancel(job_id))


@router.get("/jobs/{job_id}/stream", summary="Follow one job", **streams.STREAM)
async def follow(
    context: Context, job_id: JobId, last_event_id: streams.LastEventId = None
) -> EventSourceResponse:
    """`progress` as it grows, then one `done` or `error`; `done` at once if it has ended."""
    await _jobs(context).get(job_id)
    after, _ = streams.resume(context.bus, last_event_id)
    return EventSourceResponse(_follow(context, job_id, after), ping=context.heartbeat, sep="\n")


def view(job: Job) -> JobView:
    """Return a job as the API shows it."""
    return JobView(
        id=job.id,
        status=job.status,
        task=job.task,
        model=job.model,
        language=job.language,
        progress=job.progress,
        duration_secs=None if job.duration is None else round(job.duration, 3),
        segments=[
            SegmentView(
                index=segment.index,
                start=segment.start,
                end=segment.end,
                text=segment.text,
                words=[
                    WordView(
                        text=word.text, start=word.start, end=word.end, probability=word.probability
                    )
                    for word in segment.words
                ],
            )
            for segment in job.segments
        ],
        error=job.error or None,
        error_code=job.error_code or None,
        webhook_url=job.webhook_url or None,
        filename=job.filename or None,
        created_at=views.iso(job.created),
        started_at=None if job.started is None else views.iso(job.started),
        completed_at=None if job.completed is None else views.iso(job.completed),
    )


async def _follow(
    context: ApiContext, job_id: str, after: int | None
) -> AsyncIterator[ServerSentEvent]:
    with context.bus.subscribe(after) as subscription:
        # Read after subscribing, so that no change falls between the two.
        job = await _jobs(context).get(job_id)
        if job.ended:
            yield _done(job)
            return
        yield _progress(job.progress, job.chunk, job.chunks_total)
        async for item in streams.until_closed(context.closing, subscription):
            match item.event:
                case JobProgressed(job=found) as moved if found == job_id:
                    yield _progress(
                        moved.percent, moved.chunk, moved.chunks_total, id=str(item.number)
                    )
                case JobFinished(job=found, status=JobStatus.FAILED) as failed if found == job_id:
                    data = {"type": "error", "message": failed.message, "code": failed.code}
                    yield streams.sse(data, id=str(item.number))
                    return
                case JobFinished(job=found) if found == job_id:
                    yield _done(await _jobs(context).get(job_id), id=str(item.number))
                    return


def _progress(percent: int, chunk: int, total: int, **fields: Any) -> ServerSentEvent:
    data = {"type": "progress", "percent": percent, "chunk": chunk, "chunks_total": total}
    return streams.sse(data, **fields)


def _done(job: Job, **fields: Any) -> ServerSentEvent:
    shown = view(job).model_dump(mode="json", exclude_none=True)
    return streams.sse({"type": "done", "job": shown}, **fields)


def _new_job(context: ApiContext, form: Form, key: str) -> NewJob:
    """Check the form's fields and choose the model. Raises RequestError."""
    task = form.get("task") or "transcribe"
    if task not in ("transcribe", "translate"):
        raise BadRequestError("task must be 'transcribe' or 'translate'")
    webhook_url = form.get("webhook_url")
    if webhook_url:
        if context.webhooks is None:
            raise BadRequestError("This server calls no webhooks.")
        context.webhooks.check(webhook_url)
    listener = choose_listener(
        context.specs, context.config.asr, form.get("model") or None, form.get("language") or None
    )
    return NewJob(
        model=listener.spec.id,
        language=listener.language,
        task="translate" if task == "translate" else "transcribe",
        word_timestamps=form.flag("word_timestamps"),
        vad=form.flag("vad", default=True),
        prompt=form.get("prompt")[:1_000],
        filename=form.filename,
        webhook_url=webhook_url,
        idempotency_key=key,
    )


async def _not_ready(context: ApiContext, model: str) -> Response | None:
    """Return the answer for a model that is not ready, which is loaded then; None if it is."""
    status = views.find(context.coordinator.snapshot(), model)
    if status.state is ModelState.READY or await context.coordinator.load(model):
        return None
    seconds = _retry_seconds(status)
    problem = NotReady(
        error="model_not_ready",
        code=BusyError.code,
        detail=f"{model} is being loaded; send the recording again, or with `wait=true`.",
        retry_after_secs=seconds,
        state=status.state,
    )
    return JSONResponse(
        problem.model_dump(mode="json", exclude_none=True),
        503,
        headers={"Retry-After": str(seconds)},
    )


def _retry_seconds(status: ModelStatus) -> int:
    if status.retry_in is not None and status.state is not ModelState.LOADING:
        return max(1, round(status.retry_in))
    return _RETRY_SECONDS.get(status.state, 10)


def _jobs(context: ApiContext) -> JobManager:
    if context.jobs is None:
        raise InternalError("Jobs are routed but not served.")
    return context.jobs
