"""The configuration endpoints."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.config.editor import ConfigEditor, NoConfigApplier
from wyoming_servers.config.errors import ConfigProblem
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.load import load_config, overrides_path
from wyoming_servers.config.schema import Config
from wyoming_servers.http.auth.tokens import TokenScope
from wyoming_servers.http.context import ApiContext


@pytest.fixture
async def app(app_with: Callable[..., FastAPI], tmp_path: Path) -> FastAPI:
    loaded = await asyncio.to_thread(load_config, None, [f"data_dir={tmp_path}", "tts.speed=1.5"])
    return app_with(config_editor=ConfigEditor(loaded, ConfigHolder(loaded.config)))


async def test_config_has_the_source_of_each_key(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/config")).json()
    assert shown["config"]["tts"]["speed"] == 1.5
    assert shown["sources"]["tts.speed"] == "command line"
    assert shown["sources"]["asr.beam_size"] == "default"
    assert shown["restart_needed"] == []


async def test_patch_config_describes_each_key_and_what_waits_for_a_restart(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.patch(
        "/config", json={"log": {"format": "json"}, "asr": {"beam_size": 2}, "tts": {"speed": 1}}
    )
    key = {"source": "overrides", "pending": False, "applies": "live", "note": ""}
    assert answer.json() == {
        "changed": ["asr.beam_size", "log.format"],
        "restart_needed": ["log.format"],
        "shadowed": {"tts.speed": "command line"},
        "keys": {
            "asr.beam_size": {**key, "value": 2, "effective": 2},
            "tts.speed": {**key, "value": 1.5, "effective": 1.5, "source": "command line"},
            "log.format": {
                **key, "value": "json", "effective": "text", "pending": True, "applies": "restart",
            },
        },
    }  # fmt: skip
    shown = (await client.get("/config")).json()
    assert shown["sources"]["log.format"] == "overrides"
    assert shown["restart_needed"] == ["log.format"]


async def test_get_config_separates_values_in_effect_from_pending_values(
    client: httpx.AsyncClient,
) -> None:
    await client.patch("/config", json={"log": {"format": "json"}, "asr": {"beam_size": 2}})
    shown = (await client.get("/config")).json()
    assert shown["config"]["log"]["format"] == "json"
    assert shown["effective"]["log"]["format"] == "text"
    assert shown["effective"]["asr"]["beam_size"] == 2
    assert shown["pending"] == {
        "log.format": {
            "effective": "text", "pending": "json", "source": "overrides", "applies": "restart",
        }
    }  # fmt: skip
    assert shown["revision"] == 2


async def test_problem_of_an_earlier_value_names_its_file(
    client: httpx.AsyncClient, app_with: Callable[..., FastAPI], tmp_path: Path
) -> None:
    loaded = await asyncio.to_thread(load_config, None, [f"data_dir={tmp_path}"])

    class Refusing(NoConfigApplier):
        async def check(self, saved: Config, effective: Config) -> list[ConfigProblem]:
            wrong = saved.asr.language == "fr" and saved.asr.model == "whisper/tiny.en"
            return [ConfigProblem("asr.language", "is not supported.")] if wrong else []

    app_with(config_editor=ConfigEditor(loaded, ConfigHolder(loaded.config), Refusing()))
    assert (await client.patch("/config", json={"asr": {"language": "fr"}})).status_code == 200
    answer = await client.patch("/config", json={"asr": {"model": "whisper/tiny.en"}})
    file = str(overrides_path(tmp_path))
    assert answer.json()["faults"] == [
        {"path": "asr.language", "message": "is not supported.", "where": file}
    ]
    assert file in answer.json()["detail"]


async def test_restart_is_requested_and_says_how_long_requests_have(
    client: httpx.AsyncClient, app_with: Callable[..., FastAPI]
) -> None:
    assert (await client.post("/restart")).status_code == 404
    assert "restart" not in (await client.get("/info")).json()["features"]
    requested: list[bool] = []
    app_with(restart=lambda: requested.append(True))
    assert "restart" in (await client.get("/info")).json()["features"]
    answer = await client.post("/restart")
    assert (answer.status_code, answer.json()) == (202, {"restarting": True, "grace_seconds": 10.0})
    assert requested == [True]


async def test_invalid_patch_config_names_each_problem(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/config", json={"asr": {"beam": 1, "port": "x"}})
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    faults = {fault["path"]: fault["message"] for fault in answer.json()["faults"]}
    assert set(faults) == {"asr.beam", "asr.port"}
    assert "beam_size" in faults["asr.beam"]
    assert (await client.patch("/config", json=[1])).status_code == 400


async def test_api_config_requires_token(anonymous: httpx.AsyncClient) -> None:
    for method, path in (("GET", "/config"), ("PATCH", "/config"), ("POST", "/restart")):
        assert (await anonymous.request(method, path)).status_code == 401


async def test_token_without_scope_admin_cannot_take_off_protection(
    client: httpx.AsyncClient, context: ApiContext
) -> None:
    _, token = await context.tokens.create("Home Assistant", TokenScope.OPERATE)
    headers = {"Authorization": f"Bearer {token}"}
    answer = await client.patch("/config", json={"api": {"auth": "none"}}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    answer = await client.patch("/config", json={"asr": {"beam_size": 2}}, headers=headers)
    assert answer.status_code == 200
    answer = await client.patch("/config", json={"api": {"allowed_hosts": ["speech.example.com"]}})
    assert answer.status_code == 200
