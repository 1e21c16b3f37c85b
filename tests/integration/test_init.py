"""Setting up, losing, finding again and removing a server."""

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

Until = Callable[[Callable[[], Any]], Awaitable[None]]

STATE = "sensor.whisper_base_state"


async def test_a_server_is_set_up_with_a_device_for_each_model(
    loaded: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    assert loaded.state is ConfigEntryState.LOADED
    devices = dr.async_entries_for_config_entry(device_registry, loaded.entry_id)
    names = {device.name for device in devices}
    assert names == {"Attic", "whisper/base", "piper/en_US-joe-medium", "openwakeword"}
    server = next(device for device in devices if device.name == "Attic")
    assert {d.via_device_id for d in devices if d is not server} == {server.id}


async def test_unloading_ends_the_stream_and_the_entities(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    assert await home.config_entries.async_unload(loaded.entry_id)
    assert loaded.state is ConfigEntryState.NOT_LOADED
    assert home.states.get(STATE).state == STATE_UNAVAILABLE
    await until(lambda: not conductor.listeners)


async def test_a_server_that_does_not_answer_is_tried_again(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await conductor.stop()
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY


async def test_a_server_that_refuses_the_token_asks_for_another(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.token = "secret"
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    flows = home.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]


async def test_another_server_at_the_address_is_not_taken_for_ours(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["uuid"] = "somebody-else"
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "wrong_server"


@pytest.mark.parametrize(
    ("version", "issue"),
    [("0", "server_too_old"), ("2", "server_too_new"), ("x", "server_too_new")],
)
async def test_a_server_of_another_version_gets_a_repair_that_goes_when_it_is_updated(
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


async def test_an_older_server_without_settings_has_no_entities_for_them(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    del conductor.info["features"]
    del conductor.status["accepting"]
    del conductor.status["disk"]
    await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    assert home.states.get(STATE).state == "ready"
    assert not home.states.async_entity_ids(["number", "switch", "select"])
    assert home.states.get("button.attic_clear_spoken_phrases") is None


async def test_a_model_that_appears_gets_a_device_and_one_that_goes_loses_it(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    device_registry: dr.DeviceRegistry,
    until: Until,
) -> None:
    gone = conductor.models.pop()
    conductor.models.append(model("kokoro/af_heart", "tts", state="loading"))
    await conductor.publish("model_loading", model="kokoro/af_heart")
    await until(lambda: home.states.get("sensor.kokoro_af_heart_state"))
    assert home.states.get("sensor.kokoro_af_heart_state").state == "loading"
    await home.async_block_till_done()
    devices = dr.async_entries_for_config_entry(device_registry, loaded.entry_id)
    assert gone["id"] not in {device.name for device in devices}
    assert home.states.get("sensor.openwakeword_state") is None

    conductor.models.append(gone)
    await conductor.publish("model_loading", model=gone["id"])
    await until(lambda: home.states.get("sensor.openwakeword_state"))


async def test_only_devices_that_are_gone_can_be_deleted_by_hand(
    home: HomeAssistant, loaded: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    present = dr.async_entries_for_config_entry(device_registry, loaded.entry_id)[0]
    stale = device_registry.async_get_or_create(
        config_entry_id=loaded.entry_id, identifiers={(DOMAIN, f"{UUID}_long/gone")}
    )
    assert not await async_remove_config_entry_device(home, loaded, present)
    assert await async_remove_config_entry_device(home, loaded, stale)
    await home.config_entries.async_unload(loaded.entry_id)
    assert not await async_remove_config_entry_device(home, loaded, stale)


async def test_an_update_of_the_server_shows_at_its_device(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    device_registry: dr.DeviceRegistry,
    until: Until,
) -> None:
    await conductor.stop()
    conductor.info |= {"version": "0.2.0", "instance": "run-2"}
    await conductor.start()
    await conductor.wait_for_stream()

    def version() -> str | None:
        device = device_registry.async_get_device_by_identifier((DOMAIN, UUID), loaded.entry_id)
        return device.sw_version

    await until(lambda: version() == "0.2.0")


async def test_removing_the_entry_leaves_no_repair(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    issue_registry: ir.IssueRegistry,
    until: Until,
) -> None:
    error = {"code": "LOAD_FAILED", "message": "Broken file."}
    conductor.models[0] |= {"state": "failed", "error": error}
    await conductor.publish("model_failed", model="whisper/base", code="LOAD_FAILED", message="x")
    await until(lambda: issue_registry.issues)
    await home.config_entries.async_remove(loaded.entry_id)
    assert not issue_registry.issues
