"""The cache endpoints: models and phrases, all and one by one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.http.context import ApiContext
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.references import References
from wyoming_servers.models.store import ModelStore
from wyoming_servers.speech.tts.phrase_cache import Phrase, PhraseCache
from wyoming_servers.speech.tts.pipeline import TtsPipeline

UNUSED = {"id": "whisper/tiny", "bytes": 500, "in_use": False, "uses": []}


@pytest.fixture
def references(context: Any, tmp_path: Path) -> References:
    return References(tmp_path / "references.json", context.bus, context.clock)


@pytest.fixture
async def app(
    app_with: Callable[..., FastAPI], context: Any, tts: TtsPipeline, tmp_path: Path,
    references: References,
) -> AsyncIterator[FastAPI]:  # fmt: skip
    async def remove_model(model: str) -> bool:
        return context.coordinator.models.pop(model, None) is not None

    context.coordinator.remove_model = remove_model
    store = await ModelStore.open(tmp_path, offline=True)
    library = ModelManager(
        store,
        context.coordinator,
        {},
        ConfigHolder(context.config),
        context.bus,
        references=references,
        clock=context.clock,
        served=["whisper/base"],
    )
    yield app_with(tts=tts, model_manager=library, references=references)
    await library.close()


@pytest.fixture
async def kept(phrases: PhraseCache) -> AsyncIterator[PhraseCache]:
    """A phrase cache with two phrases on disk."""
    task = asyncio.create_task(phrases.run())
    for key, text in (("a1", "Yes."), ("b2", "The light is on.")):
        phrases.put(key, Phrase("joe", 22_050, bytes(len(text) * 100), text))
    async with asyncio.timeout(5):
        while phrases.stats().disk_phrases < 2:  # noqa: ASYNC110  (what is watched has no event)
            await asyncio.sleep(0.01)
    yield phrases
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
async def part(tmp_path: Path) -> Path:
    """An unfinished download of 500 bytes."""
    part = tmp_path / "models" / "whisper" / "tiny" / "1" / "model.bin.part"

    def write() -> None:
        part.parent.mkdir(parents=True)
        part.write_bytes(bytes(500))

    await asyncio.to_thread(write)
    return part


async def test_cached_phrases_are_listed_with_their_hits(
    client: httpx.AsyncClient, kept: PhraseCache
) -> None:
    await kept.get("a1")
    await kept.get("nothing")
    shown = (await client.get("/cache/phrases")).json()
    assert (shown["hits"], shown["misses"], shown["hit_rate"]) == (1, 1, 0.5)
    assert shown["phrases"] == 2
    first, second = shown["entries"]
    assert (first["key"], first["voice"], first["text"], first["hits"]) == ("a1", "joe", "Yes.", 1)
    assert (second["text"], second["hits"]) == ("The light is on.", 0)
    assert (second["memory_bytes"], second["seconds"]) == (1600, 0.036)
    assert 0 < second["bytes"] < 1600, "phrases are compressed on disk"
    assert shown["bytes"] == first["bytes"] + second["bytes"]
    assert first["last_used"] >= second["last_used"]
    one = (await client.get("/cache/phrases?limit=1")).json()
    assert [entry["key"] for entry in one["entries"]] == ["a1"]


async def test_cached_phrase_is_shown_and_deleted(
    client: httpx.AsyncClient, kept: PhraseCache, tmp_path: Path
) -> None:
    shown = (await client.get("/cache/phrases/a1")).json()
    answer = await client.delete("/cache/phrases/a1")
    assert answer.json() == {"status": "deleted", "freed_bytes": shown["bytes"]}
    assert [path.name for path in (tmp_path / "phrases").iterdir()] == ["b2.phrase"]
    assert await kept.get("a1") is None
    for method in ("GET", "DELETE"):
        gone = await client.request(method, "/cache/phrases/a1")
        assert (gone.status_code, gone.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("key", ["..%2fx", "%00", "x" * 300])
async def test_phrase_key_is_never_used_as_a_path(
    client: httpx.AsyncClient, kept: PhraseCache, key: str
) -> None:
    answer = await client.delete(f"/cache/phrases/{key}")
    assert 400 <= answer.status_code < 500
    assert kept.stats().disk_phrases == 2


async def test_phrase_cache_is_cleared(client: httpx.AsyncClient, kept: PhraseCache) -> None:
    size = kept.stats().disk_bytes
    assert (await client.delete("/cache/phrases")).json()["freed_bytes"] == size
    assert (await client.get("/cache/phrases")).json()["entries"] == []


async def test_cache_is_shown_and_cleared(
    client: httpx.AsyncClient, kept: PhraseCache, part: Path
) -> None:
    size = kept.stats().disk_bytes
    shown = (await client.get("/cache")).json()
    assert shown["bytes"] == size + 500
    assert shown["models"]["entries"] == [UNUSED]
    assert shown["phrases"]["phrases"] == 2
    assert (await client.delete("/cache")).json()["freed_bytes"] == size + 500
    assert (await client.get("/cache")).json()["bytes"] == 0
    assert not await asyncio.to_thread(part.exists)


async def test_cached_models_are_shown_and_deleted(client: httpx.AsyncClient, part: Path) -> None:
    listed = (await client.get("/cache/models")).json()
    shown = (await client.get("/cache/models/whisper/tiny")).json()
    assert listed["entries"] == [shown] == [UNUSED]
    assert (await client.delete("/cache/models/whisper/tiny")).json()["freed_bytes"] == 500
    assert (await client.get("/cache/models/whisper/tiny")).json()["bytes"] == 0
    assert (await client.delete("/cache/models/whisper/base")).status_code == 409
    missing = await client.get("/cache/models/whisper/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "MODEL_MISSING")


async def test_disabled_phrase_cache_answers_404(
    client: httpx.AsyncClient, context: ApiContext
) -> None:
    assert "phrases" in (await client.get("/info")).json()["features"]
    new = Config.model_validate({"tts": {"phrase_cache": {"enabled": False}}})
    context.config_holder.replace(new, frozenset({"tts.phrase_cache.enabled"}))
    assert "phrases" not in (await client.get("/info")).json()["features"]
    answer = await client.get("/cache/phrases")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert "tts.phrase_cache.enabled" in answer.json()["detail"]
    assert (await client.get("/cache")).json()["phrases"] is None
    assert (await client.delete("/cache")).status_code == 200


async def test_api_cache_requires_token(anonymous: httpx.AsyncClient) -> None:
    for path in ("/cache", "/cache/models", "/cache/phrases", "/cache/phrases/a1"):
        for method in ("GET", "DELETE"):
            assert (await anonymous.request(method, path)).status_code == 401


async def test_cache_is_not_cleared_by_a_dry_run(
    client: httpx.AsyncClient, kept: PhraseCache, part: Path
) -> None:
    size = kept.stats().disk_bytes
    plan = (await client.delete("/cache?dry_run=true")).json()
    assert (plan["status"], plan["freed_bytes"], plan["phrases"]) == ("planned", size + 500, 2)
    assert plan["deleted"] == [UNUSED]
    assert (await client.get("/cache")).json()["bytes"] == size + 500
    done = (await client.delete("/cache")).json()
    assert done == {**plan, "status": "deleted"}


async def test_references_protect_models_until_withdrawn(
    client: httpx.AsyncClient, part: Path, context: ApiContext
) -> None:
    with context.bus.subscribe() as events:
        answer = await client.put(
            "/references/home-assistant",
            json={"models": ["whisper/tiny"], "voices": ["af_heart@slow", "nobody"]},
        )
        assert [item.event.as_dict() for item in events.drain()] == [
            {"type": "references_changed", "owner": "home-assistant"}
        ]
    assert answer.status_code == 200
    assert answer.json()["unknown"] == ["nobody"]
    assert (await client.get("/references")).json() == {"references": [answer.json()]}
    use = {"kind": "reference", "detail": "home-assistant uses whisper/tiny"}
    plan = (await client.delete("/cache/models?dry_run=1")).json()
    assert plan["kept"] == [{**UNUSED, "in_use": True, "uses": [use]}]
    refused = await client.delete("/cache/models/whisper/tiny")
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert use["detail"] in refused.json()["error"]
    assert (await client.delete("/references/home-assistant")).status_code == 200
    assert (await client.delete("/references/home-assistant")).status_code == 404
    assert (await client.delete("/cache/models/whisper/tiny")).json()["freed_bytes"] == 500


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("ha", {"voices": ["x" * 201]}),
        ("ha", {"voices": ["x"] * 501}),
        ("ha", {"voice": []}),
        ("ha", {"expires_in": -1}),
        ("a b", {}),
        ("x" * 101, {}),
    ],
)
async def test_reference_that_is_not_valid_is_refused(
    client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    answer = await client.put(f"/references/{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    assert (await client.get("/references")).json() == {"references": []}
