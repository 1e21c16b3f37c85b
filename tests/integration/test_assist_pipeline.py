"""Services in Assist, managed voice assistants and their entities."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from fakes.conductor import UUID, FakeConductor, model, offer
from fakes.wyoming import FakeWyoming
from homeassistant.components.assist_pipeline import (
    PipelineEvent,
    PipelineEventType,
    async_get_pipelines,
    async_update_pipeline,
)
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.components.assist_pipeline.runtime import PipelineRunDebug
from homeassistant.config_entries import SOURCE_USER, SOURCE_ZEROCONF, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.wyoming_conductor import assist_pipeline, assistants
from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.engines import required_models, stt_model_for
from custom_components.wyoming_conductor.repairs import async_create_fix_flow
from custom_components.wyoming_conductor.wyoming import async_add_services, async_missing_services

pytestmark = pytest.mark.usefixtures("entity_registry_enabled_by_default")

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]

OPTIONS = {
    "name": "Attic voice",
    "language": "en",
    "conversation_engine": "conversation.home_assistant",
    "tts_voice": "en_US-joe-medium",
    "wake_word_id": "hey_jarvis",
    "prefer_local_intents": False,
}


@pytest.fixture
async def assistant(home: HomeAssistant, assist_entry: MockConfigEntry) -> ConfigSubentry:
    """A voice assistant created with the form."""
    flow = await home.config_entries.subentries.async_init(
        (assist_entry.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    assert flow["step_id"] == "user"
    done = await home.config_entries.subentries.async_configure(
        flow["flow_id"], {**OPTIONS, "preferred": True}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    await home.async_block_till_done()
    return next(iter(assist_entry.subentries.values()))


def pipeline(home: HomeAssistant, subentry: ConfigSubentry) -> Any:
    """Return the pipeline of a subentry."""
    return assist_pipeline.async_get(home, subentry.data["pipeline_id"])


async def test_services_are_not_added_twice(
    home: HomeAssistant, assist_entry: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> None:
    entries = home.config_entries.async_entries("wyoming")
    assert len(entries) == 3
    info = assist_entry.runtime_data.coordinator.data.info
    assert await async_add_services(home, UUID, "127.0.0.1", info.ports) == []
    discovery = ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        port=wyoming["asr"].port,
        hostname="attic.local.",
        type="_wyoming._tcp.local.",
        name="wyoming-conductor-asr-0b7ef1c5._wyoming._tcp.local.",
        properties={},
    )
    done = await home.config_entries.flow.async_init(
        "wyoming", context={"source": SOURCE_ZEROCONF}, data=discovery
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert len(home.config_entries.async_entries("wyoming")) == 3


async def test_pending_discovery_is_confirmed_instead_of_duplicated(
    home: HomeAssistant, loaded_entry: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> None:
    discovery = ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        port=wyoming["asr"].port,
        hostname="attic.local.",
        type="_wyoming._tcp.local.",
        name="wyoming-conductor-asr-0b7ef1c5._wyoming._tcp.local.",
        properties={},
    )
    await home.config_entries.flow.async_init(
        "wyoming", context={"source": SOURCE_ZEROCONF}, data=discovery
    )
    ports = {"asr": wyoming["asr"].port}
    assert async_missing_services(home, UUID, ports) == ["asr"]
    assert await async_add_services(home, UUID, "127.0.0.1", ports) == []
    assert async_missing_services(home, UUID, ports) == []
    assert not home.config_entries.flow.async_progress_by_handler("wyoming")
    assert len(home.config_entries.async_entries("wyoming")) == 1


async def test_changed_port_updates_wyoming_entry(
    home: HomeAssistant,
    assist_entry: MockConfigEntry,
    conductor: FakeConductor,
    wyoming: dict[str, FakeWyoming],
) -> None:
    server = wyoming["tts"]
    await server.stop()
    server.port = 0
    await server.start()
    conductor.info["ports"]["tts"] = server.port
    await home.config_entries.async_reload(assist_entry.entry_id)
    await home.async_block_till_done()
    ports = {entry.data["port"] for entry in home.config_entries.async_entries("wyoming")}
    assert ports == {one.port for one in wyoming.values()}


async def test_wyoming_entry_of_user_is_claimed(
    home: HomeAssistant, loaded_entry: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> None:
    port = wyoming["asr"].port
    done = await home.config_entries.flow.async_init(
        "wyoming", context={"source": SOURCE_USER}, data={"host": "127.0.0.1", "port": port}
    )
    assert done["result"].unique_id is None
    await home.config_entries.async_reload(loaded_entry.entry_id)
    assert done["result"].unique_id.startswith("wyoming-conductor-asr-0b7ef1c5.")


async def test_removing_server_removes_wyoming_entries_and_pipelines(
    home: HomeAssistant, assist_entry: MockConfigEntry, assistant: ConfigSubentry
) -> None:
    created = pipeline(home, assistant)
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    assert store.async_get_preferred_item() == created.id

    await home.config_entries.async_remove(assist_entry.entry_id)

    assert home.config_entries.async_entries("wyoming") == []
    left = [item.id for item in async_get_pipelines(home)]
    assert created.id not in left
    assert store.async_get_preferred_item() in left


async def test_removing_server_keeps_wyoming_entry_of_user(
    home: HomeAssistant, loaded_entry: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> None:
    ports = {"asr": wyoming["asr"].port, "tts": wyoming["tts"].port}
    address = {"host": "127.0.0.1", "port": ports["asr"]}
    done = await home.config_entries.flow.async_init(
        "wyoming", context={"source": SOURCE_USER}, data=address
    )
    assert await async_add_services(home, UUID, "127.0.0.1", ports) == []
    assert len(home.config_entries.async_entries("wyoming")) == 2

    await home.config_entries.async_remove(loaded_entry.entry_id)

    assert home.config_entries.async_entries("wyoming") == [done["result"]]


async def test_last_pipeline_is_not_deleted(home: HomeAssistant, assistant: ConfigSubentry) -> None:
    created = pipeline(home, assistant)
    for item in async_get_pipelines(home):
        if item.id != created.id:
            await assist_pipeline.async_delete(home, item.id)

    await assist_pipeline.async_delete(home, created.id)
    await assist_pipeline.async_delete(home, "gone")

    assert [item.id for item in async_get_pipelines(home)] == [created.id]


async def test_subentry_flow_creates_preferred_pipeline(
    home: HomeAssistant, assistant: ConfigSubentry
) -> None:
    created = pipeline(home, assistant)
    assert assistant.title == "Attic voice"
    assert (created.name, created.language, created.stt_language) == ("Attic voice", "en", "en")
    assert (created.tts_voice, created.tts_language) == ("en_US-joe-medium", "en_US")
    assert created.wake_word_id == "hey_jarvis"
    assert home.data[KEY_ASSIST_PIPELINE].pipeline_store.async_get_preferred_item() == created.id


async def test_ready_sensor_requires_all_models_loaded(
    home: HomeAssistant, assistant: ConfigSubentry, conductor: FakeConductor, wait_until: WaitUntil
) -> None:
    ready = "binary_sensor.attic_voice_ready"
    # The wake word is not loaded.
    assert home.states.get(ready).state == "off"
    await conductor.set_state("openwakeword", "ready")
    await wait_until(lambda: home.states.get(ready).state == "on")


async def test_warm_up_button_and_service_load_models(
    home: HomeAssistant,
    assist_entry: MockConfigEntry,
    assistant: ConfigSubentry,
    conductor: FakeConductor,
) -> None:
    wanted = {"whisper/base", "piper/en_US-joe-medium", "openwakeword"}
    wanted = {("POST", f"/models/{model}/load", None) for model in wanted}
    await home.services.async_call(
        "button", "press", {"entity_id": "button.attic_voice_warm_up"}, blocking=True
    )
    assert set(conductor.requests) == wanted
    conductor.requests.clear()
    for name in (assistant.subentry_id, assistant.data["pipeline_id"]):
        data = {"config_entry_id": assist_entry.entry_id, "pipeline": name}
        await home.services.async_call(DOMAIN, "warm_up", data, blocking=True)
        assert set(conductor.requests) == wanted


async def test_voice_select_follows_pipeline(
    home: HomeAssistant, assistant: ConfigSubentry, wait_until: WaitUntil
) -> None:
    voice = "select.attic_voice_voice"
    assert home.states.get(voice).state == "en_US-joe-medium"
    await home.services.async_call(
        "select", "select_option", {"entity_id": voice, "option": "en_US-amy-low"}, blocking=True
    )
    assert pipeline(home, assistant).tts_voice == "en_US-amy-low"
    await async_update_pipeline(home, pipeline(home, assistant), tts_voice="gone")
    await wait_until(lambda: home.states.get(voice).state == "gone")
    with pytest.raises(HomeAssistantError, match="does not have the voice gone"):
        await assist_pipeline.async_set_voice(home, assistant.data["pipeline_id"], "gone")


async def test_wake_word_select_updates_pipeline(
    home: HomeAssistant, assist_entry: MockConfigEntry, assistant: ConfigSubentry
) -> None:
    word = "select.attic_voice_wake_word"
    assert home.states.get(word).state == "hey_jarvis"
    for option, entity in (("none", None), ("okay_nabu", "wake_word.attic_wake_words")):
        await home.services.async_call(
            "select", "select_option", {"entity_id": word, "option": option}, blocking=True
        )
        assert home.states.get(word).state == option
        assert pipeline(home, assistant).wake_word_entity == entity
    er.async_get(home).async_remove("wake_word.attic_wake_words")
    with pytest.raises(HomeAssistantError, match="does not have"):
        await assist_pipeline.async_set_wake_word(
            home, assistant.data["pipeline_id"], UUID, "okay_nabu"
        )


async def test_stt_model_select_changes_assistant_alone(
    home: HomeAssistant,
    assist_entry: MockConfigEntry,
    assistant: ConfigSubentry,
    conductor: FakeConductor,
) -> None:
    select = "select.attic_voice_speech_to_text_model"
    conductor.models.append(model("whisper/other", "asr", languages=["en", "fi"]))
    conductor.models.append(model("whisper/finnish", "asr", languages=["fi"]))
    await assist_entry.runtime_data.coordinator.async_refresh()
    await home.async_block_till_done()
    assert home.states.get(select).state == "whisper/base"
    choice = {"entity_id": select, "option": "whisper/other"}
    await home.services.async_call("select", "select_option", choice, blocking=True)
    assert home.states.get(select).state == "whisper/other"
    assert pipeline(home, assistant).stt_engine == "stt.whisper_other"
    assert conductor.requests == []
    with pytest.raises(HomeAssistantError, match="does not support en"):
        await home.services.async_call(
            "select", "select_option", {**choice, "option": "whisper/finnish"}, blocking=True
        )
    snapshot = assist_entry.runtime_data.coordinator.data
    of_wyoming = replace(pipeline(home, assistant), stt_engine="stt.whisper")
    assert stt_model_for(snapshot, of_wyoming) == "whisper/base"
    assert stt_model_for(snapshot, replace(of_wyoming, stt_language="fi")) == "whisper/other"
    assert stt_model_for(snapshot, replace(of_wyoming, stt_language="ja")) is None


async def test_voice_mix_requires_model_of_first_voice(
    assist_entry: MockConfigEntry, home: HomeAssistant, assistant: ConfigSubentry
) -> None:
    created = replace(
        pipeline(home, assistant), tts_voice="en_US-amy-low*0.7+other", wake_word_id=None
    )
    needed = required_models(assist_entry.runtime_data.coordinator.data, created)
    assert needed == ["whisper/base", "piper/en_US-joe-medium"]


async def test_response_time_belongs_to_pipeline_of_last_stt_run(
    home: HomeAssistant,
    assist_entry: MockConfigEntry,
    assistant: ConfigSubentry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    sensor = "sensor.attic_voice_response_time"
    assert home.states.get(sensor).state == "unknown"
    await wait_until(lambda: assist_entry.runtime_data.coordinator.last_event_at)
    recent = assist_entry.runtime_data.coordinator.recent_events

    async def converse() -> None:
        for kind, stages in (("asr", {}), ("tts", {"first_audio": 0.125})):
            await conductor.publish(
                "request_finished", kind=kind, model="m", code="", seconds=0.25, stages=stages
            )
        await wait_until(lambda: len(recent) == 2)
        recent.clear()

    await converse()
    assert home.states.get(sensor).state == "unknown"  # no pipeline has finished speech-to-text
    run = PipelineRunDebug()
    run.events.append(PipelineEvent(PipelineEventType.STT_END))
    debug = home.data[KEY_ASSIST_PIPELINE].pipeline_debug
    debug[assistant.data["pipeline_id"]] = {"run": run}
    debug["another"] = {"run": PipelineRunDebug()}  # has not finished speech-to-text
    await converse()
    assert 0 < float(home.states.get(sensor).state) < 5


async def test_subentry_flow_sets_stt_model_and_keep_warm(
    home: HomeAssistant, assist_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    for number in range(4):
        conductor.models.append(model(f"whisper/{number}", "asr"))
    await assist_entry.runtime_data.coordinator.async_refresh()
    await home.async_block_till_done()
    er.async_get(home).async_update_entity(
        "stt.whisper_2", disabled_by=er.RegistryEntryDisabler.INTEGRATION
    )
    await home.async_block_till_done()
    assert home.states.get("stt.whisper_2") is None
    flow = await home.config_entries.subentries.async_init(
        (assist_entry.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    options = {**OPTIONS, "preferred": False, "stt_model": "whisper/2", "keep_warm": True}
    done = await home.config_entries.subentries.async_configure(flow["flow_id"], options)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await home.async_block_till_done()
    assert home.states.get("switch.attic_voice_keep_warm").state == "on"
    (subentry,) = assist_entry.subentries.values()
    assert pipeline(home, subentry).stt_engine == "stt.whisper_2"
    assert home.states.get("stt.whisper_2")


async def test_pipeline_deleted_in_assist_is_deleted_here(
    home: HomeAssistant, assist_entry: MockConfigEntry, assistant: ConfigSubentry
) -> None:
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    other = next(p for p in async_get_pipelines(home) if p.id != assistant.data["pipeline_id"])
    store.async_set_preferred_item(other.id)
    await store.async_delete_item(assistant.data["pipeline_id"])
    await home.async_block_till_done()
    assert not assist_entry.subentries
    assert not ir.async_get(home).issues
    assert home.states.get("select.attic_voice_voice") is None


async def test_assistant_deleted_here_is_deleted_in_assist(
    home: HomeAssistant, assist_entry: MockConfigEntry, assistant: ConfigSubentry
) -> None:
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    before = next(p for p in async_get_pipelines(home) if p.id != assistant.data["pipeline_id"])
    home.config_entries.async_remove_subentry(assist_entry, assistant.subentry_id)
    await home.async_block_till_done()
    assert pipeline(home, assistant) is None
    assert store.async_get_preferred_item() == before.id


async def test_assistants_of_wyoming_integration_are_moved_and_moved_back(
    home: HomeAssistant, loaded_entry: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> None:
    for server in wyoming.values():
        address = {"host": "127.0.0.1", "port": server.port}
        await home.config_entries.flow.async_init(
            "wyoming", context={"source": SOURCE_USER}, data=address
        )
    await home.config_entries.async_reload(loaded_entry.entry_id)
    before = {
        "stt_engine": "stt.whisper",
        "stt_language": "en",
        "tts_engine": "tts.piper",
        "tts_language": "en_US",
        "tts_voice": "en_US-joe-medium",
        "wake_word_entity": "wake_word.openwakeword",
        "wake_word_id": "hey_jarvis",
    }
    (existing,) = async_get_pipelines(home)
    await async_update_pipeline(home, existing, **before)
    await home.async_block_till_done()
    assert assistants.async_movable(home, UUID) == [existing.id]
    (issue,) = ir.async_get(home).issues.values()
    assert issue.translation_key == "assistants_movable"
    repair = await async_create_fix_flow(home, issue.issue_id, issue.data)
    repair.hass = home
    done = await repair.async_step_confirm({})
    assert done["type"] is FlowResultType.CREATE_ENTRY

    moved = assist_pipeline.async_get(home, existing.id)
    assert moved is not None
    assert (moved.stt_engine, moved.tts_engine) == ("stt.whisper_base", "tts.attic_text_to_speech")
    assert moved.wake_word_entity == "wake_word.attic_wake_words"
    assert assistants.async_movable(home, UUID) == []
    await home.async_block_till_done()
    assert not ir.async_get(home).issues
    await home.config_entries.async_remove(loaded_entry.entry_id)
    after = assist_pipeline.async_get(home, existing.id)
    assert after is not None
    assert {field: getattr(after, field) for field in before} == before


async def test_reconfigure_flow_updates_pipeline(
    home: HomeAssistant,
    assist_entry: MockConfigEntry,
    assistant: ConfigSubentry,
    conductor: FakeConductor,
) -> None:
    conductor.models[1]["offers"].append(offer("de_A", "de_DE"))
    await assist_entry.runtime_data.coordinator.async_refresh()
    form = await assist_entry.start_subentry_reconfigure_flow(home, assistant.subentry_id)
    assert form["step_id"] == "reconfigure"
    form = await home.config_entries.subentries.async_configure(
        form["flow_id"], {**OPTIONS, "tts_voice": "de_A"}
    )
    assert form["errors"] == {"tts_voice": "voice_language"}
    changed = {**OPTIONS, "name": "Cellar", "tts_voice": "en_US-amy-low"}
    done = await home.config_entries.subentries.async_configure(form["flow_id"], changed)
    assert done["reason"] == "reconfigure_successful"
    await home.async_block_till_done()
    created = pipeline(home, assistant)
    assert (created.name, created.tts_voice) == ("Cellar", "en_US-amy-low")
    assert assist_entry.subentries[assistant.subentry_id].title == "Cellar"


async def test_reconfigure_aborts_if_pipeline_is_gone(
    home: HomeAssistant, assist_entry: MockConfigEntry, assistant: ConfigSubentry
) -> None:
    home.config_entries.async_update_subentry(
        assist_entry, assistant, data={**assistant.data, "pipeline_id": ""}
    )
    await home.async_block_till_done()
    done = await assist_entry.start_subentry_reconfigure_flow(home, assistant.subentry_id)
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "pipeline_gone")


async def test_pipeline_without_voice_and_wake_word_uses_defaults(
    home: HomeAssistant, assist_entry: MockConfigEntry
) -> None:
    options = {"language": "en"}
    created = assist_pipeline.async_get(
        home, await assist_pipeline.async_create(home, "Plain", UUID, options)
    )
    assert (created.tts_voice, created.wake_word_id, created.wake_word_entity) == (None, None, None)
    needed = required_models(assist_entry.runtime_data.coordinator.data, created)
    assert needed == ["whisper/base", "piper/en_US-joe-medium"]
    with pytest.raises(HomeAssistantError):
        await assist_pipeline.async_create(
            home, "Odd", UUID, {"language": "en", "tts_voice": "unknown"}
        )


async def test_subentry_flow_aborts_if_server_is_not_connected(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await conductor.stop()
    await home.config_entries.async_setup(entry.entry_id)
    done = await home.config_entries.subentries.async_init(
        (entry.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "not_loaded")
