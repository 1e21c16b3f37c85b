"""Services: what automations can ask, and what they are answered."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import web
from fakes.conductor import FakeConductor, trace
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from custom_components.wyoming_conductor.const import DOMAIN

Until = Callable[[Callable[[], Any]], Awaitable[None]]


async def ask(
    home: HomeAssistant, service: str, entry: MockConfigEntry, *, answers: bool = True, **data: Any
) -> Any:
    """Call one of our services."""
    return await home.services.async_call(
        DOMAIN,
        service,
        {"config_entry_id": entry.entry_id, **data},
        blocking=True,
        return_response=answers,
    )


async def test_a_model_that_is_ready_is_answered_at_once(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    answer = await ask(home, "load_model", loaded, model="whisper/base")
    assert answer["state"] == "ready"
    assert answer["memory_bytes"] == 600 * 2**20


async def test_loading_waits_until_the_model_is_ready(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    asking = asyncio.create_task(ask(home, "load_model", loaded, model="openwakeword"))
    await until(lambda: conductor.asked)
    await conductor.set_state("openwakeword", "loading")
    await conductor.publish("model_failed", model="openwakeword", message="x", retry_seconds=1.0)
    await conductor.set_state("openwakeword", "ready")
    await conductor.publish("model_ready", model="openwakeword", seconds=0.1, memory_bytes=1)
    await conductor.publish("model_ready", model="whisper/base", seconds=0.1, memory_bytes=1)
    assert (await asking)["state"] == "ready"


async def test_loading_need_not_wait(home: HomeAssistant, loaded: MockConfigEntry) -> None:
    answer = await ask(home, "load_model", loaded, model="openwakeword", wait=False)
    assert answer["state"] == "unloaded"


async def test_loading_that_fails_says_why(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    asking = asyncio.create_task(ask(home, "load_model", loaded, model="openwakeword"))
    await until(lambda: conductor.asked)
    await asyncio.sleep(0.1)
    await conductor.publish(
        "model_failed", model="openwakeword", code="LOAD_FAILED", message="Broken file."
    )
    with pytest.raises(HomeAssistantError, match="Broken file"):
        await asking


async def test_loading_that_never_ends_is_given_up(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    with (
        patch("custom_components.wyoming_conductor.model_services.WAIT_SECONDS", 0.05),
        pytest.raises(HomeAssistantError, match="still not loaded"),
    ):
        await ask(home, "load_model", loaded, model="openwakeword")


async def test_a_model_is_unloaded(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    await ask(home, "unload_model", loaded, answers=False, model="whisper/base")
    assert conductor.asked == [("POST", "/models/whisper/base/unload", None)]


@pytest.mark.parametrize(
    ("service", "data"),
    [("load_model", {"model": "nobody"}), ("unload_model", {"model": "nobody"})],
)
async def test_a_model_that_is_not_there_is_named_with_those_that_are(
    home: HomeAssistant, loaded: MockConfigEntry, service: str, data: dict[str, str]
) -> None:
    with pytest.raises(ServiceValidationError, match="whisper/base"):
        await ask(home, service, loaded, answers=False, **data)


async def test_a_server_that_is_not_loaded_is_refused(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError):
        await ask(home, "get_status", entry)


async def test_the_status_tells_everything(
    home: HomeAssistant, loaded: MockConfigEntry, snapshot: SnapshotAssertion
) -> None:
    assert await ask(home, "get_status", loaded) == snapshot


async def test_caches_are_cleared(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    answer = await ask(home, "clear_cache", loaded, cache="phrases")
    assert answer == {"freed_bytes": 4096}
    assert conductor.asked == [("DELETE", "/cache/phrases", None)]


async def test_a_server_without_caches_says_so(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["features"] = []
    await loaded.runtime_data.async_refresh()
    with pytest.raises(ServiceValidationError, match="cannot do that"):
        await ask(home, "clear_cache", loaded, answers=False, cache="models")


async def test_warming_up_an_assistant_that_is_not_there_is_refused(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError, match="no voice assistant"):
        await ask(home, "warm_up", loaded, answers=False, pipeline="nobody")


async def test_metrics_tell_how_quick_each_model_was_of_late(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.traces = [
        trace("asr", "whisper/base", 0.25),
        trace("asr", "whisper/base", 0.75),
        trace("tts", "piper/en_US-joe-medium", 0.0, code="BUSY"),
        trace("asr", "whisper/base", 9.0, ended_at="2026-01-01T00:00:00Z"),
    ]
    answer = await ask(home, "get_metrics", loaded, window={"minutes": 10})
    hears, speaks = answer["models"]
    assert (hears["model"], hears["requests"], hears["seconds"]["p50"]) == ("whisper/base", 2, 0.25)
    assert (speaks["errors"], speaks["seconds"]) == (1, {})
    assert answer["window_seconds"] == 600


async def test_a_benchmark_speaks_and_listens(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    answer = await ask(
        home, "benchmark", loaded, runs=2, text="Hello", voice="amy", model="whisper/base"
    )
    spoken = [body for _, path, body in conductor.asked if path.endswith("speech")]
    assert [body["voice"] for body in spoken] == ["amy", "amy"]
    assert spoken[0]["input"] != spoken[1]["input"]
    assert all(body["input"].endswith(" Hello") for body in spoken)
    for model, wav in conductor.heard:
        assert model == "whisper/base"
        assert wav[:4] == b"RIFF"
    first, _ = answer["runs"]
    assert (first["audio_seconds"], first["transcript"]) == (0.5, "Turn on the light.")
    assert answer["first_audio_seconds"] <= answer["speak_seconds"]
    assert answer["transcribe_real_time_factor"] >= 0


async def test_a_benchmark_of_a_silent_voice_has_no_real_time_factor(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.answers["POST /v1/audio/speech"] = web.Response(body=b"")
    answer = await ask(home, "benchmark", loaded, runs=1)
    assert answer["speak_real_time_factor"] is None


async def test_a_benchmark_needs_a_model_that_is_there_and_a_server_that_can(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    with pytest.raises(ServiceValidationError, match="no model nobody"):
        await ask(home, "benchmark", loaded, model="nobody")
    conductor.info["features"] = []
    await loaded.runtime_data.async_refresh()
    with pytest.raises(ServiceValidationError, match="cannot do that"):
        await ask(home, "benchmark", loaded)


async def test_models_are_downloaded_and_deleted(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    answer = await ask(home, "download_model", loaded, model="whisper/tiny")
    assert answer == {"model": "whisper/tiny", "installed": False}
    answer = await ask(home, "delete_model", loaded, model="openwakeword", force=True)
    assert answer == {"model": "openwakeword", "freed_bytes": 4096}
    await ask(home, "delete_model", loaded, answers=False, model="openwakeword")
    assert [(method, path) for method, path, _ in conductor.asked] == [
        ("POST", "/models/whisper/tiny/download"),
        ("DELETE", "/models/openwakeword"),
        ("DELETE", "/models/openwakeword"),
    ]


async def test_an_assistant_is_made_by_a_script(
    home: HomeAssistant, assisted: MockConfigEntry
) -> None:
    answer = await ask(
        home, "create_pipeline", assisted, name="Script", language="en", preferred=True
    )
    await home.async_block_till_done()
    (subentry,) = assisted.subentries.values()
    assert subentry.data["pipeline_id"] == answer["pipeline_id"]
    assert home.states.get("binary_sensor.script_ready")
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    assert store.async_get_preferred_item() == answer["pipeline_id"]


async def test_an_assistant_in_a_language_nobody_speaks_is_refused(
    home: HomeAssistant, assisted: MockConfigEntry
) -> None:
    with pytest.raises(HomeAssistantError, match="does not hear and speak fi"):
        await ask(home, "create_pipeline", assisted, name="Script", language="fi")
    assert not assisted.subentries
