"""`/cache`: disk space of models and of the phrase cache, and deleting both."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.errors import ModelMissingError, NotFoundError, StorageError
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes.models import (
    Force,
    FreedResponse,
    ModelId,
    ModelUseResponse,
    require_model_manager,
    use_responses,
)
from wyoming_servers.models.manager import ModelListing
from wyoming_servers.speech.tts.phrase_cache import PhraseCache, PhraseEntry

router = APIRouter(tags=["cache"], responses={**PROBLEM_RESPONSES})

PhraseKey = Annotated[str, Path(description="Key from `GET /cache/phrases`.", max_length=200)]


class CachedModelResponse(BaseModel):
    """Disk usage of one model."""

    id: str
    bytes: int
    in_use: bool = Field(description="Whether clearing the cache keeps it.")
    uses: list[ModelUseResponse] = Field(description="Why it is in use.")


class ModelCacheResponse(BaseModel):
    """Disk usage of all models."""

    bytes: int
    quota_bytes: int = Field(description="0: no quota.")
    entries: list[CachedModelResponse]


class CachedPhraseResponse(BaseModel):
    """One cached phrase."""

    key: str
    voice: str
    text: str = Field(
        description="Text as sent to the voice: normalized, with the lexicon applied."
    )
    bytes: int = Field(description="Size on disk; 0 if the phrase is only in memory.")
    memory_bytes: int
    last_used: str = Field(description="ISO 8601, UTC.")
    hits: int = Field(description="Requests served from the cache since start.")
    seconds: float = Field(description="Duration of the audio; 0 if unknown.")


class PhraseCacheUsage(BaseModel):
    """Size and hit rate of the phrase cache."""

    bytes: int = Field(description="Size on disk.")
    quota_bytes: int
    memory_bytes: int
    memory_quota_bytes: int
    phrases: int
    hits: int = Field(description="Phrases served from the cache since start.")
    misses: int = Field(description="Phrases synthesized since start.")
    hit_rate: float | None = Field(description="0 to 1; null without requests.")


class PhraseCacheResponse(PhraseCacheUsage):
    """Cached phrases, most recently used first."""

    entries: list[CachedPhraseResponse]


class JobStorageResponse(BaseModel):
    """Disk usage of jobs; kept jobs are deleted one by one (`DELETE /jobs/{id}?forget=true`)."""

    recordings_bytes: int = Field(description="Recordings and texts that wait or are kept.")
    audio_bytes: int = Field(description="Synthesized speech.")
    phrases_bytes: int = Field(
        description="Sentences of speech jobs that need not be synthesized again after an edit."
    )
    quota_bytes: int = Field(description="`jobs.quota`, for recordings and for speech each.")


class CacheResponse(BaseModel):
    """Disk usage of everything that can be downloaded or synthesized again."""

    bytes: int = Field(description="Total size on disk.")
    models: ModelCacheResponse
    phrases: PhraseCacheUsage | None = Field(description="null: the phrase cache is disabled.")
    jobs: JobStorageResponse | None = Field(
        description="Not part of the total; null while jobs are not available."
    )


class ClearResponse(BaseModel):
    """What was deleted and what was kept, and why."""

    status: Literal["deleted", "planned"] = Field(description="`planned`: a dry run.")
    freed_bytes: int
    leftover_bytes: int = Field(description="Partial downloads and old versions among them.")
    deleted: list[CachedModelResponse]
    kept: list[CachedModelResponse] = Field(description="Models that are in use.")
    phrases: int = Field(0, description="Number of cached phrases among what was deleted.")


DryRun = Annotated[
    bool, Query(description="Delete nothing; answer what would be deleted, kept, and why.")
]


@router.get("/cache", summary="Show disk usage")
async def get_cache(context: Context) -> CacheResponse:
    models = await _model_cache(context)
    phrases = phrase_cache_usage(context)
    size = models.bytes + (phrases.bytes if phrases else 0)
    jobs = await _job_storage(context)
    return CacheResponse(bytes=size, models=models, phrases=phrases, jobs=jobs)


@router.delete("/cache", summary="Clear all caches")
async def clear_cache(context: Context, dry_run: DryRun = False) -> ClearResponse:
    """Combines `DELETE /cache/models` and `DELETE /cache/phrases`."""
    response = await _clear_models(context, dry_run=dry_run)
    if cache := _phrase_cache(context):
        response.phrases = len(cache.entries())
        response.freed_bytes += cache.stats().disk_bytes if dry_run else await cache.clear()
    return response


@router.get("/cache/models", summary="Show disk usage of models")
async def get_model_cache(context: Context) -> ModelCacheResponse:
    return await _model_cache(context)


@router.delete("/cache/models", summary="Delete unused models")
async def clear_model_cache(context: Context, dry_run: DryRun = False) -> ClearResponse:
    """Deletes unfinished downloads, old versions, and models that are not in use. A model is in
    use if a setting or a client (`PUT /references/{owner}`) names it or one of its voices, if it is
    loaded, or if it had a request within `downloads.keep_used`.
    """
    return await _clear_models(context, dry_run=dry_run)


@router.get("/cache/models/{model:path}", summary="Show disk usage of a model")
async def get_cached_model(context: Context, model: ModelId) -> CachedModelResponse:
    for item in await require_model_manager(context).list_models():
        if item.entry.id == model:
            return _model_response(item)
    raise ModelMissingError(f"There is no model {model!r}.", hint="GET /catalog lists all models.")


@router.delete("/cache/models/{model:path}", summary="Delete the files of a model")
async def delete_cached_model(
    context: Context, model: ModelId, force: Force = False
) -> FreedResponse:
    """The same as `DELETE /models/{id}`."""
    freed = await require_model_manager(context).remove(model, force=force)
    return FreedResponse(freed_bytes=freed)


@router.delete("/cache/jobs", summary="Delete the cached sentences of speech jobs")
async def clear_job_cache(context: Context) -> FreedResponse:
    """Jobs and their results stay; an edited job is synthesized completely the next time."""
    return FreedResponse(freed_bytes=await require_jobs(context).clear_cache())


@router.get("/cache/phrases", summary="List cached phrases")
async def get_phrase_cache(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Maximum number of phrases.")] = 1_000,
) -> PhraseCacheResponse:
    cache = _require_phrase_cache(context)
    entries = [_phrase_response(entry) for entry in cache.entries()[:limit]]
    return PhraseCacheResponse(**_usage(context, cache).model_dump(), entries=entries)


@router.delete("/cache/phrases", summary="Clear the phrase cache")
async def clear_phrase_cache(context: Context) -> FreedResponse:
    """Audio that is being sent is not interrupted."""
    return FreedResponse(freed_bytes=await _require_phrase_cache(context).clear())


@router.get("/cache/phrases/{key}", summary="Show a cached phrase")
async def get_cached_phrase(context: Context, key: PhraseKey) -> CachedPhraseResponse:
    return _phrase_response(_find_entry(_require_phrase_cache(context), key))


@router.delete("/cache/phrases/{key}", summary="Delete a cached phrase")
async def delete_cached_phrase(context: Context, key: PhraseKey) -> FreedResponse:
    """The next request for this text synthesizes it again."""
    cache = _require_phrase_cache(context)
    _find_entry(cache, key)
    return FreedResponse(freed_bytes=await cache.clear(key))


def phrase_cache_usage(context: ApiContext) -> PhraseCacheUsage | None:
    """Return the size and the hit rate of the phrase cache; None if it is disabled."""
    cache = _phrase_cache(context)
    return None if cache is None else _usage(context, cache)


async def _job_storage(context: ApiContext) -> JobStorageResponse | None:
    if context.jobs is None:
        return None
    try:
        usage = await context.jobs.disk_usage()
    except StorageError:
        return None
    return JobStorageResponse(
        recordings_bytes=usage.recordings,
        audio_bytes=usage.audio,
        phrases_bytes=usage.phrases,
        quota_bytes=context.config.jobs.quota,
    )


async def _clear_models(context: ApiContext, *, dry_run: bool) -> ClearResponse:
    manager = require_model_manager(context)
    plan = await (manager.plan_cleanup() if dry_run else manager.remove_unused())
    return ClearResponse(
        status="planned" if dry_run else "deleted",
        freed_bytes=plan.bytes,
        leftover_bytes=plan.leftover_bytes,
        deleted=[_model_response(item) for item in plan.deleted],
        kept=[_model_response(item) for item in plan.kept],
    )


async def _model_cache(context: ApiContext) -> ModelCacheResponse:
    items = [item for item in await require_model_manager(context).list_models() if item.disk_bytes]
    return ModelCacheResponse(
        bytes=sum(item.disk_bytes for item in items),
        quota_bytes=context.config.downloads.quota,
        entries=[_model_response(item) for item in items],
    )


def _model_response(item: ModelListing) -> CachedModelResponse:
    return CachedModelResponse(
        id=item.entry.id,
        bytes=item.disk_bytes,
        in_use=item.in_use,
        uses=use_responses(item.uses),
    )


def _usage(context: ApiContext, cache: PhraseCache) -> PhraseCacheUsage:
    stats, settings = cache.stats(), context.config.tts.phrase_cache
    return PhraseCacheUsage(
        bytes=stats.disk_bytes,
        quota_bytes=settings.disk,
        memory_bytes=stats.memory_bytes,
        memory_quota_bytes=settings.memory,
        phrases=len(cache.entries()),
        hits=stats.hits,
        misses=stats.misses,
        hit_rate=stats.hit_rate,
    )


def _phrase_response(entry: PhraseEntry) -> CachedPhraseResponse:
    return CachedPhraseResponse(
        key=entry.key,
        voice=entry.voice,
        text=entry.text,
        bytes=entry.disk_bytes,
        memory_bytes=entry.memory_bytes,
        last_used=iso_timestamp(entry.last_used),
        hits=entry.hits,
        seconds=round(entry.seconds, 3),
    )


def _find_entry(cache: PhraseCache, key: str) -> PhraseEntry:
    entry = cache.find(key)
    if entry is None:
        raise NotFoundError(
            f"There is no phrase {key[:80]!r}.", hint="GET /cache/phrases lists the cached phrases."
        )
    return entry


def _phrase_cache(context: ApiContext) -> PhraseCache | None:
    return context.tts.phrase_cache if context.tts is not None else None


def _require_phrase_cache(context: ApiContext) -> PhraseCache:
    cache = _phrase_cache(context)
    if cache is None:
        raise NotFoundError(
            "The phrase cache is disabled.", hint="Set tts.phrase_cache.enabled to true."
        )
    return cache
