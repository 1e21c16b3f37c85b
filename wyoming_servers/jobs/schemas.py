"""JSON representation of jobs: response bodies of the HTTP API and payload of webhooks."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, Field

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.jobs.job import Job, JobSegment, JobStatus, JobTask, SpeechOptions
from wyoming_servers.jobs.speech_script import TOLERANCE_SECONDS, ScriptFormat
from wyoming_servers.media.formats import AudioFileFormat


class JobWordResponse(BaseModel):
    """A word; times in seconds from the start of the recording."""

    text: str
    start: float
    end: float
    probability: float = Field(description="0 to 1.")


class JobSegmentResponse(BaseModel):
    """A segment of speech; times in seconds from the start of the recording."""

    index: int
    start: float
    end: float
    text: str
    words: list[JobWordResponse]
    speaker: str | None = Field(None, description="Name of the speaker; left out if not known.")
    voice: str | None = Field(
        None, description="Voice of this line alone; left out for that of the speaker or job."
    )
    speed: float | None = Field(None, description="Speed of a line, relative to that of the job.")
    pause: float | None = Field(
        None, description="Silence before a line, in seconds; a cue starts at its time instead."
    )


class OverlongCueResponse(BaseModel):
    """A subtitle cue whose speech is longer than the cue or starts late; times in seconds."""

    cue: int = Field(description="Number of the cue in order of start times, from 1.")
    start: float = Field(description="Start time in the subtitles.")
    end: float
    text: str
    wanted_secs: float = Field(description="Length of the cue.")
    natural_secs: float = Field(description="Length of the speech at the requested rate.")
    got_secs: float = Field(description="Length of the speech in the audio file.")
    pace: float = Field(description="Speed-up of the speech; at most 1.25.")
    late_secs: float = Field(description="Delay of the speech after the start of the cue.")


class JobSpeechResponse(BaseModel):
    """Options of a speech job, and the report about its cues."""

    voice: str
    speaker: str | None = None
    speed: float
    input: ScriptFormat = Field(description="Format of the text.")
    format: AudioFileFormat = Field(
        description="Audio format; `GET /jobs/{id}.FORMAT` returns the file once the job is done."
    )
    speakers: dict[str, str] | None = Field(
        None, description="Name of each speaker to the name of the voice; left out without any."
    )
    longer: list[OverlongCueResponse] = Field(description="Cues whose speech does not fit.")


class JobResponse(BaseModel):
    """A job; fields that do not apply (yet) are left out."""

    id: str
    status: JobStatus
    task: JobTask
    model: str
    language: str | None = Field(
        None, description="Requested or detected language; left out until known."
    )
    progress: int = Field(description="Progress in percent.")
    duration_secs: float | None = Field(
        None, description="Length of the audio in seconds; left out until known."
    )
    segments: list[JobSegmentResponse] = Field(description="Segments that are finished so far.")
    speech: JobSpeechResponse | None = Field(
        None, description="Only for jobs with the task `speak`."
    )
    error: str | None = Field(None, description="Error message, if the job failed.")
    error_code: str | None = Field(None, description="Stable error code, if the job failed.")
    kept: bool | None = Field(
        None, description="True for a job that is kept until it is deleted, else left out."
    )
    revision: int | None = Field(
        None, description="Number of edits of the segments; left out if there was none."
    )
    webhook_url: str | None = None
    filename: str | None = None
    created_at: str = Field(description="ISO 8601, UTC.")
    started_at: str | None = None
    completed_at: str | None = Field(None, description="Left out until the job has ended.")


class JobListResponse(BaseModel):
    """Jobs without segments, newest first."""

    jobs: list[JobResponse]


class JobAcceptedResponse(BaseModel):
    """A job was created."""

    job_id: str


def job_response(job: Job) -> JobResponse:
    """Return the response body of a job."""
    return JobResponse(
        id=job.id,
        status=job.status,
        task=job.task,
        model=job.model,
        language=job.language,
        progress=job.progress,
        duration_secs=None if job.duration is None else round(job.duration, 3),
        segments=[segment_response(segment) for segment in job.segments],
        speech=None if job.speech is None else _speech(job.speech, job.segments),
        error=job.error or None,
        error_code=job.error_code or None,
        kept=job.kept or None,
        revision=job.revision or None,
        webhook_url=job.webhook_url or None,
        filename=job.filename or None,
        created_at=iso_timestamp(job.created),
        started_at=None if job.started is None else iso_timestamp(job.started),
        completed_at=None if job.completed is None else iso_timestamp(job.completed),
    )


def segment_response(segment: JobSegment) -> JobSegmentResponse:
    """Return a segment of a response."""
    line = segment.line
    return JobSegmentResponse(
        index=segment.index,
        start=round(segment.start, 3),
        end=round(segment.end, 3),
        text=segment.text,
        words=[
            JobWordResponse(
                text=word.text, start=word.start, end=word.end, probability=word.probability
            )
            for word in segment.words
        ],
        speaker=segment.speaker or None,
        voice=(line.voice or None) if line is not None else None,
        speed=line.speed if line is not None else None,
        pause=round(line.pause, 3) if line is not None else None,
    )


def job_payload(job: Job) -> dict[str, Any]:
    """Return a job as JSON without the fields that do not apply, as in the HTTP API."""
    return job_response(job).model_dump(mode="json", exclude_none=True)


def _speech(options: SpeechOptions, segments: Iterable[JobSegment]) -> JobSpeechResponse:
    return JobSpeechResponse(
        voice=options.voice,
        speaker=options.speaker,
        speed=options.speed,
        input=options.source,
        format=options.audio,
        speakers=dict(options.speakers) or None,
        longer=[
            long
            for number, segment in enumerate(segments, 1)
            if (long := _overlong_cue(number, segment)) is not None
        ],
    )


def _overlong_cue(number: int, segment: JobSegment) -> OverlongCueResponse | None:
    fit = segment.fit
    if (
        fit is None
        or not fit.natural
        or (fit.pace == 1.0 and segment.end <= fit.end + TOLERANCE_SECONDS)
    ):
        return None
    return OverlongCueResponse(
        cue=number,
        start=fit.start,
        end=fit.end,
        text=segment.text,
        wanted_secs=round(fit.end - fit.start, 3),
        natural_secs=round(fit.natural, 3),
        got_secs=round(segment.end - segment.start, 3),
        pace=round(fit.pace, 3),
        late_secs=round(segment.start - fit.start, 3),
    )
