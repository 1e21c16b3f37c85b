"""Keeps the models of selected voice assistants loaded, so that they answer without delay.

The subentry of an assistant stores whether it is kept warm. KeepWarmManager pins the models that
the assistant currently needs, and follows changes of its voice, wake word or speech-to-text model
as well as its deletion.
"""

import asyncio
from collections.abc import Collection, Mapping

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from . import assist_pipeline
from .const import CONF_KEEP_WARM, CONF_PIPELINE_ID, DOMAIN, LOGGER
from .coordinator import ConductorCoordinator
from .engines import required_models
from .helpers import async_call_server, async_set_config

NEVER_UNLOAD = -1
"""Value of `keep_alive` for a model that is not unloaded when idle."""


async def async_pin_models(coordinator: ConductorCoordinator, models: Collection[str]) -> None:
    """Keep models loaded from now on, and load them. Raises HomeAssistantError."""
    await _async_keep(coordinator, models)
    await _async_load(coordinator, models)


async def async_unpin_models(coordinator: ConductorCoordinator, models: Collection[str]) -> None:
    """Reset models to the server's own unload policy. Raises HomeAssistantError."""
    if models:
        settings = {"keep_alive": None, "pinned": None}
        await async_set_config(coordinator, ("models",), dict.fromkeys(models, settings))


async def _async_keep(coordinator: ConductorCoordinator, models: Collection[str]) -> None:
    if models:
        settings = {"keep_alive": NEVER_UNLOAD, "pinned": True}
        await async_set_config(coordinator, ("models",), dict.fromkeys(models, settings))


async def _async_load(coordinator: ConductorCoordinator, models: Collection[str]) -> None:
    for model in models:
        await async_call_server(coordinator, coordinator.client.load_model(model))


class KeepWarmManager:
    """Pins the models of all assistants of one server that are kept warm.

    Changes run one after the other: the events of a change must not start another one that undoes
    it before the choice is stored.
    """

    def __init__(self, hass: HomeAssistant, coordinator: ConductorCoordinator) -> None:
        """Start from the models that the server has pinned already."""
        self._hass = hass
        self._coordinator = coordinator
        self._entry = coordinator.config_entry
        models = coordinator.data.status.models
        self._pinned = frozenset(name for name in self._wanted() if models[name].is_kept_loaded)
        """Models that the requests of this manager have pinned."""
        self._lock = asyncio.Lock()
        self._is_update_scheduled = False

    @callback
    def async_start(self) -> None:
        """Update the pinned models after each change until the config entry is unloaded."""

        async def update() -> None:
            # Waits for a change that is running, and then sees what it has stored.
            async with self._lock:
                self._is_update_scheduled = False
                await self._try_pin_wanted()

        @callback
        def handle_change() -> None:
            if self._is_update_scheduled or not self._coordinator.last_update_success:
                return
            if self._wanted() != self._pinned:
                self._is_update_scheduled = True
                self._entry.async_create_background_task(
                    self._hass, update(), name=f"{DOMAIN} keep warm of {self._coordinator.name}"
                )

        handle_change()
        self._entry.async_on_unload(self._coordinator.async_add_listener(handle_change))
        self._entry.async_on_unload(assist_pipeline.async_add_listener(self._hass, handle_change))

    async def async_set(self, subentry_id: str, keep_warm: bool) -> None:
        """Switch an assistant on or off. Raises HomeAssistantError and then changes nothing."""
        async with self._lock:
            await self._pin_only(self._wanted({subentry_id: keep_warm}))
            subentry = self._entry.subentries[subentry_id]
            self._hass.config_entries.async_update_subentry(
                self._entry, subentry, data={**subentry.data, CONF_KEEP_WARM: keep_warm}
            )

    async def async_update(self) -> None:
        """Pin the wanted models and no others; a failure is retried at the next change."""
        async with self._lock:
            await self._try_pin_wanted()

    async def _try_pin_wanted(self) -> None:
        pinned = self._pinned
        try:
            await self._pin_only(self._wanted())
        except HomeAssistantError as err:
            LOGGER.info("Could not update the models that are kept warm: %s", err)
            self._pinned &= pinned

    async def _pin_only(self, wanted: frozenset[str]) -> None:
        """Pin exactly the wanted models.

        What the snapshot says about pinned models is not relied on: it may be older than the last
        request of this manager.
        """
        existing = self._coordinator.data.status.models.keys()
        await async_unpin_models(self._coordinator, sorted((self._pinned - wanted) & existing))
        self._pinned &= wanted
        new = sorted(wanted - self._pinned)
        await _async_keep(self._coordinator, new)
        self._pinned = wanted
        await _async_load(self._coordinator, new)

    def _wanted(self, overrides: Mapping[str, bool] | None = None) -> frozenset[str]:
        """Return the models to keep loaded; `overrides` replaces the choice of some subentries."""
        snapshot = self._coordinator.data
        if snapshot.config is None:
            return frozenset()
        overrides = overrides or {}
        pipelines = [
            assist_pipeline.async_get(self._hass, subentry.data[CONF_PIPELINE_ID])
            for subentry in assist_pipeline.pipeline_subentries(self._entry)
            if overrides.get(subentry.subentry_id, subentry.data.get(CONF_KEEP_WARM))
        ]
        return frozenset(
            model
            for pipeline in pipelines
            if pipeline is not None
            for model in required_models(snapshot, pipeline)
        )
