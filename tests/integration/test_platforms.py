"""Every entity, as the user meets it."""

from unittest.mock import patch

import pytest
from fakes.conductor import FakeConductor
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, snapshot_platform
from syrupy.assertion import SnapshotAssertion


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
async def test_all_entities_of_a_platform(
    home: HomeAssistant,
    entry: MockConfigEntry,
    conductor: FakeConductor,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    platform: Platform,
) -> None:
    with patch("custom_components.wyoming_conductor.PLATFORMS", [platform]):
        assert await home.config_entries.async_setup(entry.entry_id)
        await home.async_block_till_done()
        await snapshot_platform(home, entity_registry, snapshot, entry.entry_id)
        assert await home.config_entries.async_unload(entry.entry_id)


async def test_all_devices(
    loaded: MockConfigEntry, device_registry: dr.DeviceRegistry, snapshot: SnapshotAssertion
) -> None:
    fields = ("identifiers", "manufacturer", "model", "model_id", "sw_version", "entry_type")
    for device in dr.async_entries_for_config_entry(device_registry, loaded.entry_id):
        told = {field: getattr(device, field) for field in fields}
        assert told == snapshot(name=device.name)


async def test_noisy_sensors_are_disabled_until_somebody_wants_them(
    loaded: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entities = er.async_entries_for_config_entry(entity_registry, loaded.entry_id)
    disabled = {entity.translation_key for entity in entities if entity.disabled_by}
    assert {"temperature", "power", "utilisation", "queue_depth", "last_latency"} <= disabled
    assert not {"state", "models_loaded", "memory_free", "connected"} & disabled


async def test_unique_ids_name_the_installation_never_its_address(
    loaded: MockConfigEntry, conductor: FakeConductor, entity_registry: er.EntityRegistry
) -> None:
    for entity in er.async_entries_for_config_entry(entity_registry, loaded.entry_id):
        assert entity.unique_id.startswith(conductor.info["uuid"])
        assert conductor.host not in entity.unique_id
