"""Takes texts and subtitles in, to be spoken as jobs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wyoming_servers.core.errors import BadRequestError, ModelMissingError
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.jobs.schemas import JobAcceptedResponse
from wyoming_servers.http.jobs.transcription import (
    WEBHOOK_FIELDS,
    IdempotencyKey,
    check_webhook,
    job_accepted,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.upload import form_schema, openapi_request_body, read_body, receive_form
from wyoming_servers.jobs.job import NewJob, SpeechOptions
from wyoming_servers.jobs.speech_script import MAX_SCRIPT_BYTES, detect_script_format, read_script
from wyoming_servers.jobs.uploads import UploadSpool
from wyoming_servers.media.formats import AudioFileFormat
from wyoming_servers.speech.tts.voices import Voice, resolve_speaker
from wyoming_servers.text.subtitles import TEXT_FORMATS, TextFormat
from wyoming_servers.text.voice_expression import MAX_SPEED, MIN_SPEED

router = APIRouter(tags=["jobs"], responses={**PROBLEM_RESPONSES})

_JSON_ESCAPE_FACTOR: Final = 2
"""How much larger a text may be in JSON."""


class SpeechJobOptions(BaseModel):
    """How a text is to be spoken."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    voice: str = Field("", description="A voice, a mix or a pace of one; left out: the default.")
    speaker: str = Field("", description="Of a voice that has several.")
    language: str = Field("", description="Chooses the voice if none is named.")
    speed: float | None = Field(
        None, ge=MIN_SPEED, le=MAX_SPEED, description="1.0 is the voice's own pace."
    )
    input: TextFormat | None = Field(None, description="How the text is written; left out: seen.")
    format: AudioFileFormat = Field("wav", description="Of the file that is made.")
    webhook_url: str = Field("", description=WEBHOOK_FIELDS["webhook_url"]["description"])


class SpeechJobRequest(SpeechJobOptions):
    """A text to be spoken."""

    text: str = Field(min_length=1, description="Plain text, or subtitles.")


def _form_fields() -> dict[str, Any]:
    fields: dict[str, dict[str, Any]] = {
        "voice": {"type": "string", "example": "en_US-joe-medium"},
        "speaker": {"type": "string"},
        "language": {"type": "string", "example": "de"},
        "speed": {"type": "number", "minimum": MIN_SPEED, "maximum": MAX_SPEED},
        "input": {"type": "string", "enum": list(TEXT_FORMATS)},
        "format": {"type": "string", "enum": ["wav", "flac", "mp3"], "default": "wav"},
    }
    for name, field in fields.items():
        field["description"] = str(SpeechJobOptions.model_fields[name].description)
    return {**fields, **WEBHOOK_FIELDS}


_REQUEST_BODY: Final = openapi_request_body(
    form=form_schema("text", _form_fields(), "A text: txt, srt, vtt or ass; at most 8 MiB."),
    json=SpeechJobRequest.model_json_schema(),
)


@router.post(
    "/jobs/speech",
    status_code=202,
    summary="Send a text or subtitles to be spoken",
    openapi_extra=_REQUEST_BODY,
    response_model=JobAcceptedResponse,
)
async def submit(
    context: Context, request: Request, idempotency_key: IdempotencyKey = None
) -> Response:
    """One file comes of it: `GET /jobs/{id}.wav`, or what `format` says.

    Each cue of subtitles begins to sound when it is due. Speech that is longer than its cue is
    spoken up to a quarter faster; if that is not enough it runs over and the next begins later.
    `speech.longer` of the job tells of each such cue. The voice is loaded when its turn comes.
    """
    jobs = require_jobs(context)
    known = await jobs.check_capacity(idempotency_key or "")
    async with _receive(request, jobs.upload_spool) as (order, path, filename):
        if known is not None:
            await jobs.upload_spool.discard(path)
            return job_accepted(context, known)
        try:
            new = await _new_job(context, order, path, filename, idempotency_key or "")
        except BaseException:
            await jobs.upload_spool.discard(path)
            raise
        return job_accepted(context, await jobs.submit(new, path))


@asynccontextmanager
async def _receive(
    request: Request, inbox: UploadSpool
) -> AsyncIterator[tuple[SpeechJobOptions, Path, str]]:
    """Read a form or JSON; yield how it is to be spoken, the text on disk and its name."""
    if request.headers.get("content-type", "").startswith("application/json"):
        text = await asyncio.to_thread(
            _parse, await read_body(request, _JSON_ESCAPE_FACTOR * MAX_SCRIPT_BYTES)
        )
        async with inbox.receive(MAX_SCRIPT_BYTES) as arrival:
            await arrival.write(text.text.encode("utf-8", "replace"))
            path = await arrival.commit()
        yield text, path, ""
        return
    async with receive_form(request, inbox, "text", largest=MAX_SCRIPT_BYTES) as upload:
        fields = {name: values[-1] for name, values in upload.form.fields.items() if values[-1]}
        order = _validate(SpeechJobOptions, fields)
        yield order, await upload.keep(), upload.form.filename


def _parse(body: bytes) -> SpeechJobRequest:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as err:
        raise BadRequestError(f"The body is not JSON: {err}.") from err
    return cast("SpeechJobRequest", _validate(SpeechJobRequest, data))


def _validate(kind: type[SpeechJobOptions], data: object) -> SpeechJobOptions:
    try:
        return kind.model_validate(data)
    except ValidationError as err:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}"
            for fault in err.errors(include_url=False, include_input=False)
        )
        raise BadRequestError(
            f"The request is not valid: {faults}", hint="/docs shows what this address takes."
        ) from err


async def _new_job(
    context: ApiContext, order: SpeechJobOptions, path: Path, filename: str, key: str
) -> NewJob:
    """Make all choices, and read the text once to see that it can be. Raises RequestError."""
    if context.tts is None:
        raise ModelMissingError("Text-to-speech is not served here.")
    voice = context.tts.voices.find(order.voice or None, order.language or None)
    language = next(iter(voice.languages), "")
    seen = await asyncio.to_thread(detect_script_format, path, filename)
    source = order.input or seen
    wish = SpeechOptions(
        voice=voice.offer.name,
        sound=voice.name,
        speaker=resolve_speaker(voice, order.speaker),
        speed=_speed(context, order, voice),
        source=source,
        audio=order.format,
    )
    gap = context.config.tts.sentence_silence
    await asyncio.to_thread(read_script, path, source, language, gap)
    return NewJob(
        model=voice.spec.id,
        language=language or None,
        task="speak",
        filename=filename,
        webhook_url=check_webhook(context, order.webhook_url),
        idempotency_key=key,
        speech=wish,
    )


def _speed(context: ApiContext, order: SpeechJobOptions, voice: Voice) -> float:
    """Return the speed: both wishes count, as far as a voice can follow."""
    speed = context.config.tts.speed if order.speed is None else order.speed
    return min(max(speed * voice.speed, MIN_SPEED), MAX_SPEED)
