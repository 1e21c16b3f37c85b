"""What an assistant hears, speaks and is woken with; written to Assist and to the server."""

from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory

from . import assist
from .entity import ConductorPipelineEntity
from .settings import read, write
from .snapshot import Snapshot

NO_WAKE_WORD = "none"

VOICE = SelectEntityDescription(
    key="voice", translation_key="voice", entity_category=EntityCategory.CONFIG
)
WAKE_WORD = SelectEntityDescription(
    key="wake_word", translation_key="wake_word", entity_category=EntityCategory.CONFIG
)
STT_MODEL = SelectEntityDescription(
    key="stt_model", translation_key="stt_model", entity_category=EntityCategory.CONFIG
)


def offers(snapshot: Snapshot, kind: str) -> list[str]:
    """Return the names of all voices (`tts`, with those that settings make) or words (`wake`)."""
    found = (m for m in snapshot.status.models.values() if m.kind == kind)
    presets = read(snapshot, ("tts", "presets")) if kind == "tts" else None
    return sorted({*(presets or ()), *(offer.name for model in found for offer in model.offers)})


def asr_models(snapshot: Snapshot) -> list[str]:
    """Return the ids of the models that hear."""
    return [model.id for model in snapshot.status.models.values() if model.kind == "asr"]


class Voice(ConductorPipelineEntity, SelectEntity):
    """The voice of an assistant."""

    @property
    @override
    def current_option(self) -> str | None:
        """Return the voice that Assist has."""
        pipeline = self.pipeline
        return pipeline.tts_voice if pipeline else None

    @property
    @override
    def options(self) -> list[str]:
        """Return all voices of the server, and the one that is chosen even if it is none."""
        current = self.current_option
        found = [*offers(self.coordinator.data, "tts"), *([current] if current else [])]
        return list(dict.fromkeys(found))

    @override
    async def async_select_option(self, option: str) -> None:
        """Change it in Assist."""
        await assist.async_speak_with(self.hass, self.pipeline_id, option)


class WakeWord(ConductorPipelineEntity, SelectEntity):
    """The word that wakes an assistant, where Home Assistant listens for it."""

    @property
    @override
    def current_option(self) -> str:
        """Return the word that Assist has."""
        pipeline = self.pipeline
        return (pipeline and pipeline.wake_word_id) or NO_WAKE_WORD

    @property
    @override
    def options(self) -> list[str]:
        """Return all words of the server, and none."""
        found = [NO_WAKE_WORD, *offers(self.coordinator.data, "wake"), self.current_option]
        return list(dict.fromkeys(found))

    @override
    async def async_select_option(self, option: str) -> None:
        """Change it in Assist."""
        word = None if option == NO_WAKE_WORD else option
        await assist.async_listen_for(self.hass, self.pipeline_id, self.uuid, word)


class SttModel(ConductorPipelineEntity, SelectEntity):
    """The model that hears for an assistant: the server's, since Home Assistant names none."""

    @property
    @override
    def current_option(self) -> str | None:
        """Return what will hear: the chosen one, or another if that does not know the language."""
        pipeline, snapshot = self.pipeline, self.coordinator.data
        chosen = read(snapshot, ("asr", "model"))
        return assist.ears_of(snapshot, pipeline, chosen) if pipeline else None

    @property
    @override
    def options(self) -> list[str]:
        """Return the models that hear."""
        return asr_models(self.coordinator.data)

    @override
    async def async_select_option(self, option: str) -> None:
        """Change it for the whole server."""
        await write(self.coordinator, ("asr", "model"), option)
