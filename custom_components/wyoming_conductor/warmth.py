"""Models that stay warm, loaded for ever and never evicted, so that an assistant answers at once.

Which assistants are kept warm is written in their subentries. What that means for the models
follows: another voice, another wake word, another model that hears, an assistant that is deleted.
"""

from collections.abc import Collection, Mapping

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from . import assist
from .const import CONF_KEEP_WARM, CONF_PIPELINE_ID, DOMAIN, LOGGER
from .coordinator import ConductorConfigEntry, ConductorCoordinator
from .entity import ask, pipelines
from .settings import write

FOR_EVER = -1
"""Seconds that a model stays after its last use."""


async def keep(coordinator: ConductorCoordinator, models: Collection[str]) -> None:
    """Keep models from now on, and load them. Raises HomeAssistantError."""
    if models:
        settings = {"keep_alive": FOR_EVER, "pinned": True}
        await write(coordinator, ("models",), dict.fromkeys(models, settings))
        for model in models:
            await ask(coordinator, coordinator.client.load(model))


async def release(coordinator: ConductorCoordinator, models: Collection[str]) -> None:
    """Let models go when they are idle, as the server's file says. Raises HomeAssistantError."""
    if models:
        settings = {"keep_alive": None, "pinned": None}
        await write(coordinator, ("models",), dict.fromkeys(models, settings))


class Warmth:
    """What one server keeps warm for its assistants."""

    def __init__(self, hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
        """Take what the server keeps already; `async_watch` sees to the rest."""
        self._hass = hass
        self._entry = entry
        models = entry.runtime_data.data.status.models
        self._kept = frozenset(name for name in self._wanted() if models[name].is_kept)

    @callback
    def async_watch(self) -> None:
        """Follow every change, until the entry is unloaded."""
        coordinator = self._entry.runtime_data

        @callback
        def look() -> None:
            if coordinator.last_update_success and self._wanted() != self._kept:
                self._entry.async_create_background_task(
                    self._hass, self.async_settle(), name=f"{DOMAIN} warmth of {coordinator.name}"
                )

        look()
        self._entry.async_on_unload(coordinator.async_add_listener(look))
        self._entry.async_on_unload(assist.async_listen(self._hass, look))

    async def async_set(self, subentry_id: str, is_on: bool) -> None:
        """Keep an assistant warm, or no longer. Raises HomeAssistantError and changes nothing."""
        await self._change(self._wanted({subentry_id: is_on}))
        subentry = self._entry.subentries[subentry_id]
        self._hass.config_entries.async_update_subentry(
            self._entry, subentry, data={**subentry.data, CONF_KEEP_WARM: is_on}
        )

    async def async_settle(self) -> None:
        """Bring the server up to what is wanted; a failure is tried again at the next change."""
        try:
            await self._change(self._wanted())
        except HomeAssistantError as err:
            LOGGER.info("What is to stay warm could not be told: %s", err)

    async def _change(self, after: frozenset[str]) -> None:
        coordinator, before = self._entry.runtime_data, self._kept
        # Whoever looks while the server is being told sees that it is taken care of.
        self._kept = after
        try:
            present = coordinator.data.status.models
            await release(coordinator, sorted((before - after) & present.keys()))
            new = [model for model in after - before if not present[model].is_kept]
            await keep(coordinator, sorted(new))
        except HomeAssistantError:
            self._kept = before
            raise

    def _wanted(self, wishes: Mapping[str, bool] | None = None) -> frozenset[str]:
        """Return the models to keep, if these subentries were to be as wished."""
        snapshot = self._entry.runtime_data.data
        if snapshot.config is None:
            return frozenset()
        wishes = wishes or {}
        found = [
            assist.async_get(self._hass, item.data[CONF_PIPELINE_ID])
            for item in pipelines(self._entry)
            if wishes.get(item.subentry_id, item.data.get(CONF_KEEP_WARM))
        ]
        return frozenset(
            model for one in found if one is not None for model in assist.models_of(snapshot, one)
        )
