"""Sensors of the server's CPU and GPUs: memory, utilization, temperature and power."""

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
from .entity import ConductorComputeDeviceEntity

type SensorValue = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class DeviceSensorDescription(SensorEntityDescription):
    """Description of a sensor of the CPU or a GPU."""

    value: Callable[[Device], SensorValue]
    exists: Callable[[Device], bool] = lambda _: True


def _memory_sensor(
    key: str, value: Callable[[Device], SensorValue], *, enabled: bool = True
) -> DeviceSensorDescription:
    return DeviceSensorDescription(
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


DEVICE_SENSORS: tuple[DeviceSensorDescription, ...] = (
    _memory_sensor("memory_models", lambda device: device.committed_bytes),
    _memory_sensor("memory_free", lambda device: device.free_bytes, enabled=False),
    _memory_sensor("memory_total", lambda device: device.total_bytes, enabled=False),
    DeviceSensorDescription(
        key="memory_pressure",
        translation_key="memory_pressure",
        device_class=SensorDeviceClass.ENUM,
        options=["normal", "warning", "critical"],
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda device: device.pressure,
    ),
    DeviceSensorDescription(
        key="utilization",
        translation_key="utilization",
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        exists=lambda device: device.is_gpu,
        value=lambda device: (
            None if device.utilization is None else round(device.utilization * 100)
        ),
    ),
    DeviceSensorDescription(
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
    DeviceSensorDescription(
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


class DeviceSensor(ConductorComputeDeviceEntity, SensorEntity):
    """Sensor of the CPU or a GPU."""

    entity_description: DeviceSensorDescription

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the current value."""
        return self.entity_description.value(self.compute_device)
