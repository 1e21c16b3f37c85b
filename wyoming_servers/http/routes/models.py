"""`/models`: state, loading, downloading and deleting; `/catalog` lists all available models.

`/model` is the default speech-to-text model.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from wyoming_servers.core.errors import InternalError, ModelMissingError
from wyoming_servers.http import schemas
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.models.manager import Installation, ModelListing, ModelManager
from wyoming_servers.models.references import ModelUse, UseKind
from wyoming_servers.scheduling.status import Snapshot

router = APIRouter(tags=["models"], responses={**PROBLEM_RESPONSES})

store_router = APIRouter(tags=["store"], responses={**PROBLEM_RESPONSES})
"""Endpoints that need a model manager."""

ModelId = Annotated[
    str, Path(description="Model id such as `whisper/base`; do not escape slashes.")
]


Force = Annotated[
    bool,
    Query(description="Delete the model even if it is in use, after running requests have ended."),
]


class ModelListResponse(BaseModel):
    """All models that are installed, or are being installed."""

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


@router.get("/models", summary="List models", response_model_exclude_none=True)
async def list_models(context: Context) -> ModelListResponse:
    return ModelListResponse(models=model_responses(context, context.coordinator.snapshot()))


def model_responses(context: ApiContext, snapshot: Snapshot) -> list[schemas.ModelResponse]:
    """Return the details of every model that is installed, or is being installed."""
    installed = {status.spec.id for status in snapshot.models}
    return [
        *(
            schemas.model_response(status, snapshot, context.traces, context.served)
            for status in snapshot.models
        ),
        *(
            schemas.installation_response(found, context.served)
            for model, found in _installations(context).items()
            if model not in installed
        ),
    ]


def _installations(context: ApiContext) -> dict[str, Installation]:
    manager = context.model_manager
    return {} if manager is None else {item.entry.id: item for item in manager.installations()}


@router.get("/models/{model:path}", summary="Show a model", response_model_exclude_none=True)
async def get_model(context: Context, model: ModelId) -> schemas.ModelResponse:
    snapshot = context.coordinator.snapshot()
    try:
        status = schemas.find_model(snapshot, model)
    except ModelMissingError:
        if (installation := _installations(context).get(model)) is None:
            raise
        return schemas.installation_response(installation, context.served)
    return schemas.model_response(status, snapshot, context.traces, context.served)


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
async def get_default_model(context: Context) -> schemas.ModelStateResponse:
    snapshot = context.coordinator.snapshot()
    model = context.config.asr.model
    try:
        return schemas.model_state_response(schemas.find_model(snapshot, model), snapshot)
    except ModelMissingError:
        if (installation := _installations(context).get(model)) is None:
            raise
        return schemas.installation_state(installation)


@router.post("/model/load", **{**_LOAD, "summary": "Load the default model"})
async def load_default_model(context: Context, response: Response) -> LoadResponse:
    """Returns immediately. The request is idempotent."""
    return await _load(context, context.config.asr.model, response)


@router.post("/model/unload", summary="Unload the default model")
async def unload_default_model(context: Context) -> UnloadResponse:
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


class ModelUseResponse(BaseModel):
    """A reason for which a model is in use."""

    kind: UseKind
    detail: str = Field(examples=["tts.voice is en_US-joe-medium"])


def use_responses(uses: Iterable[ModelUse]) -> list[ModelUseResponse]:
    """Return the reasons for a response."""
    return [ModelUseResponse(kind=use.kind, detail=use.detail) for use in uses]


class CatalogEntryResponse(BaseModel):
    """An installed or available model."""

    id: str
    kind: str
    title: str
    languages: list[str]
    licence: str
    version: str
    download_bytes: int = Field(description="Size of the download; 0 if unknown.")
    disk_bytes: int = Field(description="Size in the data folder, without Python packages.")
    installed: bool
    downloading: bool
    in_use: bool = Field(description="Whether clearing the cache keeps it; `uses` says why.")
    uses: list[ModelUseResponse]


class CatalogResponse(BaseModel):
    """All installed and available models."""

    models: list[CatalogEntryResponse]


class FreedResponse(BaseModel):
    """Result of a deletion."""

    status: Literal["deleted"] = "deleted"
    freed_bytes: int


class DownloadResponse(BaseModel):
    """Result of a download request."""

    status: Literal["download_initiated", "already_installed"]


class AddModelRequest(BaseModel):
    """A model of the user."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(
        min_length=1,
        max_length=1_000,
        description="Absolute path of a file or folder on the server, or a repository on Hugging "
        "Face as `OWNER/NAME`, `OWNER/NAME@REVISION` or `OWNER/NAME:FOLDER-OR-FILE`.",
        examples=["Systran/faster-whisper-large-v2", "/media/models/my-voice.onnx"],
    )
    name: str = Field(
        "", max_length=100, description="Name of the model. Default: that of the file or folder."
    )


