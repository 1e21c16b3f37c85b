"""Binary sensors: connection and problems of the server, loaded models and ready assistants."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .assist_pipeline import pipeline_subentries
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .engines import required_models
from .entity import ConductorEntity, ConductorPipelineEntity

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ServerBinarySensorDescription(BinarySensorEntityDescription):
    """Description of a binary sensor of the server."""

    value: Callable[[ConductorCoordinator], bool]
    always_available: bool = False


SERVER_BINARY_SENSORS: tuple[ServerBinarySensorDescription, ...] = (
    ServerBinarySensorDescription(
        key="connected",
        translation_key="connected",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        always_available=True,
        value=lambda coordinator: coordinator.last_update_success,
    ),
    ServerBinarySensorDescription(
        key="problem",
        translation_key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda coordinator: coordinator.data.has_problem,
    ),
)

READY = BinarySensorEntityDescription(key="ready", translation_key="ready")


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensors."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities(
        ServerBinarySensor(coordinator, description) for description in SERVER_BINARY_SENSORS
    )
    for subentry in pipeline_subentries(entry):
        async_add_entities(
            [ReadyBinarySensor(coordinator, READY, subentry)],
            config_subentry_id=subentry.subentry_id,
        )


class ServerBinarySensor(ConductorEntity, BinarySensorEntity):
    """Binary sensor of the server."""

    entity_description: ServerBinarySensorDescription

    @property
    @override
    def available(self) -> bool:
        """Return whether the value is known."""
        return self.entity_description.always_available or super().available

    @property
    @override
    def is_on(self) -> bool:
        """Return the current value."""
        return self.entity_description.value(self.coordinator)


class ReadyBinarySensor(ConductorPipelineEntity, BinarySensorEntity):
    """Whether all models of an assistant are loaded."""

    @property
    @override
    def is_on(self) -> bool:
        """Return the current value."""
        pipeline = self.pipeline
        snapshot = self.coordinator.data
        required = required_models(snapshot, pipeline) if pipeline else []
        return bool(required) and all(snapshot.status.models[model].is_loaded for model in required)
