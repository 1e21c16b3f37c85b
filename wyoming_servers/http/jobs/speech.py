"""`POST /jobs/speech`: synthesis of texts and subtitles as background jobs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.jobs.submission import (
    WEBHOOK_FIELDS,
    IdempotencyKey,
    check_webhook,
    job_accepted,
)
from wyoming_servers.http.jobs.voices import assign_speakers, complete_options, resolve_voice
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.upload import form_schema, openapi_request_body, read_body, receive_form
from wyoming_servers.jobs.files import UploadSpool
from wyoming_servers.jobs.job import CueTiming, JobSegment, LineOptions, NewJob, SpeechOptions
from wyoming_servers.jobs.schemas import JobAcceptedResponse
from wyoming_servers.jobs.speech_script import (
    MAX_BOOK_BYTES,
    MAX_SCRIPT_BYTES,
    SCRIPT_FORMATS,
    ScriptFormat,
    ScriptLine,
    detect_script_format,
    read_script,
)
from wyoming_servers.media.formats import AudioFileFormat
from wyoming_servers.text.voice_expression import MAX_SPEED, MIN_SPEED

router = APIRouter(tags=["jobs"], responses={**PROBLEM_RESPONSES})

_JSON_ESCAPE_FACTOR: Final = 2
"""Factor by which escapes may enlarge a text in JSON."""


class SpeechJobOptions(BaseModel):
    """Options of a speech job."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    voice: str = Field(
        "", description="Voice, optionally with a rate or as a mix; default: the default voice."
    )
    speaker: str = Field("", description="Speaker of a multi-speaker voice.")
    language: str = Field("", description="Language to choose a voice for, if no voice is given.")
    speed: float | None = Field(
        None,
        ge=MIN_SPEED,
        le=MAX_SPEED,
        description="Speaking rate; 1.0 is the voice's normal rate.",
    )
    input: ScriptFormat | None = Field(
        None, description="Format of the text; detected if left out."
    )
    format: AudioFileFormat = Field("wav", description="Format of the audio file.")
    speakers: dict[str, str] = Field(
        default_factory=dict,
        description="Speaker of the subtitles to voice, as a JSON object in a form. A speaker who "
        "is left out gets a voice of the language that no other has, if there is one.",
    )
    draft: bool = Field(
        False,
        description="Read the lines, and wait: `PATCH /jobs/{id}/segments` edits them and starts.",
    )
    keep: bool = Field(False, description="Keep the job until it is deleted, for later edits.")
    webhook_url: str = Field("", description=WEBHOOK_FIELDS["webhook_url"]["description"])


class SpeechJobRequest(SpeechJobOptions):
    """A speech job as JSON."""

    text: str = Field(min_length=1, description="Plain text, Markdown, SSML or subtitles.")


def _form_fields() -> dict[str, Any]:
    fields: dict[str, dict[str, Any]] = {
        "voice": {"type": "string", "example": "en_US-joe-medium"},
        "speaker": {"type": "string"},
        "language": {"type": "string", "example": "de"},
        "speed": {"type": "number", "minimum": MIN_SPEED, "maximum": MAX_SPEED},
        "input": {"type": "string", "enum": list(SCRIPT_FORMATS)},
        "format": {"type": "string", "enum": ["wav", "flac", "mp3", "opus"], "default": "wav"},
        "speakers": {"type": "string", "example": '{"Roger": "en_US-joe-medium"}'},
        "draft": {"type": "boolean", "default": False},
        "keep": {"type": "boolean", "default": False},
    }
    for name, field in fields.items():
        field["description"] = str(SpeechJobOptions.model_fields[name].description)
    return {**fields, **WEBHOOK_FIELDS}


_REQUEST_BODY: Final = openapi_request_body(
    form=form_schema(
        "text",
        _form_fields(),
        "Text file (txt, md, ssml, srt, vtt, ass) of at most 8 MiB, or EPUB of at most 64 MiB.",
    ),
    json=SpeechJobRequest.model_json_schema(),
)


