"""Every voice there is, here or not, with all that helps to choose one."""

from collections.abc import Iterable
from dataclasses import dataclass

from wyoming_servers.domain import Task
from wyoming_servers.pipelines.voices import Voice, VoiceRegistry
from wyoming_servers.store.catalog import ModelEntry
from wyoming_servers.store.needs import RequirementChecker
from wyoming_servers.text.mix import voice_names


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice to choose."""

    name: str
    description: str
    entry: ModelEntry
    """The model that speaks it, or would."""
    languages: tuple[str, ...]
    """BCP 47 codes."""
    quality: str
    """In its authors' words; empty where they say nothing."""
    speakers: tuple[str, ...]
    needs: tuple[str, ...]
    """What must be installed before it can be played: its model's id, Python packages."""

    @property
    def installed(self) -> bool:
        """Whether it can be played now."""
        return not self.needs


def list_voices(entries: Iterable[ModelEntry], book: VoiceRegistry) -> list[ListedVoice]:
    """Return the voices that can be played, as `book` has them, then those that could be.

    A voice that several models have is listed once. Blocks on the disk.
    """
    models = {entry.id: entry for entry in entries if entry.kind is Task.TTS}
    listed = {
        voice.offer.name: _installed_voice(voice, models[voice.spec.id])
        for voice in book
        if voice.spec.id in models
    }
    here = book.models
    needs = RequirementChecker()
    for entry in models.values():
        for offer in entry.offers:
            if offer.name in listed:
                continue
            missing = needs.missing(entry.engine, offer.needs)
            pull = () if entry.id in here else (entry.id,)
            listed[offer.name] = ListedVoice(
                offer.name,
                offer.description,
                entry,
                offer.languages or entry.languages,
                offer.quality,
                offer.speakers,
                (*pull, *missing),
            )
    return list(listed.values())


def _installed_voice(voice: Voice, entry: ModelEntry) -> ListedVoice:
    # A mix is as good as its first voice, whose languages it has, too.
    first = voice_names(voice.name)[0]
    quality = next((offer.quality for offer in entry.offers if offer.name == first), "")
    offer = voice.offer
    return ListedVoice(
        offer.name,
        offer.description,
        entry,
        tuple(voice.languages),
        quality,
        offer.speakers,
        needs=(),
    )
