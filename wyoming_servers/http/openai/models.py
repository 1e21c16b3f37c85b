"""`/v1/models`, and the lists of models and voices that Open WebUI asks for."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wyoming_servers.core.domain import Task
from wyoming_servers.http import schemas
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.openai.names import LISTED_MODELS, is_known_model
from wyoming_servers.http.problems import OPENAI_PROBLEM_RESPONSES

router = APIRouter(prefix="/v1", tags=["openai"], responses={**OPENAI_PROBLEM_RESPONSES})


class OpenAiModel(BaseModel):
    """A model in the format of OpenAI's API."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Seconds since 1970.")
    owned_by: str


class OpenAiModelList(BaseModel):
    """All installed models."""

    object: Literal["list"] = "list"
    data: list[OpenAiModel]


class ListedModel(BaseModel):
    """A text-to-speech model."""

    id: str
    name: str


class SpeechModelList(BaseModel):
    """The text-to-speech models."""

    models: list[ListedModel]


class ListedVoice(BaseModel):
    """A voice."""

    id: str = Field(description="Name for the field `voice` of a request.")
    name: str = Field(description="Description for people.")


class VoiceList(BaseModel):
    """The voices that can be used now, the default first."""

    voices: list[ListedVoice]


@router.get("/models", summary="List models (OpenAI)")
async def list_models(context: Context) -> OpenAiModelList:
    """The installed models for speech, and names of OpenAI that mean the default models."""
    found = [
        status.spec.id
        for status in context.coordinator.snapshot().models
        if status.spec.task in (Task.ASR, Task.TTS)
    ]
    return OpenAiModelList(data=[_response(context, name) for name in (*found, *LISTED_MODELS)])


@router.get("/models/{model:path}", summary="Show a model (OpenAI)")
async def get_model(context: Context, model: str) -> OpenAiModel:
    if is_known_model(model):
        return _response(context, model)
    return _response(context, schemas.find_model(context.coordinator.snapshot(), model).spec.id)


@router.get("/audio/models", summary="List text-to-speech models (Open WebUI)")
async def list_speech_models(context: Context) -> SpeechModelList:
    """An extension to OpenAI's API."""
    specs = [status.spec for status in context.coordinator.snapshot().models]
    found = [
        ListedModel(id=spec.id, name=spec.description or spec.id)
        for spec in specs
        if spec.task is Task.TTS
    ]
    return SpeechModelList(models=found)


@router.get("/audio/voices", summary="List voices (Open WebUI)")
async def list_speech_voices(context: Context) -> VoiceList:
    """An extension to OpenAI's API."""
    voices = [] if context.tts is None else list(context.tts.voices)
    return VoiceList(
        voices=[
            ListedVoice(id=voice.info.name, name=voice.info.description or voice.info.name)
            for voice in voices
        ]
    )


def _response(context: ApiContext, model: str) -> OpenAiModel:
    owner = "openai" if is_known_model(model) else model.partition("/")[0] or "local"
    return OpenAiModel(id=model, created=int(context.started), owned_by=owner)
