"""Models on the disk: what there is, bringing it here, letting it go."""

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
    """A model that is here or can be."""

    id: str
    kind: str
    title: str
    languages: list[str]
    licence: str
    version: str
    download_bytes: int = Field(description="What bringing it here takes; 0: not known.")
    disk_bytes: int = Field(description="In the data folder; Python packages do not count.")
    installed: bool
    downloading: bool
    in_use: bool = Field(description="Served by default, loaded, or asked for.")


class CatalogResponse(BaseModel):
    """Every model there is."""

    models: list[CatalogEntryResponse]


class FreedResponse(BaseModel):
    """What was deleted."""

    status: Literal["deleted"] = "deleted"
    freed_bytes: int


class DownloadResponse(BaseModel):
    """What asking for a download led to."""

    status: Literal["download_initiated", "already_installed"]


@router.get("/catalog", summary="Every model there is")
async def catalog(context: Context) -> CatalogResponse:
    return CatalogResponse(
        models=[_view(shelf) for shelf in await require_model_manager(context).list_models()]
    )


@router.post(
    "/models/{model:path}/download",
    status_code=202,
    summary="Bring it here",
    responses={200: {"model": DownloadResponse, "description": "It is here already."}},
)
async def download(context: Context, model: ModelId, response: Response) -> DownloadResponse:
    """Returns at once; `model_progress` events tell how far it is, `model_failed` if it failed."""
    if require_model_manager(context).download(model):
        return DownloadResponse(status="download_initiated")
    response.status_code = 200
    return DownloadResponse(status="already_installed")


@router.delete("/models/{model:path}", summary="Delete its files")
async def delete(
    context: Context,
    model: ModelId,
    force: Annotated[bool, Query(description="Though it is in use; requests end first.")] = False,
) -> FreedResponse:
    """409 while it is in use. Files inside Python packages stay, and it can be had again."""
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
    """Return the library; these addresses exist only where there is one."""
    if context.library is None:
        raise InternalError("The model store is routed but not served.")
    return context.library
