"""What happens on the server, as events on Home Assistant's bus: device triggers listen to them."""

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .api import ServerEvent
from .const import ATTR_ACTIVITY, ATTR_MODEL, ATTR_MODEL_DEVICE_ID, EVENT_ACTIVITY
from .coordinator import ConductorConfigEntry
from .entity import model_identifier, server_identifier
from .snapshot import activity_of

DETAILS = ("reason", "code", "message", "for_model", "seconds", "device", "to_device", "kind")
"""Fields of the server's events that an automation can use."""


def details(event: ServerEvent) -> dict[str, str | float]:
    """Return what an automation may want to know about an event."""
    found = {key: event.data[key] for key in (ATTR_MODEL, *DETAILS) if event.data.get(key)}
    return {key: value for key, value in found.items() if isinstance(value, str | int | float)}


@callback
def async_watch(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Fire an event for each activity, until the entry is unloaded."""
    registry = dr.async_get(hass)
    uuid = entry.runtime_data.data.info.uuid

    def device_id(identifier: tuple[str, str]) -> str | None:
        device = registry.async_get_device_by_identifier(identifier, entry.entry_id)
        return device.id if device else None

    @callback
    def fire(event: ServerEvent) -> None:
        if (kind := activity_of(event)) is None:
            return
        data: dict[str, str | float | None] = {
            **details(event),
            ATTR_ACTIVITY: kind,
            ATTR_DEVICE_ID: device_id(server_identifier(uuid)),
        }
        if model := event.data.get("model"):
            data[ATTR_MODEL_DEVICE_ID] = device_id(model_identifier(uuid, str(model)))
        hass.bus.async_fire(EVENT_ACTIVITY, data)

    entry.async_on_unload(entry.runtime_data.async_listen_events(fire))
