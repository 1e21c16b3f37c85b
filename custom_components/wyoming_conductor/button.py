"""Buttons: load, unload, warm up, clear."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import assist
from .api import ConductorClient, Feature
from .coordinator import ConductorConfigEntry, ConductorCoordinator
from .entity import (
    ConductorEntity,
    ConductorModelEntity,
    ConductorPipelineEntity,
    async_add_as_they_come,
    models,
    pipelines,
)

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class ServerButtonDescription(ButtonEntityDescription):
    """A button of the server."""

    press: Callable[[ConductorCoordinator], Coroutine[Any, Any, object]]
    feature: Feature | None = None
    """What the server must have; None: every server has it."""


@dataclass(frozen=True, kw_only=True)
class ModelButtonDescription(ButtonEntityDescription):
    """A button of a model."""

    press: Callable[[ConductorClient, str], Coroutine[Any, Any, object]]


async def unload_all(coordinator: ConductorCoordinator) -> None:
    """Unload every model that is loaded, one after the other."""
    for model in coordinator.data.status.models.values():
        if model.is_loaded:
            await coordinator.client.unload(model.id)


SERVER: tuple[ServerButtonDescription, ...] = (
    ServerButtonDescription(
        key="unload_all",
        translation_key="unload_all",
        entity_category=EntityCategory.CONFIG,
        press=unload_all,
    ),
    ServerButtonDescription(
        key="clear_phrases",
        translation_key="clear_phrases",
        entity_category=EntityCategory.CONFIG,
        feature=Feature.PHRASES,
        press=lambda coordinator: coordinator.client.clear_cache("phrases"),
    ),
    ServerButtonDescription(
        key="clear_models",
        translation_key="clear_models",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        feature=Feature.LIBRARY,
        press=lambda coordinator: coordinator.client.clear_cache("models"),
    ),
)

MODEL: tuple[ModelButtonDescription, ...] = (
    ModelButtonDescription(
        key="load",
        translation_key="load",
        press=lambda client, model: client.load(model),
    ),
    ModelButtonDescription(
        key="unload",
        translation_key="unload",
        press=lambda client, model: client.unload(model),
    ),
)

WARM_UP = ButtonEntityDescription(key="warm_up", translation_key="warm_up")


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons."""
    coordinator = entry.runtime_data
    features = coordinator.data.info.features
    async_add_entities(
        ServerButton(coordinator, description)
        for description in SERVER
        if description.feature is None or description.feature in features
    )
    async_add_as_they_come(
        entry,
        async_add_entities,
        models,
        lambda model: (ModelButton(coordinator, description, model) for description in MODEL),
    )
    for subentry in pipelines(entry):
        async_add_entities(
            [WarmUp(coordinator, WARM_UP, subentry)], config_subentry_id=subentry.subentry_id
        )


class ServerButton(ConductorEntity, ButtonEntity):
    """A button of the server."""

    entity_description: ServerButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it."""
        await self.ask(self.entity_description.press(self.coordinator))


class ModelButton(ConductorModelEntity, ButtonEntity):
    """A button of a model."""

    entity_description: ModelButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it; the state follows by itself."""
        await self.ask(self.entity_description.press(self.coordinator.client, self.model_id))


class WarmUp(ConductorPipelineEntity, ButtonEntity):
    """Loads all that an assistant needs, before somebody speaks."""

    @override
    async def async_press(self) -> None:
        """Begin to load; returns without waiting."""
        pipeline = self.pipeline
        for model in assist.models_of(self.coordinator.data, pipeline) if pipeline else []:
            await self.ask(self.coordinator.client.load(model))
