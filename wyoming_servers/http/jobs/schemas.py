"""How jobs look over HTTP."""

from collections.abc import Iterable

from pydantic import BaseModel, Field

from wyoming_servers.http import schemas
from wyoming_servers.jobs.cue_timing import TOLERANCE_SECONDS
from wyoming_servers.jobs.job import Job, JobSegment, JobStatus, JobTask, SpeechOptions
from wyoming_servers.media.formats import AudioFileFormat
from wyoming_servers.text.subtitles import TextFormat


class JobWordResponse(BaseModel):
    """A word; times in seconds from the beginning of the recording."""

    text: str
    start: float
    end: float
    probability: float = Field(description="0 to 1.")


class JobSegmentResponse(BaseModel):
    """Some seconds of speech; times in seconds from the beginning of the recording."""

    index: int
    start: float
    end: float
    text: str
    words: list[JobWordResponse]


class OverlongCueResponse(BaseModel):
    """A cue whose speech did not fit into its time, or could not begin with it; seconds."""

    cue: int = Field(description="Its number, from 1, in the order of the beginnings.")
    start: float = Field(description="As the subtitles say.")
    end: float
    text: str
    wanted_secs: float = Field(description="How long the cue is.")
    natural_secs: float = Field(description="How long its speech is at the pace asked for.")
    got_secs: float = Field(description="How long it is in the file.")
    pace: float = Field(description="How much faster it was spoken; at most 1.25.")
    late_secs: float = Field(description="How much later than its cue it begins.")


class JobSpeechResponse(BaseModel):
    """How a text is spoken, and the report on its cues."""

    voice: str
    speaker: str | None = None
    speed: float
    input: TextFormat = Field(description="How the text is written.")
    format: AudioFileFormat = Field(
        description="`GET /jobs/{id}.FORMAT` is the file, once it is done."
    )
    longer: list[OverlongCueResponse] = Field(
        description="Cues whose speech is longer than their time."
    )


class JobResponse(BaseModel):
    """A job; fields that do not apply, or not yet, are left out."""

    id: str
    status: JobStatus
    task: JobTask
    model: str
    language: str | None = Field(None, description="Left out until it is set or detected.")
    progress: int = Field(description="Percent.")
    duration_secs: float | None = Field(
        None, description="Left out until the recording is read, or all of the text is spoken."
    )
    segments: list[JobSegmentResponse] = Field(description="What was heard or spoken so far.")
    speech: JobSpeechResponse | None = Field(None, description="Of a job with the task `speak`.")
    error: str | None = Field(None, description="Why it failed.")
    error_code: str | None = Field(None, description="The same as a stable code.")
    webhook_url: str | None = None
    filename: str | None = None
    created_at: str = Field(description="ISO 8601, UTC.")
    started_at: str | None = None
    completed_at: str | None = Field(None, description="Left out until it has ended.")


class JobListResponse(BaseModel):
    """Jobs without their segments, the newest first."""

    jobs: list[JobResponse]


class JobAcceptedResponse(BaseModel):
    """A job was made."""

    job_id: str


def job_response(job: Job) -> JobResponse:
    """Return a job as the API shows it."""
    return JobResponse(
        id=job.id,
        status=job.status,
        task=job.task,
        model=job.model,
        language=job.language,
        progress=job.progress,
        duration_secs=None if job.duration is None else round(job.duration, 3),
        segments=[
            JobSegmentResponse(
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
            )
            for segment in job.segments
        ],
        speech=None if job.speech is None else _speech(job.speech, job.segments),
        error=job.error or None,
        error_code=job.error_code or None,
        webhook_url=job.webhook_url or None,
        filename=job.filename or None,
        created_at=schemas.iso_timestamp(job.created),
        started_at=None if job.started is None else schemas.iso_timestamp(job.started),
        completed_at=None if job.completed is None else schemas.iso_timestamp(job.completed),
    )


def _speech(wish: SpeechOptions, segments: Iterable[JobSegment]) -> JobSpeechResponse:
    return JobSpeechResponse(
        voice=wish.voice,
        speaker=wish.speaker,
        speed=wish.speed,
        input=wish.source,
        format=wish.audio,
        longer=[
            long
            for number, segment in enumerate(segments, 1)
            if (long := _overlong_cue(number, segment)) is not None
        ],
    )


def _overlong_cue(number: int, segment: JobSegment) -> OverlongCueResponse | None:
    fit = segment.fit
    if fit is None or (fit.pace == 1.0 and segment.end <= fit.end + TOLERANCE_SECONDS):
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