@router.post(
    "/jobs/speech",
    status_code=202,
    summary="Create a speech job",
    openapi_extra=_REQUEST_BODY,
    response_model=JobAcceptedResponse,
)
async def create_speech_job(
    context: Context, request: Request, idempotency_key: IdempotencyKey = None
) -> Response:
    """Synthesizes one audio file, available as `GET /jobs/{id}.wav` (or another `format`).

    The speech of a subtitle cue starts at the time of the cue. Speech that is longer than its cue
    is sped up by at most 25 %; if it is still too long, the next cue starts later. `speech.longer`
    of the job lists these cues. Each speaker of WebVTT and ASS has a voice. Voices are loaded when
    the job starts.
    """
    jobs = require_jobs(context)
    existing = await jobs.check_capacity(idempotency_key or "")
    async with _receive(request, jobs.upload_spool) as (request_options, path, filename):
        if existing is not None:
            await jobs.upload_spool.discard(path)
            return job_accepted(context, existing)
        try:
            new, lines = await _new_job(
                context, request_options, path, filename, idempotency_key or ""
            )
        except BaseException:
            await jobs.upload_spool.discard(path)
            raise
        draft = _draft_segments(lines) if request_options.draft else None
        return job_accepted(context, await jobs.submit(new, path, draft))


@asynccontextmanager
async def _receive(
    request: Request, spool: UploadSpool
) -> AsyncIterator[tuple[SpeechJobOptions, Path, str]]:
    """Read a form or JSON; yield the options, the path of the text and its file name."""
    if request.headers.get("content-type", "").startswith("application/json"):
        job_request = await asyncio.to_thread(
            _parse, await read_body(request, _JSON_ESCAPE_FACTOR * MAX_SCRIPT_BYTES)
        )
        async with spool.receive(MAX_SCRIPT_BYTES) as spooled:
            await spooled.write(job_request.text.encode("utf-8", "replace"))
            path = await spooled.commit()
        yield job_request, path, ""
        return
    async with receive_form(request, spool, "text", largest=MAX_BOOK_BYTES) as upload:
        fields: dict[str, Any] = {
            name: values[-1] for name, values in upload.form.fields.items() if values[-1]
        }
        if "speakers" in fields:
            fields["speakers"] = _parse_json(fields["speakers"].encode())
        request_options = _validate(SpeechJobOptions, fields)
        yield request_options, await upload.keep(), upload.form.filename


def _parse(body: bytes) -> SpeechJobRequest:
    return cast("SpeechJobRequest", _validate(SpeechJobRequest, _parse_json(body)))


def _parse_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as err:
        raise BadRequestError(f"The body is not JSON: {err}.") from err


def _validate(kind: type[SpeechJobOptions], data: object) -> SpeechJobOptions:
    try:
        return kind.model_validate(data)
    except ValidationError as err:
        errors = "; ".join(
            f"{'.'.join(map(str, error['loc'])) or 'body'}: {error['msg']}"
            for error in err.errors(include_url=False, include_input=False)
        )
        raise BadRequestError(
            f"The request is not valid: {errors}",
            hint="See /docs for the parameters of this endpoint.",
        ) from err


async def _new_job(
    context: ApiContext, request_options: SpeechJobOptions, path: Path, filename: str, key: str
) -> tuple[NewJob, list[ScriptLine]]:
    """Resolve the options and read the text. Raises RequestError."""
    voice = resolve_voice(
        context,
        request_options.voice,
        language=request_options.language,
        speaker=request_options.speaker,
        speed=request_options.speed,
    )
    detected = await asyncio.to_thread(detect_script_format, path, filename)
    source = request_options.input or detected
    pause = context.config.tts.sentence_silence
    lines = await asyncio.to_thread(read_script, path, source, voice.language, pause)
    speakers = assign_speakers(
        context, (line.speaker for line in lines), voice, request_options.speakers
    )
    options = SpeechOptions(
        voice=voice.name,
        sound=voice.sound,
        speaker=voice.speaker,
        speed=voice.speed,
        source=source,
        audio=request_options.format,
        speakers=speakers,
    )
    new = NewJob(
        model=voice.model,
        language=voice.language or None,
        task="speak",
        filename=filename,
        webhook_url=check_webhook(context, request_options.webhook_url),
        idempotency_key=key,
        speech=complete_options(context, options, ()),
        kept=request_options.keep or request_options.draft,
    )
    return new, lines


def _draft_segments(lines: list[ScriptLine]) -> list[JobSegment]:
    """Return the lines as segments that were not spoken yet."""
    return [
        JobSegment(
            index,
            line.cue.start if line.cue else 0.0,
            line.cue.end if line.cue else 0.0,
            line.text,
            fit=CueTiming(line.cue.start, line.cue.end, 0.0, 1.0) if line.cue else None,
            speaker=line.speaker,
            line=LineOptions(line.voice, line.speed, line.pause),
        )
        for index, line in enumerate(lines)
    ]
