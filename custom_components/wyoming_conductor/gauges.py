"""Sensors of a compute device: how full the CPU's or a GPU's memory is, how hard a GPU works."""

from collections.abc import Callable
from dataclasses import dataclass
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
)

from .api import Device
from .entity import ConductorGaugeEntity

type Value = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class GaugeDescription(SensorEntityDescription):
    """A sensor of a compute device."""

    value: Callable[[Device], Value]
    exists: Callable[[Device], bool] = lambda _: True


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


class Gauge(ConductorGaugeEntity, SensorEntity):
    """A sensor of a compute device."""

    entity_description: GaugeDescription

    @property
    @override
    def native_value(self) -> Value:
        """Return the value."""
        return self.entity_description.value(self.compute)
