"""`/models`: state, loading and unloading; `/model` is the default speech-to-text model."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from wyoming_servers.http import schemas
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES

router = APIRouter(tags=["models"], responses={**PROBLEM_RESPONSES})

ModelId = Annotated[
    str, Path(description="Model id such as `whisper/base`; do not escape slashes.")
]


class ModelListResponse(BaseModel):
    """All installed models."""

    models: list[schemas.ModelResponse]


class LoadResponse(BaseModel):
    """Result of a load request."""

    status: Literal["load_initiated", "already_ready"]


class UnloadResponse(BaseModel):
    """Result of an unload request."""

    status: Literal["unload_requested"] = "unload_requested"


_LOAD: Final[dict[str, Any]] = {
    "status_code": 202,
    "summary": "Load a model",
    "response_description": "Loading has started; `/events` reports when it ends.",
    "responses": {200: {"model": LoadResponse, "description": "The model is already loaded."}},
}


@router.get("/models", summary="List installed models", response_model_exclude_none=True)
async def list_models(context: Context) -> ModelListResponse:
    snapshot = context.coordinator.snapshot()
    return ModelListResponse(
        models=[
            schemas.model_response(status, snapshot, context.traces) for status in snapshot.models
        ]
    )


@router.get("/models/{model:path}", summary="Show a model", response_model_exclude_none=True)
async def show_model(context: Context, model: ModelId) -> schemas.ModelResponse:
    snapshot = context.coordinator.snapshot()
    return schemas.model_response(schemas.find_model(snapshot, model), snapshot, context.traces)


@router.post("/models/{model:path}/load", **_LOAD)
async def load_model(context: Context, model: ModelId, response: Response) -> LoadResponse:
    """Returns immediately. The request is idempotent."""
    return await _load(context, model, response)


@router.post("/models/{model:path}/unload", summary="Unload a model")
async def unload_model(context: Context, model: ModelId) -> UnloadResponse:
    """Running requests finish first. The response is the same in every state of the model."""
    return await _unload(context, model)


@router.get(
    "/model/status", summary="Show the state of the default model", response_model_exclude_none=True
)
async def default_status(context: Context) -> schemas.ModelStateResponse:
    snapshot = context.coordinator.snapshot()
    return schemas.model_state_response(
        schemas.find_model(snapshot, context.config.asr.model), snapshot
    )


@router.post("/model/load", **{**_LOAD, "summary": "Load the default model"})
async def load_default(context: Context, response: Response) -> LoadResponse:
    """Returns immediately. The request is idempotent."""
    return await _load(context, context.config.asr.model, response)


@router.post("/model/unload", summary="Unload the default model")
async def unload_default(context: Context) -> UnloadResponse:
    """Running requests finish first. The response is the same in every state of the model."""
    return await _unload(context, context.config.asr.model)


async def _load(context: ApiContext, model: str, response: Response) -> LoadResponse:
    schemas.find_model(context.coordinator.snapshot(), model)
    if await context.coordinator.load(model):
        response.status_code = 200
        return LoadResponse(status="already_ready")
    return LoadResponse(status="load_initiated")


async def _unload(context: ApiContext, model: str) -> UnloadResponse:
    schemas.find_model(context.coordinator.snapshot(), model)
    await context.coordinator.unload(model)
    return UnloadResponse()
