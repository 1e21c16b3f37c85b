"""The configuration endpoints."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.load import load_config


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


async def test_patch_config_returns_changed_shadowed_and_pending_keys(
    client: httpx.AsyncClient,
) -> None:
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


async def test_get_config_separates_values_in_effect_from_pending_values(
    client: httpx.AsyncClient,
) -> None:
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


async def test_invalid_patch_config_names_each_problem(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/config", json={"asr": {"beam": 1, "port": "x"}})
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    faults = {fault["path"]: fault["message"] for fault in answer.json()["faults"]}
    assert set(faults) == {"asr.beam", "asr.port"}
    assert "beam_size" in faults["asr.beam"]
    assert (await client.patch("/config", json=[1])).status_code == 400


async def test_api_config_requires_token(anonymous: httpx.AsyncClient) -> None:
    for method in ("GET", "PATCH"):
        assert (await anonymous.request(method, "/config")).status_code == 401
