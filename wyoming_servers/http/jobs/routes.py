"""`/jobs`: list, show, cancel and follow background jobs, and get their results."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from wyoming_servers.core.events import JobFinished, JobProgressed
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.jobs import results, speech, transcription
from wyoming_servers.http.jobs.results import JobId
from wyoming_servers.http.jobs.schemas import JobListResponse, JobResponse, job_response
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes import events as streams
from wyoming_servers.jobs.job import Job, JobStatus

router = APIRouter(tags=["jobs"], responses={**PROBLEM_RESPONSES})
router.include_router(transcription.router)
router.include_router(speech.router)


@router.get("/jobs", summary="List jobs", response_model_exclude_none=True)
async def list_jobs(
    context: Context,
    status: JobStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> JobListResponse:
    return JobListResponse(
        jobs=[
            job_response(job) for job in await require_jobs(context).latest(status, limit, offset)
        ]
    )


# First: the path parameter of `/jobs/{job_id}` matches dots too.
router.include_router(results.router)


@router.get("/jobs/{job_id}", summary="Show a job", response_model_exclude_none=True)
async def show(context: Context, job_id: JobId) -> JobResponse:
    return job_response(await require_jobs(context).get(job_id))


@router.delete("/jobs/{job_id}", summary="Cancel a job", response_model_exclude_none=True)
async def cancel(context: Context, job_id: JobId) -> JobResponse:
    """Answers 409 if the job has already ended."""
    return job_response(await require_jobs(context).cancel(job_id))


@router.get(
    "/jobs/{job_id}/stream", summary="Stream the progress of a job", **streams.EVENT_STREAM_ROUTE
)
async def follow(
    context: Context, job_id: JobId, last_event_id: streams.LastEventId = None
) -> EventSourceResponse:
    """Sends `progress` events, then one `done` or `error`; only `done` if the job has ended."""
    await require_jobs(context).get(job_id)
    after, _ = streams.resume_position(context.bus, last_event_id)
    return EventSourceResponse(_follow(context, job_id, after), ping=context.heartbeat, sep="\n")


async def _follow(
    context: ApiContext, job_id: str, after: int | None
) -> AsyncIterator[ServerSentEvent]:
    with context.bus.subscribe(after) as subscription:
        # Read after subscribing, so that no event is lost in between.
        job = await require_jobs(context).get(job_id)
        if job.ended:
            yield _done(job)
            return
        yield _progress(job.progress, job.chunk, job.chunks_total)
        async for item in streams.until_closed(context.closing, subscription):
            match item.event:
                case JobProgressed(job=found) as moved if found == job_id:
                    yield _progress(
                        moved.percent, moved.chunk, moved.chunks_total, id=str(item.sequence)
                    )
                case JobFinished(job=found, status=JobStatus.FAILED) as failed if found == job_id:
                    data = {"type": "error", "message": failed.message, "code": failed.code}
                    yield streams.sse_event(data, id=str(item.sequence))
                    return
                case JobFinished(job=found) if found == job_id:
                    yield _done(await require_jobs(context).get(job_id), id=str(item.sequence))
                    return


def _progress(percent: int, chunk: int, total: int, **fields: Any) -> ServerSentEvent:
    data = {"type": "progress", "percent": percent, "chunk": chunk, "chunks_total": total}
    return streams.sse_event(data, **fields)


def _done(job: Job, **fields: Any) -> ServerSentEvent:
    shown = job_response(job).model_dump(mode="json", exclude_none=True)
    return streams.sse_event({"type": "done", "job": shown}, **fields)
