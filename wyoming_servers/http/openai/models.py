"""`/v1/models`, and the router of all endpoints that are compatible with OpenAI's API.

Clients of OpenAI's audio API work unchanged: OpenAI's model and voice names stand for the
configured model and voice, and errors have OpenAI's format (see `problems`).
"""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wyoming_servers.http import schemas
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.openai import speech, transcriptions
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


@router.get("/models", summary="List models (OpenAI)")
async def list_models(context: Context) -> OpenAiModelList:
    models = context.coordinator.snapshot().models
    return OpenAiModelList(data=[_card(context, status.spec.id) for status in models])


@router.get("/models/{model:path}", summary="Show a model (OpenAI)")
async def show_model(context: Context, model: str) -> OpenAiModel:
    return _card(context, schemas.find_model(context.coordinator.snapshot(), model).spec.id)


def _card(context: ApiContext, model: str) -> OpenAiModel:
    return OpenAiModel(
        id=model, created=int(context.started), owned_by=model.partition("/")[0] or "local"
    )


router.include_router(transcriptions.router)
router.include_router(speech.router)
