"""Services: requests to the server, responses and errors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import web
from fakes.conductor import FakeConductor, trace
from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.config_entries import UnknownEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from syrupy.assertion import SnapshotAssertion

from custom_components.wyoming_conductor.const import DOMAIN

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]


async def call_service(
    home: HomeAssistant,
    service: str,
    entry: MockConfigEntry,
    *,
    return_response: bool = True,
    **data: Any,
) -> Any:
    """Call a service of the integration."""
    return await home.services.async_call(
        DOMAIN,
        service,
        {"config_entry_id": entry.entry_id, **data},
        blocking=True,
        return_response=return_response,
    )


async def test_load_model_returns_immediately_if_ready(
    home: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    response = await call_service(home, "load_model", loaded_entry, model="whisper/base")
    assert response["state"] == "ready"
    assert response["memory_bytes"] == 600 * 2**20


async def test_load_model_waits_until_ready(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    task = asyncio.create_task(call_service(home, "load_model", loaded_entry, model="openwakeword"))
    await wait_until(lambda: conductor.requests)
    await conductor.set_state("openwakeword", "loading")
    await conductor.publish("model_failed", model="openwakeword", message="x", retry_seconds=1.0)
    await conductor.set_state("openwakeword", "ready")
    await conductor.publish("model_ready", model="openwakeword", seconds=0.1, memory_bytes=1)
    await conductor.publish("model_ready", model="whisper/base", seconds=0.1, memory_bytes=1)
    assert (await task)["state"] == "ready"


async def test_load_model_without_wait_returns_immediately(
    home: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    response = await call_service(
        home, "load_model", loaded_entry, model="openwakeword", wait=False
    )
    assert response["state"] == "unloaded"


async def test_load_model_raises_reason_of_failure(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    conductor.fetched_paths.clear()
    task = asyncio.create_task(call_service(home, "load_model", loaded_entry, model="openwakeword"))
    # The service refreshes after it has started to listen for events.
    await wait_until(lambda: "/info" in conductor.fetched_paths)
    await conductor.publish(
        "model_failed", model="openwakeword", code="LOAD_FAILED", message="Broken file."
    )
    with pytest.raises(HomeAssistantError, match="Broken file"):
        await task


async def test_load_model_times_out(home: HomeAssistant, loaded_entry: MockConfigEntry) -> None:
    with (
        patch("custom_components.wyoming_conductor.services.LOAD_TIMEOUT", 0.05),
        pytest.raises(HomeAssistantError, match="Timed out"),
    ):
        await call_service(home, "load_model", loaded_entry, model="openwakeword")


async def test_unload_model_sends_request(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await call_service(
        home, "unload_model", loaded_entry, return_response=False, model="whisper/base"
    )
    assert conductor.requests == [("POST", "/models/whisper/base/unload", None)]


@pytest.mark.parametrize(
    ("service", "data"),
    [("load_model", {"model": "unknown"}), ("unload_model", {"model": "unknown"})],
)
async def test_unknown_model_error_lists_models(
    home: HomeAssistant, loaded_entry: MockConfigEntry, service: str, data: dict[str, str]
) -> None:
    with pytest.raises(ServiceValidationError, match="whisper/base"):
        await call_service(home, service, loaded_entry, return_response=False, **data)


NEEDS_CONTROL = {
    "load_model": {"model": "openwakeword"},
    "unload_model": {"model": "whisper/base"},
    "warm_up": {"pipeline": "unknown"},
}
NEEDS_ADMIN = {
    "download_model": {"model": "whisper/tiny"},
    "delete_model": {"model": "openwakeword"},
    "clear_cache": {"cache": "phrases"},
    "create_pipeline": {"name": "Script"},
    "benchmark": {},
}
READS_ONLY = {"get_status", "get_metrics"}


async def test_permissions_of_all_services_are_tested(home: HomeAssistant) -> None:
    services = set(home.services.async_services_for_domain(DOMAIN))
    assert services == {*NEEDS_CONTROL, *NEEDS_ADMIN, *READS_ONLY}


@pytest.mark.parametrize("service", [*NEEDS_CONTROL, *NEEDS_ADMIN])
async def test_service_is_refused_to_user_without_permission(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    hass_read_only_user: MockUser,
    service: str,
) -> None:
    data = {**NEEDS_CONTROL, **NEEDS_ADMIN}[service]
    with pytest.raises(Unauthorized):
        await home.services.async_call(
            DOMAIN,
            service,
            {"config_entry_id": loaded_entry.entry_id, **data},
            blocking=True,
            context=Context(user_id=hass_read_only_user.id),
            return_response=service == "benchmark",
        )
    assert conductor.requests == []
    assert not loaded_entry.subentries


@pytest.mark.parametrize("service", NEEDS_ADMIN)
async def test_service_is_refused_to_user_who_may_only_control(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    service: str,
) -> None:
    group = await home.auth.async_get_group(GROUP_ID_USER)
    user = MockUser(groups=[group]).add_to_hass(home)
    entity = {"config_entry_id": loaded_entry.entry_id}
    context = Context(user_id=user.id)
    await home.services.async_call(
        DOMAIN,
        "unload_model",
        {**entity, "model": "whisper/base"},
        blocking=True,
        context=context,
    )
    assert conductor.requests == [("POST", "/models/whisper/base/unload", None)]
    with pytest.raises(Unauthorized):
        await home.services.async_call(
            DOMAIN,
            service,
            {**entity, **NEEDS_ADMIN[service]},
            blocking=True,
            context=context,
            return_response=service == "benchmark",
        )
    assert len(conductor.requests) == 1
    assert not loaded_entry.subentries


@pytest.mark.quality_scale("action-setup", "action-exceptions")
async def test_service_rejects_server_that_is_not_loaded(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError):
        await call_service(home, "get_status", entry)


async def test_get_status_matches_snapshot(
    home: HomeAssistant, loaded_entry: MockConfigEntry, snapshot: SnapshotAssertion
) -> None:
    assert await call_service(home, "get_status", loaded_entry) == snapshot


async def test_clear_cache_returns_freed_bytes(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    response = await call_service(home, "clear_cache", loaded_entry, cache="phrases")
    assert response == {"freed_bytes": 4096}
    assert conductor.requests == [("DELETE", "/cache/phrases", None)]


async def test_clear_cache_requires_feature(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["features"] = []
    await loaded_entry.runtime_data.coordinator.async_refresh()
    with pytest.raises(ServiceValidationError, match="does not support"):
        await call_service(home, "clear_cache", loaded_entry, return_response=False, cache="models")


async def test_warm_up_rejects_unknown_assistant(
    home: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError, match="does not exist"):
        await call_service(home, "warm_up", loaded_entry, return_response=False, pipeline="unknown")


async def test_get_metrics_returns_percentiles_of_window(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.traces = [
        trace("asr", "whisper/base", 0.25),
        trace("asr", "whisper/base", 0.75),
        trace("tts", "piper/en_US-joe-medium", 0.0, code="BUSY"),
        trace("asr", "whisper/base", 9.0, ended_at="2026-01-01T00:00:00Z"),
    ]
    response = await call_service(home, "get_metrics", loaded_entry, window={"minutes": 10})
    asr, tts = response["models"]
    assert (asr["model"], asr["requests"], asr["seconds"]["p50"]) == ("whisper/base", 2, 0.25)
    assert (tts["errors"], tts["seconds"]) == (1, {})
    assert response["window_seconds"] == 600


async def test_benchmark_synthesizes_and_transcribes(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    response = await call_service(
        home, "benchmark", loaded_entry, runs=2, text="Hello", voice="amy", model="whisper/base"
    )
    spoken = [body for _, path, body in conductor.requests if path.endswith("speech")]
    assert [body["voice"] for body in spoken] == ["amy", "amy"]
    assert spoken[0]["input"] != spoken[1]["input"]
    assert all(body["input"].endswith(" Hello") for body in spoken)
    assert len(conductor.recordings) == 2
    for model, wav in conductor.recordings:
        assert model == "whisper/base"
        assert wav[:4] == b"RIFF"
    first, _ = response["runs"]
    assert (first["audio_seconds"], first["transcript"]) == (0.5, "Turn on the light.")
    assert response["first_audio_seconds"] <= response["speak_seconds"]
    assert response["transcribe_real_time_factor"] >= 0


async def test_benchmark_of_empty_audio_has_no_real_time_factor(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.responses["POST /v1/audio/speech"] = web.Response(body=b"")
    response = await call_service(home, "benchmark", loaded_entry, runs=1)
    assert response["speak_real_time_factor"] is None


async def test_benchmark_requires_known_model_and_feature(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    with pytest.raises(ServiceValidationError, match="unknown does not exist"):
        await call_service(home, "benchmark", loaded_entry, model="unknown")
    conductor.info["features"] = []
    await loaded_entry.runtime_data.coordinator.async_refresh()
    with pytest.raises(ServiceValidationError, match="does not support"):
        await call_service(home, "benchmark", loaded_entry)


async def test_models_can_be_downloaded_and_deleted(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    response = await call_service(home, "download_model", loaded_entry, model="whisper/tiny")
    assert response == {"model": "whisper/tiny", "installed": False}
    response = await call_service(
        home, "delete_model", loaded_entry, model="openwakeword", force=True
    )
    assert response == {"model": "openwakeword", "freed_bytes": 4096}
    await call_service(
        home, "delete_model", loaded_entry, return_response=False, model="openwakeword"
    )
    assert [(method, path) for method, path, _ in conductor.requests] == [
        ("POST", "/models/whisper/tiny/download"),
        ("DELETE", "/models/openwakeword"),
        ("DELETE", "/models/openwakeword"),
    ]


async def test_create_pipeline_adds_subentry(
    home: HomeAssistant, assist_entry: MockConfigEntry
) -> None:
    response = await call_service(
        home, "create_pipeline", assist_entry, name="Script", language="en", preferred=True
    )
    await home.async_block_till_done()
    (subentry,) = assist_entry.subentries.values()
    assert subentry.data["pipeline_id"] == response["pipeline_id"]
    assert home.states.get("binary_sensor.script_ready")
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    assert store.async_get_preferred_item() == response["pipeline_id"]


async def test_create_pipeline_rejects_unsupported_language(
    home: HomeAssistant, assist_entry: MockConfigEntry
) -> None:
    with pytest.raises(HomeAssistantError, match="does not support fi"):
        await call_service(home, "create_pipeline", assist_entry, name="Script", language="fi")
    assert not assist_entry.subentries


async def test_create_pipeline_deletes_pipeline_if_subentry_cannot_be_added(
    home: HomeAssistant, assist_entry: MockConfigEntry
) -> None:
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    pipelines, preferred = set(store.data), store.async_get_preferred_item()
    with (
        patch.object(home.config_entries, "async_add_subentry", side_effect=UnknownEntry),
        pytest.raises(UnknownEntry),
    ):
        await call_service(
            home, "create_pipeline", assist_entry, name="Script", language="en", preferred=True
        )
    assert set(store.data) == pipelines
    assert store.async_get_preferred_item() == preferred
