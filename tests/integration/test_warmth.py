"""Assistants that are kept warm: what that means for the models, and what becomes of it."""

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

from custom_components.wyoming_conductor import assist

Until = Callable[[Callable[[], Any]], Awaitable[None]]

KEPT = {"keep_alive": -1, "pinned": True}
FREE = {"keep_alive": None, "pinned": None}
HEARS, SPEAKS, WAKES = "whisper/base", "piper/en_US-joe-medium", "openwakeword"

Make = Callable[..., Awaitable[ConfigSubentry]]


@pytest.fixture
def make(home: HomeAssistant, assisted: MockConfigEntry) -> Make:
    """Make an assistant that is managed here."""

    async def make_one(name: str, **wishes: Any) -> ConfigSubentry:
        wanted = {"language": "en", **wishes}
        uuid = assisted.runtime_data.data.info.uuid
        pipeline = await assist.async_create(home, name, uuid, wanted)
        subentry = ConfigSubentry(
            data=MappingProxyType({**wanted, "pipeline_id": pipeline}),
            subentry_type="pipeline",
            title=name,
            unique_id=None,
        )
        home.config_entries.async_add_subentry(assisted, subentry)
        await home.async_block_till_done()
        return subentry

    return make_one


async def switch(home: HomeAssistant, entity_id: str, state: str) -> None:
    """Turn a switch on or off."""
    await home.services.async_call(
        "switch", f"turn_{state}", {"entity_id": entity_id}, blocking=True
    )


def told(conductor: FakeConductor) -> list[Any]:
    """Return what the server was told about models since it was asked last."""
    asked, conductor.asked = conductor.asked, []
    return [body["models"] for _, path, body in asked if path == "/config"]


async def test_all_that_an_assistant_needs_is_kept_and_loaded(
    home: HomeAssistant, make: Make, conductor: FakeConductor
) -> None:
    await make("Attic voice", wake_word_id="hey_jarvis")
    assert home.states.get("switch.attic_voice_keep_warm").state == "off"
    await switch(home, "switch.attic_voice_keep_warm", "on")
    loads = [path for method, path, _ in conductor.asked if method == "POST"]
    assert set(loads) == {f"/models/{model}/load" for model in (HEARS, SPEAKS, WAKES)}
    assert told(conductor) == [dict.fromkeys((HEARS, SPEAKS, WAKES), KEPT)]
    assert home.states.get("switch.attic_voice_keep_warm").state == "on"
    await switch(home, "switch.attic_voice_keep_warm", "off")
    assert told(conductor) == [dict.fromkeys((HEARS, SPEAKS, WAKES), FREE)]
    assert home.states.get("switch.attic_voice_keep_warm").state == "off"


async def test_what_another_assistant_keeps_stays(
    home: HomeAssistant, make: Make, conductor: FakeConductor
) -> None:
    await make("Attic voice")
    await make("Cellar voice", wake_word_id="okay_nabu")
    await switch(home, "switch.attic_voice_keep_warm", "on")
    await switch(home, "switch.cellar_voice_keep_warm", "on")
    told(conductor)
    await switch(home, "switch.cellar_voice_keep_warm", "off")
    assert told(conductor) == [{WAKES: FREE}]


async def test_another_wake_word_and_none_are_followed(
    home: HomeAssistant, make: Make, conductor: FakeConductor, until: Until
) -> None:
    await make("Attic voice", wake_word_id="hey_jarvis")
    await switch(home, "switch.attic_voice_keep_warm", "on")
    told(conductor)
    data = {"entity_id": "select.attic_voice_wake_word", "option": "none"}
    await home.services.async_call("select", "select_option", data, blocking=True)
    await until(lambda: conductor.asked)
    assert told(conductor) == [{WAKES: FREE}]


async def test_an_assistant_that_is_deleted_lets_its_models_go(
    home: HomeAssistant,
    make: Make,
    assisted: MockConfigEntry,
    conductor: FakeConductor,
    until: Until,
) -> None:
    subentry = await make("Attic voice", wake_word_id="hey_jarvis")
    await switch(home, "switch.attic_voice_keep_warm", "on")
    told(conductor)
    conductor.models.pop()  # a model that is gone meanwhile is not told of
    await assisted.runtime_data.async_refresh()
    home.config_entries.async_remove_subentry(assisted, subentry.subentry_id)
    await until(lambda: conductor.asked)
    assert told(conductor) == [dict.fromkeys((HEARS, SPEAKS), FREE)]


async def test_a_refusal_changes_nothing_and_reaches_the_user(
    home: HomeAssistant, make: Make, conductor: FakeConductor
) -> None:
    subentry = await make("Attic voice")
    problem = {"error": "No.", "code": "BAD_REQUEST", "detail": ""}
    conductor.answers["PATCH /config"] = web.json_response(problem, status=400)
    with pytest.raises(HomeAssistantError, match=r"No\."):
        await switch(home, "switch.attic_voice_keep_warm", "on")
    assert home.states.get("switch.attic_voice_keep_warm").state == "off"
    assert "keep_warm" not in subentry.data
    del conductor.answers["PATCH /config"]
    told(conductor)
    await switch(home, "switch.attic_voice_keep_warm", "on")
    assert told(conductor) == [dict.fromkeys((HEARS, SPEAKS), KEPT)]


async def test_what_could_not_be_told_is_told_at_the_next_change(
    home: HomeAssistant,
    make: Make,
    assisted: MockConfigEntry,
    conductor: FakeConductor,
    until: Until,
) -> None:
    problem = {"error": "Not now.", "code": "BUSY", "detail": ""}
    conductor.answers["PATCH /config"] = web.json_response(problem, status=503)
    await make("Attic voice", keep_warm=True)
    await until(lambda: conductor.asked)
    conductor.answers.clear()
    told(conductor)
    conductor.models[0]["active_requests"] = 3
    await assisted.runtime_data.async_refresh()
    await until(lambda: conductor.asked)
    assert told(conductor) == [dict.fromkeys((HEARS, SPEAKS), KEPT)]


async def test_what_is_kept_already_is_not_told_again_after_a_start(
    home: HomeAssistant, make: Make, assisted: MockConfigEntry, conductor: FakeConductor
) -> None:
    for model in conductor.models:
        model |= {"keep_alive": -1.0, "pinned": True}
    await assisted.runtime_data.async_refresh()
    await make("Attic voice", keep_warm=True)
    assert home.states.get("switch.attic_voice_keep_warm").state == "on"
    assert told(conductor) == []


async def test_a_server_without_settings_keeps_nothing(
    home: HomeAssistant, make: Make, assisted: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["features"] = []
    await assisted.runtime_data.async_refresh()
    await make("Attic voice", keep_warm=True)
    assert home.states.get("switch.attic_voice_keep_warm") is None
    assert told(conductor) == []
