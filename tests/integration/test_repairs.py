"""Repairs: they come with the trouble, do what they say, and go with it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fakes.conductor import UUID, FakeConductor
from fakes.wyoming import FakeWyoming
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.components.repairs import ConfirmRepairFlow, repairs_flow_manager
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.repairs import async_create_fix_flow

Until = Callable[[Callable[[], Any]], Awaitable[None]]


@pytest.fixture(autouse=True)
async def repairs(home: HomeAssistant) -> None:
    """Home Assistant's own repairs."""
    assert await async_setup_component(home, "repairs", {})


async def begin(home: HomeAssistant, key: str) -> dict[str, Any]:
    """Open the repair of the only issue, which has this key."""
    (issue,) = ir.async_get(home).issues.values()
    assert issue.translation_key == key
    manager = repairs_flow_manager(home)
    return await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})


async def submit(home: HomeAssistant, form: dict[str, Any], **answers: Any) -> dict[str, Any]:
    """Submit the form of a repair."""
    return await repairs_flow_manager(home).async_configure(form["flow_id"], answers)


async def fail(loaded: MockConfigEntry, conductor: FakeConductor, code: str) -> None:
    """Let the first model fail."""
    error = {"code": code, "message": "It did not work."}
    conductor.models[0] |= {"state": "failed", "error": error}
    await loaded.runtime_data.async_refresh()


