"""What helps to find a fault: diagnostics, system health; and what automations react to."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fakes.conductor import UUID, FakeConductor
from homeassistant.components import automation
from homeassistant.components.device_automation import DeviceAutomationType
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.json import ExtendedJSONEncoder
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_get_device_automations,
    get_system_health_info,
)

from custom_components.wyoming_conductor.const import ACTIVITIES, DOMAIN
from custom_components.wyoming_conductor.device_trigger import async_get_triggers
from custom_components.wyoming_conductor.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)

Until = Callable[[Callable[[], Any]], Awaitable[None]]


def device(home: HomeAssistant, entry: MockConfigEntry, name: str) -> dr.DeviceEntry:
    """Return a device of the entry."""
    found = dr.async_entries_for_config_entry(dr.async_get(home), entry.entry_id)
    return next(one for one in found if one.name == name)


async def test_diagnostics_tell_all_but_who_the_user_is(
    home: HomeAssistant, assisted: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    flow = await home.config_entries.subentries.async_init(
        (assisted.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    wishes = {
        "name": "Grandma's room",
        "language": "en",
        "conversation_engine": "conversation.home_assistant",
        "prefer_local_intents": False,
        "preferred": False,
    }
    await home.config_entries.subentries.async_configure(flow["flow_id"], wishes)
    await home.async_block_till_done()
    await until(lambda: assisted.runtime_data.last_event_at)
    home.states.async_set("light.grandma", "on", {"friendly_name": "Grandma's lamp"})
    await conductor.publish(
        "request_finished", kind="asr", model="whisper/base", client="10.0.0.7", seconds=1
    )
    await until(lambda: assisted.runtime_data.recent)
    found = await async_get_config_entry_diagnostics(home, assisted)
    text = json.dumps(found, cls=ExtendedJSONEncoder)
    for secret in ("10.0.0.7", "127.0.0.1", UUID, "Grandma", "secret"):
        assert secret not in text
    assert set(found["wyoming"]) == {"asr", "tts", "wake"}
    assert found["stream"]["connected"] is True
    assert found["assistants"][0]["pipeline"]["language"] == "en"
    assert found["vocabulary"]["entities"] >= 0


async def test_diagnostics_of_a_model_and_of_the_server(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    await conductor.publish("model_loading", model="whisper/base")
    await conductor.publish("model_loading", model="openwakeword")
    await until(lambda: len(loaded.runtime_data.recent) == 2)
    found = await async_get_device_diagnostics(home, loaded, device(home, loaded, "whisper/base"))
    assert found["model"]["id"] == "whisper/base"
    assert [event["model"] for event in found["events"]] == ["whisper/base"]
    found = await async_get_device_diagnostics(home, loaded, device(home, loaded, "Attic"))
    assert found["entry"]["data"]["host"] == "**REDACTED**"


async def test_system_health_tells_of_the_server(
    home: HomeAssistant, loaded: MockConfigEntry, aioclient_mock: Any
) -> None:
    assert await async_setup_component(home, "system_health", {})
    await home.async_block_till_done()
    aioclient_mock.get(f"{loaded.runtime_data.client.url}/health/live", text="")
    found = await get_system_health_info(home, DOMAIN)
    found["can_reach_server"] = await found["can_reach_server"]
    assert found.pop("last_event").endswith(" s")
    assert found == {
        "servers": 1,
        "can_reach_server": "ok",
        "version": "0.1.0",
        "event_stream": "connected",
        "models": "2 / 3",
        "memory_free": "20.0 / 32.0 GiB",
        "gpu_memory_free": "9.0 / 12.0 GiB",
    }


async def test_system_health_without_a_server(home: HomeAssistant) -> None:
    assert await async_setup_component(home, "system_health", {})
    await home.async_block_till_done()
    assert await get_system_health_info(home, DOMAIN) == {"servers": 0}


async def test_a_server_and_its_models_offer_triggers(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    for name in ("Attic", "whisper/base"):
        found = await async_get_device_automations(
            home, DeviceAutomationType.TRIGGER, device(home, loaded, name).id
        )
        ours = {trigger["type"] for trigger in found if trigger["domain"] == DOMAIN}
        assert ours == set(ACTIVITIES)
    assert await async_get_triggers(home, "gone") == []


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "model_ready", "seconds": 1.0}, "model_loaded"),
        ({"type": "model_unloaded", "reason": "idle"}, "model_unloaded"),
        ({"type": "model_evicted", "for_model": "x"}, "model_evicted"),
        ({"type": "model_failed", "code": "OOM", "message": "x"}, "out_of_memory"),
        ({"type": "model_failed", "code": "TIMEOUT", "message": "x"}, "load_failed"),
        ({"type": "model_fell_back", "to_device": "cpu"}, "fell_back"),
        ({"type": "request_finished", "code": "OOM", "seconds": 1}, "out_of_memory"),
        ({"type": "request_finished", "code": "BUSY", "seconds": 1}, "request_failed"),
    ],
)
@pytest.mark.parametrize("name", ["Attic", "whisper/base"])
async def test_an_automation_reacts_to_what_happens(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    service_calls: list[ServiceCall],
    until: Until,
    name: str,
    event: dict[str, Any],
    kind: str,
) -> None:
    trigger = {
        "platform": "device",
        "domain": DOMAIN,
        "device_id": device(home, loaded, name).id,
        "type": kind,
    }
    action = {"service": "test.automation", "data": {"model": "{{ trigger.event.data.model }}"}}
    config = {automation.DOMAIN: {"trigger": trigger, "action": action}}
    assert await async_setup_component(home, automation.DOMAIN, config)
    fields = dict(event)
    await conductor.publish("request_finished", model="openwakeword", code="", seconds=1)
    await conductor.publish(fields.pop("type"), model="whisper/base", **fields)
    await until(lambda: service_calls)
    assert service_calls[0].data == {"model": "whisper/base"}
    activity = home.states.get("event.attic_activity")
    assert activity.attributes["event_type"] == kind


async def test_a_client_that_left_is_no_failure(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor, until: Until
) -> None:
    await conductor.publish("request_finished", model="whisper/base", code="CANCELLED", seconds=1)
    await until(lambda: loaded.runtime_data.recent)
    assert home.states.get("event.attic_activity").state == "unknown"
