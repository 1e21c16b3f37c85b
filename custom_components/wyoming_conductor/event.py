"""Event entity with the activities of a server."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .activity import activity_details, activity_type
from .api import ServerEvent
from .const import ACTIVITIES
from .data import ConductorConfigEntry
from .entity import ConductorEntity

PARALLEL_UPDATES = 0

ACTIVITY = EventEntityDescription(
    key="activity", translation_key="activity", event_types=list(ACTIVITIES)
)


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
