"""Diagnostics, system health and the activity event."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fakes.conductor import UUID, FakeConductor
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.json import ExtendedJSONEncoder
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    get_system_health_info,
)

from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]


def device(home: HomeAssistant, entry: MockConfigEntry, name: str) -> dr.DeviceEntry:
    """Return a device of the entry."""
    found = dr.async_entries_for_config_entry(dr.async_get(home), entry.entry_id)
    return next(one for one in found if one.name == name)


@pytest.mark.quality_scale("diagnostics")
async def test_diagnostics_contain_no_personal_data(
    home: HomeAssistant,
    assist_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    flow = await home.config_entries.subentries.async_init(
        (assist_entry.entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    options = {
        "name": "Grandma's room",
        "language": "en",
        "conversation_engine": "conversation.home_assistant",
        "prefer_local_intents": False,
        "preferred": False,
    }
    await home.config_entries.subentries.async_configure(flow["flow_id"], options)
    await home.async_block_till_done()
    await wait_until(lambda: assist_entry.runtime_data.coordinator.last_event_at)
    home.states.async_set("light.grandma", "on", {"friendly_name": "Grandma's lamp"})
    await conductor.publish(
        "request_finished", kind="asr", model="whisper/base", client="10.0.0.7", seconds=1
    )
    await wait_until(lambda: assist_entry.runtime_data.coordinator.recent_events)
    found = await async_get_config_entry_diagnostics(home, assist_entry)
    text = json.dumps(found, cls=ExtendedJSONEncoder)
    for secret in ("10.0.0.7", "127.0.0.1", UUID, "Grandma", "secret"):
        assert secret not in text
    assert set(found["wyoming"]) == {"asr", "tts", "wake"}
    assert found["event_stream"]["connected"] is True
    assert found["assistants"][0]["pipeline"]["language"] == "en"
    assert found["vocabulary"]["entities"] >= 0


async def test_device_diagnostics_of_model_and_server(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    await conductor.publish("model_loading", model="whisper/base")
    await conductor.publish("model_loading", model="openwakeword")
    await wait_until(lambda: len(loaded_entry.runtime_data.coordinator.recent_events) == 2)
    found = await async_get_device_diagnostics(
        home, loaded_entry, device(home, loaded_entry, "Whisper base")
    )
    assert found["models"][0]["id"] == "whisper/base"
    assert [event["model"] for event in found["events"]] == ["whisper/base"]
    found = await async_get_device_diagnostics(
        home, loaded_entry, device(home, loaded_entry, "Attic")
    )
    assert found["entry"]["data"]["host"] == "**REDACTED**"


async def test_system_health_shows_server(
    home: HomeAssistant, loaded_entry: MockConfigEntry, aioclient_mock: Any
) -> None:
    assert await async_setup_component(home, "system_health", {})
    await home.async_block_till_done()
    aioclient_mock.get(f"{loaded_entry.runtime_data.coordinator.client.url}/health/live", text="")
    found = await get_system_health_info(home, DOMAIN)
    assert await found.pop("Attic: /health/live") == "ok"
    summary = re.sub(r"last event \d+ s ago", "last event", found.pop("Attic"))
    assert summary == (
        "0.1.0, connected, 2/3 models loaded, last event, "
        "cpu 20.0 of 32.0 GiB free, cuda:0 9.0 of 12.0 GiB free"
    )
    assert found == {"servers": 1}


async def test_system_health_without_a_server(home: HomeAssistant) -> None:
    assert await async_setup_component(home, "system_health", {})
    await home.async_block_till_done()
    assert await get_system_health_info(home, DOMAIN) == {"servers": 0}


@pytest.mark.quality_scale("entity-event-setup")
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
async def test_event_entity_fires(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
    event: dict[str, Any],
    kind: str,
) -> None:
    await conductor.publish("request_finished", model="openwakeword", code="", seconds=1)
    fields = dict(event)
    await conductor.publish(fields.pop("type"), model="whisper/base", **fields)
    await wait_until(lambda: home.states.get("event.attic_activity").state != "unknown")
    activity = home.states.get("event.attic_activity")
    assert activity.attributes["event_type"] == kind
    assert activity.attributes["model"] == "whisper/base"


async def test_cancelled_request_is_not_an_activity(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    wait_until: WaitUntil,
) -> None:
    await conductor.publish("request_finished", model="whisper/base", code="CANCELLED", seconds=1)
    await wait_until(lambda: loaded_entry.runtime_data.coordinator.recent_events)
    assert home.states.get("event.attic_activity").state == "unknown"


CONFIG_WITH_PERSONAL_DATA = {
    "data_dir": "/home/grandma/.local/share/wyoming-conductor",
    "host": "0.0.0.0",
    "asr": {"model": "whisper/base", "language": "de", "initial_prompt": "Grandma", "port": 10300},
    "tts": {"voice": "en_US-joe-medium", "presets": ["grandma*0.5"]},
    "webhooks": {"allowed_targets": ["public", "nas.grandma.example"], "timeout": 10},
    "discovery": {"name": "grandma-pc", "zeroconf": True},
    "telemetry": {"otlp_endpoint": "http://nas.grandma.example:4318"},
    "memory": {"budget": "90%", "reserve": "256MiB"},
    "keep_alive": 300.0,
}


@pytest.mark.quality_scale("diagnostics")
async def test_diagnostics_redact_config(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.config = CONFIG_WITH_PERSONAL_DATA
    await loaded_entry.runtime_data.coordinator.async_refresh()
    diagnostics = await async_get_config_entry_diagnostics(home, loaded_entry)
    assert "grandma" not in json.dumps(diagnostics, cls=ExtendedJSONEncoder).lower()
    redacted = "**REDACTED**"
    assert diagnostics["config"] == {
        "data_dir": redacted,
        "host": redacted,
        "asr": {
            "model": "whisper/base",
            "language": "de",
            "initial_prompt": redacted,
            "port": 10300,
        },
        "tts": {"voice": "en_US-joe-medium", "presets": [redacted]},
        "webhooks": {"allowed_targets": ["public", redacted], "timeout": 10},
        "discovery": {"name": redacted, "zeroconf": True},
        "telemetry": {"otlp_endpoint": redacted},
        "memory": {"budget": "90%", "reserve": "256MiB"},
        "keep_alive": 300.0,
    }


@pytest.mark.parametrize(
    ("message", "redacted"),
    [
        ("Cannot read /home/grandma/model.bin", "Cannot read /home/**REDACTED**/model.bin"),
        (r"Cannot read C:\Users\grandma\x", r"Cannot read C:\Users\**REDACTED**\x"),
        ("No answer from http://nas.local:80/x", "No answer from http://**REDACTED**/x"),
        ("192.168.1.20 refused", "**REDACTED** refused"),
        ("fe80::1ff:fe23 refused", "**REDACTED** refused"),
        ("whisper/base failed at 10:15:00", "whisper/base failed at 10:15:00"),
    ],
)
async def test_diagnostics_redact_messages(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    message: str,
    redacted: str,
) -> None:
    error = {"code": "LOAD_FAILED", "message": message}
    conductor.models[0] |= {"state": "failed", "error": error}
    await loaded_entry.runtime_data.coordinator.async_refresh()
    diagnostics = await async_get_device_diagnostics(
        home, loaded_entry, device(home, loaded_entry, "Whisper base")
    )
    assert diagnostics["models"][0]["error"]["message"] == redacted


async def test_diagnostics_of_unloaded_entry(
    home: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    server = device(home, loaded_entry, "Attic")
    await home.config_entries.async_unload(loaded_entry.entry_id)
    diagnostics = await async_get_device_diagnostics(home, loaded_entry, server)
    assert set(diagnostics) == {"entry"}
    assert diagnostics["entry"]["state"] == "not_loaded"
    assert diagnostics["entry"]["data"]["host"] == "**REDACTED**"
