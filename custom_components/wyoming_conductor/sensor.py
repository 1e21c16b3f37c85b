"""Sensors of the server, of each model and of each voice assistant; `gauges` has the devices'."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfInformation, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from . import assist
from .api import Model, ModelState, ServerEvent
from .coordinator import ConductorConfigEntry
from .entity import (
    ConductorEntity,
    ConductorModelEntity,
    ConductorPipelineEntity,
    async_add_as_they_come,
    devices,
    models,
    pipelines,
)
from .gauges import GAUGES, Gauge
from .response import Stopwatch
from .snapshot import Snapshot

PARALLEL_UPDATES = 0

type Value = str | int | float | datetime | None


@dataclass(frozen=True, kw_only=True)
class ServerSensorDescription(SensorEntityDescription):
    """A sensor of the server."""

    value: Callable[[Snapshot], Value]


@dataclass(frozen=True, kw_only=True)
class ModelSensorDescription(SensorEntityDescription):
    """A sensor of a model."""

    value: Callable[[Model], Value]


SERVER: tuple[ServerSensorDescription, ...] = (
    ServerSensorDescription(
        key="models_loaded",
        translation_key="models_loaded",
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda snapshot: snapshot.models_loaded,
    ),
    ServerSensorDescription(
        key="active_requests",
        translation_key="active_requests",
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda snapshot: snapshot.active_requests,
    ),
    ServerSensorDescription(
        key="queue_depth",
        translation_key="queue_depth",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda snapshot: snapshot.status.queue_depth,
    ),
    ServerSensorDescription(
        key="requests",
        translation_key="requests",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda snapshot: snapshot.requests,
    ),
    ServerSensorDescription(
        key="errors",
        translation_key="errors",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda snapshot: snapshot.errors,
    ),
    ServerSensorDescription(
        key="evictions",
        translation_key="evictions",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda snapshot: snapshot.evictions,
    ),
    ServerSensorDescription(
        key="disk_free",
        translation_key="disk_free",
        device_class=SensorDeviceClass.DATA_SIZE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.GIBIBYTES,
        suggested_display_precision=1,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda snapshot: snapshot.disk_free,
    ),
)


MODEL: tuple[ModelSensorDescription, ...] = (
    ModelSensorDescription(
        key="state",
        translation_key="state",
        device_class=SensorDeviceClass.ENUM,
        options=[state.value for state in ModelState],
        value=lambda model: model.state.value,
    ),
    ModelSensorDescription(
        key="memory",
        translation_key="memory",
        device_class=SensorDeviceClass.DATA_SIZE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.MEBIBYTES,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        # While it is not loaded, the server tells an estimate; what it holds is nothing.
        value=lambda model: model.memory_bytes if model.is_loaded else 0,
    ),
    ModelSensorDescription(
        key="last_used",
        translation_key="last_used",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda model: model.last_used,
    ),
    ModelSensorDescription(
        key="compute_device",
        translation_key="compute_device",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda model: f"{model.device} {model.compute_type}".strip(),
    ),
    ModelSensorDescription(
        key="load_time",
        translation_key="load_time",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=1,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda model: model.load_seconds,
    ),
    ModelSensorDescription(
        key="last_latency",
        translation_key="last_latency",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=2,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda model: model.last_seconds,
    ),
    ModelSensorDescription(
        key="real_time_factor",
        translation_key="real_time_factor",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda model: model.real_time_factor,
    ),
    ModelSensorDescription(
        key="requests",
        translation_key="requests",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda model: model.requests,
    ),
    ModelSensorDescription(
        key="errors",
        translation_key="errors",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda model: model.errors,
    ),
)

RESPONSE_TIME = SensorEntityDescription(
    key="response_time",
    translation_key="response_time",
    device_class=SensorDeviceClass.DURATION,
    state_class=SensorStateClass.MEASUREMENT,
    native_unit_of_measurement=UnitOfTime.SECONDS,
    suggested_display_precision=2,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors."""
    coordinator = entry.runtime_data
    async_add_entities(ServerSensor(coordinator, description) for description in SERVER)
    async_add_as_they_come(
        entry,
        async_add_entities,
        devices,
        lambda device: (
            Gauge(coordinator, description, device)
            for description in GAUGES
            if description.exists(device)
        ),
    )
    async_add_as_they_come(
        entry,
        async_add_entities,
        models,
        lambda model: (ModelSensor(coordinator, description, model) for description in MODEL),
    )
    for subentry in pipelines(entry):
        async_add_entities(
            [ResponseTime(coordinator, RESPONSE_TIME, subentry)],
            config_subentry_id=subentry.subentry_id,
        )


class ServerSensor(ConductorEntity, SensorEntity):
    """A sensor of the server."""

    entity_description: ServerSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        """Return the value."""
        return self.entity_description.value(self.coordinator.data)


class ModelSensor(ConductorModelEntity, SensorEntity):
    """A sensor of a model."""

    entity_description: ModelSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        """Return the value."""
        return self.entity_description.value(self.model)


class ResponseTime(ConductorPipelineEntity, SensorEntity):
    """How long an assistant's last answer was in coming."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the server."""
        await super().async_added_to_hass()
        stopwatch = Stopwatch()

        @callback
        def take(event: ServerEvent) -> None:
            seconds = stopwatch.take(event, dt_util.utcnow().timestamp())
            if seconds is None or assist.async_heard_last(self.hass) != self.pipeline_id:
                return
            self._attr_native_value = round(seconds, 3)
            self.async_write_ha_state()

        self.async_on_remove(self.coordinator.async_listen_events(take))