async def test_a_model_that_failed_is_loaded_again(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    await fail(loaded, conductor, "LOAD_FAILED")
    form = await begin(home, "model_load_failed")
    assert form["description_placeholders"]["reason"] == "It did not work."
    await conductor.stop()
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    done = await submit(home, form)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert conductor.asked == [("POST", "/models/whisper/base/load", None)]


async def test_room_is_made_for_a_model_that_had_none(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    await fail(loaded, conductor, "OOM")
    form = await begin(home, "out_of_memory")
    await conductor.stop()
    form = await submit(home, form, unload="piper/en_US-joe-medium")
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    await submit(home, form, unload="piper/en_US-joe-medium")
    assert conductor.asked == [
        ("POST", "/models/piper/en_US-joe-medium/unload", None),
        ("POST", "/models/whisper/base/load", None),
    ]


async def test_a_repair_goes_when_the_trouble_does(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    registry = ir.async_get(home)
    await fail(loaded, conductor, "LOAD_FAILED")
    assert home.states.get("binary_sensor.attic_problem").state == "on"
    conductor.models[0] |= {"state": "ready", "error": None}
    await loaded.runtime_data.async_refresh()
    assert not registry.issues
    assert home.states.get("binary_sensor.attic_problem").state == "off"


async def test_a_model_on_the_processor_is_told_but_not_repaired_here(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.models[0] |= {"device": "cpu", "fallback_reason": "The driver is missing."}
    await loaded.runtime_data.async_refresh()
    (issue,) = ir.async_get(home).issues.values()
    assert (issue.translation_key, issue.is_fixable) == ("running_on_cpu", False)


async def test_settings_that_wait_for_a_restart_are_told(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.restart_needed = ["tts.speed"]
    await loaded.runtime_data.async_refresh()
    (issue,) = ir.async_get(home).issues.values()
    assert issue.translation_placeholders == {"name": "Attic", "settings": "tts.speed"}
    conductor.restart_needed = []
    await loaded.runtime_data.async_refresh()
    assert not ir.async_get(home).issues


async def test_a_disk_that_fills_is_told_and_cleared(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.status["disk"]["free_bytes"] = 700 * 10**6
    await loaded.runtime_data.async_refresh()
    form = await begin(home, "disk_full")
    assert form["description_placeholders"] == {"name": "Attic", "free": "0.7 GB"}
    await conductor.stop()
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    conductor.status["disk"]["free_bytes"] = 7 * 10**9
    assert (await submit(home, form))["type"] is FlowResultType.CREATE_ENTRY
    assert {path for _, path, _ in conductor.asked} == {"/cache/phrases", "/cache/models"}
    await loaded.runtime_data.async_refresh()
    assert not ir.async_get(home).issues


async def test_a_disk_of_a_server_that_deletes_nothing_is_cleared_by_hand(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["features"] = []
    conductor.status["disk"]["free_bytes"] = 0
    await loaded.runtime_data.async_refresh()
    form = await submit(home, await begin(home, "disk_full"))
    assert form["errors"] == {"base": "cannot_clear"}


async def test_servers_that_assist_lacks_are_added(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    wyoming: dict[str, FakeWyoming],
) -> None:
    home.config_entries.async_update_entry(loaded, options={**loaded.options, "add_servers": True})
    await home.async_block_till_done()
    form = await begin(home, "server_not_in_assist")
    await wyoming["asr"].stop()
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}
    await wyoming["asr"].start()
    assert (await submit(home, form))["type"] is FlowResultType.CREATE_ENTRY
    await loaded.runtime_data.async_refresh()
    assert not ir.async_get(home).issues


@pytest.fixture
async def broken(home: HomeAssistant, assisted: MockConfigEntry) -> str:
    """An assistant that Assist has lost; its former id."""
    wishes = {
        "name": "Attic voice",
        "language": "en",
        "conversation_engine": "conversation.home_assistant",
        "prefer_local_intents": False,
        "preferred": False,
    }
    flow = await home.config_entries.subentries.async_init(
        (assisted.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    await home.config_entries.subentries.async_configure(flow["flow_id"], wishes)
    await home.async_block_till_done()
    (subentry,) = assisted.subentries.values()
    lost: str = subentry.data["pipeline_id"]
    await home.data[KEY_ASSIST_PIPELINE].pipeline_store.async_delete_item(lost)
    return lost


async def test_a_lost_assistant_is_made_again(
    home: HomeAssistant, assisted: MockConfigEntry, broken: str
) -> None:
    done = await submit(home, await begin(home, "pipeline_broken"))
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    (subentry,) = assisted.subentries.values()
    assert subentry.data["pipeline_id"] != broken
    assert not ir.async_get(home).issues


async def test_an_assistant_whose_ears_were_replaced_is_written_again(
    home: HomeAssistant, assisted: MockConfigEntry, broken: str
) -> None:
    await submit(home, await begin(home, "pipeline_broken"))
    await home.async_block_till_done()
    (subentry,) = assisted.subentries.values()
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    made = store.data[subentry.data["pipeline_id"]].to_json()
    made.pop("id")
    await store.async_update_item(subentry.data["pipeline_id"], {**made, "stt_engine": "stt.gone"})
    await home.async_block_till_done()
    await submit(home, await begin(home, "pipeline_broken"))
    await home.async_block_till_done()
    assert store.data[subentry.data["pipeline_id"]].stt_engine == "stt.whisper"
    assert not ir.async_get(home).issues


async def test_an_assistant_that_cannot_be_made_again_says_so(
    home: HomeAssistant, assisted: MockConfigEntry, broken: str
) -> None:
    form = await begin(home, "pipeline_broken")
    for entry in home.config_entries.async_entries("wyoming"):
        await home.config_entries.async_remove(entry.entry_id)
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_rebuild"}
    (subentry,) = assisted.subentries
    home.config_entries.async_remove_subentry(assisted, subentry)
    await home.async_block_till_done()
    assert (await submit(home, form))["type"] is FlowResultType.CREATE_ENTRY


async def test_a_repair_of_a_server_that_is_unloaded_waits(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    await fail(loaded, conductor, "LOAD_FAILED")
    form = await begin(home, "model_load_failed")
    await home.config_entries.async_unload(loaded.entry_id)
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}


async def test_a_repair_of_a_server_that_was_removed_only_closes(home: HomeAssistant) -> None:
    flow = await async_create_fix_flow(home, "model_load_failed_x", {"entry_id": "gone"})
    assert isinstance(flow, ConfirmRepairFlow)
    assert UUID
