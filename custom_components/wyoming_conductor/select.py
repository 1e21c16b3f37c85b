"""Selects: settings of the server and of managed assistants; they take effect at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import assist_pipeline
from .data import ConductorConfigEntry
from .engines import stt_model_for
from .entity import ConductorPipelineEntity, ConductorSettingEntity
from .helpers import ASR_MODEL, ConfigPath, supports_config
from .snapshot import Snapshot

PARALLEL_UPDATES = 1

AUTO = "auto"
NO_WAKE_WORD = "none"


def _languages(snapshot: Snapshot) -> Iterable[str]:
    model = snapshot.status.models.get(snapshot.status.default_asr)
    return [AUTO, *(sorted(model.languages) if model else ())]


@dataclass(frozen=True, kw_only=True)
class SettingSelectDescription(SelectEntityDescription):
    """Description of a setting with a list of options."""

    path: ConfigPath
    get_options: Callable[[Snapshot], Iterable[str]]


SETTING_SELECTS: tuple[SettingSelectDescription, ...] = (
    SettingSelectDescription(
        key="asr_model",
        translation_key="asr_model",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        path=ASR_MODEL,
        get_options=lambda snapshot: snapshot.asr_models,
    ),
    SettingSelectDescription(
        key="asr_language",
        translation_key="asr_language",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        path=("asr", "language"),
        get_options=_languages,
    ),
    SettingSelectDescription(
        key="voice",
        translation_key="default_voice",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        path=("tts", "voice"),
        get_options=lambda snapshot: snapshot.voices,
    ),
)

VOICE = SelectEntityDescription(
    key="voice", translation_key="voice", entity_category=EntityCategory.CONFIG
)

WAKE_WORD = SelectEntityDescription(
    key="wake_word",
    translation_key="wake_word",
    entity_category=EntityCategory.CONFIG,
    entity_registry_enabled_default=False,
)

STT_MODEL = SelectEntityDescription(
    key="stt_model", translation_key="stt_model", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the selects; those of settings only if the configuration can be changed."""
    coordinator = entry.runtime_data.coordinator
    has_settings = supports_config(coordinator)
    for subentry in assist_pipeline.pipeline_subentries(entry):
        entities: list[SelectEntity] = [
            VoiceSelect(coordinator, VOICE, subentry),
            WakeWordSelect(coordinator, WAKE_WORD, subentry),
        ]
        if has_settings:
            entities.append(SttModelSelect(coordinator, STT_MODEL, subentry))
        async_add_entities(entities, config_subentry_id=subentry.subentry_id)
    if has_settings:
        async_add_entities(
            SettingSelect(coordinator, description) for description in SETTING_SELECTS
        )


class SettingSelect(ConductorSettingEntity, SelectEntity):
    """Setting of the server with a list of options."""

    entity_description: SettingSelectDescription

    @property
    @override
    def config_path(self) -> ConfigPath:
        """Path of the key."""
        return self.entity_description.path

    @property
    @override
    def current_option(self) -> str | None:
        """Return the value in effect."""
        value = self.effective_value
        return value if isinstance(value, str) else None

    @property
    @override
    def options(self) -> list[str]:
        """Return the available options and the value in effect, even if it is not available."""
        available = self.entity_description.get_options(self.coordinator.data)
        current = self.current_option
        return list(dict.fromkeys([*available, *([current] if current else [])]))

    @override
    async def async_select_option(self, option: str) -> None:
        """Change the setting."""
        await self.async_set_config(option)


class VoiceSelect(ConductorPipelineEntity, SelectEntity):
    """Voice of an assistant, stored in Assist."""

    @property
    @override
    def current_option(self) -> str | None:
        """Return the voice in Assist."""
        pipeline = self.pipeline
        return pipeline.tts_voice if pipeline else None

    @property
    @override
    def options(self) -> list[str]:
        """Return the voices of the server and the current one, even if it is unknown."""
        current = self.current_option
        voices = [*self.coordinator.data.voices, *([current] if current else [])]
        return list(dict.fromkeys(voices))

    @override
    async def async_select_option(self, option: str) -> None:
        """Change the voice in Assist."""
        await assist_pipeline.async_set_voice(self.hass, self.pipeline_id, option)


class WakeWordSelect(ConductorPipelineEntity, SelectEntity):
    """Wake word of an assistant, for satellites that let Home Assistant detect it."""

    @property
    @override
    def current_option(self) -> str:
        """Return the wake word in Assist."""
        pipeline = self.pipeline
        return (pipeline and pipeline.wake_word_id) or NO_WAKE_WORD

    @property
    @override
    def options(self) -> list[str]:
        """Return `none`, the wake words of the server and the current one."""
        wake_words = [NO_WAKE_WORD, *self.coordinator.data.wake_words, self.current_option]
        return list(dict.fromkeys(wake_words))

    @override
    async def async_select_option(self, option: str) -> None:
        """Change the wake word in Assist."""
        wake_word = None if option == NO_WAKE_WORD else option
        await assist_pipeline.async_set_wake_word(self.hass, self.pipeline_id, self.uuid, wake_word)


class SttModelSelect(ConductorPipelineEntity, SelectEntity):
    """Speech-to-text model of an assistant, stored in Assist."""

    @property
    @override
    def current_option(self) -> str | None:
        """Return the model that the assistant uses."""
        pipeline = self.pipeline
        return stt_model_for(self.coordinator.data, pipeline) if pipeline else None

    @property
    @override
    def options(self) -> list[str]:
        """Return the speech-to-text models of the server."""
        return self.coordinator.data.asr_models

    @override
    async def async_select_option(self, option: str) -> None:
        """Change the model in Assist."""
        await assist_pipeline.async_set_stt_model(self.hass, self.pipeline_id, self.uuid, option)
