"""`/v1/audio/transcriptions` and `/v1/audio/translations`."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sse_starlette import ServerSentEvent
from starlette.responses import JSONResponse, PlainTextResponse

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BadRequestError, ConductorError
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.openai.diarization import name_speakers
from wyoming_servers.http.openai.names import language_name
from wyoming_servers.http.problems import OPENAI_PROBLEM_RESPONSES, openai_error_event
from wyoming_servers.http.streaming import ManagedEventSourceResponse, client_label, openai_event
from wyoming_servers.http.upload import (
    MultipartForm,
    form_schema,
    openapi_request_body,
    receive_form,
)
from wyoming_servers.jobs.job import JobSegment, JobTask, NewJob
from wyoming_servers.jobs.transcription import (
    ChunkTranscript,
    TranscriptionDefaults,
    transcribe_recording,
)
from wyoming_servers.media.decoder import RecordingEnded
from wyoming_servers.speech.asr.transcriber import select_asr_model
from wyoming_servers.telemetry.request_records import RequestTimer
from wyoming_servers.text.subtitles import Cue, write_srt, write_vtt
from wyoming_servers.text.vocabulary import VocabularyEntries

router = APIRouter(prefix="/v1", tags=["openai"], responses={**OPENAI_PROBLEM_RESPONSES})

_FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")

_SPEAKER: Final = "A"
"""OpenAI's label of the first speaker; all speakers have it if voices are not compared."""

_FORM: Final = openapi_request_body(
    form=form_schema(
        "file",
        {
            "model": {"type": "string", "default": "whisper-1"},
            "language": {"type": "string", "example": "en"},
            "languages[]": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Languages to detect among; a single one is used.",
            },
            "keywords[]": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Words that may occur, such as names.",
            },
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
            defaults=_defaults(jobs.transcription_defaults, form),
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
            events = _text_events(first, timed, diarized=kind == "diarized_json")
            return ManagedEventSourceResponse(events, stack.pop_all())
        result = await _collect(timed, job)
        if kind == "diarized_json" and context.speakers is not None:
            names = await name_speakers(
                context.speakers, jobs.decoder, path, result.segments, client_label(request)
            )
            result = replace(result, speakers=names)
    return _render(kind, task, result, _granularities(form))


def _new_job(context: ApiContext, form: MultipartForm, task: JobTask) -> NewJob:
    languages = _values(form, "languages")
    choice = select_asr_model(
        context.specs,
        context.config.asr,
        form.get("model") or None,
        form.get("language") or (languages[0] if len(languages) == 1 else None),
    )
    return NewJob(
        model=choice.spec.id,
        language=choice.language,
        task=task,
        word_timestamps="word" in _granularities(form),
        prompt=form.get("prompt")[:1_000],
    )


def _defaults(defaults: TranscriptionDefaults, form: MultipartForm) -> TranscriptionDefaults:
    """Return the defaults with the languages and the keywords of a request."""
    languages, keywords = _values(form, "languages"), _values(form, "keywords")
    if languages:
        defaults = replace(defaults, languages=tuple(languages))
    if keywords:
        stored = defaults.vocabulary
        names = (*keywords, *(stored.names if stored else ()))
        words = VocabularyEntries(names, stored.terms if stored else ())
        defaults = replace(defaults, vocabulary=words)
    return defaults


def _values(form: MultipartForm, name: str) -> list[str]:
    """Return the values of a list, whether its name has brackets or not."""
    values = (*form.fields.get(f"{name}[]", []), *form.fields.get(name, []))
    return [value.strip() for value in values if value.strip()]


def _granularities(form: MultipartForm) -> set[str]:
    found = set(_values(form, "timestamp_granularities"))
    if not found <= {"word", "segment"}:
        raise BadRequestError("timestamp_granularities[] must be 'word' or 'segment'")
    return found or {"segment"}


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


@dataclass(frozen=True, slots=True)
class _Result:
    """The transcript of a whole recording."""

    segments: list[JobSegment]
    language: str | None
    seconds: float
    speakers: Sequence[str] = ()
    """Speaker of each segment; empty if voices are not compared."""

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)


async def _collect(
    transcripts: AsyncIterator[ChunkTranscript | RecordingEnded], job: NewJob
) -> _Result:
    segments: list[JobSegment] = []
    language, seconds = job.language, 0.0
    async for part in transcripts:
        if isinstance(part, RecordingEnded):
            seconds = part.duration
        else:
            segments += part.segments
            language = language or part.language
    return _Result(segments, language, seconds)


async def _text_events(
    first: ChunkTranscript | RecordingEnded,
    transcripts: AsyncIterator[ChunkTranscript | RecordingEnded],
    *,
    diarized: bool,
) -> AsyncGenerator[ServerSentEvent, None]:
    text = ""
    part = first
    try:
        while not isinstance(part, RecordingEnded):
            for segment in part.segments:
                delta = f" {segment.text}" if text else segment.text
                text += delta
                yield openai_event({"type": "transcript.text.delta", "delta": delta})
                if diarized:
                    yield openai_event(_diarized(segment))
            part = await anext(transcripts)
        # Exhaust the generator: it records the request at its end.
        await anext(transcripts, None)
    except ConductorError as err:
        yield openai_event(openai_error_event(err))
        return
    yield openai_event({"type": "transcript.text.done", "text": text})


def _render(kind: str, task: JobTask, result: _Result, granularities: set[str]) -> Response:
    text, segments, seconds = result.text, result.segments, round(result.seconds, 3)
    cues = [Cue(segment.start, segment.end, segment.text) for segment in segments]
    match kind:
        case "text":
            return PlainTextResponse(text + "\n")
        case "srt":
            return PlainTextResponse(write_srt(cues))
        case "vtt":
            return PlainTextResponse(write_vtt(cues))
        case "verbose_json":
            body: dict[str, Any] = {
                "task": task,
                "language": language_name(result.language),
                "duration": seconds,
                "text": text,
            }
            if "segment" in granularities:
                body["segments"] = [_verbose(segment) for segment in segments]
            if "word" in granularities:
                body["words"] = [
                    {"word": word.text, "start": word.start, "end": word.end}
                    for segment in segments
                    for word in segment.words
                ]
        case "diarized_json":
            body = {
                "task": task,
                "duration": seconds,
                "text": text,
                "segments": [
                    _diarized(segment, result.speakers[place] if result.speakers else _SPEAKER)
                    for place, segment in enumerate(segments)
                ],
            }
        case _:
            body = {"text": text}
    return JSONResponse(body | {"usage": {"type": "duration", "seconds": seconds}})


def _diarized(segment: JobSegment, speaker: str = _SPEAKER) -> dict[str, Any]:
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{segment.index}",
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "speaker": speaker,
    }


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
