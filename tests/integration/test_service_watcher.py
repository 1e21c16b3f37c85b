"""Entries of the `wyoming` integration follow the settings of the server."""

from collections.abc import Awaitable, Callable
from typing import Any

from fakes.conductor import UUID, FakeConductor, model
from fakes.wyoming import FakeWyoming
from homeassistant.components.assist_pipeline import async_get_pipelines
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
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


async def test_assistant_may_have_a_language_of_the_model_that_its_form_selects(
    home: HomeAssistant,
    assist_entry: MockConfigEntry,
    conductor: FakeConductor,
    wyoming: dict[str, FakeWyoming],
) -> None:
    conductor.models.append(model("whisper/other", "asr", languages=["en", "it"]))
    await assist_entry.runtime_data.coordinator.async_refresh()
    # From now on the service describes the new model.
    wyoming["asr"].set_languages("en", "it")
    wyoming["tts"].set_languages("en_US", "it")
    await home.config_entries.async_reload(async_get_entries(home, UUID)["tts"].entry_id)
    flow = await home.config_entries.subentries.async_init(
        (assist_entry.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    done = await home.config_entries.subentries.async_configure(
        flow["flow_id"], {**OPTIONS, "name": "Cucina", "stt_model": "whisper/other"}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    await home.async_block_till_done()
    (created,) = [item for item in async_get_pipelines(home) if item.name == "Cucina"]
    assert created.stt_language == "it"
