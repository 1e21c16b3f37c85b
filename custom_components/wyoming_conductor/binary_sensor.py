"""Binary sensors: is the server there, is it well, is a model loaded, can an assistant answer."""

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

from . import assist
from .coordinator import ConductorConfigEntry, ConductorCoordinator
from .entity import (
    ConductorEntity,
    ConductorModelEntity,
    ConductorPipelineEntity,
    async_add_as_they_come,
    models,
    pipelines,
)

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class ServerBinarySensorDescription(BinarySensorEntityDescription):
    """A binary sensor of the server."""

    value: Callable[[ConductorCoordinator], bool]
    always_available: bool = False


SERVER: tuple[ServerBinarySensorDescription, ...] = (
    ServerBinarySensorDescription(
        key="connected",
        translation_key="connected",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
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

LOADED = BinarySensorEntityDescription(
    key="loaded", translation_key="loaded", device_class=BinarySensorDeviceClass.RUNNING
)

READY = BinarySensorEntityDescription(key="ready", translation_key="ready")


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors."""
    coordinator = entry.runtime_data
    async_add_entities(ServerBinarySensor(coordinator, description) for description in SERVER)
    async_add_as_they_come(
        entry, async_add_entities, models, lambda model: [Loaded(coordinator, LOADED, model)]
    )
    for subentry in pipelines(entry):
        async_add_entities(
            [Ready(coordinator, READY, subentry)], config_subentry_id=subentry.subentry_id
        )


class ServerBinarySensor(ConductorEntity, BinarySensorEntity):
    """A binary sensor of the server."""

    entity_description: ServerBinarySensorDescription

    @property
    @override
    def available(self) -> bool:
        """Return whether it can be told."""
        return self.entity_description.always_available or super().available

    @property
    @override
    def is_on(self) -> bool:
        """Return the value."""
        return self.entity_description.value(self.coordinator)


class Loaded(ConductorModelEntity, BinarySensorEntity):
    """Whether a model holds memory and answers at once."""

    @property
    @override
    def is_on(self) -> bool:
        """Return the value."""
        return self.model.is_loaded


class Ready(ConductorPipelineEntity, BinarySensorEntity):
    """Whether an assistant answers at once: all its models are loaded."""

    @property
    @override
    def is_on(self) -> bool:
        """Return the value."""
        pipeline = self.pipeline
        snapshot = self.coordinator.data
        needed = assist.models_of(snapshot, pipeline) if pipeline else []
        return bool(needed) and all(snapshot.status.models[model].is_loaded for model in needed)
