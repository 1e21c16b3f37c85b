"""`/catalog`, and downloading and deleting models."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from wyoming_servers.core.errors import InternalError
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes.models import ModelId
from wyoming_servers.models.manager import (
    ModelListing,
    ModelManager,
)

router = APIRouter(tags=["store"], responses={**PROBLEM_RESPONSES})


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
    in_use: bool = Field(description="Served by default, loaded, or requested.")


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


@router.get("/catalog", summary="List all installed and available models")
async def catalog(context: Context) -> CatalogResponse:
    return CatalogResponse(
        models=[_view(shelf) for shelf in await require_model_manager(context).list_models()]
    )


@router.post(
    "/models/{model:path}/download",
    status_code=202,
    summary="Download a model",
    responses={200: {"model": DownloadResponse, "description": "The model is already installed."}},
)
async def download(context: Context, model: ModelId, response: Response) -> DownloadResponse:
    """Returns immediately; `model_progress` and `model_failed` events report the outcome."""
    if require_model_manager(context).download(model):
        return DownloadResponse(status="download_initiated")
    response.status_code = 200
    return DownloadResponse(status="already_installed")


@router.delete("/models/{model:path}", summary="Delete the files of a model")
async def delete(
    context: Context,
    model: ModelId,
    force: Annotated[
        bool,
        Query(
            description="Delete the model even if it is in use, after running requests have ended."
        ),
    ] = False,
) -> FreedResponse:
    """Answers 409 if the model is in use. Files inside Python packages are kept; the model can be
    downloaded again.
    """
    return FreedResponse(
        freed_bytes=await require_model_manager(context).remove(model, force=force)
    )


def _view(shelf: ModelListing) -> CatalogEntryResponse:
    entry = shelf.entry
    return CatalogEntryResponse(
        id=entry.id,
        kind=entry.kind,
        title=entry.title,
        languages=list(entry.languages),
        licence=entry.licence,
        version=entry.version,
        download_bytes=entry.download_bytes,
        disk_bytes=shelf.disk_bytes,
        installed=shelf.installed,
        downloading=shelf.downloading,
        in_use=shelf.in_use,
    )


def require_model_manager(context: ApiContext) -> ModelManager:
    """Return the model manager. Without one, the routes that call this are left out."""
    if context.library is None:
        raise InternalError("The model routes exist without a model manager.")
    return context.library
