"""`/v1/audio/speech`: streaming speech synthesis."""

import base64
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator
from sse_starlette import ServerSentEvent

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BadRequestError, ConductorError, ModelMissingError
from wyoming_servers.http import schemas
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.openai.names import OPENAI_VOICE_NAMES, is_speech_model
from wyoming_servers.http.problems import OPENAI_PROBLEM_RESPONSES, openai_error_event
from wyoming_servers.http.streaming import (
    ManagedEventSourceResponse,
    ManagedStreamingResponse,
    client_label,
    openai_event,
)
from wyoming_servers.media.encoder import StreamEncoder
from wyoming_servers.media.formats import MEDIA_TYPES
from wyoming_servers.speech.tts.pipeline import TtsRequest, end_ssml
from wyoming_servers.text.voice_expression import MAX_SPEED, MIN_SPEED

router = APIRouter(prefix="/v1", tags=["openai"], responses={**OPENAI_PROBLEM_RESPONSES})


class OpenAiSpeechRequest(BaseModel):
    """A text to synthesize."""

    input: str = Field(min_length=1, examples=["Good morning!"])
    model: str = Field(
        "tts-1",
        description="A model name of OpenAI (default voice), or the id of a text-to-speech model.",
    )
    voice: str | dict[str, Any] = Field(
        "alloy", description="A voice name of OpenAI (default voice), or a voice of this server."
    )
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = Field(
        "mp3", description="`pcm` is 16-bit mono at 24 kHz."
    )
    speed: float = Field(
        1.0, ge=0.25, le=4.0, description="Speaking rate; values outside 0.5 to 2.0 are clamped."
    )
    text_format: Literal["plain", "ssml"] = Field(
        "plain",
        description="Format of the input; `ssml` is an extension to OpenAI's API.",
    )
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: str | None = Field(None, description="Ignored.")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        """Take null as absent: some clients send it for every field that has no value."""
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value is not None}
        return data


@router.post(
    "/audio/speech",
    summary="Synthesize speech (OpenAI)",
    response_class=Response,
    responses={
        200: {"content": {kind: {} for kind in (*MEDIA_TYPES.values(), "text/event-stream")}}
    },
)
async def create_speech(context: Context, request: Request, body: OpenAiSpeechRequest) -> Response:
    """The audio is streamed while it is synthesized."""
    tts = context.tts
    if tts is None:
        raise ModelMissingError("Text-to-speech is disabled on this server.")
    _check_model(context, body.model)
    name = body.voice if isinstance(body.voice, str) else str(body.voice.get("id", ""))
    if len(body.input) > tts.max_text:
        raise BadRequestError(f"input is longer than {tts.max_text} characters")
    stream = tts.open(
        TtsRequest(
            voice=None if name.lower() in OPENAI_VOICE_NAMES else name or None,
            speed=min(MAX_SPEED, max(MIN_SPEED, body.speed)),
            client=client_label(request),
        )
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stream)
        if body.text_format == "ssml":
            end_ssml(stream, body.input)
        else:
            stream.end(body.input)
        # Wait for the voice, so that a voice that cannot be loaded gets an error response.
        audio = await stream.format()
        encoder = StreamEncoder(body.response_format, aiter(stream), audio)
        await stack.enter_async_context(encoder)
        resources = stack.pop_all()
    if body.stream_format == "sse":
        return ManagedEventSourceResponse(_audio_events(encoder), resources)
    return ManagedStreamingResponse(aiter(encoder), resources, MEDIA_TYPES[body.response_format])


async def _audio_events(encoder: StreamEncoder) -> AsyncGenerator[ServerSentEvent, None]:
    try:
        async for chunk in encoder:
            yield openai_event(
                {"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()}
            )
    except ConductorError as err:
        yield openai_event(openai_error_event(err))
        return
    usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield openai_event({"type": "speech.audio.done", "usage": usage})


def _check_model(context: ApiContext, model: str) -> None:
    if (
        model
        and not is_speech_model(model)
        and schemas.find_model(context.coordinator.snapshot(), model).spec.task is not Task.TTS
    ):
        raise BadRequestError(f"{model} is not a text-to-speech model.")
