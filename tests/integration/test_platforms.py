"""Entities and devices of all platforms."""

from unittest.mock import patch

import pytest
from fakes.conductor import FakeConductor
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, snapshot_platform
from syrupy.assertion import SnapshotAssertion


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
    assert {"temperature", "power", "utilization", "queue_depth", "last_latency"} <= disabled
    assert not {"state", "models_loaded", "memory_free", "connected"} & disabled


@pytest.mark.quality_scale("entity-unique-id")
async def test_unique_ids_start_with_server_uuid(
    loaded_entry: MockConfigEntry, conductor: FakeConductor, entity_registry: er.EntityRegistry
) -> None:
    entities = er.async_entries_for_config_entry(entity_registry, loaded_entry.entry_id)
    assert entities
    for entity in entities:
        assert entity.unique_id.startswith(conductor.info["uuid"])
        assert conductor.host not in entity.unique_id
