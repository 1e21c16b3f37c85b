"""`/voices`: installed and available voices, and samples."""

import asyncio
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from wyoming_servers.audio.wav import Wav
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes.models import require_model_manager
from wyoming_servers.speech.tts.pipeline import TtsPipeline, TtsRequest
from wyoming_servers.speech.tts.voices import ListedVoice, list_voices
from wyoming_servers.text.locale import best_match
from wyoming_servers.text.sample_sentences import sample_sentence

router = APIRouter(tags=["voices"], responses={**PROBLEM_RESPONSES})

VoiceName = Annotated[
    str,
    Path(
        description="Name of a voice, or a variant with another rate or a mix of voices.",
        examples=["en_US-joe-medium", "af_heart@slow"],
        max_length=200,
    ),
]


class VoiceResponse(BaseModel):
    """A voice."""

    name: str
    description: str
    model: str = Field(description="Id of the model that has this voice.")
    languages: list[str]
    quality: str = Field(
        description="Quality according to the authors: low, medium or high for Piper; grades A to "
        "F for Kokoro, by quality and amount of training data. Empty if unknown."
    )
    licence: str
    non_commercial: bool
    author: str
    author_url: str
    speakers: list[str] = Field(description="Speakers of a multi-speaker voice.")
    installed: bool = Field(description="Whether the voice can be used now.")
    needs: list[str] = Field(
        description="What must be installed before the voice can be used: a model "
        "(`/models/{id}/download`) or Python packages."
    )
    sample: str | None = Field(
        description="Path of an audio sample; null if the voice is not installed."
    )


class VoiceListResponse(BaseModel):
    """All voices; the default voice is first."""

    default: str
    voices: list[VoiceResponse]


@router.get("/voices", summary="List all installed and available voices")
async def get_voices(
    context: Context,
    language: Annotated[
        str | None, Query(description="Only voices for this language.", examples=["de", "en-GB"])
    ] = None,
    installed: Annotated[bool, Query(description="Only installed voices.")] = False,
) -> VoiceListResponse:
    """Includes the presets of the configuration."""
    entries = require_model_manager(context).entries()
    voices = await asyncio.to_thread(list_voices, entries, _require_tts(context).voices)
    return VoiceListResponse(
        default=context.config.tts.voice,
        voices=[
            _response(voice)
            for voice in voices
            if (voice.installed or not installed)
            and (language is None or best_match(language, voice.languages) is not None)
        ],
    )


@router.get(
    "/voices/{name}/sample",
    summary="Get an audio sample",
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}}}},
)
async def get_sample(context: Context, request: Request, name: VoiceName) -> Response:
    """A sentence in the language of the voice. Later requests are served from the phrase cache."""
    tts = _require_tts(context)
    voice = tts.voices.find(name)
    client = request.client.host if request.client else ""
    async with tts.open(TtsRequest(voice=name, speed=1.0, client=client)) as stream:
        stream.end(sample_sentence(next(iter(voice.languages), "")))
        pcm = b"".join([chunk async for chunk in stream])
        recording = Wav(await stream.format(), pcm)
    return Response(recording.render(), media_type="audio/wav")


def _require_tts(context: ApiContext) -> TtsPipeline:
    if context.tts is None:
        raise ModelMissingError("Text-to-speech is disabled on this server.")
    return context.tts


def _response(voice: ListedVoice) -> VoiceResponse:
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
