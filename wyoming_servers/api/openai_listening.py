"""OpenAI's addresses for listening: a recording in, its text out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sse_starlette import ServerSentEvent
from starlette.responses import JSONResponse, PlainTextResponse

from wyoming_servers.api.context import ApiContext, Context, jobs_of
from wyoming_servers.api.events import sse
from wyoming_servers.api.forms import form_schema, takes
from wyoming_servers.api.openai_names import THEIR_MODELS
from wyoming_servers.api.owned import OwnedEvents, client_of
from wyoming_servers.api.problems import openai_error
from wyoming_servers.api.upload import Form, receive_form
from wyoming_servers.domain import Kind
from wyoming_servers.errors import BadRequestError, ConductorError
from wyoming_servers.jobs.audio import Ended
from wyoming_servers.jobs.direct import transcribe_now
from wyoming_servers.jobs.job import NewJob, Segment, Task
from wyoming_servers.jobs.transcribe import Heard
from wyoming_servers.pipelines.listener import choose_listener
from wyoming_servers.pipelines.measure import Measure
from wyoming_servers.text.subtitles import Cue, srt, vtt

router = APIRouter()

_FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt")

_FORM: Final = takes(
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
    summary="Transcribe a recording now (OpenAI)",
    openapi_extra=_FORM,
    response_class=Response,
    responses=_TEXTS,
)
async def transcriptions(context: Context, request: Request) -> Response:
    """The answer comes when it is done; long recordings are better sent to `/jobs`."""
    return await _listen(context, request, "transcribe")


@router.post(
    "/audio/translations",
    summary="Translate a recording into English now (OpenAI)",
    openapi_extra=_FORM,
    response_class=Response,
    responses=_TEXTS,
)
async def translations(context: Context, request: Request) -> Response:
    return await _listen(context, request, "translate")


async def _listen(context: ApiContext, request: Request, task: Task) -> Response:
    jobs = jobs_of(context)
    async with AsyncExitStack() as stack:
        inbox = jobs.inbox
        upload = await stack.enter_async_context(receive_form(request, inbox, "file"))
        form = upload.form
        kind = form.get("response_format") or "json"
        if kind not in _FORMATS:
            raise BadRequestError(f"response_format must be one of {', '.join(_FORMATS)}")
        wanted = _wanted(context, form, task)
        path = await upload.keep()
        stack.push_async_callback(inbox.discard, path)
        heard = transcribe_now(
            context.coordinator,
            context.clock,
            path,
            wanted,
            limit=context.config.limits.request + context.config.limits.load,
            manner=jobs.manner,
            client=client_of(request),
            decoder=jobs.decoder,
        )
        measured = _measured(context, request, wanted, heard)
        if form.flag("stream"):
            # Known before the answer begins: a file that cannot be heard is an error of its own.
            first = await anext(measured)
            return OwnedEvents(_text_events(first, measured), stack.pop_all())
        segments, language, seconds = await _collect(measured, wanted)
    return _render(kind, task, segments, language, seconds)


def _wanted(context: ApiContext, form: Form, task: Task) -> NewJob:
    granularities = form.fields.get("timestamp_granularities[]", [])
    if not set(granularities) <= {"word", "segment"}:
        raise BadRequestError("timestamp_granularities[] must be 'word' or 'segment'")
    model = form.get("model")
    listener = choose_listener(
        context.specs,
        context.config.asr,
        None if model in THEIR_MODELS else model or None,
        form.get("language") or None,
    )
    return NewJob(
        model=listener.spec.id,
        language=listener.language,
        task=task,
        word_timestamps="word" in granularities,
        prompt=form.get("prompt")[:1_000],
    )


async def _measured(
    context: ApiContext, request: Request, wanted: NewJob, heard: AsyncIterator[Heard | Ended]
) -> AsyncIterator[Heard | Ended]:
    """Pass everything on and account for it as one request."""
    measure = Measure(Kind.ASR, client_of(request), context.bus, context.clock)
    measure.model = wanted.model
    try:
        async for part in heard:
            yield part
    except BaseException as err:
        measure.finish(err)
        raise
    measure.finish()


async def _collect(
    heard: AsyncIterator[Heard | Ended], wanted: NewJob
) -> tuple[list[Segment], str | None, float]:
    segments: list[Segment] = []
    language, seconds = wanted.language, 0.0
    async for part in heard:
        if isinstance(part, Ended):
            seconds = part.duration
        else:
            segments += part.segments
            language = language or part.language
    return segments, language, seconds


async def _text_events(
    first: Heard | Ended, heard: AsyncIterator[Heard | Ended]
) -> AsyncIterator[ServerSentEvent]:
    text = ""
    part = first
    try:
        while not isinstance(part, Ended):
            for segment in part.segments:
                delta = f" {segment.text}" if text else segment.text
                text += delta
                yield sse({"type": "transcript.text.delta", "delta": delta})
            part = await anext(heard)
        # Let it see its own end: it accounts for the request there.
        await anext(heard, None)
    except ConductorError as err:
        yield sse(openai_error(err))
        return
    yield sse({"type": "transcript.text.done", "text": text})


def _render(
    kind: str, task: Task, segments: list[Segment], language: str | None, seconds: float
) -> Response:
    text = " ".join(segment.text for segment in segments)
    cues = [Cue(segment.start, segment.end, segment.text) for segment in segments]
    match kind:
        case "text":
            return PlainTextResponse(text + "\n")
        case "srt":
            return PlainTextResponse(srt(cues))
        case "vtt":
            return PlainTextResponse(vtt(cues))
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


def _verbose(segment: Segment) -> Mapping[str, Any]:
    """Return a segment with all fields that their clients insist on; we know only some."""
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
