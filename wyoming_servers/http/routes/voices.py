"""The voices: which there are, what each is like, and how it sounds."""

import asyncio
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from wyoming_servers.audio.wav import Wav
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes.catalog import require_model_manager
from wyoming_servers.speech.tts.pipeline import (
    TtsPipeline,
    TtsRequest,
)
from wyoming_servers.speech.tts.voices import (
    ListedVoice,
    list_voices,
)
from wyoming_servers.text.locale import best_match
from wyoming_servers.text.sample_sentences import sample_sentence

router = APIRouter(tags=["voices"], responses={**PROBLEM_RESPONSES})

VoiceName = Annotated[
    str,
    Path(
        description="As it is listed, or a mix or a pace of such.",
        examples=["en_US-joe-medium", "af_heart@slow"],
        max_length=200,
    ),
]


class VoiceResponse(BaseModel):
    """A voice."""

    name: str
    description: str
    model: str = Field(description="Which speaks it, or would.")
    languages: list[str]
    quality: str = Field(
        description="In its authors' words: Piper's low, medium, high; Kokoro's grades A to F, by "
        "how much good speech it was trained with. Empty where they say nothing."
    )
    licence: str
    non_commercial: bool
    author: str
    author_url: str
    speakers: list[str] = Field(description="Inside a voice that has several.")
    installed: bool = Field(description="It can be played now.")
    needs: list[str] = Field(
        description="What must be installed first: a model (`/models/{id}/download`), Python "
        "packages."
    )
    sample: str | None = Field(description="Where to hear it; null while it cannot be played.")


class VoiceListResponse(BaseModel):
    """All voices; the default one is the first."""

    default: str
    voices: list[VoiceResponse]


@router.get("/voices", summary="Every voice there is")
async def voices(
    context: Context,
    language: Annotated[
        str | None, Query(description="Only those that speak it.", examples=["de", "en-GB"])
    ] = None,
    installed: Annotated[bool, Query(description="Only those that can be played now.")] = False,
) -> VoiceListResponse:
    """Presets and mixes of the configuration included."""
    entries = require_model_manager(context).entries()
    found = await asyncio.to_thread(list_voices, entries, _tts(context).voices)
    return VoiceListResponse(
        default=context.config.tts.voice,
        voices=[
            _view(voice)
            for voice in found
            if (voice.installed or not installed)
            and (language is None or best_match(language, voice.languages) is not None)
        ],
    )


@router.get(
    "/voices/{name}/sample",
    summary="How it sounds",
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}}}},
)
async def hear(context: Context, request: Request, name: VoiceName) -> Response:
    """A few seconds in its language. Spoken once, and taken from the phrase cache then."""
    tts = _tts(context)
    voice = tts.voices.find(name)
    client = request.client.host if request.client else ""
    async with tts.open(TtsRequest(voice=name, speed=1.0, client=client)) as speech:
        speech.end(sample_sentence(next(iter(voice.languages), "")))
        pcm = b"".join([piece async for piece in speech])
        recording = Wav(await speech.format(), pcm)
    return Response(recording.render(), media_type="audio/wav")


def _tts(context: ApiContext) -> TtsPipeline:
    if context.tts is None:
        raise ModelMissingError("Text-to-speech is not served here.")
    return context.tts


def _view(voice: ListedVoice) -> VoiceResponse:
    entry = voice.entry
    return VoiceResponse(
        name=voice.name,
        description=voice.description or voice.name,
        model=entry.id,
        languages=list(voice.languages),
        quality=voice.quality,
        licence=entry.licence,
        non_commercial=entry.non_commercial,
        author=entry.attribution.name,
        author_url=entry.attribution.url,
        speakers=list(voice.speakers),
        installed=voice.installed,
        needs=list(voice.needs),
        sample=f"/voices/{quote(voice.name)}/sample" if voice.installed else None,
    )
