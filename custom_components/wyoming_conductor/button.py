"""Buttons: free memory, clear caches, restart the server, load the models of an assistant."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import Feature
from .assist_pipeline import pipeline_subentries
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .engines import required_models
from .entity import ConductorEntity, ConductorPipelineEntity

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class ServerButtonDescription(ButtonEntityDescription):
    """Description of a button of the server."""

    press: Callable[[ConductorCoordinator], Coroutine[Any, Any, object]]
    feature: Feature | None = None
    """Feature that the server needs; None if every server supports the button."""


async def async_free_memory(coordinator: ConductorCoordinator) -> None:
    """Unload all loaded models one after the other."""
    for model in coordinator.data.status.models.values():
        if model.is_loaded:
            await coordinator.client.unload_model(model.id)


SERVER_BUTTONS: tuple[ServerButtonDescription, ...] = (
    ServerButtonDescription(
        key="free_memory",
        translation_key="free_memory",
        press=async_free_memory,
    ),
    ServerButtonDescription(
        key="clear_cache",
        translation_key="clear_cache",
        entity_category=EntityCategory.CONFIG,
        feature=Feature.PHRASES,
        press=lambda coordinator: coordinator.client.clear_cache("phrases"),
    ),
    ServerButtonDescription(
        key="delete_unused_models",
        translation_key="delete_unused_models",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        feature=Feature.LIBRARY,
        press=lambda coordinator: coordinator.client.clear_cache("models"),
    ),
    ServerButtonDescription(
        key="restart",
        translation_key="restart",
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        feature=Feature.RESTART,
        press=lambda coordinator: coordinator.client.restart(),
    ),
)

WARM_UP = ButtonEntityDescription(
    key="warm_up", translation_key="warm_up", entity_registry_enabled_default=False
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the buttons."""
    coordinator = entry.runtime_data.coordinator
    features = coordinator.data.info.features
    async_add_entities(
        ServerButton(coordinator, description)
        for description in SERVER_BUTTONS
        if description.feature is None or description.feature in features
    )
    for subentry in pipeline_subentries(entry):
        async_add_entities(
            [WarmUpButton(coordinator, WARM_UP, subentry)],
            config_subentry_id=subentry.subentry_id,
        )


class ServerButton(ConductorEntity, ButtonEntity):
    """Button of the server."""

    entity_description: ServerButtonDescription

    @override
    async def async_press(self) -> None:
        """Send the request."""
        await self.async_call(self.entity_description.press(self.coordinator))


class WarmUpButton(ConductorPipelineEntity, ButtonEntity):
    """Loads all models of an assistant."""

    @override
    async def async_press(self) -> None:
        """Start loading, without waiting for the end."""
        pipeline = self.pipeline
        for model in required_models(self.coordinator.data, pipeline) if pipeline else []:
            await self.async_call(self.coordinator.client.load_model(model))
