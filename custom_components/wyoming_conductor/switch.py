"""Switches: loaded models, assistants that are kept warm, pausing the server, settings."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_STATE, EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import ModelState
from .assist_pipeline import pipeline_subentries
from .const import CONF_KEEP_WARM
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .entity import (
    ConductorEntity,
    ConductorModelEntity,
    ConductorPipelineEntity,
    ConductorSettingEntity,
    async_add_dynamic_entities,
    get_models,
)
from .helpers import ConfigPath, supports_config
from .keep_warm import KeepWarmManager, async_pin_models, async_unpin_models
from .snapshot import state_details

PARALLEL_UPDATES = 1

LOADING_STATES = frozenset({ModelState.READY, ModelState.LOADING, ModelState.WAITING_FOR_MEMORY})
"""States of a model that is loaded, or will be without another request."""


@dataclass(frozen=True, kw_only=True)
class SettingSwitchDescription(SwitchEntityDescription):
    """Description of a setting that is on or off."""

    path: ConfigPath


SETTING_SWITCHES: tuple[SettingSwitchDescription, ...] = (
    SettingSwitchDescription(
        key="turn_detection",
        translation_key="turn_detection",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        path=("asr", "turn_detection"),
    ),
)

LOADED = SwitchEntityDescription(
    key="loaded",
    translation_key="loaded",
    # Without a category, Home Assistant would let voice assistants switch it.
    entity_category=EntityCategory.CONFIG,
)

KEEP_LOADED = SwitchEntityDescription(
    key="keep_loaded",
    translation_key="keep_loaded",
    entity_category=EntityCategory.CONFIG,
    entity_registry_enabled_default=False,
)

KEEP_WARM = SwitchEntityDescription(
    key="keep_warm", translation_key="keep_warm", entity_category=EntityCategory.CONFIG
)

PAUSED = SwitchEntityDescription(
    key="paused", translation_key="paused", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the switches; those of settings only if the configuration can be changed."""
    coordinator = entry.runtime_data.coordinator
    if coordinator.data.status.accepting is not None:
        async_add_entities([PausedSwitch(coordinator, PAUSED)])
    async_add_dynamic_entities(
        coordinator,
        async_add_entities,
        get_models,
        lambda model: [LoadedSwitch(coordinator, LOADED, model)],
    )
    if not supports_config(coordinator):
        return
    async_add_entities(SettingSwitch(coordinator, description) for description in SETTING_SWITCHES)
    async_add_dynamic_entities(
        coordinator,
        async_add_entities,
        get_models,
        lambda model: [KeepLoadedSwitch(coordinator, KEEP_LOADED, model)],
    )
    for subentry in pipeline_subentries(entry):
        keep_warm = entry.runtime_data.keep_warm
        async_add_entities(
            [KeepWarmSwitch(coordinator, KEEP_WARM, subentry, keep_warm)],
            config_subentry_id=subentry.subentry_id,
        )


class SettingSwitch(ConductorSettingEntity, SwitchEntity):
    """Setting of the server that is on or off."""

    entity_description: SettingSwitchDescription

    @property
    @override
    def config_path(self) -> ConfigPath:
        """Path of the key."""
        return self.entity_description.path

    @property
    @override
    def is_on(self) -> bool:
        """Return the value in effect."""
        return bool(self.effective_value)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn the setting on."""
        await self.async_set_config(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn the setting off."""
        await self.async_set_config(False)


class LoadedSwitch(ConductorModelEntity, SwitchEntity):
    """Whether a model is loaded; on as soon as it is being loaded."""

    _unrecorded_attributes = frozenset({"free_bytes", "held_by", "percent", "retry_at"})

    @property
    @override
    def is_on(self) -> bool:
        """Return whether the model is loaded, or will be without another request."""
        return self.model.state in LOADING_STATES

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return the state, and why the model is not loaded."""
        return {ATTR_STATE: self.model.state.value, **state_details(self.model)}

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Start loading; the new state arrives as an event."""
        await self.async_call(self.coordinator.client.load_model(self.model_id))

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Unload when running requests have finished."""
        await self.async_call(self.coordinator.client.unload_model(self.model_id))


class KeepLoadedSwitch(ConductorModelEntity, SwitchEntity):
    """Whether a model stays loaded: it is neither unloaded when idle nor evicted."""

    @property
    @override
    def is_on(self) -> bool:
        """Return the current value."""
        return self.model.is_kept_loaded

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Load the model and keep it loaded."""
        await async_pin_models(self.coordinator, [self.model_id])

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Reset the model to the server's own unload policy."""
        await async_unpin_models(self.coordinator, [self.model_id])


class KeepWarmSwitch(ConductorPipelineEntity, SwitchEntity):
    """Whether all models of an assistant stay loaded."""

    def __init__(
        self,
        coordinator: ConductorCoordinator,
        description: SwitchEntityDescription,
        subentry: ConfigSubentry,
        keep_warm: KeepWarmManager,
    ) -> None:
        """Belong to the assistant of `subentry`."""
        super().__init__(coordinator, description, subentry)
        self._keep_warm = keep_warm

    @property
    @override
    def is_on(self) -> bool:
        """Return the choice stored in the subentry."""
        subentry = self.coordinator.config_entry.subentries.get(self.subentry_id)
        return subentry is not None and bool(subentry.data.get(CONF_KEEP_WARM))

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Load the models and keep them loaded."""
        await self._keep_warm.async_set(self.subentry_id, True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Reset the models that no other assistant keeps loaded."""
        await self._keep_warm.async_set(self.subentry_id, False)


class PausedSwitch(ConductorEntity, SwitchEntity):
    """Whether the server rejects new requests; running ones are not affected."""

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the current value."""
        accepting = self.coordinator.data.status.accepting
        return None if accepting is None else not accepting

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Reject new requests."""
        await self._set_accepting(False)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Accept new requests."""
        await self._set_accepting(True)

    async def _set_accepting(self, accepting: bool) -> None:
        await self.async_call(self.coordinator.client.set_accepting(accepting))
        await self.coordinator.async_request_refresh()
