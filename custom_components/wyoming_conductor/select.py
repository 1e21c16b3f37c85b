"""Selects: settings of the server with choices, a model's device, an assistant's voice."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import assist
from .coordinator import ConductorConfigEntry
from .entity import (
    ConductorEntity,
    ConductorModelEntity,
    ConductorPipelineEntity,
    async_add_as_they_come,
    models,
    pipelines,
)
from .settings import AUTO, Path, can_be_set, read, write
from .snapshot import Snapshot

PARALLEL_UPDATES = 1


def offers(snapshot: Snapshot, kind: str) -> list[str]:
    """Return the names of all voices (`tts`) or wake words (`wake`)."""
    found = (m for m in snapshot.status.models.values() if m.kind == kind)
    return sorted({offer.name for model in found for offer in model.offers})


def _asr_models(snapshot: Snapshot) -> Iterable[str]:
    return (model.id for model in snapshot.status.models.values() if model.kind == "asr")


def _languages(snapshot: Snapshot) -> Iterable[str]:
    model = snapshot.status.models.get(snapshot.status.default_asr)
    return [AUTO, *(sorted(model.languages) if model else ())]


@dataclass(frozen=True, kw_only=True)
class SettingSelectDescription(SelectEntityDescription):
    """A setting with choices."""

    path: Path
    choices: Callable[[Snapshot], Iterable[str]]


SETTINGS: tuple[SettingSelectDescription, ...] = (
    SettingSelectDescription(
        key="asr_model",
        translation_key="asr_model",
        entity_category=EntityCategory.CONFIG,
        path=("asr", "model"),
        choices=_asr_models,
    ),
    SettingSelectDescription(
        key="asr_language",
        translation_key="asr_language",
        entity_category=EntityCategory.CONFIG,
        path=("asr", "language"),
        choices=_languages,
    ),
    SettingSelectDescription(
        key="voice",
        translation_key="default_voice",
        entity_category=EntityCategory.CONFIG,
        path=("tts", "voice"),
        choices=lambda snapshot: offers(snapshot, "tts"),
    ),
)

DEVICE = SelectEntityDescription(
    key="device",
    translation_key="device",
    entity_category=EntityCategory.CONFIG,
    entity_registry_enabled_default=False,
)

PIPELINE_VOICE = SelectEntityDescription(
    key="voice", translation_key="voice", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the selects; those of the server only if it can be configured over HTTP."""
    coordinator = entry.runtime_data
    for subentry in pipelines(entry):
        async_add_entities(
            [Voice(coordinator, PIPELINE_VOICE, subentry)],
            config_subentry_id=subentry.subentry_id,
        )
    if not can_be_set(coordinator):
        return
    async_add_entities(SettingSelect(coordinator, description) for description in SETTINGS)
    async_add_as_they_come(
        entry,
        async_add_entities,
        models,
        lambda model: [ModelDevice(coordinator, DEVICE, model)],
    )


class SettingSelect(ConductorEntity, SelectEntity):
    """A setting with choices."""

    entity_description: SettingSelectDescription

    @property
    @override
    def current_option(self) -> str | None:
        """Return the value in effect."""
        value = read(self.coordinator.data, self.entity_description.path)
        return value if isinstance(value, str) else None

    @property
    @override
    def options(self) -> list[str]:
        """Return what can be chosen now, and what is in effect even if it is not among it."""
        found = self.entity_description.choices(self.coordinator.data)
        current = self.current_option
        return list(dict.fromkeys([*found, *([current] if current else [])]))

    @override
    async def async_select_option(self, option: str) -> None:
        """Change it."""
        await write(self.coordinator, self.entity_description.path, option)


class ModelDevice(ConductorModelEntity, SelectEntity):
    """Where a model shall run."""

    @property
    def _path(self) -> Path:
        return ("models", self.model_id, "device")

    @property
    @override
    def current_option(self) -> str:
        """Return the wish, which is not always where it is."""
        return read(self.coordinator.data, self._path) or AUTO

    @property
    @override
    def options(self) -> list[str]:
        """Return the devices that the server has."""
        found = [AUTO, *self.coordinator.data.status.devices, self.current_option]
        return list(dict.fromkeys(found))

    @override
    async def async_select_option(self, option: str) -> None:
        """Change it; the model moves at its next load."""
        await write(self.coordinator, self._path, option)


class Voice(ConductorPipelineEntity, SelectEntity):
    """The voice of an assistant, written to Assist."""

    @property
    @override
    def current_option(self) -> str | None:
        """Return the voice that Assist has."""
        pipeline = assist.async_get(self.hass, self.pipeline_id)
        return pipeline.tts_voice if pipeline else None

    @property
    @override
    def options(self) -> list[str]:
        """Return all voices of the server."""
        current = self.current_option
        found = [*offers(self.coordinator.data, "tts"), *([current] if current else [])]
        return list(dict.fromkeys(found))

    @override
    async def async_select_option(self, option: str) -> None:
        """Change it in Assist."""
        await assist.async_speak_with(self.hass, self.pipeline_id, option)
