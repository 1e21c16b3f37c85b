"""Watch and steer models: each under its id, and the default speech-to-text model as `/model`."""

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

ModelId = Annotated[str, Path(description="Such as `whisper/base`; slashes as they are.")]


class ModelListResponse(BaseModel):
    """All models that can be used."""

    models: list[schemas.ModelResponse]


class LoadResponse(BaseModel):
    """What asking for a load led to."""

    status: Literal["load_initiated", "already_ready"]


class UnloadResponse(BaseModel):
    """What asking for an unload led to."""

    status: Literal["unload_requested"] = "unload_requested"


_LOAD: Final[dict[str, Any]] = {
    "status_code": 202,
    "summary": "Load it",
    "response_description": "Loading has begun; `/model/events` and `/events` tell when it ends.",
    "responses": {200: {"model": LoadResponse, "description": "It is ready already."}},
}


@router.get("/models", summary="All models", response_model_exclude_none=True)
async def list_models(context: Context) -> ModelListResponse:
    snapshot = context.coordinator.snapshot()
    return ModelListResponse(
        models=[
            schemas.model_response(status, snapshot, context.traces) for status in snapshot.models
        ]
    )


@router.get("/models/{model:path}", summary="One model", response_model_exclude_none=True)
async def show_model(context: Context, model: ModelId) -> schemas.ModelResponse:
    snapshot = context.coordinator.snapshot()
    return schemas.model_response(schemas.find_model(snapshot, model), snapshot, context.traces)


@router.post("/models/{model:path}/load", **_LOAD)
async def load_model(context: Context, model: ModelId, response: Response) -> LoadResponse:
    """Returns at once; asking twice is the same as asking once."""
    return await _load(context, model, response)


@router.post("/models/{model:path}/unload", summary="Unload it")
async def unload_model(context: Context, model: ModelId) -> UnloadResponse:
    """Requests that use it end first; the answer is the same whatever its state."""
    return await _unload(context, model)


@router.get("/model/status", summary="State of the default model", response_model_exclude_none=True)
async def default_status(context: Context) -> schemas.ModelStateResponse:
    snapshot = context.coordinator.snapshot()
    return schemas.model_state_response(
        schemas.find_model(snapshot, context.config.asr.model), snapshot
    )


@router.post("/model/load", **{**_LOAD, "summary": "Load the default model"})
async def load_default(context: Context, response: Response) -> LoadResponse:
    """Returns at once; asking twice is the same as asking once."""
    return await _load(context, context.config.asr.model, response)


@router.post("/model/unload", summary="Unload the default model")
async def unload_default(context: Context) -> UnloadResponse:
    """Requests that use it end first; the answer is the same whatever its state."""
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
