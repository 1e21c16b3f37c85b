"""Buttons, switches, numbers and selects: what they ask of the server."""

from typing import Any

import pytest
from fakes.conductor import FakeConductor
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry

pytestmark = pytest.mark.usefixtures("entity_registry_enabled_by_default")


async def call(home: HomeAssistant, service: str, entity_id: str, **data: Any) -> None:
    """Call a service of an entity."""
    domain = entity_id.partition(".")[0]
    await home.services.async_call(domain, service, {"entity_id": entity_id, **data}, blocking=True)


@pytest.mark.parametrize(
    ("entity_id", "asked"),
    [
        ("button.openwakeword_load", [("POST", "/models/openwakeword/load", None)]),
        ("button.whisper_base_unload", [("POST", "/models/whisper/base/unload", None)]),
        (
            "button.attic_unload_all_models",
            [
                ("POST", "/models/whisper/base/unload", None),
                ("POST", "/models/piper/en_US-joe-medium/unload", None),
            ],
        ),
        ("button.attic_clear_spoken_phrases", [("DELETE", "/cache/phrases", None)]),
        ("button.attic_delete_unused_models", [("DELETE", "/cache/models", None)]),
    ],
)
async def test_a_button_asks_the_server(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    entity_id: str,
    asked: list[Any],
) -> None:
    await call(home, "press", entity_id)
    assert conductor.asked == asked


@pytest.mark.parametrize(
    ("entity_id", "service", "data", "patch"),
    [
        (
            "switch.attic_server_decides_when_a_sentence_ends",
            "turn_off",
            {},
            {"asr": {"turn_detection": False}},
        ),
        ("switch.attic_load_models_at_start", "turn_on", {}, {"preload": True}),
        (
            "select.whisper_base_number_format",
            "select_option",
            {"option": "int8"},
            {"models": {"whisper/base": {"compute_type": "int8"}}},
        ),
        (
            "switch.openwakeword_keep_loaded",
            "turn_off",
            {},
            {"models": {"openwakeword": {"keep_alive": None, "pinned": None}}},
        ),
        ("number.attic_speaking_speed", "set_value", {"value": 1.2}, {"tts": {"speed": 1.2}}),
        ("number.attic_beam_size", "set_value", {"value": 5}, {"asr": {"beam_size": 5}}),
        ("number.attic_unload_when_idle_for", "set_value", {"value": 10}, {"keep_alive": 600}),
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
            "select.attic_speech_language",
            "select_option",
            {"option": "de"},
            {"asr": {"language": "de"}},
        ),
        (
            "select.openwakeword_preferred_device",
            "select_option",
            {"option": "cuda:0"},
            {"models": {"openwakeword": {"device": "cuda:0"}}},
        ),
    ],
)
async def test_a_setting_is_written(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    entity_id: str,
    service: str,
    data: dict[str, Any],
    patch: dict[str, Any],
) -> None:
    await call(home, service, entity_id, **data)
    assert conductor.asked == [("PATCH", "/config", patch)]


async def test_a_setting_shows_what_it_led_to(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    await call(home, "set_value", "number.attic_speaking_speed", value=0.8)
    await loaded.runtime_data.async_refresh()
    assert home.states.get("number.attic_speaking_speed").state == "0.8"


async def test_a_model_that_is_kept_is_pinned_and_loaded_now(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    await call(home, "turn_on", "switch.openwakeword_keep_loaded")
    settings = {"models": {"openwakeword": {"keep_alive": -1, "pinned": True}}}
    assert conductor.asked == [
        ("PATCH", "/config", settings),
        ("POST", "/models/openwakeword/load", None),
    ]
    conductor.models[2] |= {"keep_alive": -1.0, "pinned": True}
    await loaded.runtime_data.async_refresh()
    assert home.states.get("switch.openwakeword_keep_loaded").state == "on"


async def test_settings_that_are_no_number_here_are_unknown(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.config |= {"memory": {"budget": "4GiB"}, "keep_alive": -1.0, "tts": "?"}
    await loaded.runtime_data.async_refresh()
    for name in ("memory_budget", "unload_when_idle_for", "speaking_speed"):
        assert home.states.get(f"number.attic_{name}").state == "unknown"
    assert home.states.get("select.attic_default_voice").state == "unknown"


async def test_a_choice_that_is_in_effect_is_shown_even_if_it_is_not_offered(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.config["tts"]["voice"] = "af_heart@slow"
    conductor.config["tts"]["presets"] = ["en_US-amy-low@fast"]
    await loaded.runtime_data.async_refresh()
    voice = home.states.get("select.attic_default_voice")
    assert voice.state == "af_heart@slow"
    assert {"en_US-amy-low", "en_US-amy-low@fast"} <= set(voice.attributes["options"])


async def test_a_refusal_reaches_the_user_in_words(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.models.pop()
    with pytest.raises(HomeAssistantError, match="no model 'openwakeword' here") as refusal:
        await call(home, "press", "button.openwakeword_load")
    assert refusal.value.translation_key == "request_failed"


async def test_a_refused_token_reaches_the_user_and_asks_for_another(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.token = "changed"
    with pytest.raises(HomeAssistantError) as refusal:
        await call(home, "press", "button.whisper_base_unload")
    assert refusal.value.translation_key == "invalid_auth"
    await home.async_block_till_done()
    flows = home.config_entries.flow.async_progress()
    assert SOURCE_REAUTH in [flow["context"]["source"] for flow in flows]


async def test_a_setting_that_something_stronger_holds_is_told(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.shadowed = {"tts.speed": "environment"}
    with pytest.raises(HomeAssistantError, match="set by the environment"):
        await call(home, "set_value", "number.attic_speaking_speed", value=0.8)


async def test_the_server_is_paused_and_resumed_by_a_switch(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    accepts = "switch.attic_accept_requests"
    await call(home, "turn_off", accepts)
    await call(home, "turn_on", accepts)
    assert conductor.asked == [("POST", "/pause", None), ("POST", "/resume", None)]


async def test_only_whisper_has_number_formats(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    assert home.states.get("select.piper_en_us_joe_medium_number_format") is None
    conductor.config["models"]["whisper/base"]["compute_type"] = "bfloat16"
    await loaded.runtime_data.async_refresh()
    shown = home.states.get("select.whisper_base_number_format")
    assert shown.state == "bfloat16"
    assert {"auto", "int8", "bfloat16"} <= set(shown.attributes["options"])
