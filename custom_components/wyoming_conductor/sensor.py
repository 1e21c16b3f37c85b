"""Sensors of the server, its models and managed assistants; see also `device_sensors`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

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

from .api import Model, ModelState, ServerEvent
from .assist_pipeline import async_last_stt_pipeline, pipeline_subentries
from .data import ConductorConfigEntry
from .device_sensors import DEVICE_SENSORS, DeviceSensor
from .entity import (
    ConductorEntity,
    ConductorModelEntity,
    ConductorPipelineEntity,
    async_add_dynamic_entities,
    get_compute_devices,
    get_models,
)
from .snapshot import Snapshot

PARALLEL_UPDATES = 0

type SensorValue = str | int | float | datetime | None

MAX_RESPONSE_SECONDS = 60.0
"""A synthesis that ends later is not the answer to the last utterance."""


@dataclass(frozen=True, kw_only=True)
class ServerSensorDescription(SensorEntityDescription):
    """Description of a sensor of the server."""

    value: Callable[[Snapshot], SensorValue]


@dataclass(frozen=True, kw_only=True)
class ModelSensorDescription(SensorEntityDescription):
    """Description of a sensor of a model."""

    value: Callable[[Model], SensorValue]
    attributes: Callable[[Model], dict[str, Any]] | None = None


def _state_attributes(model: Model) -> dict[str, Any]:
    """Return why a model is not loaded, as far as the server tells it."""
    attributes: dict[str, Any] = {}
    is_short = model.state in (ModelState.WAITING_FOR_MEMORY, ModelState.UNFIT)
    if is_short and (shortage := model.shortage) is not None:
        attributes |= {
            "needed_bytes": shortage.needed_bytes,
            "free_bytes": shortage.free_bytes,
            "budget_bytes": shortage.budget_bytes,
            "held_by": list(shortage.held_by) or None,
        }
    if model.state is ModelState.DOWNLOADING and model.progress is not None:
        attributes["percent"] = None if model.progress.percent < 0 else model.progress.percent
    if model.state is ModelState.FAILED and model.error is not None:
        attributes |= {"cause": model.error.message, "retry_at": model.error.retry_at}
    return {name: value for name, value in attributes.items() if value is not None}


SERVER_SENSORS: tuple[ServerSensorDescription, ...] = (
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


MODEL_SENSORS: tuple[ModelSensorDescription, ...] = (
    ModelSensorDescription(
        key="state",
        translation_key="state",
        device_class=SensorDeviceClass.ENUM,
        options=[state.value for state in ModelState],
        value=lambda model: model.state.value,
        attributes=_state_attributes,
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
        value=lambda model: model.loaded_bytes,
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
    """Set up the sensors."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities(ServerSensor(coordinator, description) for description in SERVER_SENSORS)
    async_add_dynamic_entities(
        coordinator,
        async_add_entities,
        get_compute_devices,
        lambda device: (
            DeviceSensor(coordinator, description, device)
            for description in DEVICE_SENSORS
            if description.exists(device)
        ),
    )
    async_add_dynamic_entities(
        coordinator,
        async_add_entities,
        get_models,
        lambda model: (
            ModelSensor(coordinator, description, model) for description in MODEL_SENSORS
        ),
    )
    for subentry in pipeline_subentries(entry):
        async_add_entities(
            [ResponseTimeSensor(coordinator, RESPONSE_TIME, subentry)],
            config_subentry_id=subentry.subentry_id,
        )


class ServerSensor(ConductorEntity, SensorEntity):
    """Sensor of the server."""

    entity_description: ServerSensorDescription

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the current value."""
        return self.entity_description.value(self.coordinator.data)


class ModelSensor(ConductorModelEntity, SensorEntity):
    """Sensor of a model."""

    entity_description: ModelSensorDescription
    _unrecorded_attributes = frozenset({"free_bytes", "held_by", "percent", "retry_at"})

    @property
    @override
    def native_value(self) -> SensorValue:
        """Return the current value."""
        return self.entity_description.value(self.model)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return the details of the current value."""
        attributes = self.entity_description.attributes
        return attributes and attributes(self.model)


class ResponseTimeSensor(ConductorPipelineEntity, SensorEntity):
    """Time from the end of an utterance to the first audio of the assistant's answer."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for the server's events."""
        await super().async_added_to_hass()
        timer = ResponseTimer()

        @callback
        def handle_event(event: ServerEvent) -> None:
            seconds = timer.handle_event(event, dt_util.utcnow().timestamp())
            if seconds is None or async_last_stt_pipeline(self.hass) != self.pipeline_id:
                return
            self._attr_native_value = round(seconds, 3)
            self.async_write_ha_state()

        self.async_on_remove(self.coordinator.async_add_event_listener(handle_event))


class ResponseTimer:
    """Pairs the end of an utterance with the synthesis that follows it.

    All times are those of Home Assistant's clock when the events arrive, because the clocks of two
    machines differ.
    """

    def __init__(self) -> None:
        """Wait for an utterance."""
        self._utterance_end: float | None = None

    def handle_event(self, event: ServerEvent, now: float) -> float | None:
        """Return the response time in seconds if the event completes one, otherwise None."""
        seconds, stages = event.data.get("seconds"), event.data.get("stages")
        if event.type != "request_finished" or event.data.get("code"):
            return None
        if not isinstance(seconds, int | float):
            return None
        if event.data.get("kind") == "asr":
            self._utterance_end = now - seconds
            return None
        first_audio = stages.get("first_audio") if isinstance(stages, dict) else None
        if event.data.get("kind") != "tts" or self._utterance_end is None or first_audio is None:
            return None
        utterance_end, self._utterance_end = self._utterance_end, None
        response = float(now - seconds + first_audio - utterance_end)
        return response if 0 < response < MAX_RESPONSE_SECONDS else None
