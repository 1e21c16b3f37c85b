"""Buttons, switches, numbers and selects: the requests they send."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from fakes.conductor import FakeConductor
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]

pytestmark = pytest.mark.usefixtures("entity_registry_enabled_by_default")


async def call_entity_service(
    home: HomeAssistant, service: str, entity_id: str, **data: Any
) -> None:
    """Call a service of an entity."""
    domain = entity_id.partition(".")[0]
    await home.services.async_call(domain, service, {"entity_id": entity_id, **data}, blocking=True)


@pytest.mark.parametrize(
    ("entity_id", "requests"),
    [
        (
            "button.attic_free_memory",
            [
                ("POST", "/models/whisper/base/unload", None),
                ("POST", "/models/piper/en_US-joe-medium/unload", None),
            ],
        ),
        ("button.attic_clear_cache", [("DELETE", "/cache/phrases", None)]),
        ("button.attic_delete_unused_models", [("DELETE", "/cache/models", None)]),
        ("button.attic_restart", [("POST", "/restart", None)]),
    ],
)
async def test_button_sends_request(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    entity_id: str,
    requests: list[Any],
) -> None:
    await call_entity_service(home, "press", entity_id)
    assert conductor.requests == requests


@pytest.mark.parametrize(
    ("entity_id", "service", "data", "patch"),
    [
        (
            "switch.attic_finished_speaking_detection",
            "turn_off",
            {},
            {"asr": {"turn_detection": False}},
        ),
        (
            "switch.openwakeword_keep_loaded",
            "turn_off",
            {},
            {"models": {"openwakeword": {"keep_alive": None, "pinned": None}}},
        ),
        ("number.attic_speech_speed", "set_value", {"value": 1.2}, {"tts": {"speed": 1.2}}),
        ("number.attic_beam_size", "set_value", {"value": 5}, {"asr": {"beam_size": 5}}),
        ("number.attic_unload_after_idle_time", "set_value", {"value": 10}, {"keep_alive": 600}),
        (
            "number.attic_memory_budget",
            "set_value",
            {"value": 50},
            {"memory": {"budget": "50%"}},
        ),
        (
            "select.attic_default_voice",
            "select_option",
            {"option": "en_US-amy-low"},
            {"tts": {"voice": "en_US-amy-low"}},
        ),
        (
            "select.attic_speech_to_text_language",
            "select_option",
            {"option": "de"},
            {"asr": {"language": "de"}},
        ),
        ("number.attic_unload_after_idle_time", "set_value", {"value": -1}, {"keep_alive": -1}),
    ],
)
async def test_setting_entity_patches_config(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    entity_id: str,
    service: str,
    data: dict[str, Any],
    patch: dict[str, Any],
) -> None:
    await call_entity_service(home, service, entity_id, **data)
    assert conductor.requests == [("PATCH", "/config", patch)]


async def test_setting_entity_shows_new_value(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await call_entity_service(home, "set_value", "number.attic_speech_speed", value=0.8)
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert home.states.get("number.attic_speech_speed").state == "0.8"


async def test_keep_loaded_switch_pins_and_loads_model(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await call_entity_service(home, "turn_on", "switch.openwakeword_keep_loaded")
    settings = {"models": {"openwakeword": {"keep_alive": -1, "pinned": True}}}
    assert conductor.requests == [
        ("PATCH", "/config", settings),
        ("POST", "/models/openwakeword/load", None),
    ]
    conductor.models[2] |= {"keep_alive": -1.0, "pinned": True}
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert home.states.get("switch.openwakeword_keep_loaded").state == "on"


async def test_setting_entity_is_unknown_if_value_cannot_be_shown(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.config |= {"memory": {"budget": "4GiB"}, "keep_alive": -1.0, "tts": "?"}
    await loaded_entry.runtime_data.coordinator.async_refresh()
    assert home.states.get("number.attic_unload_after_idle_time").state == "-1"  # never
    for name in ("memory_budget", "speech_speed"):
        assert home.states.get(f"number.attic_{name}").state == "unknown"
    assert home.states.get("select.attic_default_voice").state == "unknown"


async def test_select_shows_configured_value_that_is_not_offered(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.config["tts"]["voice"] = "af_heart@slow"
    conductor.config["tts"]["presets"] = ["en_US-amy-low@fast"]
    await loaded_entry.runtime_data.coordinator.async_refresh()
    voice = home.states.get("select.attic_default_voice")
    assert voice.state == "af_heart@slow"
    assert {"en_US-amy-low", "en_US-amy-low@fast"} <= set(voice.attributes["options"])


@pytest.mark.quality_scale("action-exceptions")
async def test_rejected_request_raises_translated_error(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.models.pop()
    with pytest.raises(HomeAssistantError, match="'openwakeword' does not exist") as refusal:
        await call_entity_service(home, "turn_on", "switch.openwakeword_loaded")
    assert refusal.value.translation_key == "request_failed"


async def test_rejected_token_raises_error_and_starts_reauth(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.token = "changed"
    with pytest.raises(HomeAssistantError) as refusal:
        await call_entity_service(home, "turn_off", "switch.whisper_base_loaded")
    assert refusal.value.translation_key == "invalid_auth"
    await home.async_block_till_done()
    flows = home.config_entries.flow.async_progress()
    assert SOURCE_REAUTH in [flow["context"]["source"] for flow in flows]


async def test_overridden_setting_raises_error(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.shadowed = {"tts.speed": "environment"}
    with pytest.raises(HomeAssistantError, match="set by the environment"):
        await call_entity_service(home, "set_value", "number.attic_speech_speed", value=0.8)


async def test_pause_switch_pauses_and_resumes_server(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    assert home.states.get("switch.attic_pause").state == "off"
    await call_entity_service(home, "turn_on", "switch.attic_pause")
    await call_entity_service(home, "turn_off", "switch.attic_pause")
    assert conductor.requests == [("POST", "/pause", None), ("POST", "/resume", None)]


async def test_loaded_switch_loads_and_unloads_model(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    loaded = "switch.openwakeword_loaded"
    await call_entity_service(home, "turn_on", loaded)
    await call_entity_service(home, "turn_off", "switch.piper_joe_us")
    assert conductor.requests == [
        ("POST", "/models/openwakeword/load", None),
        ("POST", "/models/piper/en_US-joe-medium/unload", None),
    ]
    assert home.states.get(loaded).state == "off"
    await conductor.set_state("openwakeword", "loading")
    await wait_until(lambda: home.states.get(loaded).state == "on")
    assert home.states.get(loaded).attributes["state"] == "loading"
    error = {"code": "LOAD_FAILED", "message": "Broken file."}
    await conductor.set_state("openwakeword", "failed", error=error)
    await loaded_entry.runtime_data.coordinator.async_refresh()
    shown = home.states.get(loaded)
    assert (shown.state, shown.attributes["cause"]) == ("off", "Broken file.")


@pytest.mark.parametrize(
    ("entity_id", "state", "key", "saved", "pending"),
    [
        ("number.attic_speech_speed", "1.0", "tts.speed", 1.5, 1.5),
        ("number.attic_memory_budget", "90.0", "memory.budget", "50%", 50.0),
        ("switch.attic_finished_speaking_detection", "on", "asr.turn_detection", False, False),
        ("select.attic_default_voice", "en_US-joe-medium", "tts.voice", "amy", "amy"),
    ],
)
async def test_setting_entity_shows_value_in_effect_and_pending_value(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    entity_id: str,
    state: str,
    key: str,
    saved: object,
    pending: object,
) -> None:
    assert "pending" not in home.states.get(entity_id).attributes
    conductor.pending = {key: saved}
    # The event alone refreshes the configuration.
    await conductor.publish("config_changed", revision=1, changed=[key], restart_needed=[key])
    await wait_until(lambda: "pending" in home.states.get(entity_id).attributes)
    shown = home.states.get(entity_id)
    assert (shown.state, shown.attributes["pending"]) == (state, pending)
    (issue,) = ir.async_get(home).issues.values()
    assert issue.translation_placeholders["settings"] == key
    conductor.pending = {}
    await conductor.publish("config_changed", revision=1, changed=[key], restart_needed=[])
    await wait_until(lambda: "pending" not in home.states.get(entity_id).attributes)


async def test_changed_setting_is_shown_as_soon_as_the_service_returns(
    home: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    await call_entity_service(home, "set_value", "number.attic_speech_speed", value=0.8)
    assert home.states.get("number.attic_speech_speed").state == "0.8"


async def test_failed_refresh_of_config_keeps_last_values(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.responses["GET /config"] = web.Response(text="<html>")
    await loaded_entry.runtime_data.coordinator.async_refresh_config()
    assert home.states.get("number.attic_speech_speed").state == "1.0"


async def test_token_without_permission_raises_translated_error(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    problem = {"error": "The token has the scope use.", "code": "FORBIDDEN"}
    conductor.responses["PATCH /config"] = web.json_response(problem, status=403)
    with pytest.raises(HomeAssistantError) as refusal:
        await call_entity_service(home, "set_value", "number.attic_speech_speed", value=0.8)
    assert refusal.value.translation_key == "insufficient_scope"
