"""`/jobs`: list, show, cancel and follow background jobs, and get their results."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import StrEnum
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Path, Query, Response
from sse_starlette import ServerSentEvent
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse

from wyoming_servers.core.errors import ConflictError, NotFoundError
from wyoming_servers.core.events import JobFinished, JobProgressed
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.streaming import (
    EVENT_STREAM_ROUTE,
    LastEventId,
    ManagedEventSourceResponse,
    resume_position,
    sse_event,
    until_closed,
)
from wyoming_servers.jobs.job import Job, JobStatus
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.jobs.schemas import JobListResponse, JobResponse, job_payload, job_response
from wyoming_servers.media.formats import MEDIA_TYPES, AudioFileFormat
from wyoming_servers.text.subtitles import Cue, write_ass, write_plain_text, write_srt, write_vtt

router = APIRouter(tags=["jobs"], responses={**PROBLEM_RESPONSES})

JobId = Annotated[str, Path(description="Id from the response that created the job.")]


class JobResultFormat(StrEnum):
    """Formats of results."""

    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    ASS = "ass"
    TXT = "txt"
    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"
    OPUS = "opus"


_ASS_TYPE: Final = "text/x-ssa"
_KINDS: Final = ("application/json", "application/x-subrip", "text/vtt", _ASS_TYPE, "text/plain")
_AUDIO_KINDS: Final = ("audio/wav", "audio/flac", "audio/mpeg", "audio/ogg")
_CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {kind: {} for kind in (*_KINDS, *_AUDIO_KINDS)}}
}


@router.get("/jobs", summary="List jobs", response_model_exclude_none=True)
async def list_jobs(
    context: Context,
    status: JobStatus | None = None,
    kept: Annotated[bool | None, Query(description="Only jobs that are kept, or are not.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> JobListResponse:
    return JobListResponse(
        jobs=[
            job_response(job)
            for job in await require_jobs(context).latest(status, limit, offset, kept=kept)
        ]
    )


# Before the next route, whose path parameter `{job_id}` matches dots too.
@router.get(
    "/jobs/{job_id}.{result_format}",
    summary="Get the result of a job",
    response_class=Response,
    responses=_CONTENT,
)
async def get_result(context: Context, job_id: JobId, result_format: JobResultFormat) -> Response:
    """Text formats contain the segments that are finished so far; `GET /jobs/{id}` shows whether
    the job is complete. Audio is available once a speech job is done: in the format of the job, and
    in every other one if the job is kept.
    """
    jobs = require_jobs(context)
    job = await jobs.get(job_id)
    cues = [
        Cue(segment.start, segment.end, segment.text, segment.speaker) for segment in job.segments
    ]
    match result_format:
        case JobResultFormat.SRT:
            return PlainTextResponse(write_srt(cues), media_type="application/x-subrip")
        case JobResultFormat.VTT:
            return PlainTextResponse(write_vtt(cues), media_type="text/vtt")
        case JobResultFormat.ASS:
            return PlainTextResponse(write_ass(cues), media_type=_ASS_TYPE)
        case JobResultFormat.TXT:
            return PlainTextResponse(write_plain_text(cues))
        case JobResultFormat.JSON:
            return JSONResponse(job_payload(job))
        case _:
            return await _audio(jobs, job, cast("AudioFileFormat", result_format.value))


@router.get("/jobs/{job_id}", summary="Show a job", response_model_exclude_none=True)
async def get_job(
    context: Context,
    job_id: JobId,
    segments: Annotated[bool, Query(description="False leaves out the segments.")] = True,
) -> JobResponse:
    return job_response(await require_jobs(context).get(job_id, segments=segments))


@router.delete("/jobs/{job_id}", summary="Cancel or delete a job", response_model_exclude_none=True)
async def cancel_job(
    context: Context,
    job_id: JobId,
    forget: Annotated[
        bool, Query(description="Delete the job with its recording, results and edits.")
    ] = False,
) -> JobResponse:
    """Answers 409 if the job has already ended, unless it is to be forgotten."""
    jobs = require_jobs(context)
    job = await jobs.get(job_id)
    if not forget or job.status in (JobStatus.QUEUED, JobStatus.RUNNING):
        job = await jobs.cancel(job_id)
    if forget:
        await jobs.editor.delete(job_id)
    return job_response(job)


@router.get("/jobs/{job_id}/stream", summary="Stream the progress of a job", **EVENT_STREAM_ROUTE)
async def stream_job(
    context: Context, job_id: JobId, last_event_id: LastEventId = None
) -> ManagedEventSourceResponse:
    """Sends `progress` events, then one `done` or `error`; only `done` if the job has ended."""
    await require_jobs(context).get(job_id)
    after, _ = resume_position(context.bus, last_event_id)
    return ManagedEventSourceResponse(_job_events(context, job_id, after), ping=context.heartbeat)


async def _job_events(
    context: ApiContext, job_id: str, after: int | None
) -> AsyncGenerator[ServerSentEvent, None]:
    with context.bus.subscribe(after) as subscription:
        # Read after subscribing, so that no event is lost in between.
        job = await require_jobs(context).get(job_id)
        if job.ended:
            yield _done(job)
            return
        yield _progress(job.progress, job.chunk, job.chunks_total)
        async with aclosing(until_closed(context.closing, subscription)) as items:
            async for item in items:
                match item.event:
                    case JobProgressed(job=found) as moved if found == job_id:
                        yield _progress(
                            moved.percent, moved.chunk, moved.chunks_total, id=str(item.sequence)
                        )
                    case JobFinished(job=found, status=JobStatus.FAILED) as failed if (
                        found == job_id
                    ):
                        data = {"type": "error", "message": failed.message, "code": failed.code}
                        yield sse_event(data, id=str(item.sequence))
                        return
                    case JobFinished(job=found) if found == job_id:
                        yield _done(await require_jobs(context).get(job_id), id=str(item.sequence))
                        return


def _progress(percent: int, chunk: int, total: int, **fields: Any) -> ServerSentEvent:
    data = {"type": "progress", "percent": percent, "chunk": chunk, "chunks_total": total}
    return sse_event(data, **fields)


def _done(job: Job, **fields: Any) -> ServerSentEvent:
    shown = job_payload(job)
    return sse_event({"type": "done", "job": shown}, **fields)


async def _audio(jobs: JobManager, job: Job, audio_format: AudioFileFormat) -> Response:
    """Return the audio file; range requests are supported."""
    if job.speech is None or (job.speech.audio != audio_format and not job.kept):
        available = (
            "a transcript" if job.speech is None else f"GET /jobs/{job.id}.{job.speech.audio}"
        )
        raise NotFoundError(
            f"Job {job.id} has no {audio_format} file.", hint=f"Its result is {available}."
        )
    if job.status not in (JobStatus.DONE, JobStatus.DRAFT):
        raise ConflictError(
            f"Job {job.id} is {job.status}.", hint="The file is available when the job is done."
        )
    path = await jobs.export(job, audio_format)
    if path is None:
        hint = "Send the text again."
        if job.status is JobStatus.DRAFT:
            hint = "Synthesize the draft first: PATCH /jobs/{id}/segments."
        raise NotFoundError(f"There is no file of job {job.id}.", hint=hint)
    return FileResponse(path, media_type=MEDIA_TYPES[audio_format], filename=path.name)