class AddModelResponse(BaseModel):
    """Models that were added to the catalog."""

    models: list[str] = Field(description="Ids; events report when they are installed.")


class VoiceListRefreshResponse(BaseModel):
    """Result of a download of the list of Piper voices."""

    new: list[str] = Field(description="Ids of voices that are new in the catalog.")


@store_router.post("/models", status_code=202, summary="Add your own model")
async def add_model(context: Context, body: AddModelRequest) -> AddModelResponse:
    """Adds a Whisper model for CTranslate2, a Piper voice or an export of Kokoro, and starts to
    install it. A path is copied into `<data_dir>/models.d`; models can be put there by hand, too.
    """
    return AddModelResponse(models=await require_model_manager(context).add(body.source, body.name))


@store_router.post("/catalog/refresh", summary="Download the list of Piper voices")
async def refresh_catalog(context: Context) -> VoiceListRefreshResponse:
    """The list that comes with the program is used until then. Never done automatically."""
    found = await require_model_manager(context).refresh_voice_list()
    return VoiceListRefreshResponse(new=found)


@store_router.get("/catalog", summary="List all installed and available models")
async def get_catalog(context: Context) -> CatalogResponse:
    return CatalogResponse(
        models=[_catalog_entry(item) for item in await require_model_manager(context).list_models()]
    )


@store_router.post(
    "/models/{model:path}/download",
    status_code=202,
    summary="Download a model",
    responses={200: {"model": DownloadResponse, "description": "The model is already installed."}},
)
async def download_model(context: Context, model: ModelId, response: Response) -> DownloadResponse:
    """Returns immediately; `model_progress` and `model_failed` events report the outcome."""
    if require_model_manager(context).download(model):
        return DownloadResponse(status="download_initiated")
    response.status_code = 200
    return DownloadResponse(status="already_installed")


@store_router.delete("/models/{model:path}", summary="Delete the files of a model")
async def delete_model(
    context: Context,
    model: ModelId,
    force: Force = False,
) -> FreedResponse:
    """Answers 409 with the reasons if the model is in use. Files inside Python packages are kept;
    the model can be downloaded again.
    """
    return FreedResponse(
        freed_bytes=await require_model_manager(context).remove(model, force=force)
    )


def _catalog_entry(item: ModelListing) -> CatalogEntryResponse:
    entry = item.entry
    return CatalogEntryResponse(
        id=entry.id,
        kind=entry.kind,
        title=entry.title,
        languages=list(entry.languages),
        licence=entry.licence,
        version=entry.version,
        download_bytes=entry.download_bytes,
        disk_bytes=item.disk_bytes,
        installed=item.installed,
        downloading=item.downloading,
        in_use=item.in_use,
        uses=use_responses(item.uses),
    )


def require_model_manager(context: ApiContext) -> ModelManager:
    """Return the model manager. Without one, the routes that call this are left out."""
    if context.model_manager is None:
        raise InternalError("The model routes exist without a model manager.")
    return context.model_manager
