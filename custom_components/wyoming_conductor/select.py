"""Selects: settings of the server and of models; `assistant_selects` has the assistants'."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .api import Model
from .assistant_selects import (
    STT_MODEL,
    VOICE,
    WAKE_WORD,
    SttModel,
    Voice,
    WakeWord,
    asr_models,
    offers,
)
from .coordinator import ConductorConfigEntry, ConductorCoordinator
from .entity import (
    ConductorEntity,
    ConductorModelEntity,
    async_add_as_they_come,
    models,
    pipelines,
)
from .settings import AUTO, Path, can_be_set, read, write
from .snapshot import Snapshot

PARALLEL_UPDATES = 1


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
        choices=asr_models,
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

COMPUTE_TYPE = SelectEntityDescription(
    key="compute_type",
    translation_key="compute_type",
    entity_category=EntityCategory.CONFIG,
    entity_registry_enabled_default=False,
)

WHISPER = "faster-whisper"
"""The engine whose weights can be held in other number formats."""

COMPUTE_TYPES = (AUTO, "int8", "int8_float16", "float16", "float32")


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the selects; those of the server only if it can be configured over HTTP."""
    coordinator = entry.runtime_data
    for subentry in pipelines(entry):
        async_add_entities(
            [Voice(coordinator, VOICE, subentry), WakeWord(coordinator, WAKE_WORD, subentry)],
            config_subentry_id=subentry.subentry_id,
        )
    if not can_be_set(coordinator):
        return
    async_add_entities(SettingSelect(coordinator, description) for description in SETTINGS)
    for subentry in pipelines(entry):
        async_add_entities(
            [SttModel(coordinator, STT_MODEL, subentry)], config_subentry_id=subentry.subentry_id
        )
    async_add_as_they_come(
        entry,
        async_add_entities,
        models,
        lambda model: _of_model(coordinator, model),
    )


def _of_model(coordinator: ConductorCoordinator, model: Model) -> list[ModelSelect]:
    found: list[ModelSelect] = [ModelDevice(coordinator, DEVICE, model)]
    if model.engine == WHISPER:
        found.append(ModelComputeType(coordinator, COMPUTE_TYPE, model))
    return found


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


class ModelSelect(ConductorModelEntity, SelectEntity):
    """A setting of one model; it holds at its next load after the server's next start."""

    @property
    def _path(self) -> Path:
        return ("models", self.model_id, self.entity_description.key)

    @property
    @override
    def current_option(self) -> str:
        """Return the wish, which is not always what is."""
        return read(self.coordinator.data, self._path) or AUTO

    @override
    async def async_select_option(self, option: str) -> None:
        """Change it."""
        await write(self.coordinator, self._path, option)


class ModelDevice(ModelSelect):
    """Where a model shall run."""

    @property
    @override
    def options(self) -> list[str]:
        """Return the devices that the server has."""
        found = [AUTO, *self.coordinator.data.status.devices, self.current_option]
        return list(dict.fromkeys(found))


class ModelComputeType(ModelSelect):
    """In which number format a model's weights shall be held."""

    @property
    @override
    def options(self) -> list[str]:
        """Return what the engine knows; an unknown wish of the server's file is shown, too."""
        return list(dict.fromkeys([*COMPUTE_TYPES, self.current_option]))
