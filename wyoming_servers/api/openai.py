"""OpenAI's addresses: programs written for its audio API work with this server unchanged.

Model names of theirs mean the configured model, voice names of theirs the configured voice.
Errors have their shape, see `problems`.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from wyoming_servers.api import views
from wyoming_servers.api.context import ApiContext, Context
from wyoming_servers.api.events import sse
from wyoming_servers.api.jobs import form_schema
from wyoming_servers.api.problems import DOCUMENTED
from wyoming_servers.api.upload import Form, receive_form
from wyoming_servers.audio.encoder import MEDIA_TYPES, Encoder
from wyoming_servers.domain import Kind
from wyoming_servers.errors import BadRequestError, InternalError, ModelMissingError
from wyoming_servers.jobs.audio import Ended
from wyoming_servers.jobs.direct import transcribe_now
from wyoming_servers.jobs.job import NewJob, Segment, Task
from wyoming_servers.jobs.transcribe import Heard
from wyoming_servers.pipelines.listener import choose_listener
from wyoming_servers.pipelines.measure import Measure
from wyoming_servers.pipelines.tts import TtsRequest
from wyoming_servers.text.mix import MAX_SPEED, MIN_SPEED
from wyoming_servers.text.subtitles import Cue, srt, vtt

router = APIRouter(prefix="/v1", tags=["openai"], responses={**DOCUMENTED})

_THEIR_MODELS: Final = frozenset(
    {
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
        "tts-1",
        "tts-1-hd",
        "gpt-4o-mini-tts",
    }
)
_THEIR_VOICES: Final = frozenset(
    {
        *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
        *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
    }
)

_FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt")

_FORM: Final = form_schema(
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
)

_TEXTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/json": {}, "text/plain": {}, "text/event-stream": {}}}
}


class SpeechRequest(BaseModel):
    """A text to speak."""

    input: str = Field(min_length=1, examples=["Good morning!"])
    model: str = Field("tts-1", description="One of theirs, or the id of a model here.")
    voice: str | dict[str, Any] = Field("alloy", description="One of theirs, or a voice here.")
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = Field(
        "mp3", description="`pcm` is 16-bit mono at 24 kHz."
    )
    speed: float = Field(1.0, ge=0.25, le=4.0, description="What no voice can is brought nearer.")
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: str | None = Field(None, description="Ignored.")


class ModelCard(BaseModel):
    """A model as OpenAI lists it."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Seconds since 1970.")
    owned_by: str


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


@router.get("/models", summary="Installed models (OpenAI)")
async def list_models(context: Context) -> ModelList:
    models = context.coordinator.snapshot().models
    return ModelList(data=[_card(context, status.spec.id) for status in models])


@router.get("/models/{model:path}", summary="One model (OpenAI)")
async def show_model(context: Context, model: str) -> ModelCard:
    return _card(context, views.find(context.coordinator.snapshot(), model).spec.id)


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


@router.post(
    "/audio/speech",
    summary="Speak a text (OpenAI)",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}},
)
async def speech(context: Context, request: Request, wanted: SpeechRequest) -> Response:
    """The audio is sent as it is made."""
    tts = context.tts
    if tts is None:
        raise ModelMissingError("Text-to-speech is not served here.")
    _check_model(context, wanted.model, Kind.TTS)
    name = wanted.voice if isinstance(wanted.voice, str) else str(wanted.voice.get("id", ""))
    if len(wanted.input) > tts.max_text:
        raise BadRequestError(f"input is longer than {tts.max_text} characters")
    speaking = tts.open(
        TtsRequest(
            voice=None if name.lower() in _THEIR_VOICES else name or None,
            speed=min(MAX_SPEED, max(MIN_SPEED, wanted.speed)),
            client=_client(request),
        )
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(speaking)
        speaking.feed(wanted.input)
        speaking.end()
        # Known before the answer begins: a voice that cannot be loaded is an error, not silence.
        audio = await speaking.format()
        encoder = Encoder(wanted.response_format, aiter(speaking), audio)
        await stack.enter_async_context(encoder)
        kept = stack.pop_all()
    if wanted.stream_format == "sse":
        return _OwnedEvents(_audio_events(encoder), kept)
    return _OwnedStream(aiter(encoder), kept, MEDIA_TYPES[wanted.response_format])


class _OwnedStream(StreamingResponse):
    """Closes what it streams from, even if the client left before the first byte."""

    def __init__(self, pieces: AsyncIterator[bytes], owned: AsyncExitStack, kind: str) -> None:
        super().__init__(pieces, media_type=kind)
        self._owned = owned

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._owned:
            await super().__call__(scope, receive, send)


class _OwnedEvents(EventSourceResponse):
    """The same for server-sent events."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], owned: AsyncExitStack) -> None:
        super().__init__(events, sep="\n")
        self._owned = owned

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._owned:
            await super().__call__(scope, receive, send)


async def _audio_events(encoder: Encoder) -> AsyncIterator[ServerSentEvent]:
    async for piece in encoder:
        yield sse({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield sse({"type": "speech.audio.done", "usage": usage})


async def _listen(context: ApiContext, request: Request, task: Task) -> Response:
    if context.jobs is None:
        raise InternalError("Recordings are routed but not served.")
    async with AsyncExitStack() as stack:
        inbox = context.jobs.inbox
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
            beam_size=context.config.asr.beam_size,
            client=_client(request),
            decoder=context.jobs.decoder,
        )
        measured = _measured(context, request, wanted, heard)
        if form.flag("stream"):
            return _OwnedEvents(_text_events(measured), stack.pop_all())
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
        None if model in _THEIR_MODELS else model or None,
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
    measure = Measure(Kind.ASR, _client(request), context.bus, context.clock)
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


async def _text_events(heard: AsyncIterator[Heard | Ended]) -> AsyncIterator[ServerSentEvent]:
    text = ""
    async for part in heard:
        for segment in () if isinstance(part, Ended) else part.segments:
            delta = f" {segment.text}" if text else segment.text
            text += delta
            yield sse({"type": "transcript.text.delta", "delta": delta})
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


def _check_model(context: ApiContext, model: str, kind: Kind) -> None:
    known = model in _THEIR_MODELS or not model
    if not known and views.find(context.coordinator.snapshot(), model).spec.kind is not kind:
        raise BadRequestError(f"{model} is no model for this.")


def _card(context: ApiContext, model: str) -> ModelCard:
    return ModelCard(
        id=model, created=int(context.started), owned_by=model.partition("/")[0] or "local"
    )


def _client(request: Request) -> str:
    return f"http {request.client.host}" if request.client else "http"
