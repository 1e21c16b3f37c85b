"""Repair issues and their fix flows."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from fakes.conductor import FakeConductor
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

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]


@pytest.fixture(autouse=True)
async def repairs(home: HomeAssistant) -> None:
    """Set up Home Assistant's repairs integration."""
    assert await async_setup_component(home, "repairs", {})


async def start_fix_flow(home: HomeAssistant, key: str) -> dict[str, Any]:
    """Start the fix flow of the only issue, which must have this key."""
    (issue,) = ir.async_get(home).issues.values()
    assert issue.translation_key == key
    manager = repairs_flow_manager(home)
    return await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})


async def submit(home: HomeAssistant, form: dict[str, Any], **user_input: Any) -> dict[str, Any]:
    """Submit the form of a fix flow."""
    return await repairs_flow_manager(home).async_configure(form["flow_id"], user_input)


async def fail_model(loaded_entry: MockConfigEntry, conductor: FakeConductor, code: str) -> None:
    """Make the first model fail."""
    error = {"code": code, "message": "It did not work."}
    conductor.models[0] |= {"state": "failed", "error": error}
    await loaded_entry.runtime_data.coordinator.async_refresh()


@pytest.mark.quality_scale("repair-issues")
async def test_load_issue_retries_load(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await fail_model(loaded_entry, conductor, "LOAD_FAILED")
    form = await start_fix_flow(home, "model_load_failed")
    assert form["description_placeholders"]["reason"] == "It did not work."
    await conductor.stop()
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    done = await submit(home, form)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert conductor.requests == [("POST", "/models/whisper/base/load", None)]


async def test_memory_issue_unloads_selected_model(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await fail_model(loaded_entry, conductor, "OOM")
    form = await start_fix_flow(home, "out_of_memory")
    await conductor.stop()
    form = await submit(home, form, unload="piper/en_US-joe-medium")
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    await submit(home, form, unload="piper/en_US-joe-medium")
    assert conductor.requests == [
        ("POST", "/models/piper/en_US-joe-medium/unload", None),
        ("POST", "/models/whisper/base/load", None),
    ]


@pytest.mark.quality_scale("repair-issues")
async def test_issue_is_deleted_when_cause_is_gone(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    registry = ir.async_get(home)
    await fail_model(loaded_entry, conductor, "LOAD_FAILED")
    assert home.states.get("binary_sensor.attic_problem").state == "on"
    conductor.models[0] |= {"state": "ready", "error": None}
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert not registry.issues
    assert home.states.get("binary_sensor.attic_problem").state == "off"


async def test_cpu_fallback_issue_is_not_fixable(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.models[0] |= {"device": "cpu", "fallback_reason": "The driver is missing."}
    await loaded_entry.runtime_data.coordinator.async_refresh()
    (issue,) = ir.async_get(home).issues.values()
    assert (issue.translation_key, issue.is_fixable) == ("running_on_cpu", False)


async def test_damaged_file_issue_names_file_until_server_restarts(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    registry = ir.async_get(home)
    path, moved_to = "/data/my files/tokens.json", "tokens.json.broken-20261130-101500-2"
    damaged = f"{path} was set aside as {moved_to}: It is not JSON: line 1."
    conductor.status["reasons"] = ["Discovery has failed.", damaged]
    await conductor.publish("file_set_aside", path=path)
    await wait_until(lambda: registry.issues)
    (issue,) = registry.issues.values()
    assert (issue.translation_key, issue.is_fixable) == ("file_set_aside", False)
    assert issue.translation_placeholders == {
        "name": "Attic",
        "path": path,
        "moved_to": moved_to,
        "reason": "It is not JSON: line 1.",
    }
    conductor.status["reasons"] = []
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert not registry.issues


async def test_restart_issue_restarts_server(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.restart_needed = ["api.port", "host"]
    await loaded_entry.runtime_data.coordinator.async_refresh()
    form = await start_fix_flow(home, "restart_offered")
    assert form["description_placeholders"] == {"name": "Attic", "settings": "api.port, host"}
    problem = {"error": "No.", "code": "FORBIDDEN"}
    conductor.responses["POST /restart"] = web.json_response(problem, status=403)
    form = await submit(home, form)
    assert form["errors"] == {"base": "insufficient_scope"}
    conductor.responses.clear()
    await conductor.stop()
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    conductor.requests.clear()
    assert (await submit(home, form))["type"] is FlowResultType.CREATE_ENTRY
    assert conductor.requests == [("POST", "/restart", None)]


async def test_restart_issue_of_server_that_cannot_be_restarted_lists_settings(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["features"].remove("restart")
    conductor.restart_needed = ["host"]
    await loaded_entry.runtime_data.coordinator.async_refresh()
    (issue,) = ir.async_get(home).issues.values()
    assert (issue.translation_key, issue.is_fixable) == ("restart_needed", False)
    assert issue.translation_placeholders == {"name": "Attic", "settings": "host"}
    conductor.restart_needed = []
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert not ir.async_get(home).issues


async def test_disk_issue_clears_caches(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.status["disk"]["free_bytes"] = 700 * 10**6
    await loaded_entry.runtime_data.coordinator.async_refresh()
    form = await start_fix_flow(home, "disk_full")
    assert form["description_placeholders"] == {"name": "Attic", "free": "0.7 GB"}
    await conductor.stop()
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    conductor.status["disk"]["free_bytes"] = 7 * 10**9
    assert (await submit(home, form))["type"] is FlowResultType.CREATE_ENTRY
    assert {path for _, path, _ in conductor.requests} == {"/cache/phrases", "/cache/models"}
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert not ir.async_get(home).issues


async def test_disk_issue_cannot_be_fixed_without_features(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["features"] = []
    conductor.status["disk"]["free_bytes"] = 0
    await loaded_entry.runtime_data.coordinator.async_refresh()
    form = await submit(home, await start_fix_flow(home, "disk_full"))
    assert form["errors"] == {"base": "cannot_clear"}


async def test_assist_issue_adds_missing_services(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wyoming: dict[str, FakeWyoming],
) -> None:
    home.config_entries.async_update_entry(
        loaded_entry, options={**loaded_entry.options, "add_to_assist": True}
    )
    await home.async_block_till_done()
    form = await start_fix_flow(home, "server_not_in_assist")
    await wyoming["asr"].stop()
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}
    await wyoming["asr"].start()
    assert (await submit(home, form))["type"] is FlowResultType.CREATE_ENTRY
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert not ir.async_get(home).issues


@pytest.fixture
async def broken_pipeline(home: HomeAssistant, assist_entry: MockConfigEntry) -> str:
    """Id of a managed pipeline whose speech-to-text engine was removed."""
    options = {
        "name": "Attic voice",
        "language": "en",
        "tts_voice": "en_US-joe-medium",
        "conversation_engine": "conversation.home_assistant",
        "prefer_local_intents": False,
        "preferred": False,
    }
    flow = await home.config_entries.subentries.async_init(
        (assist_entry.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    await home.config_entries.subentries.async_configure(flow["flow_id"], options)
    await home.async_block_till_done()
    (subentry,) = assist_entry.subentries.values()
    pipeline_id: str = subentry.data["pipeline_id"]
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    fields = store.data[pipeline_id].to_json()
    fields.pop("id")
    await store.async_update_item(pipeline_id, {**fields, "stt_engine": "stt.gone"})
    await home.async_block_till_done()
    return pipeline_id


async def test_pipeline_issue_restores_missing_engine(
    home: HomeAssistant, broken_pipeline: str
) -> None:
    done = await submit(home, await start_fix_flow(home, "pipeline_broken"))
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    assert store.data[broken_pipeline].stt_engine == "stt.whisper_base"
    assert not ir.async_get(home).issues


async def test_pipeline_issue_creates_missing_pipeline(
    home: HomeAssistant, assist_entry: MockConfigEntry, broken_pipeline: str
) -> None:
    (subentry,) = assist_entry.subentries.values()
    home.config_entries.async_update_subentry(
        assist_entry, subentry, data={**subentry.data, "pipeline_id": ""}
    )
    await home.async_block_till_done()
    await submit(home, await start_fix_flow(home, "pipeline_broken"))
    await home.async_block_till_done()
    (subentry,) = assist_entry.subentries.values()
    assert subentry.data["pipeline_id"] not in ("", broken_pipeline)
    assert not ir.async_get(home).issues


@pytest.mark.usefixtures("broken_pipeline")
async def test_pipeline_issue_reports_missing_voice(
    home: HomeAssistant, assist_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    form = await start_fix_flow(home, "pipeline_broken")
    conductor.models[1]["offers"] = []
    await assist_entry.runtime_data.coordinator.async_refresh()
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_rebuild"}
    (subentry,) = assist_entry.subentries
    home.config_entries.async_remove_subentry(assist_entry, subentry)
    await home.async_block_till_done()
    assert (await submit(home, form))["type"] is FlowResultType.CREATE_ENTRY


async def test_fix_flow_fails_while_server_is_unloaded(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await fail_model(loaded_entry, conductor, "LOAD_FAILED")
    form = await start_fix_flow(home, "model_load_failed")
    await home.config_entries.async_unload(loaded_entry.entry_id)
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}


async def test_memory_fix_flow_opens_while_server_is_unloaded(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await fail_model(loaded_entry, conductor, "OOM")
    await home.config_entries.async_unload(loaded_entry.entry_id)
    form = await start_fix_flow(home, "out_of_memory")
    assert form["type"] is FlowResultType.FORM
    form = await submit(home, form)
    assert form["errors"] == {"base": "cannot_connect"}


async def test_fix_flow_of_removed_server_only_confirms(home: HomeAssistant) -> None:
    flow = await async_create_fix_flow(home, "model_load_failed_x", {"entry_id": "gone"})
    assert isinstance(flow, ConfirmRepairFlow)
