"""The model store over HTTP."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.load import load_config
from wyoming_servers.http.app import create_app
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.store import ModelStore


@pytest.fixture
async def app(context, coordinator, bus, tmp_path: Path):
    store = await ModelStore.open(tmp_path, offline=True)
    specs = {}

    async def remove_model(model: str) -> bool:
        return coordinator.models.pop(model, None) is not None

    coordinator.remove_model = remove_model
    library = ModelManager(
        store, coordinator, specs, ConfigHolder(context.config), bus, served=["whisper/base"]
    )
    loaded = await asyncio.to_thread(load_config, None, [f"data_dir={tmp_path}", "tts.speed=1.5"])
    editor = ConfigEditor(loaded, ConfigHolder(loaded.config))
    object.__setattr__(context, "library", library)
    object.__setattr__(context, "editor", editor)
    yield create_app(context)
    await library.close()


async def test_the_catalog_says_what_there_is(client) -> None:
    models = {model["id"]: model for model in (await client.get("/catalog")).json()["models"]}
    base = models["whisper/base"]
    assert base["in_use"]
    assert not base["installed"]
    assert base["licence"]
    assert base["download_bytes"] > 0


async def test_a_download_is_begun_and_told_of(client, bus, context) -> None:
    with bus.subscribe() as events:
        answer = await client.post("/models/whisper/large-v3/download")
        assert (answer.status_code, answer.json()) == (202, {"status": "download_initiated"})
        await asyncio.wait([item.task for item in context.library._downloads.values()])
        failed = [item.event for item in events.drain() if item.event.type == "model_failed"]
    assert "offline" in failed[0].message
    answer = await client.post("/models/whisper/nothing/download")
    assert (answer.status_code, answer.json()["code"]) == (404, "MODEL_MISSING")


async def test_a_model_in_use_is_not_deleted(client) -> None:
    answer = await client.delete("/models/whisper/base")
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    answer = await client.delete("/models/whisper/base?force=true")
    assert answer.json() == {"status": "deleted", "freed_bytes": 0}


@pytest.mark.parametrize("model", ["..%2f..%2fetc", "whisper/../../x"])
async def test_a_model_id_never_becomes_a_path(model, client) -> None:
    for method, path in [("DELETE", "/models/"), ("DELETE", "/cache/models/")]:
        assert (await client.request(method, path + model)).status_code in (404, 405)


async def test_the_configuration_says_where_each_key_comes_from(client) -> None:
    shown = (await client.get("/config")).json()
    assert shown["config"]["tts"]["speed"] == 1.5
    assert shown["sources"]["tts.speed"] == "command line"
    assert shown["sources"]["asr.beam_size"] == "default"
    assert shown["restart_needed"] == []


async def test_a_change_says_what_it_needs(client) -> None:
    answer = await client.patch(
        "/config", json={"log": {"level": "debug"}, "asr": {"beam_size": 2}, "tts": {"speed": 1}}
    )
    assert answer.json() == {
        "changed": ["asr.beam_size", "log.level"],
        "restart_needed": ["asr.beam_size"],
        "shadowed": {"tts.speed": "command line"},
    }
    shown = (await client.get("/config")).json()
    assert shown["sources"]["log.level"] == "overrides"
    assert shown["restart_needed"] == ["asr.beam_size"]


async def test_get_config_separates_values_in_effect_from_pending_values(client) -> None:
    await client.patch("/config", json={"log": {"level": "debug"}, "asr": {"beam_size": 2}})
    shown = (await client.get("/config")).json()
    assert shown["config"]["asr"]["beam_size"] == 2
    assert shown["effective"]["asr"]["beam_size"] == 1
    assert shown["effective"]["log"]["level"] == "debug"
    assert shown["pending"] == {
        "asr.beam_size": {
            "effective": 1, "pending": 2, "source": "overrides", "applies": "restart",
        }
    }  # fmt: skip
    assert shown["revision"] == 2


async def test_a_faulty_change_names_each_fault(client) -> None:
    answer = await client.patch("/config", json={"asr": {"beam": 1, "port": "x"}})
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    faults = {fault["path"]: fault["message"] for fault in answer.json()["faults"]}
    assert set(faults) == {"asr.beam", "asr.port"}
    assert "beam_size" in faults["asr.beam"]
    assert (await client.patch("/config", json=[1])).status_code == 400


async def test_nothing_of_it_is_open_without_a_token(anonymous) -> None:
    for method, path in [("GET", "/config"), ("PATCH", "/config"), ("GET", "/catalog"),
                         ("DELETE", "/models/x"), ("DELETE", "/cache/models")]:  # fmt: skip
        assert (await anonymous.request(method, path)).status_code == 401
