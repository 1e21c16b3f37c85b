"""What is kept on the disk and can be had again: models and spoken phrases."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from wyoming_servers.core.errors import (
    ModelMissingError,
    NotFoundError,
)
from wyoming_servers.http import schemas
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes.catalog import (
    FreedResponse,
    require_model_manager,
)
from wyoming_servers.http.routes.models import ModelId
from wyoming_servers.models.manager import ModelListing
from wyoming_servers.speech.tts.phrase_cache import (
    PhraseCache,
    PhraseEntry,
)

router = APIRouter(tags=["cache"], responses={**PROBLEM_RESPONSES})

PhraseKey = Annotated[str, Path(description="As the list has it.", max_length=200)]


class CachedModelResponse(BaseModel):
    """What one model takes on the disk."""

    id: str
    bytes: int
    in_use: bool


class ModelCacheResponse(BaseModel):
    """What all models take on the disk."""

    bytes: int
    quota_bytes: int = Field(description="0: no quota.")
    entries: list[CachedModelResponse]


class CachedPhraseResponse(BaseModel):
    """A phrase that was spoken and is kept."""

    key: str
    voice: str
    text: str = Field(description="As the voice was given it: numbers in words, lexicon applied.")
    bytes: int = Field(description="On the disk; 0: in memory alone.")
    memory_bytes: int
    last_used: str = Field(description="ISO 8601, UTC.")
    hits: int = Field(description="How often it was repeated since the start.")


class PhraseCacheUsage(BaseModel):
    """What all phrases take, and what that saves."""

    bytes: int = Field(description="On the disk.")
    quota_bytes: int
    memory_bytes: int
    memory_quota_bytes: int
    phrases: int
    hits: int = Field(description="Phrases that were there, since the start.")
    misses: int = Field(description="Phrases that had to be made, since the start.")
    hit_rate: float | None = Field(description="0 to 1; null while nothing was asked for.")


class PhraseCacheResponse(PhraseCacheUsage):
    """Spoken phrases, the most recently used first."""

    entries: list[CachedPhraseResponse]


class CacheResponse(BaseModel):
    """What can be deleted and had again."""

    bytes: int = Field(description="All of it, on the disk.")
    models: ModelCacheResponse
    phrases: PhraseCacheUsage | None = Field(description="null: no phrases are kept.")


@router.get("/cache", summary="What is kept")
async def overview(context: Context) -> CacheResponse:
    models = await _models(context)
    phrases = _figures(context, kept) if (kept := _kept(context)) else None
    size = models.bytes + (phrases.bytes if phrases else 0)
    return CacheResponse(bytes=size, models=models, phrases=phrases)


@router.delete("/cache", summary="Delete all that can be had again")
async def clear(context: Context) -> FreedResponse:
    """`DELETE /cache/models` and `DELETE /cache/phrases` in one."""
    freed = await require_model_manager(context).remove_unused()
    if kept := _kept(context):
        freed += await kept.clear()
    return FreedResponse(freed_bytes=freed)


@router.get("/cache/models", summary="What models take on the disk")
async def models(context: Context) -> ModelCacheResponse:
    return await _models(context)


@router.delete("/cache/models", summary="Delete what nobody needs")
async def clear_models(context: Context) -> FreedResponse:
    """Unfinished downloads, old versions, and models that are neither loaded nor served."""
    return FreedResponse(freed_bytes=await require_model_manager(context).remove_unused())


@router.get("/cache/models/{model:path}", summary="What one model takes on the disk")
async def model(context: Context, model: ModelId) -> CachedModelResponse:
    for shelf in await require_model_manager(context).list_models():
        if shelf.entry.id == model:
            return _entry(shelf)
    raise ModelMissingError(f"There is no model {model!r}.", hint="GET /catalog lists them all.")


@router.delete("/cache/models/{model:path}", summary="Delete its files")
async def clear_model(context: Context, model: ModelId) -> FreedResponse:
    """As `DELETE /models/{id}` without force."""
    return FreedResponse(freed_bytes=await require_model_manager(context).remove(model))


@router.get("/cache/phrases", summary="The phrases that are kept")
async def phrases(
    context: Context,
    limit: Annotated[
        int, Query(ge=1, le=10_000, description="PhraseCacheResponse to list.")
    ] = 1_000,
) -> PhraseCacheResponse:
    kept = _phrases(context)
    entries = [_phrase(entry) for entry in kept.entries()[:limit]]
    return PhraseCacheResponse(**_figures(context, kept).model_dump(), entries=entries)


@router.delete("/cache/phrases", summary="Delete all phrases")
async def clear_phrases(context: Context) -> FreedResponse:
    """What is being spoken is spoken to its end."""
    return FreedResponse(freed_bytes=await _phrases(context).clear())


@router.get("/cache/phrases/{key}", summary="One phrase")
async def phrase(context: Context, key: PhraseKey) -> CachedPhraseResponse:
    return _phrase(_found(_phrases(context), key))


@router.delete("/cache/phrases/{key}", summary="Delete one phrase")
async def clear_phrase(context: Context, key: PhraseKey) -> FreedResponse:
    """It is made anew when it is said again."""
    kept = _phrases(context)
    _found(kept, key)
    return FreedResponse(freed_bytes=await kept.clear(key))


async def _models(context: ApiContext) -> ModelCacheResponse:
    shelves = [
        shelf for shelf in await require_model_manager(context).list_models() if shelf.disk_bytes
    ]
    return ModelCacheResponse(
        bytes=sum(shelf.disk_bytes for shelf in shelves),
        quota_bytes=context.config.downloads.quota,
        entries=[_entry(shelf) for shelf in shelves],
    )


def _entry(shelf: ModelListing) -> CachedModelResponse:
    return CachedModelResponse(id=shelf.entry.id, bytes=shelf.disk_bytes, in_use=shelf.in_use)


def _figures(context: ApiContext, kept: PhraseCache) -> PhraseCacheUsage:
    stats, settings = kept.stats(), context.config.tts.phrase_cache
    return PhraseCacheUsage(
        bytes=stats.disk_bytes,
        quota_bytes=settings.disk,
        memory_bytes=stats.memory_bytes,
        memory_quota_bytes=settings.memory,
        phrases=len(kept.entries()),
        hits=stats.hits,
        misses=stats.misses,
        hit_rate=stats.hit_rate,
    )


def _phrase(entry: PhraseEntry) -> CachedPhraseResponse:
    return CachedPhraseResponse(
        key=entry.key,
        voice=entry.voice,
        text=entry.text,
        bytes=entry.disk_bytes,
        memory_bytes=entry.memory_bytes,
        last_used=schemas.iso_timestamp(entry.last_used),
        hits=entry.hits,
    )


def _found(kept: PhraseCache, key: str) -> PhraseEntry:
    entry = kept.find(key)
    if entry is None:
        raise NotFoundError(
            f"There is no phrase {key[:80]!r}.", hint="GET /cache/phrases lists those there are."
        )
    return entry


def _kept(context: ApiContext) -> PhraseCache | None:
    return context.tts.phrase_cache if context.tts is not None else None


def _phrases(context: ApiContext) -> PhraseCache:
    kept = _kept(context)
    if kept is None:
        raise NotFoundError(
            "No phrases are kept here.", hint="Set tts.phrase_cache.enabled to true."
        )
    return kept
