"""The servers in Assist, voice assistants made of them, and their devices."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from fakes.conductor import UUID, FakeConductor, model
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
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.wyoming_conductor import assist
from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.wyoming import async_add_servers, async_missing_servers

Until = Callable[[Callable[[], Any]], Awaitable[None]]

WISHES = {
    "name": "Attic voice",
    "language": "en",
    "conversation_engine": "conversation.home_assistant",
    "tts_voice": "en_US-joe-medium",
    "wake_word_id": "hey_jarvis",
    "prefer_local_intents": False,
}


@pytest.fixture
async def assistant(home: HomeAssistant, assisted: MockConfigEntry) -> ConfigSubentry:
    """A voice assistant that was made by the form."""
    flow = await home.config_entries.subentries.async_init(
        (assisted.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    assert flow["step_id"] == "user"
    done = await home.config_entries.subentries.async_configure(
        flow["flow_id"], {**WISHES, "preferred": True}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    await home.async_block_till_done()
    return next(iter(assisted.subentries.values()))


def pipeline(home: HomeAssistant, subentry: ConfigSubentry) -> Any:
    """Return the assistant as Assist has it."""
    return assist.async_get(home, subentry.data["pipeline_id"])


async def test_the_servers_are_added_once_whoever_adds_them(
    home: HomeAssistant, assisted: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> None:
    entries = home.config_entries.async_entries("wyoming")
    assert len(entries) == 3
    info = assisted.runtime_data.data.info
    assert await async_add_servers(home, UUID, "127.0.0.1", info.ports) == []
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


async def test_a_discovery_that_waits_is_confirmed_instead_of_adding_it_twice(
    home: HomeAssistant, loaded: MockConfigEntry, wyoming: dict[str, FakeWyoming]
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
    assert async_missing_servers(home, UUID, ports) == ["asr"]
    assert await async_add_servers(home, UUID, "127.0.0.1", ports) == []
    assert async_missing_servers(home, UUID, ports) == []
    assert not home.config_entries.flow.async_progress_by_handler("wyoming")
    assert len(home.config_entries.async_entries("wyoming")) == 1


async def test_an_address_that_moves_is_moved_in_assist_too(
    home: HomeAssistant,
    assisted: MockConfigEntry,
    conductor: FakeConductor,
    wyoming: dict[str, FakeWyoming],
) -> None:
    server = wyoming["tts"]
    await server.stop()
    server.port = 0
    await server.start()
    conductor.info["ports"]["tts"] = server.port
    await home.config_entries.async_reload(assisted.entry_id)
    await home.async_block_till_done()
    ports = {entry.data["port"] for entry in home.config_entries.async_entries("wyoming")}
    assert ports == {one.port for one in wyoming.values()}


async def test_an_entry_the_user_made_is_taken_as_ours(
    home: HomeAssistant, loaded: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> None:
    port = wyoming["asr"].port
    done = await home.config_entries.flow.async_init(
        "wyoming", context={"source": SOURCE_USER}, data={"host": "127.0.0.1", "port": port}
    )
    assert done["result"].unique_id is None
    await home.config_entries.async_reload(loaded.entry_id)
    assert done["result"].unique_id.startswith("wyoming-conductor-asr-0b7ef1c5.")


async def test_what_was_added_with_an_entry_leaves_with_it(
    home: HomeAssistant, assisted: MockConfigEntry, assistant: ConfigSubentry
) -> None:
    made = pipeline(home, assistant)
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    assert store.async_get_preferred_item() == made.id

    await home.config_entries.async_remove(assisted.entry_id)

    assert home.config_entries.async_entries("wyoming") == []
    left = [item.id for item in async_get_pipelines(home)]
    assert made.id not in left
    assert store.async_get_preferred_item() in left


async def test_an_entry_the_user_made_stays_when_ours_is_removed(
    home: HomeAssistant, loaded: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> None:
    ports = {"asr": wyoming["asr"].port, "tts": wyoming["tts"].port}
    address = {"host": "127.0.0.1", "port": ports["asr"]}
    done = await home.config_entries.flow.async_init(
        "wyoming", context={"source": SOURCE_USER}, data=address
    )
    assert await async_add_servers(home, UUID, "127.0.0.1", ports) == []
    assert len(home.config_entries.async_entries("wyoming")) == 2

    await home.config_entries.async_remove(loaded.entry_id)

    assert home.config_entries.async_entries("wyoming") == [done["result"]]


async def test_the_last_assistant_stays(home: HomeAssistant, assistant: ConfigSubentry) -> None:
    made = pipeline(home, assistant)
    for item in async_get_pipelines(home):
        if item.id != made.id:
            await assist.async_delete(home, item.id)

    await assist.async_delete(home, made.id)
    await assist.async_delete(home, "gone")

    assert [item.id for item in async_get_pipelines(home)] == [made.id]


async def test_an_assistant_is_made_of_the_servers_and_preferred(
    home: HomeAssistant, assistant: ConfigSubentry
) -> None:
    made = pipeline(home, assistant)
    assert assistant.title == "Attic voice"
    assert (made.name, made.language, made.stt_language) == ("Attic voice", "en", "en")
    assert (made.tts_voice, made.tts_language) == ("en_US-joe-medium", "en_US")
    assert made.wake_word_id == "hey_jarvis"
    assert home.data[KEY_ASSIST_PIPELINE].pipeline_store.async_get_preferred_item() == made.id


async def test_an_assistant_has_a_device_that_tells_whether_it_answers_at_once(
    home: HomeAssistant, assistant: ConfigSubentry, conductor: FakeConductor, until: Until
) -> None:
    ready = "binary_sensor.attic_voice_ready"
    # The wake word is not loaded.
    assert home.states.get(ready).state == "off"
    await conductor.set_state("openwakeword", "ready")
    await until(lambda: home.states.get(ready).state == "on")


async def test_an_assistant_is_warmed_up_by_button_and_by_service(
    home: HomeAssistant,
    assisted: MockConfigEntry,
    assistant: ConfigSubentry,
    conductor: FakeConductor,
) -> None:
    wanted = {"whisper/base", "piper/en_US-joe-medium", "openwakeword"}
    wanted = {("POST", f"/models/{model}/load", None) for model in wanted}
    await home.services.async_call(
        "button", "press", {"entity_id": "button.attic_voice_warm_up"}, blocking=True
    )
    assert set(conductor.asked) == wanted
    conductor.asked.clear()
    for name in (assistant.subentry_id, assistant.data["pipeline_id"]):
        data = {"config_entry_id": assisted.entry_id, "pipeline": name}
        await home.services.async_call(DOMAIN, "warm_up", data, blocking=True)
        assert set(conductor.asked) == wanted


async def test_the_voice_is_changed_in_assist_and_follows_what_is_changed_there(
    home: HomeAssistant, assistant: ConfigSubentry, until: Until
) -> None:
    voice = "select.attic_voice_voice"
    assert home.states.get(voice).state == "en_US-joe-medium"
    await home.services.async_call(
        "select", "select_option", {"entity_id": voice, "option": "en_US-amy-low"}, blocking=True
    )
    assert pipeline(home, assistant).tts_voice == "en_US-amy-low"
    await async_update_pipeline(home, pipeline(home, assistant), tts_voice="gone")
    await until(lambda: home.states.get(voice).state == "gone")
    with pytest.raises(HomeAssistantError, match="does not have the voice gone"):
        await assist.async_speak_with(home, assistant.data["pipeline_id"], "gone")


async def test_the_wake_word_is_changed_in_assist(
    home: HomeAssistant, assisted: MockConfigEntry, assistant: ConfigSubentry
) -> None:
    word = "select.attic_voice_wake_word"
    assert home.states.get(word).state == "hey_jarvis"
    for option, entity in (("none", None), ("okay_nabu", "wake_word.openwakeword")):
        await home.services.async_call(
            "select", "select_option", {"entity_id": word, "option": option}, blocking=True
        )
        assert home.states.get(word).state == option
        assert pipeline(home, assistant).wake_word_entity == entity
    for entry in home.config_entries.async_entries("wyoming"):
        await home.config_entries.async_remove(entry.entry_id)
    with pytest.raises(HomeAssistantError, match="not in Assist"):
        await assist.async_listen_for(home, assistant.data["pipeline_id"], UUID, "okay_nabu")


async def test_the_model_that_hears_is_chosen_for_the_server_and_follows_the_language(
    home: HomeAssistant,
    assisted: MockConfigEntry,
    assistant: ConfigSubentry,
    conductor: FakeConductor,
) -> None:
    ears = "select.attic_voice_speech_to_text_model"
    conductor.models.append(model("whisper/other", "asr", languages=["en", "fi"]))
    await assisted.runtime_data.async_refresh()
    shown = home.states.get(ears)
    assert (shown.state, shown.attributes["options"]) == (
        "whisper/base",
        ["whisper/base", "whisper/other"],
    )
    await home.services.async_call(
        "select", "select_option", {"entity_id": ears, "option": "whisper/other"}, blocking=True
    )
    assert conductor.asked == [("PATCH", "/config", {"asr": {"model": "whisper/other"}})]
    await assisted.runtime_data.async_refresh()
    assert home.states.get(ears).state == "whisper/other"
    snapshot = assisted.runtime_data.data
    made = pipeline(home, assistant)
    # The server still hears with its default; Finnish only the other model understands.
    assert assist.ears_of(snapshot, made) == "whisper/base"
    assert assist.ears_of(snapshot, replace(made, stt_language="fi")) == "whisper/other"
    assert assist.ears_of(snapshot, replace(made, stt_language="ja")) is None


async def test_a_mix_of_voices_needs_the_model_of_its_first(
    assisted: MockConfigEntry, home: HomeAssistant, assistant: ConfigSubentry
) -> None:
    made = replace(
        pipeline(home, assistant), tts_voice="en_US-amy-low*0.7+other", wake_word_id=None
    )
    needed = assist.models_of(assisted.runtime_data.data, made)
    assert needed == ["whisper/base", "piper/en_US-joe-medium"]


async def test_the_response_time_is_that_of_the_assistant_that_heard(
    home: HomeAssistant,
    assisted: MockConfigEntry,
    assistant: ConfigSubentry,
    conductor: FakeConductor,
    until: Until,
) -> None:
    sensor = "sensor.attic_voice_response_time"
    assert home.states.get(sensor).state == "unknown"
    await until(lambda: assisted.runtime_data.last_event_at)
    recent = assisted.runtime_data.recent

    async def converse() -> None:
        for kind, stages in (("asr", {}), ("tts", {"first_audio": 0.125})):
            await conductor.publish(
                "request_finished", kind=kind, model="m", code="", seconds=0.25, stages=stages
            )
        await until(lambda: len(recent) == 2)
        recent.clear()

    await converse()
    assert home.states.get(sensor).state == "unknown"  # nobody knows which assistant it was
    run = PipelineRunDebug()
    run.events.append(PipelineEvent(PipelineEventType.STT_END))
    debug = home.data[KEY_ASSIST_PIPELINE].pipeline_debug
    debug[assistant.data["pipeline_id"]] = {"run": run}
    debug["another"] = {"run": PipelineRunDebug()}  # which heard nobody
    await converse()
    assert 0 < float(home.states.get(sensor).state) < 5


async def test_an_assistant_is_made_with_ears_and_kept_warm_by_the_form(
    home: HomeAssistant, assisted: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    conductor.models.append(model("whisper/other", "asr"))
    await assisted.runtime_data.async_refresh()
    flow = await home.config_entries.subentries.async_init(
        (assisted.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    wishes = {**WISHES, "preferred": False, "stt_model": "whisper/other", "keep_warm": True}
    conductor.shadowed = {"asr.model": "environment"}
    form = await home.config_entries.subentries.async_configure(flow["flow_id"], wishes)
    assert form["errors"] == {"base": "request_failed"}
    assert "set by the environment" in form["description_placeholders"]["error"]
    conductor.shadowed = {}
    conductor.config["asr"]["model"] = "whisper/base"
    conductor.asked.clear()
    done = await home.config_entries.subentries.async_configure(form["flow_id"], wishes)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert conductor.asked == [("PATCH", "/config", {"asr": {"model": "whisper/other"}})]
    await until(lambda: len(conductor.asked) > 1)
    await home.async_block_till_done()
    assert home.states.get("switch.attic_voice_keep_warm").state == "on"
    (subentry,) = assisted.subentries.values()
    assert "stt_model" not in subentry.data


async def test_an_assistant_that_is_deleted_in_assist_is_made_again_by_a_repair(
    home: HomeAssistant,
    assisted: MockConfigEntry,
    assistant: ConfigSubentry,
    issue_registry: ir.IssueRegistry,
    until: Until,
) -> None:
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    other = next(p for p in async_get_pipelines(home) if p.id != assistant.data["pipeline_id"])
    store.async_set_preferred_item(other.id)
    await store.async_delete_item(assistant.data["pipeline_id"])
    await until(lambda: issue_registry.issues)
    assert home.states.get("select.attic_voice_voice").state == "unavailable"
    assert [i.translation_key for i in issue_registry.issues.values()] == ["pipeline_broken"]


async def test_an_assistant_is_changed_by_the_form(
    home: HomeAssistant, assisted: MockConfigEntry, assistant: ConfigSubentry
) -> None:
    form = await assisted.start_subentry_reconfigure_flow(home, assistant.subentry_id)
    assert form["step_id"] == "reconfigure"
    form = await home.config_entries.subentries.async_configure(
        form["flow_id"], {**WISHES, "language": "fi"}
    )
    assert form["errors"] == {"base": "language_not_supported"}
    assert form["description_placeholders"] == {"language": "fi"}
    changed = {**WISHES, "name": "Cellar", "tts_voice": "en_US-amy-low"}
    done = await home.config_entries.subentries.async_configure(form["flow_id"], changed)
    assert done["reason"] == "reconfigure_successful"
    await home.async_block_till_done()
    made = pipeline(home, assistant)
    assert (made.name, made.tts_voice) == ("Cellar", "en_US-amy-low")
    assert assisted.subentries[assistant.subentry_id].title == "Cellar"


async def test_an_assistant_cannot_be_changed_when_assist_has_lost_it(
    home: HomeAssistant, assisted: MockConfigEntry, assistant: ConfigSubentry
) -> None:
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    other = next(p for p in async_get_pipelines(home) if p.id != assistant.data["pipeline_id"])
    store.async_set_preferred_item(other.id)
    await store.async_delete_item(assistant.data["pipeline_id"])
    done = await assisted.start_subentry_reconfigure_flow(home, assistant.subentry_id)
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "pipeline_gone")


async def test_an_assistant_needs_the_servers_in_assist_first(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    flow = await home.config_entries.subentries.async_init(
        (loaded.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    form = await home.config_entries.subentries.async_configure(
        flow["flow_id"], {**WISHES, "preferred": False}
    )
    assert form["errors"] == {"base": "not_in_assist"}


async def test_an_assistant_without_a_voice_or_a_wake_word_uses_the_defaults(
    home: HomeAssistant, assisted: MockConfigEntry
) -> None:
    wishes = {"language": "en"}
    made = assist.async_get(home, await assist.async_create(home, "Plain", UUID, wishes))
    assert (made.tts_voice, made.wake_word_id, made.wake_word_entity) == (None, None, None)
    needed = assist.models_of(assisted.runtime_data.data, made)
    assert needed == ["whisper/base", "piper/en_US-joe-medium"]
    with pytest.raises(HomeAssistantError):
        await assist.async_create(home, "Odd", UUID, {"language": "en", "tts_voice": "nobody"})


async def test_an_assistant_of_a_server_that_is_away_can_not_be_made(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await conductor.stop()
    await home.config_entries.async_setup(entry.entry_id)
    done = await home.config_entries.subentries.async_init(
        (entry.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "not_loaded")
