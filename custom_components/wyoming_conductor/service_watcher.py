"""Keeps the entries of the `wyoming` integration true to a server whose settings change.

That integration asks speech-to-text for its languages and its turn detection once, when its entry
is set up, and never changes a port.
"""

import asyncio

from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import ConductorCoordinator
from .helpers import ASR_MODEL
from .snapshot import Snapshot
from .wyoming import async_reload_service, async_update_addresses


class ServiceWatcher:
    """Updates the addresses and reloads speech-to-text after a change."""

    def __init__(self, hass: HomeAssistant, coordinator: ConductorCoordinator) -> None:
        """Start from the current snapshot, which the entries have been set up with."""
        self._hass = hass
        self._coordinator = coordinator
        self._ports = dict(coordinator.data.info.ports)
        self._speech_to_text = _speech_to_text(coordinator.data)
        self._update: asyncio.Task[None] | None = None

    @callback
    def async_start(self) -> None:
        """Follow the snapshot until the config entry is unloaded."""
        entry = self._coordinator.config_entry
        entry.async_on_unload(self._coordinator.async_add_listener(self._handle_update))

    async def async_settle(self) -> None:
        """Wait until the entries have what the snapshot says."""
        if self._update is not None:
            await asyncio.wait([self._update])

    @callback
    def _handle_update(self) -> None:
        snapshot = self._coordinator.data
        ports, speech_to_text = dict(snapshot.info.ports), _speech_to_text(snapshot)
        if (ports, speech_to_text) == (self._ports, self._speech_to_text):
            return
        is_reload_needed = speech_to_text != self._speech_to_text
        self._ports, self._speech_to_text = ports, speech_to_text
        # Not a task of the config entry: if that is reloaded meanwhile, the other entries must not
        # be left half set up.
        self._update = self._hass.async_create_task(
            self._async_update(self._update, reload=is_reload_needed),
            name=f"{DOMAIN} services of {self._coordinator.name}",
        )

    async def _async_update(self, previous: asyncio.Task[None] | None, *, reload: bool) -> None:
        if previous is not None:
            await asyncio.wait([previous])
        info = self._coordinator.data.info
        host = self._coordinator.config_entry.data[CONF_HOST]
        await async_update_addresses(self._hass, info.uuid, host, info.ports)
        if reload:
            await async_reload_service(self._hass, info.uuid, "asr")


def _speech_to_text(snapshot: Snapshot) -> tuple[object, ...]:
    """Return all that the `wyoming` integration remembers of speech-to-text."""
    default = snapshot.get_config(*ASR_MODEL) or snapshot.status.default_asr
    model = snapshot.status.models.get(default)
    return (default, model and model.languages, snapshot.get_config("asr", "turn_detection"))
