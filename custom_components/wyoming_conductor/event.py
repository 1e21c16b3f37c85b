"""Activities of the server, such as a loaded model or a failed request, as one event entity."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import ServerEvent
from .const import ACTIVITIES, ATTR_MODEL
from .data import ConductorConfigEntry
from .entity import ConductorEntity

PARALLEL_UPDATES = 0

ACTIVITY = EventEntityDescription(
    key="activity", translation_key="activity", event_types=list(ACTIVITIES)
)

CANCELLED = "CANCELLED"
"""Error code of a request that its client cancelled; not a failure."""

DETAIL_FIELDS = ("reason", "code", "message", "for_model", "seconds", "device", "to_device", "kind")
"""Fields of a server event that are passed on to automations."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the event entity."""
    async_add_entities([ActivityEvent(entry.runtime_data.coordinator, ACTIVITY)])


class ActivityEvent(ConductorEntity, EventEntity):
    """Most recent activity of the server."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for the server's events."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_add_event_listener(self._handle_event))

    @callback
    def _handle_event(self, event: ServerEvent) -> None:
        if (activity := activity_type(event)) is not None:
            self._trigger_event(activity, activity_details(event))
            self.async_write_ha_state()


def activity_type(event: ServerEvent) -> str | None:
    """Return the type of activity of a server event; None if it is not an activity."""
    code = event.data.get("code")
    match event.type:
        case "model_ready":
            return "model_loaded"
        case "model_unloaded" | "model_evicted" as name:
            return name
        case "model_failed":
            return "out_of_memory" if code == "OOM" else "load_failed"
        case "model_fell_back":
            return "fell_back"
        case "request_finished" if code in ("OOM", "MODEL_TOO_LARGE"):
            return "out_of_memory"
        case "request_finished" if code and code != CANCELLED:
            return "request_failed"
        case _:
            return None


def activity_details(event: ServerEvent) -> dict[str, str | float]:
    """Return the fields of a server event that are passed on to automations."""
    details = {key: event.data[key] for key in (ATTR_MODEL, *DETAIL_FIELDS) if event.data.get(key)}
    return {key: value for key, value in details.items() if isinstance(value, str | int | float)}
