"""Switches: settings that are on or off, models and assistants that stay loaded, a pause."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import warmth
from .const import CONF_KEEP_WARM
from .coordinator import ConductorConfigEntry
from .entity import (
    ConductorEntity,
    ConductorModelEntity,
    ConductorPipelineEntity,
    async_add_as_they_come,
    models,
    pipelines,
)
from .settings import Path, can_be_set, read, write

PARALLEL_UPDATES = 1


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

KEEP_WARM = SwitchEntityDescription(
    key="keep_warm", translation_key="keep_warm", entity_category=EntityCategory.CONFIG
)

ACCEPT_REQUESTS = SwitchEntityDescription(
    key="accept_requests", translation_key="accept_requests", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the switches; those of settings only if the server can be configured over HTTP."""
    coordinator = entry.runtime_data
    if coordinator.data.status.accepting is not None:
        async_add_entities([AcceptRequests(coordinator, ACCEPT_REQUESTS)])
    if not can_be_set(coordinator):
        return
    async_add_entities(SettingSwitch(coordinator, description) for description in SETTINGS)
    async_add_as_they_come(
        entry,
        async_add_entities,
        models,
        lambda model: [KeepLoaded(coordinator, KEEP_LOADED, model)],
    )
    for subentry in pipelines(entry):
        async_add_entities(
            [KeepWarm(coordinator, KEEP_WARM, subentry)], config_subentry_id=subentry.subentry_id
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
        return self.model.is_kept

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Keep it, and load it now."""
        await warmth.keep(self.coordinator, [self.model_id])

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Let it go when it is idle, as the server's own settings say."""
        await warmth.release(self.coordinator, [self.model_id])


class KeepWarm(ConductorPipelineEntity, SwitchEntity):
    """Whether all that an assistant needs stays loaded for ever."""

    @property
    @override
    def is_on(self) -> bool:
        """Return what was chosen."""
        subentry = self.coordinator.config_entry.subentries.get(self.subentry_id)
        return subentry is not None and bool(subentry.data.get(CONF_KEEP_WARM))

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Keep its models, and load them now."""
        await self.coordinator.warmth.async_set(self.subentry_id, True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Let go what no other assistant keeps."""
        await self.coordinator.warmth.async_set(self.subentry_id, False)


class AcceptRequests(ConductorEntity, SwitchEntity):
    """Whether the server takes new requests; those that run end in any case."""

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether it does."""
        return self.coordinator.data.status.accepting

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Take requests again."""
        await self._accept(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Refuse new requests."""
        await self._accept(False)

    async def _accept(self, accepting: bool) -> None:
        await self.ask(self.coordinator.client.accept(accepting))
        await self.coordinator.async_request_refresh()
