"""Sensors of the server, of each compute device and of each model."""

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
from homeassistant.const import (
    PERCENTAGE,
    EntityCategory,
    UnitOfInformation,
    UnitOfPower,
    UnitOfTemperature,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import Device, Model, ModelState
from .coordinator import ConductorConfigEntry
from .entity import (
    ConductorEntity,
    ConductorGaugeEntity,
    ConductorModelEntity,
    async_add_as_they_come,
    devices,
    models,
)
from .snapshot import Snapshot, Tally

PARALLEL_UPDATES = 0

type Value = str | int | float | datetime | None


@dataclass(frozen=True, kw_only=True)
class ServerSensorDescription(SensorEntityDescription):
    """A sensor of the server."""

    value: Callable[[Snapshot], Value]


@dataclass(frozen=True, kw_only=True)
class GaugeDescription(SensorEntityDescription):
    """A sensor of a compute device."""

    value: Callable[[Device], Value]
    exists: Callable[[Device], bool] = lambda _: True


@dataclass(frozen=True, kw_only=True)
class ModelSensorDescription(SensorEntityDescription):
    """A sensor of a model."""

    value: Callable[[Model, Tally], Value]


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
        value=lambda snapshot: snapshot.total.requests,
    ),
    ServerSensorDescription(
        key="errors",
        translation_key="errors",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda snapshot: snapshot.total.errors,
    ),
    ServerSensorDescription(
        key="evictions",
        translation_key="evictions",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda snapshot: snapshot.evictions,
    ),
)


def _memory(
    key: str, value: Callable[[Device], Value], *, enabled: bool = True
) -> GaugeDescription:
    return GaugeDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.DATA_SIZE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.GIBIBYTES,
        suggested_display_precision=2,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=enabled,
        value=value,
    )


GAUGES: tuple[GaugeDescription, ...] = (
    _memory("memory_models", lambda device: device.committed_bytes),
    _memory("memory_free", lambda device: device.free_bytes),
    _memory("memory_total", lambda device: device.total_bytes, enabled=False),
    GaugeDescription(
        key="memory_pressure",
        translation_key="memory_pressure",
        device_class=SensorDeviceClass.ENUM,
        options=["normal", "warning", "critical"],
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda device: device.pressure,
    ),
    GaugeDescription(
        key="utilisation",
        translation_key="utilisation",
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        exists=lambda device: device.is_gpu,
        value=lambda device: (
            None if device.utilisation is None else round(device.utilisation * 100)
        ),
    ),
    GaugeDescription(
        key="temperature",
        translation_key="temperature",
        device_class=SensorDeviceClass.TEMPERATURE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTemperature.CELSIUS,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        exists=lambda device: device.is_gpu,
        value=lambda device: device.temperature,
    ),
    GaugeDescription(
        key="power",
        translation_key="power",
        device_class=SensorDeviceClass.POWER,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPower.WATT,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        exists=lambda device: device.is_gpu,
        value=lambda device: device.power,
    ),
)

MODEL: tuple[ModelSensorDescription, ...] = (
    ModelSensorDescription(
        key="state",
        translation_key="state",
        device_class=SensorDeviceClass.ENUM,
        options=[state.value for state in ModelState],
        value=lambda model, _: model.state.value,
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
        value=lambda model, _: model.memory_bytes if model.is_loaded else 0,
    ),
    ModelSensorDescription(
        key="last_used",
        translation_key="last_used",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda model, _: model.last_used,
    ),
    ModelSensorDescription(
        key="compute_device",
        translation_key="compute_device",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda model, _: f"{model.device} {model.compute_type}".strip(),
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
        value=lambda model, _: model.load_seconds,
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
        value=lambda _, tally: tally.last_seconds,
    ),
    ModelSensorDescription(
        key="requests",
        translation_key="requests",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda _, tally: tally.requests,
    ),
    ModelSensorDescription(
        key="errors",
        translation_key="errors",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda _, tally: tally.errors,
    ),
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


class ServerSensor(ConductorEntity, SensorEntity):
    """A sensor of the server."""

    entity_description: ServerSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        """Return the value."""
        return self.entity_description.value(self.coordinator.data)


class Gauge(ConductorGaugeEntity, SensorEntity):
    """A sensor of a compute device."""

    entity_description: GaugeDescription

    @property
    @override
    def native_value(self) -> Value:
        """Return the value."""
        return self.entity_description.value(self.compute)


class ModelSensor(ConductorModelEntity, SensorEntity):
    """A sensor of a model."""

    entity_description: ModelSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        """Return the value."""
        tally = self.coordinator.data.tally(self.model_id)
        return self.entity_description.value(self.model, tally)
