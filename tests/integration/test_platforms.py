"""Entities and devices of all platforms."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from fakes.conductor import FakeConductor, model
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, snapshot_platform
from syrupy.assertion import SnapshotAssertion

from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.model_names import model_name

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]


@pytest.mark.quality_scale("entity-category", "entity-device-class")
@pytest.mark.usefixtures("entity_registry_enabled_by_default")
@pytest.mark.parametrize(
    "platform",
    [
        Platform.BINARY_SENSOR,
        Platform.BUTTON,
        Platform.EVENT,
        Platform.NUMBER,
        Platform.SELECT,
        Platform.SENSOR,
        Platform.SWITCH,
    ],
)
async def test_platform_entities_match_snapshot(
    home: HomeAssistant,
    entry: MockConfigEntry,
    conductor: FakeConductor,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    platform: Platform,
) -> None:
    component = "custom_components.wyoming_conductor"
    with patch(f"{component}.ENGINE_PLATFORMS", []), patch(f"{component}.PLATFORMS", [platform]):
        assert await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done()
        await snapshot_platform(home, entity_registry, snapshot, entry.entry_id)
        assert await home.config_entries.async_unload(entry.entry_id)


@pytest.mark.quality_scale("devices")
async def test_device_registry_matches_snapshot(
    loaded_entry: MockConfigEntry, device_registry: dr.DeviceRegistry, snapshot: SnapshotAssertion
) -> None:
    fields = ("identifiers", "manufacturer", "model", "model_id", "sw_version", "entry_type")
    devices = dr.async_entries_for_config_entry(device_registry, loaded_entry.entry_id)
    assert devices
    for device in devices:
        actual = {field: getattr(device, field) for field in fields}
        assert actual == snapshot(name=device.name)


@pytest.mark.quality_scale("entity-disabled-by-default")
async def test_noisy_sensors_are_disabled_by_default(
    loaded_entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entities = er.async_entries_for_config_entry(entity_registry, loaded_entry.entry_id)
    disabled = {entity.translation_key for entity in entities if entity.disabled_by}
    assert {"temperature", "power", "utilization", "queue_depth", "state", "speed"} <= disabled
    assert not {"loaded", "voice_loaded", "memory_models", "problem"} & disabled


DEFAULT_SERVER = json.loads((Path(__file__).parent / "data" / "default_server.json").read_text())
"""Responses of a server that was started without settings, on a machine without a GPU."""

MAX_ENABLED_ENTITIES = 25


async def test_default_installation_has_few_enabled_entities(
    home: HomeAssistant,
    assist_entry: MockConfigEntry,
    conductor: FakeConductor,
    entity_registry: er.EntityRegistry,
) -> None:
    conductor.info["features"] = DEFAULT_SERVER["info"]["features"]
    conductor.status, conductor.models = DEFAULT_SERVER["status"], DEFAULT_SERVER["models"]
    conductor.config = DEFAULT_SERVER["config"]
    await home.services.async_call(
        DOMAIN,
        "create_pipeline",
        {"name": "Office", "language": "en"},
        blocking=True,
        return_response=True,
    )
    await home.async_block_till_done()
    await assist_entry.runtime_data.coordinator.async_refresh()
    await home.async_block_till_done()
    enabled = {
        (entity.domain, entity.translation_key)
        for entity in er.async_entries_for_config_entry(entity_registry, assist_entry.entry_id)
        if not entity.disabled_by
    }
    assert {
        *(("binary_sensor", "problem"), ("switch", "paused"), ("event", "activity")),
        *(("button", key) for key in ("restart", "free_memory", "clear_cache")),
        *(("switch", "loaded"), ("switch", "voice_loaded"), ("switch", "keep_warm")),
        *(("sensor", "memory"), ("sensor", "memory_models"), ("sensor", "response_time")),
        *(("select", "stt_model"), ("select", "voice"), ("binary_sensor", "ready")),
    } <= enabled
    entities = er.async_entries_for_config_entry(entity_registry, assist_entry.entry_id)
    count = sum(not entity.disabled_by for entity in entities)
    assert 15 < count <= MAX_ENABLED_ENTITIES


async def test_voices_of_an_engine_share_a_device(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    device_registry: dr.DeviceRegistry,
    wait_until: WaitUntil,
) -> None:
    voice = model("piper/en_GB-alba-low", "tts", state="ready", memory_bytes=50 * 2**20)
    conductor.models.append(voice)
    await loaded_entry.runtime_data.coordinator.async_refresh()
    await home.async_block_till_done()
    devices = dr.async_entries_for_config_entry(device_registry, loaded_entry.entry_id)
    names = {device.name for device in devices}
    assert names == {"Attic", "Whisper base", "Piper", "openWakeWord"}
    assert home.states.get("switch.piper_joe_us").name == "Piper Joe (US)"
    assert home.states.get("switch.piper_alba_gb_low").state == "on"
    assert float(home.states.get("sensor.piper_memory_usage").state) == 150
    conductor.models.remove(voice)
    await loaded_entry.runtime_data.coordinator.async_refresh()
    await home.async_block_till_done()
    assert home.states.get("switch.piper_alba_gb_low") is None
    assert float(home.states.get("sensor.piper_memory_usage").state) == 100


@pytest.mark.parametrize(
    ("model_id", "kind", "name"),
    [
        ("whisper/tiny.en", "asr", "Whisper tiny.en"),
        ("piper/en_US-joe-medium", "tts", "Piper · Joe (US)"),
        ("piper/de_DE-thorsten_emotional-x_low", "tts", "Piper · Thorsten Emotional (DE, x low)"),
        ("kokoro/onnx", "tts", "Kokoro · onnx"),
        ("microwakeword", "wake", "microWakeWord"),
    ],
)
def test_models_have_friendly_names(model_id: str, kind: str, name: str) -> None:
    assert model_name(model_id, kind) == name


async def test_last_heard_follows_satellite_of_server(
    home: HomeAssistant, assist_entry: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    satellite_entry = MockConfigEntry(domain="test")
    satellite_entry.add_to_hass(home)
    device = device_registry.async_get_or_create(
        config_entry_id=satellite_entry.entry_id, identifiers={("test", "kitchen")}, name="Kitchen"
    )
    registry = er.async_get(home)
    stt = next(entity for entity in registry.entities.values() if entity.domain == "stt")
    satellite = registry.async_get_or_create(
        "assist_satellite", "test", "kitchen", config_entry=satellite_entry, device_id=device.id
    )
    pipeline = Mock(stt_engine=stt.entity_id)
    with patch(
        "custom_components.wyoming_conductor.satellites.async_get_pipeline", return_value=pipeline
    ):
        await assist_entry.runtime_data.coordinator.async_refresh()
        assist_entry.runtime_data.coordinator.async_update_listeners()
        await home.async_block_till_done()
    sensor = "sensor.kitchen_last_heard"
    assert home.states.get(sensor).state == "unknown"
    assert registry.async_get(sensor).device_id == device.id
    for state in ("idle", "listening", "idle"):
        home.states.async_set(satellite.entity_id, state)
    await home.async_block_till_done()
    assert home.states.get(sensor).state == "unknown"  # nothing was said
    for state in ("listening", "processing"):
        home.states.async_set(satellite.entity_id, state)
    await home.async_block_till_done()
    assert dt_util.parse_datetime(home.states.get(sensor).state)


@pytest.mark.quality_scale("entity-unique-id")
async def test_unique_ids_start_with_server_uuid(
    loaded_entry: MockConfigEntry, conductor: FakeConductor, entity_registry: er.EntityRegistry
) -> None:
    entities = er.async_entries_for_config_entry(entity_registry, loaded_entry.entry_id)
    assert entities
    for entity in entities:
        assert entity.unique_id.startswith(conductor.info["uuid"])
        assert conductor.host not in entity.unique_id
