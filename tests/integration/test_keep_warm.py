"""Assistants that are kept warm: which models are pinned, and when."""

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Any

import pytest
from aiohttp import web
from fakes.conductor import FakeConductor
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.wyoming_conductor import assist_pipeline

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]

PINNED = {"keep_alive": -1, "pinned": True}
UNPINNED = {"keep_alive": None, "pinned": None}
pytestmark = pytest.mark.usefixtures("entity_registry_enabled_by_default")

ASR, TTS, WAKE = "whisper/base", "piper/en_US-joe-medium", "openwakeword"

CreateAssistant = Callable[..., Awaitable[ConfigSubentry]]


@pytest.fixture
def create_assistant(home: HomeAssistant, assist_entry: MockConfigEntry) -> CreateAssistant:
    """Create a managed assistant."""

    async def create(name: str, **options: Any) -> ConfigSubentry:
        wanted = {"language": "en", **options}
        uuid = assist_entry.runtime_data.coordinator.data.info.uuid
        pipeline = await assist_pipeline.async_create(home, name, uuid, wanted)
        subentry = ConfigSubentry(
            data=MappingProxyType({**wanted, "pipeline_id": pipeline}),
            subentry_type="pipeline",
            title=name,
            unique_id=None,
        )
        home.config_entries.async_add_subentry(assist_entry, subentry)
        await home.async_block_till_done()
        return subentry

    return create


async def switch(home: HomeAssistant, entity_id: str, state: str) -> None:
    """Turn a switch on or off."""
    await home.services.async_call(
        "switch", f"turn_{state}", {"entity_id": entity_id}, blocking=True
    )


def pop_model_patches(conductor: FakeConductor) -> list[Any]:
    """Return the patches of `models` since the last call."""
    requests, conductor.requests = conductor.requests, []
    return [body["models"] for _, path, body in requests if path == "/config"]


async def test_keep_warm_pins_and_loads_required_models(
    home: HomeAssistant, create_assistant: CreateAssistant, conductor: FakeConductor
) -> None:
    await create_assistant("Attic voice", wake_word_id="hey_jarvis")
    assert home.states.get("switch.attic_voice_keep_warm").state == "off"
    await switch(home, "switch.attic_voice_keep_warm", "on")
    loads = [path for method, path, _ in conductor.requests if method == "POST"]
    assert set(loads) == {f"/models/{model}/load" for model in (ASR, TTS, WAKE)}
    assert pop_model_patches(conductor) == [dict.fromkeys((ASR, TTS, WAKE), PINNED)]
    assert home.states.get("switch.attic_voice_keep_warm").state == "on"
    await switch(home, "switch.attic_voice_keep_warm", "off")
    assert pop_model_patches(conductor) == [dict.fromkeys((ASR, TTS, WAKE), UNPINNED)]
    assert home.states.get("switch.attic_voice_keep_warm").state == "off"


async def test_keep_warm_keeps_models_of_other_assistant(
    home: HomeAssistant, create_assistant: CreateAssistant, conductor: FakeConductor
) -> None:
    await create_assistant("Attic voice")
    await create_assistant("Cellar voice", wake_word_id="okay_nabu")
    await switch(home, "switch.attic_voice_keep_warm", "on")
    await switch(home, "switch.cellar_voice_keep_warm", "on")
    pop_model_patches(conductor)
    await switch(home, "switch.cellar_voice_keep_warm", "off")
    assert pop_model_patches(conductor) == [{WAKE: UNPINNED}]


