"""Switches: settings of the server that are on or off, and models that stay loaded."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import ConductorConfigEntry
from .entity import ConductorEntity, ConductorModelEntity, async_add_as_they_come, models
from .settings import Path, can_be_set, read, write

PARALLEL_UPDATES = 1

FOR_EVER = -1


@dataclass(frozen=True, kw_only=True)
class SettingSwitchDescription(SwitchEntityDescription):
    """A setting that is on or off."""

    path: Path


SETTINGS: tuple[SettingSwitchDescription, ...] = (
    SettingSwitchDescription(
        key="turn_detection",
        translation_key="turn_detection",
        entity_category=EntityCategory.CONFIG,
        path=("asr", "turn_detection"),
    ),
    SettingSwitchDescription(
        key="preload",
        translation_key="preload",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        path=("preload",),
    ),
)

KEEP_LOADED = SwitchEntityDescription(
    key="keep_loaded", translation_key="keep_loaded", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the switches, if the server can be configured over HTTP."""
    coordinator = entry.runtime_data
    if not can_be_set(coordinator):
        return
    async_add_entities(SettingSwitch(coordinator, description) for description in SETTINGS)
    async_add_as_they_come(
        entry,
        async_add_entities,
        models,
        lambda model: [KeepLoaded(coordinator, KEEP_LOADED, model)],
    )


class SettingSwitch(ConductorEntity, SwitchEntity):
    """A setting that is on or off."""

    entity_description: SettingSwitchDescription

    @property
    @override
    def is_on(self) -> bool:
        """Return the value in effect."""
        return bool(read(self.coordinator.data, self.entity_description.path))

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Set it."""
        await write(self.coordinator, self.entity_description.path, True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Clear it."""
        await write(self.coordinator, self.entity_description.path, False)


class KeepLoaded(ConductorModelEntity, SwitchEntity):
    """Whether a model stays loaded for ever, and is never evicted."""

    @property
    @override
    def is_on(self) -> bool:
        """Return the value in effect."""
        return self.model.pinned and self.model.keep_alive < 0

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Keep it, and load it now."""
        settings = {"keep_alive": FOR_EVER, "pinned": True}
        await write(self.coordinator, ("models", self.model_id), settings)
        await self.ask(self.coordinator.client.load(self.model_id))

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Let it go when it is idle, as the server's own settings say."""
        settings = {"keep_alive": None, "pinned": None}
        await write(self.coordinator, ("models", self.model_id), settings)
