"""`/jobs/{id}/segments`: edit lines and transcripts; `/recording` and `/peaks` show the audio."""

import mimetypes
from dataclasses import replace
from typing import Annotated, Final

import anyio
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, Response

from wyoming_servers.core.errors import BadRequestError, NotFoundError
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.jobs.routes import JobId
from wyoming_servers.http.jobs.voices import (
    base_speed,
    complete_options,
    require_voices,
    resolve_voice,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.jobs.editing.editor import EditResult
from wyoming_servers.jobs.editing.segment_edit import ChangeRequest, SegmentFields
from wyoming_servers.jobs.job import Job, JobStatus
from wyoming_servers.jobs.peaks import PeakFile
from wyoming_servers.jobs.schemas import JobSegmentResponse, segment_response
from wyoming_servers.media.formats import AudioFileFormat
from wyoming_servers.text.voice_expression import MAX_SPEED, MIN_SPEED

router = APIRouter(tags=["jobs"], responses={**PROBLEM_RESPONSES})

_MAX_PAUSE_SECONDS: Final = 3_600.0
_MAX_CHANGES: Final = 10_000
_MAX_NAME: Final = 200

_RECORDING_HEADERS: Final = {
    # Whatever a stranger has recorded is audio here, and never a page.
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
}


class SegmentFieldsRequest(BaseModel):
    """New values of a segment; what is left out stays as in the first replaced segment."""

    text: str | None = None
    speaker: str | None = Field(None, max_length=_MAX_NAME)
    voice: str | None = Field(
        None,
        max_length=_MAX_NAME,
        description="Voice of this line alone; empty for that of the speaker or job.",
    )
    speed: float | None = Field(
        None, ge=MIN_SPEED, le=MAX_SPEED, description="Relative to the speed of the job."
    )
    pause: float | None = Field(
        None, ge=0, le=_MAX_PAUSE_SECONDS, description="Seconds of silence before the line."
    )


class SegmentChangeRequest(BaseModel):
    """Replaces neighbors: one by one is an edit, one by two a split, two by one a merge, none by
    one an insertion, one by none a deletion.
    """

    index: int = Field(ge=0, description="First replaced segment, after the changes before it.")
    count: int = Field(1, ge=0, description="Number of replaced segments.")
    segments: list[SegmentFieldsRequest] = Field(max_length=_MAX_CHANGES)


class SegmentEditRequest(BaseModel):
    """Changes of the segments of a job; all of them apply, or none."""

    revision: int | None = Field(
        None, description="Revision that the client has seen; 409 if the job has another one."
    )
    changes: list[SegmentChangeRequest] = Field(default_factory=list, max_length=_MAX_CHANGES)
    voice: str | None = Field(None, description="New voice of a speech job.")
    speed: float | None = Field(None, ge=MIN_SPEED, le=MAX_SPEED, description="New speed.")
    speakers: dict[str, str] | None = Field(
        None, description="New voices of speakers; an empty name means the voice of the job."
    )
    format: AudioFileFormat | None = Field(None, description="New format of the audio file.")
    synthesize: bool = Field(
        True, description="Synthesize a speech job now; only what has changed is made again."
    )


class UndoRequest(BaseModel):
    """An edit to undo or to repeat."""

    revision: int | None = Field(None, description="As in `PATCH /jobs/{id}/segments`.")


class SegmentChangeResponse(BaseModel):
    """`count` segments from `index` on were replaced by `segments`."""

    index: int
    count: int
    segments: list[JobSegmentResponse]


class SegmentEditResponse(BaseModel):
    """What an edit has changed."""

    status: JobStatus
    revision: int
    changes: list[SegmentChangeResponse] = Field(
        description="With complete segments, in the order in which they apply."
    )
    can_undo: bool
    can_redo: bool


class SegmentListResponse(BaseModel):
    """The segments of a job."""

    status: JobStatus
    revision: int
    can_undo: bool
    can_redo: bool
    segments: list[JobSegmentResponse]


class PeaksResponse(BaseModel):
    """Peaks of the audio, evenly distributed."""

    duration: float = Field(description="Seconds of audio.")
    peaks: list[int] = Field(description="0 to 255; empty if the job has no audio yet.")


@router.get(
    "/jobs/{job_id}/segments",
    summary="List the segments of a job",
    response_model_exclude_none=True,
)
async def list_segments(context: Context, job_id: JobId) -> SegmentListResponse:
    jobs = require_jobs(context)
    job = await jobs.get(job_id)
    can_undo, can_redo = await jobs.editor.can_undo(job_id)
    return SegmentListResponse(
        status=job.status,
        revision=job.revision,
        can_undo=can_undo,
        can_redo=can_redo,
        segments=[segment_response(segment) for segment in job.segments],
    )


@router.patch(
    "/jobs/{job_id}/segments",
    summary="Edit the segments of a job",
    response_model_exclude_none=True,
)
async def edit_segments(
    context: Context, job_id: JobId, edit: SegmentEditRequest
) -> SegmentEditResponse:
    """The job is kept from now on until it is deleted. A speech job is a draft until it is
    synthesized again, which takes time for the changed lines only. In a transcript, words that stay
    keep their times. Answers 409 while the job waits or runs.
    """
    jobs = require_jobs(context)
    job = await jobs.get(job_id)
    changed = _change_speech(context, job, edit)
    requests = [_change_request(context, job, change) for change in edit.changes]
    result: EditResult | None = None
    if requests:
        result = await jobs.editor.edit(job_id, requests, edit.revision)
    if changed != job:
        await jobs.editor.set_speech(changed)
    if changed.speech is not None and edit.synthesize:
        segments = (await jobs.get(job_id)).segments
        complete = complete_options(context, changed.speech, segments)
        await jobs.editor.speak_again(replace(changed, speech=complete))
    return await _edit_response(context, job_id, result)


@router.post(
    "/jobs/{job_id}/segments/undo",
    summary="Undo the last edit of a job",
    response_model_exclude_none=True,
)
async def undo_edit(context: Context, job_id: JobId, undo: UndoRequest) -> SegmentEditResponse:
    """The last 200 edits can be undone, also after a restart of the server. Answers 409 if there is
    none.
    """
    result = await require_jobs(context).editor.undo(job_id, undo.revision)
    return await _edit_response(context, job_id, result)


@router.post(
    "/jobs/{job_id}/segments/redo",
    summary="Repeat the edit of a job that was undone",
    response_model_exclude_none=True,
)
async def redo_edit(context: Context, job_id: JobId, redo: UndoRequest) -> SegmentEditResponse:
    """Answers 409 if there is none, or if the job was edited since."""
    result = await require_jobs(context).editor.redo(job_id, redo.revision)
    return await _edit_response(context, job_id, result)


@router.get(
    "/jobs/{job_id}/recording",
    summary="Get the recording of a kept job",
    response_class=Response,
    responses={200: {"content": {"audio/*": {}, "video/*": {}}}},
)
async def get_recording(context: Context, job_id: JobId) -> Response:
    """The file as it was sent; range requests are supported."""
    jobs = require_jobs(context)
    job = await jobs.get(job_id)
    path = jobs.files.upload(job.id)
    if job.speech is not None or not await anyio.Path(path).is_file():
        raise NotFoundError(
            f"Job {job_id} has no recording.", hint="Send the recording with `keep=true`."
        )
    kind = mimetypes.guess_type(job.filename)[0] or ""
    if not kind.startswith(("audio/", "video/")):
        kind = "application/octet-stream"
    return FileResponse(path, media_type=kind, headers=_RECORDING_HEADERS)


@router.get("/jobs/{job_id}/peaks", summary="Get the peaks of a job's audio")
async def get_peaks(
    context: Context,
    job_id: JobId,
    points: Annotated[int, Query(ge=10, le=20_000, description="Most peaks to return.")] = 2_000,
) -> PeaksResponse:
    """Draws a waveform without the audio. Only kept jobs have peaks; those of a recording leave out
    what is not speech.
    """
    jobs = require_jobs(context)
    job = await jobs.get(job_id)
    peaks = await PeakFile(jobs.files.peaks(job.id)).read(points)
    return PeaksResponse(duration=round(job.duration or job.position, 3), peaks=peaks)


def _change_speech(context: ApiContext, job: Job, edit: SegmentEditRequest) -> Job:
    """Return the job with the voices, speed and format of an edit. Raises RequestError."""
    given = (edit.voice, edit.speed, edit.speakers, edit.format)
    if job.speech is None:
        if any(value is not None for value in given):
            raise BadRequestError("A transcription has no voice, speed, speakers or format.")
        return job
    options = job.speech
    if edit.format is not None:
        options = replace(options, audio=edit.format)
    if edit.speakers is not None:
        chosen = {
            speaker: _voice_name(context, voice) or "" for speaker, voice in edit.speakers.items()
        }
        options = replace(options, speakers={**options.speakers, **chosen})
    if edit.voice is None and edit.speed is None:
        return replace(job, speech=options)
    speed = base_speed(context, options) if edit.speed is None else edit.speed
    voice = resolve_voice(context, edit.voice or options.voice, speed=speed)
    options = replace(
        options, voice=voice.name, sound=voice.sound, speaker=voice.speaker, speed=voice.speed
    )
    return replace(job, speech=options, model=voice.model, language=voice.language or None)


def _change_request(context: ApiContext, job: Job, change: SegmentChangeRequest) -> ChangeRequest:
    """Return a change with the names of voices as they are spelled. Raises ModelMissingError."""
    return ChangeRequest(
        change.index,
        change.count,
        tuple(
            SegmentFields(
                text=fields.text,
                speaker=None if fields.speaker is None else fields.speaker.strip(),
                voice=_voice_name(context, fields.voice) if job.speech is not None else None,
                speed=fields.speed,
                pause=fields.pause,
            )
            for fields in change.segments
        ),
    )


def _voice_name(context: ApiContext, name: str | None) -> str | None:
    return require_voices(context).find(name).info.name if name else name


async def _edit_response(
    context: ApiContext, job_id: str, result: EditResult | None
) -> SegmentEditResponse:
    jobs = require_jobs(context)
    job = await jobs.get(job_id)
    can_undo, can_redo = await jobs.editor.can_undo(job_id)
    return SegmentEditResponse(
        status=job.status,
        revision=job.revision,
        changes=[
            SegmentChangeResponse(
                index=change.index,
                count=change.count,
                segments=[segment_response(segment) for segment in change.segments],
            )
            for change in (result.changes if result is not None else ())
        ],
        can_undo=can_undo,
        can_redo=can_redo,
    )
