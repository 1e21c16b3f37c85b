"""Entries of the `wyoming` integration follow the settings of the server."""

from collections.abc import Awaitable, Callable
from typing import Any

from fakes.conductor import UUID, FakeConductor
from fakes.wyoming import FakeWyoming
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.wyoming_conductor.wyoming import async_get_entries

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]

OPTIONS = {
    "language": "it",
    "conversation_engine": "conversation.home_assistant",
    "tts_voice": "en_US-joe-medium",
    "prefer_local_intents": False,
    "keep_warm": False,
    "preferred": False,
}


async def test_changed_port_is_followed(
    home: HomeAssistant, assist_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.info["ports"]["wake"] = 1
    await assist_entry.runtime_data.coordinator.async_refresh()
    await home.async_block_till_done()
    assert async_get_entries(home, UUID)["wake"].data["port"] == 1


async def test_speech_to_text_is_set_up_again_when_turn_detection_changes(
    home: HomeAssistant,
    assist_entry: MockConfigEntry,
    conductor: FakeConductor,
    wyoming: dict[str, FakeWyoming],
) -> None:
    described = {name: server.described for name, server in wyoming.items()}
    conductor.config["asr"]["turn_detection"] = False
    await assist_entry.runtime_data.coordinator.async_refresh()
    await home.async_block_till_done()
    assert wyoming["asr"].described > described["asr"]
    assert wyoming["tts"].described == described["tts"]
    assert home.states.get("stt.whisper")
