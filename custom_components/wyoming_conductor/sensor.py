"""Sensors of the server, its models and managed assistants; see also `device_sensors`."""

import math
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.components.assist_satellite.entity import AssistSatelliteState
from homeassistant.components.sensor import (
    RestoreSensor,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfInformation, UnitOfTime
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.entity_registry import RegistryEntry
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util

from .api import Model, ModelState, ServerEvent
from .assist_pipeline import async_last_stt_pipeline, pipeline_subentries
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .device_sensors import DEVICE_SENSORS, DeviceSensor
from .entity import (
    ConductorEntity,
    ConductorModelDeviceEntity,
    ConductorModelEntity,
    ConductorPipelineEntity,
    async_add_dynamic_entities,
    get_compute_devices,
    get_model_devices,
    get_models,
)
from .satellites import get_satellites
from .snapshot import Snapshot, state_details

PARALLEL_UPDATES = 0

type SensorValue = str | int | float | datetime | None

RECENT_RESPONSES = 100
"""Number of responses of an assistant from which percentiles are computed."""

MAX_RESPONSE_SECONDS = 60.0
"""A synthesis that ends later is not the answer to the last utterance."""


@dataclass(frozen=True, kw_only=True)
class ServerSensorDescription(SensorEntityDescription):
    """Description of a sensor of the server."""

    value: Callable[[Snapshot], SensorValue]


@dataclass(frozen=True, kw_only=True)
class ResponseTimeSensorDescription(SensorEntityDescription):
    """Description of a sensor of response times."""

    percentile: float | None = None
    """0 to 1, of the recent responses; None for the last response."""


SERVER_SENSORS: tuple[ServerSensorDescription, ...] = (
    ServerSensorDescription(
        key="models_loaded",
        translation_key="models_loaded",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda snapshot: snapshot.models_loaded,
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


STATE = SensorEntityDescription(
    key="state",
    translation_key="state",
    device_class=SensorDeviceClass.ENUM,
    options=[state.value for state in ModelState],
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
)

MEMORY = SensorEntityDescription(
    key="memory",
    translation_key="memory",
    device_class=SensorDeviceClass.DATA_SIZE,
    state_class=SensorStateClass.MEASUREMENT,
    native_unit_of_measurement=UnitOfInformation.BYTES,
    suggested_unit_of_measurement=UnitOfInformation.MEBIBYTES,
    suggested_display_precision=0,
    entity_category=EntityCategory.DIAGNOSTIC,
)

LAST_HEARD = SensorEntityDescription(
    key="last_heard", translation_key="last_heard", device_class=SensorDeviceClass.TIMESTAMP
)


def _response_sensor(
    key: str, percentile: float | None, *, enabled: bool = False
) -> ResponseTimeSensorDescription:
    return ResponseTimeSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_display_precision=2,
        entity_category=None if enabled else EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=enabled,
        percentile=percentile,
    )


RESPONSE_TIMES: tuple[ResponseTimeSensorDescription, ...] = (
    _response_sensor("response_time", None, enabled=True),
    _response_sensor("response_time_p50", 0.5),
    _response_sensor("response_time_p95", 0.95),
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
        lambda model: [StateSensor(coordinator, STATE, model)],
    )
    async_add_dynamic_entities(
        coordinator,
        async_add_entities,
        get_model_devices,
        lambda model: [MemorySensor(coordinator, MEMORY, model)],
    )
    async_add_dynamic_entities(
        coordinator,
        async_add_entities,
        get_satellites,
        lambda satellite: [LastHeardSensor(coordinator, LAST_HEARD, satellite)],
    )
    for subentry in pipeline_subentries(entry):
        async_add_entities(
            (
                ResponseTimeSensor(coordinator, description, subentry)
                for description in RESPONSE_TIMES
            ),
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


class StateSensor(ConductorModelEntity, SensorEntity):
    """State of a model, with the reason why it is not loaded."""

    _unrecorded_attributes = frozenset({"free_bytes", "held_by", "percent", "retry_at"})

    @property
    @override
    def native_value(self) -> str:
        """Return the current value."""
        return self.model.state.value

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return the details of the current value."""
        return state_details(self.model)


class MemorySensor(ConductorModelDeviceEntity, SensorEntity):
    """Memory that the loaded models of a device use; disabled for wake words, which need little."""

    def __init__(
        self, coordinator: ConductorCoordinator, description: SensorEntityDescription, model: Model
    ) -> None:
        """Belong to the device of `model`."""
        super().__init__(coordinator, description, model)
        self._attr_entity_registry_enabled_default = model.kind != "wake"

    @property
    @override
    def native_value(self) -> int:
        """Return the current value."""
        return sum(model.loaded_bytes for model in self.models)


class ResponseTimeSensor(ConductorPipelineEntity, SensorEntity):
    """Time from the end of an utterance to the first audio of the assistant's answer."""

    entity_description: ResponseTimeSensorDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for the server's events."""
        await super().async_added_to_hass()
        timer = ResponseTimer()
        recent: deque[float] = deque(maxlen=RECENT_RESPONSES)

        @callback
        def handle_event(event: ServerEvent) -> None:
            seconds = timer.handle_event(event, dt_util.utcnow().timestamp())
            if seconds is None or async_last_stt_pipeline(self.hass) != self.pipeline_id:
                return
            recent.append(seconds)
            share = self.entity_description.percentile
            value = seconds if share is None else percentile(recent, share)
            self._attr_native_value = round(value, 3)
            self.async_write_ha_state()

        self.async_on_remove(self.coordinator.async_add_event_listener(handle_event))


class LastHeardSensor(ConductorEntity, RestoreSensor):
    """Time at which a satellite last heard a command; on the satellite's own device."""

    def __init__(
        self,
        coordinator: ConductorCoordinator,
        description: SensorEntityDescription,
        satellite: RegistryEntry,
    ) -> None:
        """Follow `satellite`."""
        super().__init__(coordinator, description)
        self._satellite = satellite.entity_id
        self._attr_unique_id = f"{self.uuid}_{satellite.id}_{description.key}"
        self._attr_device_info = None
        self.device_entry = dr.async_get(coordinator.hass).async_get(satellite.device_id or "")

    @property
    @override
    def available(self) -> bool:
        """Return True: the time does not depend on the connection to the server."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        """Restore the time and follow the satellite's state."""
        await super().async_added_to_hass()
        if (data := await self.async_get_last_sensor_data()) is not None:
            self._attr_native_value = data.native_value

        @callback
        def handle_change(event: Event[EventStateChangedData]) -> None:
            old, new = event.data["old_state"], event.data["new_state"]
            if old is None or new is None:
                return
            states = (AssistSatelliteState.LISTENING, AssistSatelliteState.PROCESSING)
            if (old.state, new.state) == states:
                self._attr_native_value = event.time_fired
                self.async_write_ha_state()

        self.async_on_remove(
            async_track_state_change_event(self.hass, self._satellite, handle_change)
        )


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


def percentile(values: Collection[float], share: float) -> float:
    """Return a percentile by the nearest-rank method; `share` is 0 to 1."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
