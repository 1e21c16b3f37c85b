"""`/v1/audio/transcriptions` and `/v1/audio/translations`."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sse_starlette import ServerSentEvent
from starlette.responses import JSONResponse, PlainTextResponse

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BadRequestError, ConductorError
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.openai.models import OPENAI_MODEL_NAMES
from wyoming_servers.http.problems import OPENAI_PROBLEM_RESPONSES, openai_error_event
from wyoming_servers.http.streaming import ManagedEventSourceResponse, client_label, sse_event
from wyoming_servers.http.upload import (
    MultipartForm,
    form_schema,
    openapi_request_body,
    receive_form,
)
from wyoming_servers.jobs.job import JobSegment, JobTask, NewJob
from wyoming_servers.jobs.transcription import ChunkTranscript, transcribe_recording
from wyoming_servers.media.decoder import RecordingEnded
from wyoming_servers.speech.asr.transcriber import select_asr_model
from wyoming_servers.telemetry.request_timer import RequestTimer
from wyoming_servers.text.subtitles import Cue, write_srt, write_vtt

router = APIRouter(prefix="/v1", tags=["openai"], responses={**OPENAI_PROBLEM_RESPONSES})

_FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt")

_FORM: Final = openapi_request_body(
    form=form_schema(
        "file",
        {
            "model": {"type": "string", "default": "whisper-1"},
            "language": {"type": "string", "example": "en"},
            "prompt": {"type": "string"},
            "response_format": {"type": "string", "enum": list(_FORMATS), "default": "json"},
            "stream": {"type": "boolean", "default": False},
            "timestamp_granularities[]": {
                "type": "array",
                "items": {"type": "string", "enum": ["word", "segment"]},
            },
        },
    ),
)

_TEXTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/json": {}, "text/plain": {}, "text/event-stream": {}}}
}


@router.post(
    "/audio/transcriptions",
    summary="Transcribe a recording (OpenAI)",
    openapi_extra=_FORM,
    response_class=Response,
    responses=_TEXTS,
)
async def create_transcription(context: Context, request: Request) -> Response:
    """Returns when the transcription is complete; use `/jobs` for long recordings."""
    return await _transcribe(context, request, "transcribe")


@router.post(
    "/audio/translations",
    summary="Translate a recording into English (OpenAI)",
    openapi_extra=_FORM,
    response_class=Response,
    responses=_TEXTS,
)
async def create_translation(context: Context, request: Request) -> Response:
    return await _transcribe(context, request, "translate")


async def _transcribe(context: ApiContext, request: Request, task: JobTask) -> Response:
    jobs = require_jobs(context)
    limits = context.config.limits
    async with AsyncExitStack() as stack:
        spool = jobs.upload_spool
        upload = await stack.enter_async_context(receive_form(request, spool, "file"))
        form = upload.form
        kind = form.get("response_format") or "json"
        if kind not in _FORMATS:
            raise BadRequestError(f"response_format must be one of {', '.join(_FORMATS)}")
        job = _new_job(context, form, task)
        path = await upload.keep()
        stack.push_async_callback(spool.discard, path)
        transcripts = transcribe_recording(
            context.coordinator,
            context.clock,
            path,
            job,
            limit=limits.request_timeout + limits.load_timeout,
            max_duration=context.config.jobs.max_duration,
            defaults=jobs.transcription_defaults,
            client=client_label(request),
            decoder=jobs.decoder,
        )
        # Closed in reverse order, and before the recording is deleted.
        await stack.enter_async_context(aclosing(transcripts))
        timed = _timed(context, request, job, transcripts)
        await stack.enter_async_context(aclosing(timed))
        if form.flag("stream"):
            # Wait for the first result, so that an unreadable file gets an error response.
            first = await anext(timed)
            return ManagedEventSourceResponse(_text_events(first, timed), stack.pop_all())
        segments, language, seconds = await _collect(timed, job)
    return _render(kind, task, segments, language, seconds)


def _new_job(context: ApiContext, form: MultipartForm, task: JobTask) -> NewJob:
    granularities = form.fields.get("timestamp_granularities[]", [])
    if not set(granularities) <= {"word", "segment"}:
        raise BadRequestError("timestamp_granularities[] must be 'word' or 'segment'")
    model = form.get("model")
    choice = select_asr_model(
        context.specs,
        context.config.asr,
        None if model in OPENAI_MODEL_NAMES else model or None,
        form.get("language") or None,
    )
    return NewJob(
        model=choice.spec.id,
        language=choice.language,
        task=task,
        word_timestamps="word" in granularities,
        prompt=form.get("prompt")[:1_000],
    )


async def _timed(
    context: ApiContext,
    request: Request,
    job: NewJob,
    transcripts: AsyncIterator[ChunkTranscript | RecordingEnded],
) -> AsyncGenerator[ChunkTranscript | RecordingEnded, None]:
    """Yield all results and record the run as one request."""
    timer = RequestTimer(Task.ASR, client_label(request), context.bus, context.clock)
    timer.model = job.model
    try:
        async for part in transcripts:
            yield part
    except BaseException as err:
        timer.finish(err)
        raise
    timer.finish()


async def _collect(
    transcripts: AsyncIterator[ChunkTranscript | RecordingEnded], job: NewJob
) -> tuple[list[JobSegment], str | None, float]:
    segments: list[JobSegment] = []
    language, seconds = job.language, 0.0
    async for part in transcripts:
        if isinstance(part, RecordingEnded):
            seconds = part.duration
        else:
            segments += part.segments
            language = language or part.language
    return segments, language, seconds


async def _text_events(
    first: ChunkTranscript | RecordingEnded,
    transcripts: AsyncIterator[ChunkTranscript | RecordingEnded],
) -> AsyncGenerator[ServerSentEvent, None]:
    text = ""
    part = first
    try:
        while not isinstance(part, RecordingEnded):
            for segment in part.segments:
                delta = f" {segment.text}" if text else segment.text
                text += delta
                yield sse_event({"type": "transcript.text.delta", "delta": delta})
            part = await anext(transcripts)
        # Exhaust the generator: it records the request at its end.
        await anext(transcripts, None)
    except ConductorError as err:
        yield sse_event(openai_error_event(err))
        return
    yield sse_event({"type": "transcript.text.done", "text": text})


def _render(
    kind: str, task: JobTask, segments: list[JobSegment], language: str | None, seconds: float
) -> Response:
    text = " ".join(segment.text for segment in segments)
    cues = [Cue(segment.start, segment.end, segment.text) for segment in segments]
    match kind:
        case "text":
            return PlainTextResponse(text + "\n")
        case "srt":
            return PlainTextResponse(write_srt(cues))
        case "vtt":
            return PlainTextResponse(write_vtt(cues))
        case "verbose_json":
            words = [word for segment in segments for word in segment.words]
            return JSONResponse(
                {
                    "task": task,
                    "language": language or "",
                    "duration": round(seconds, 3),
                    "text": text,
                    "segments": [_verbose(segment) for segment in segments],
                    "words": [
                        {"word": word.text, "start": word.start, "end": word.end} for word in words
                    ],
                }
            )
        case _:
            usage = {"type": "duration", "seconds": round(seconds, 3)}
            return JSONResponse({"text": text, "usage": usage})


def _verbose(segment: JobSegment) -> Mapping[str, Any]:
    """Return a segment with all fields that OpenAI's clients require; unknown ones are constant."""
    return {
        "id": segment.index,
        "seek": 0,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }
