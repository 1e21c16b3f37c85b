"""The catalog, downloads and deletion of models."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.http.app import create_app
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.references import References
from wyoming_servers.models.store import ModelStore


@pytest.fixture
async def app(context, coordinator, bus, clock, tmp_path: Path):
    store = await ModelStore.open(tmp_path, offline=True)
    specs = {}

    async def remove_model(model: str) -> bool:
        return coordinator.models.pop(model, None) is not None

    coordinator.remove_model = remove_model
    library = ModelManager(
        store, coordinator, specs, ConfigHolder(context.config), bus, served=["whisper/base"],
        references=References(tmp_path / "references.json", bus, clock), clock=clock,
    )  # fmt: skip
    object.__setattr__(context, "model_manager", library)
    yield create_app(context)
    await library.close()


async def test_catalog_lists_all_models(client) -> None:
    models = {model["id"]: model for model in (await client.get("/catalog")).json()["models"]}
    base = models["whisper/base"]
    assert base["in_use"]
    assert not base["installed"]
    assert base["licence"]
    assert base["download_bytes"] > 0


async def test_download_starts_and_publishes_events(client, bus, context) -> None:
    with bus.subscribe() as events:
        answer = await client.post("/models/whisper/large-v3/download")
        assert (answer.status_code, answer.json()) == (202, {"status": "download_initiated"})
        await asyncio.wait([item.task for item in context.model_manager._downloads.values()])
        failed = [item.event for item in events.drain() if item.event.type == "model_failed"]
    assert "offline" in failed[0].message
    answer = await client.post("/models/whisper/nothing/download")
    assert (answer.status_code, answer.json()["code"]) == (404, "MODEL_MISSING")


async def test_model_in_use_is_not_deleted(client) -> None:
    answer = await client.delete("/models/whisper/base")
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    answer = await client.delete("/models/whisper/base?force=true")
    assert answer.json() == {"status": "deleted", "freed_bytes": 0}


async def test_own_model_is_added(client, context, tmp_path: Path) -> None:
    voice = tmp_path / "elsewhere" / "mine.onnx"

    def write() -> None:
        voice.parent.mkdir()
        voice.write_bytes(b"graph")
        voice.with_name("mine.onnx.json").write_text('{"language": {"code": "de_DE"}}')

    await asyncio.to_thread(write)
    answer = await client.post("/models", json={"source": str(voice)})
    assert (answer.status_code, answer.json()) == (202, {"models": ["own/mine"]})
    await asyncio.wait([item.task for item in context.model_manager._downloads.values()])
    models = {model["id"]: model for model in (await client.get("/catalog")).json()["models"]}
    assert models["own/mine"]["installed"]
    assert [use["kind"] for use in models["own/mine"]["uses"]] == ["own_files"]
    for source, status in [
        (str(voice), 409),
        (str(tmp_path), 400),
        ("not a repository", 400),
        ("me/voice", 404),
    ]:
        answer = await client.post("/models", json={"source": source})
        assert answer.status_code == status, answer.text
    refused = await client.post("/catalog/refresh")
    assert "downloads.offline" in refused.json()["detail"]


@pytest.mark.parametrize("model", ["..%2f..%2fetc", "whisper/../../x"])
async def test_model_id_is_never_used_as_a_path(model, client) -> None:
    for method, path in [("DELETE", "/models/"), ("DELETE", "/cache/models/")]:
        assert (await client.request(method, path + model)).status_code in (404, 405)


async def test_api_catalog_requires_token(anonymous) -> None:
    for method, path in [("GET", "/catalog"), ("DELETE", "/models/x"), ("DELETE", "/cache/models")]:
        assert (await anonymous.request(method, path)).status_code == 401
