"""Setup, unloading, updates and removal of a server."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fakes.conductor import UUID, FakeConductor, model
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.wyoming_conductor import async_remove_config_entry_device
from custom_components.wyoming_conductor.const import DOMAIN

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]

pytestmark = pytest.mark.usefixtures("entity_registry_enabled_by_default")

STATE = "sensor.whisper_base_state"


@pytest.mark.quality_scale("devices")
async def test_setup_creates_device_for_each_model(
    loaded_entry: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    assert loaded_entry.state is ConfigEntryState.LOADED
    devices = dr.async_entries_for_config_entry(device_registry, loaded_entry.entry_id)
    names = {device.name for device in devices}
    assert names == {"Attic", "Whisper base", "Piper", "openWakeWord"}
    server = next(device for device in devices if device.name == "Attic")
    assert {d.via_device_id for d in devices if d is not server} == {server.id}


@pytest.mark.quality_scale("config-entry-unloading")
async def test_unload_closes_event_stream_and_entities(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    assert await home.config_entries.async_unload(loaded_entry.entry_id)
    assert loaded_entry.state is ConfigEntryState.NOT_LOADED
    assert home.states.get(STATE).state == STATE_UNAVAILABLE
    await wait_until(lambda: not conductor.stream_count)


@pytest.mark.quality_scale("test-before-setup")
async def test_setup_is_retried_if_server_does_not_respond(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await conductor.stop()
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY


@pytest.mark.quality_scale("test-before-setup")
async def test_setup_starts_reauth_if_token_is_rejected(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.token = "secret"
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    flows = home.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]


async def test_setup_fails_if_uuid_differs(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["uuid"] = "other-uuid"
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "wrong_server"


@pytest.mark.parametrize(
    ("version", "issue"),
    [("0", "server_too_old"), ("2", "server_too_new"), ("x", "server_too_new")],
)
async def test_unsupported_version_creates_issue_until_update(
    home: HomeAssistant,
    entry: MockConfigEntry,
    conductor: FakeConductor,
    issue_registry: ir.IssueRegistry,
    version: str,
    issue: str,
) -> None:
    conductor.info["api_version"] = version
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert [found.translation_key for found in issue_registry.issues.values()] == [issue]

    conductor.info["api_version"] = "1"
    await home.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert not issue_registry.issues


async def test_running_server_of_unsupported_version_creates_issue(
    loaded_entry: MockConfigEntry, conductor: FakeConductor, issue_registry: ir.IssueRegistry
) -> None:
    conductor.info["api_version"] = "2"
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert [issue.translation_key for issue in issue_registry.issues.values()] == ["server_too_new"]

    conductor.info["api_version"] = "1"
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert not issue_registry.issues


async def test_server_without_features_has_no_setting_entities(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    del conductor.info["features"]
    del conductor.status["accepting"]
    del conductor.status["disk"]
    await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    assert home.states.get(STATE).state == "ready"
    switches = {"switch.whisper_base_loaded", "switch.piper_joe_us", "switch.openwakeword_loaded"}
    assert set(home.states.async_entity_ids(["number", "switch", "select"])) == switches
    assert home.states.get("button.attic_clear_cache") is None


@pytest.mark.quality_scale("dynamic-devices", "stale-devices")
async def test_devices_follow_models(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    device_registry: dr.DeviceRegistry,
    wait_until: WaitUntil,
) -> None:
    gone = conductor.models.pop()
    conductor.models.append(model("kokoro/af_heart", "tts", state="loading"))
    await conductor.publish("model_loading", model="kokoro/af_heart")
    await wait_until(lambda: home.states.get("sensor.kokoro_af_heart_state"))
    assert home.states.get("sensor.kokoro_af_heart_state").state == "loading"
    await home.async_block_till_done()
    devices = dr.async_entries_for_config_entry(device_registry, loaded_entry.entry_id)
    assert gone["id"] not in {device.name for device in devices}
    assert home.states.get("sensor.openwakeword_state") is None

    conductor.models.append(gone)
    await conductor.publish("model_loading", model=gone["id"])
    await wait_until(lambda: home.states.get("sensor.openwakeword_state"))


@pytest.mark.quality_scale("stale-devices")
async def test_only_stale_devices_can_be_deleted(
    home: HomeAssistant, loaded_entry: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    present = dr.async_entries_for_config_entry(device_registry, loaded_entry.entry_id)[0]
    stale = device_registry.async_get_or_create(
        config_entry_id=loaded_entry.entry_id, identifiers={(DOMAIN, f"{UUID}_long/gone")}
    )
    assert not await async_remove_config_entry_device(home, loaded_entry, present)
    assert await async_remove_config_entry_device(home, loaded_entry, stale)
    await home.config_entries.async_unload(loaded_entry.entry_id)
    assert not await async_remove_config_entry_device(home, loaded_entry, stale)


async def test_server_update_changes_device_version(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    device_registry: dr.DeviceRegistry,
    wait_until: WaitUntil,
) -> None:
    await conductor.stop()
    conductor.info |= {"version": "0.2.0", "instance": "run-2"}
    await conductor.start()
    await conductor.wait_for_stream()

    def version() -> str | None:
        device = device_registry.async_get_device_by_identifier(
            (DOMAIN, UUID), loaded_entry.entry_id
        )
        return device.sw_version

    await wait_until(lambda: version() == "0.2.0")


async def test_removing_entry_deletes_issues(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    issue_registry: ir.IssueRegistry,
    wait_until: WaitUntil,
) -> None:
    error = {"code": "LOAD_FAILED", "message": "Broken file."}
    conductor.models[0] |= {"state": "failed", "error": error}
    await conductor.publish("model_failed", model="whisper/base", code="LOAD_FAILED", message="x")
    await wait_until(lambda: issue_registry.issues)
    await home.config_entries.async_remove(loaded_entry.entry_id)
    assert not issue_registry.issues
