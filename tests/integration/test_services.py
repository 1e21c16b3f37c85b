"""Services: requests to the server, responses and errors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

import pytest
from fakes.conductor import FakeConductor
from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.config_entries import UnknownEntry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr
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
    loaded = {"model": "whisper/base", "state": "ready", "memory_bytes": 600 * 2**20}
    assert response["models"] == [loaded]


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
    assert (await task)["models"][0]["state"] == "ready"


async def test_load_model_without_wait_returns_immediately(
    home: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    response = await call_service(
        home, "load_model", loaded_entry, model="openwakeword", wait=False
    )
    assert response["models"][0]["state"] == "loading"


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
    with pytest.raises(ServiceValidationError, match=r"Download it first.*whisper/base"):
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
}
READS_ONLY = {"get_status"}


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
        )
    assert len(conductor.requests) == 1
    assert not loaded_entry.subentries


@pytest.mark.quality_scale("action-setup", "action-exceptions")
async def test_service_rejects_server_that_is_not_loaded(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError):
        await call_service(home, "get_status", entry)


async def test_service_loads_models_of_device(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    device_registry: dr.DeviceRegistry,
) -> None:
    devices = dr.async_entries_for_config_entry(device_registry, loaded_entry.entry_id)
    ids = {device.name: device.id for device in devices}
    for name, path in (("Piper", "piper/en_US-joe-medium"), ("openWakeWord", "openwakeword")):
        # Without a server: the device says which one.
        await home.services.async_call(
            DOMAIN, "unload_model", {"device_id": ids[name]}, blocking=True
        )
        assert conductor.requests.pop() == ("POST", f"/models/{path}/unload", None)
    with pytest.raises(ServiceValidationError) as refusal:
        await home.services.async_call(
            DOMAIN, "unload_model", {"device_id": ids["Attic"]}, blocking=True
        )
    assert refusal.value.translation_key == "model_required"


@pytest.mark.parametrize(
    ("servers", "data", "key"),
    [
        (1, {}, "model_required"),
        (2, {"model": "whisper/base"}, "server_required"),
    ],
)
async def test_service_needs_no_server_if_there_is_one(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    servers: int,
    data: dict[str, str],
    key: str,
) -> None:
    status = await home.services.async_call(
        DOMAIN, "get_status", {}, blocking=True, return_response=True
    )
    assert status["version"] == "0.1.0"
    entries = [loaded_entry] * servers
    with (
        patch.object(home.config_entries, "async_loaded_entries", return_value=entries),
        pytest.raises(ServiceValidationError) as refusal,
    ):
        await home.services.async_call(DOMAIN, "unload_model", data, blocking=True)
    assert refusal.value.translation_key == key


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


async def test_models_can_be_downloaded_and_deleted(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    response = await call_service(home, "download_model", loaded_entry, model="whisper/tiny")
    assert response == {"model": "whisper/tiny", "installed": False}
    response = await call_service(
        home, "delete_model", loaded_entry, model="openwakeword", force=True
    )
    assert response == {"models": ["openwakeword"], "freed_bytes": 4096}
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
