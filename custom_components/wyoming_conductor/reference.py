"""Tells the server what this home needs, and takes that back when the integration is removed.

The server keeps the models, voices and wake words of the reference when its cache is cleared, and
does not announce its Wyoming services while the reference holds.
"""

from datetime import datetime, timedelta
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.event import async_track_time_interval

from . import assist_pipeline, assistants
from .api import ConductorError, Feature
from .const import CONF_ADD_TO_ASSIST, LOGGER
from .coordinator import ConductorCoordinator
from .helpers import create_client

RENEW_INTERVAL: Final = timedelta(hours=12)
VALID_FOR: Final = timedelta(days=14)
"""A Home Assistant that is switched off for longer is taken for gone."""

PUSH_COOLDOWN: Final = 2.0
"""Seconds; several assistants may change at once."""


@callback
def async_keep_reference(hass: HomeAssistant, coordinator: ConductorCoordinator) -> None:
    """Keep the server's reference of this home current until the config entry is unloaded."""
    entry = coordinator.config_entry
    pushed: dict[str, list[str]] | None = None

    async def push(now: datetime | None = None) -> None:
        nonlocal pushed
        snapshot = coordinator.data
        if Feature.REFERENCES not in snapshot.info.features:
            return
        content = assistants.async_needs(hass, entry, snapshot)
        if content == pushed and now is None:
            return
        try:
            await coordinator.client.set_reference(
                owner_of(entry),
                models=content["models"],
                voices=content["voices"],
                wake_words=content["wake_words"],
                announce_wyoming=bool(entry.options.get(CONF_ADD_TO_ASSIST)),
                expires_in=VALID_FOR.total_seconds(),
            )
        except ConductorError as err:
            # Tried again at the next change, and when it is to be renewed.
            LOGGER.debug("Could not declare what is needed: %s", err)
            return
        pushed = content

    debouncer = Debouncer(
        hass, LOGGER, cooldown=PUSH_COOLDOWN, immediate=False, function=push, background=True
    )

    @callback
    def schedule_push() -> None:
        debouncer.async_schedule_call()

    entry.async_on_unload(coordinator.async_add_listener(schedule_push))
    entry.async_on_unload(assist_pipeline.async_add_listener(hass, schedule_push))
    entry.async_on_unload(async_track_time_interval(hass, push, RENEW_INTERVAL))
    entry.async_on_unload(debouncer.async_shutdown)
    schedule_push()


async def async_leave_server(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Remove what this home has left on the server, as far as the server answers."""
    client = create_client(hass, entry.data)
    try:
        features = (await client.info()).features
        if Feature.VOCABULARY in features:
            await client.delete_vocabulary()
        if Feature.REFERENCES in features:
            await client.delete_reference(owner_of(entry))
        await client.unpair()
    except ConductorError as err:
        LOGGER.debug("Could not leave %s: %s", client.url, err)


def owner_of(entry: ConfigEntry) -> str:
    """Return the name of this home on the server."""
    return f"home-assistant.{entry.entry_id}"