async def test_keep_warm_follows_wake_word(
    home: HomeAssistant,
    create_assistant: CreateAssistant,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    await create_assistant("Attic voice", wake_word_id="hey_jarvis")
    await switch(home, "switch.attic_voice_keep_warm", "on")
    pop_model_patches(conductor)
    data = {"entity_id": "select.attic_voice_wake_word", "option": "none"}
    await home.services.async_call("select", "select_option", data, blocking=True)
    await wait_until(lambda: conductor.requests)
    assert pop_model_patches(conductor) == [{WAKE: UNPINNED}]


async def test_deleted_assistant_unpins_its_models(
    home: HomeAssistant,
    create_assistant: CreateAssistant,
    assist_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    subentry = await create_assistant("Attic voice", wake_word_id="hey_jarvis")
    await switch(home, "switch.attic_voice_keep_warm", "on")
    pop_model_patches(conductor)
    conductor.models.pop()  # a removed model is not unpinned
    await assist_entry.runtime_data.coordinator.async_refresh()
    home.config_entries.async_remove_subentry(assist_entry, subentry.subentry_id)
    await wait_until(lambda: conductor.requests)
    assert pop_model_patches(conductor) == [dict.fromkeys((ASR, TTS), UNPINNED)]


async def test_rejected_pin_changes_nothing_and_raises_error(
    home: HomeAssistant, create_assistant: CreateAssistant, conductor: FakeConductor
) -> None:
    subentry = await create_assistant("Attic voice")
    problem = {"error": "No.", "code": "BAD_REQUEST", "detail": ""}
    conductor.responses["PATCH /config"] = web.json_response(problem, status=400)
    with pytest.raises(HomeAssistantError, match=r"No\."):
        await switch(home, "switch.attic_voice_keep_warm", "on")
    assert home.states.get("switch.attic_voice_keep_warm").state == "off"
    assert "keep_warm" not in subentry.data
    del conductor.responses["PATCH /config"]
    pop_model_patches(conductor)
    await switch(home, "switch.attic_voice_keep_warm", "on")
    assert pop_model_patches(conductor) == [dict.fromkeys((ASR, TTS), PINNED)]


async def test_failed_pin_is_retried_at_next_change(
    home: HomeAssistant,
    create_assistant: CreateAssistant,
    assist_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    problem = {"error": "Not now.", "code": "BUSY", "detail": ""}
    conductor.responses["PATCH /config"] = web.json_response(problem, status=503)
    await create_assistant("Attic voice", keep_warm=True)
    await wait_until(lambda: conductor.requests)
    conductor.responses.clear()
    pop_model_patches(conductor)
    conductor.models[0]["active_requests"] = 3
    await assist_entry.runtime_data.coordinator.async_refresh()
    await wait_until(lambda: conductor.requests)
    assert pop_model_patches(conductor) == [dict.fromkeys((ASR, TTS), PINNED)]


async def test_pinned_models_are_not_pinned_again_after_start(
    home: HomeAssistant,
    create_assistant: CreateAssistant,
    assist_entry: MockConfigEntry,
    conductor: FakeConductor,
) -> None:
    conductor.applies_changes = True
    await create_assistant("Attic voice", keep_warm=True)
    assert pop_model_patches(conductor)
    await home.config_entries.async_reload(assist_entry.entry_id)
    await home.async_block_till_done()
    assert home.states.get("switch.attic_voice_keep_warm").state == "on"
    assert pop_model_patches(conductor) == []


async def test_events_during_a_change_do_not_undo_it(
    home: HomeAssistant,
    create_assistant: CreateAssistant,
    conductor: FakeConductor,
) -> None:
    conductor.applies_changes = True
    for item in conductor.models:
        item["state"] = "unloaded"
    await create_assistant("Attic voice", wake_word_id="hey_jarvis")
    await switch(home, "switch.attic_voice_keep_warm", "on")
    await home.async_block_till_done(wait_background_tasks=False)
    assert pop_model_patches(conductor) == [dict.fromkeys((ASR, TTS, WAKE), PINNED)]
    assert {item["state"] for item in conductor.models} == {"ready"}


async def test_switching_off_and_on_again_does_not_trust_an_old_snapshot(
    home: HomeAssistant, create_assistant: CreateAssistant, conductor: FakeConductor
) -> None:
    conductor.applies_changes = True
    await create_assistant("Attic voice")
    for state in ("on", "off", "on"):
        # The second snapshot still shows the models as pinned.
        await switch(home, "switch.attic_voice_keep_warm", state)
    kept = {item["id"] for item in conductor.models if item["pinned"] and item["keep_alive"] < 0}
    assert kept == {ASR, TTS}


async def test_keep_warm_requires_config_feature(
    home: HomeAssistant,
    create_assistant: CreateAssistant,
    assist_entry: MockConfigEntry,
    conductor: FakeConductor,
) -> None:
    conductor.info["features"] = []
    await assist_entry.runtime_data.coordinator.async_refresh()
    await create_assistant("Attic voice", keep_warm=True)
    assert home.states.get("switch.attic_voice_keep_warm") is None
    assert pop_model_patches(conductor) == []
