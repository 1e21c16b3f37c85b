"""`/v1/models`, and the names that OpenAI gave to its models and voices."""

from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wyoming_servers.http import schemas
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import OPENAI_PROBLEM_RESPONSES

OPENAI_MODEL_NAMES: Final = frozenset(
    {
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
        "tts-1",
        "tts-1-hd",
        "gpt-4o-mini-tts",
    }
)
OPENAI_VOICE_NAMES: Final = frozenset(
    {
        *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
        *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
    }
)

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


@router.get("/models", summary="List models (OpenAI)")
async def list_models(context: Context) -> OpenAiModelList:
    models = context.coordinator.snapshot().models
    return OpenAiModelList(data=[_response(context, status.spec.id) for status in models])


@router.get("/models/{model:path}", summary="Show a model (OpenAI)")
async def get_model(context: Context, model: str) -> OpenAiModel:
    return _response(context, schemas.find_model(context.coordinator.snapshot(), model).spec.id)


def _response(context: ApiContext, model: str) -> OpenAiModel:
    return OpenAiModel(
        id=model, created=int(context.started), owned_by=model.partition("/")[0] or "local"
    )
