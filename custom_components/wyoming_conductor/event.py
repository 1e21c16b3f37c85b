"""The server's activity as an event entity: the history of loads, evictions and failures."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .activity import details
from .api import ServerEvent
from .const import ACTIVITIES
from .coordinator import ConductorConfigEntry
from .entity import ConductorEntity
from .snapshot import activity_of

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
    async_add_entities([Activity(entry.runtime_data, ACTIVITY)])


class Activity(ConductorEntity, EventEntity):
    """What happened last."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the server."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_listen_events(self._take))

    @callback
    def _take(self, event: ServerEvent) -> None:
        if (kind := activity_of(event)) is not None:
            self._trigger_event(kind, details(event))
            self.async_write_ha_state()
