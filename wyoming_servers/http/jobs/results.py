"""Results of jobs: transcripts in several formats, or an audio file."""

import asyncio
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse

from wyoming_servers.core.errors import ConflictError, NotFoundError
from wyoming_servers.http.context import Context, require_jobs
from wyoming_servers.http.jobs.schemas import job_response
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.jobs.files import JobFiles
from wyoming_servers.jobs.job import Job, JobStatus
from wyoming_servers.media.formats import MEDIA_TYPES
from wyoming_servers.text.subtitles import Cue, write_plain_text, write_srt, write_vtt

router = APIRouter(tags=["jobs"], responses={**PROBLEM_RESPONSES})

JobId = Annotated[str, Path(description="Id from the response that created the job.")]


class JobResultFormat(StrEnum):
    """Formats of results."""

    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TXT = "txt"
    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"


_KINDS: Final = ("application/json", "application/x-subrip", "text/vtt", "text/plain")
_CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {kind: {} for kind in (*_KINDS, "audio/wav", "audio/flac", "audio/mpeg")}}
}


@router.get(
    "/jobs/{job_id}.{result_format}",
    summary="Get the result of a job",
    response_class=Response,
    responses=_CONTENT,
)
async def result(context: Context, job_id: JobId, result_format: JobResultFormat) -> Response:
    """Text formats contain the segments that are finished so far; `GET /jobs/{id}` shows whether
    the job is complete. Audio is available once a speech job is done, in the format of the job.
    """
    jobs = require_jobs(context)
    job = await jobs.get(job_id)
    cues = [Cue(segment.start, segment.end, segment.text) for segment in job.segments]
    match result_format:
        case JobResultFormat.SRT:
            return PlainTextResponse(write_srt(cues), media_type="application/x-subrip")
        case JobResultFormat.VTT:
            return PlainTextResponse(write_vtt(cues), media_type="text/vtt")
        case JobResultFormat.TXT:
            return PlainTextResponse(write_plain_text(cues))
        case JobResultFormat.JSON:
            return JSONResponse(job_response(job).model_dump(mode="json", exclude_none=True))
        case _:
            return await _audio(jobs.files, job, result_format)


async def _audio(files: JobFiles, job: Job, wanted: str) -> Response:
    """Return the audio file; range requests are supported."""
    if job.speech is None or job.speech.audio != wanted:
        available = (
            "a transcript" if job.speech is None else f"GET /jobs/{job.id}.{job.speech.audio}"
        )
        raise NotFoundError(
            f"Job {job.id} has no {wanted} file.", hint=f"Its result is {available}."
        )
    if job.status is not JobStatus.DONE:
        raise ConflictError(
            f"Job {job.id} is {job.status}.", hint="The file is available when the job is done."
        )
    path = files.result(job)
    if not await asyncio.to_thread(path.is_file):
        raise NotFoundError(f"The file of job {job.id} was deleted.", hint="Send the text again.")
    return FileResponse(path, media_type=MEDIA_TYPES[wanted], filename=path.name)
