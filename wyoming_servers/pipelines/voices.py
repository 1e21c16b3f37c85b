"""Which voice of which model a request means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wyoming_servers.domain import Kind, ModelSpec, Offer
from wyoming_servers.errors import (
    BadRequestError,
    ModelMissingError,
    UnsupportedLanguageError,
)
from wyoming_servers.pipelines import language as languages
from wyoming_servers.pipelines.clip import clip, list_names


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice with the model that has it."""

    spec: ModelSpec
    offer: Offer

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP 47 codes it speaks."""
        return self.offer.languages or self.spec.languages


class VoiceBook:
    """All voices of the installed models, the default first; reads `specs` anew at every call."""

    def __init__(self, specs: Mapping[str, ModelSpec], default: str) -> None:
        self._specs = specs
        self._default = default

    def __iter__(self) -> Iterator[Voice]:
        voices = [
            Voice(spec, offer)
            for spec in self._specs.values()
            if spec.kind is Kind.TTS
            for offer in spec.offers
        ]
        return iter(sorted(voices, key=lambda voice: voice.offer.name != self._default))

    @property
    def default(self) -> Voice | None:
        """The configured voice, if it is installed."""
        first = next(iter(self), None)
        return first if first is not None and first.offer.name == self._default else None

    def find(self, name: str | None, language: str | None = None) -> Voice:
        """Return the voice a request means.

        1. A name, spelled as offered or in other case; the language does not matter then.
        2. A language: a voice of the same region before others, the default before others.
        3. Neither: the default voice.

        Raises ModelMissingError or UnsupportedLanguageError, naming what there is.
        """
        if name:  # 1
            return self._named(name)
        if language:  # 2
            return self._speaking(language)
        return self._named(self._default)  # 3

    def _named(self, name: str) -> Voice:
        voices = list(self)
        for voice in voices:
            if voice.offer.name == name:
                return voice
        for voice in voices:
            if voice.offer.name.casefold() == name.casefold():
                return voice
        names = [voice.offer.name for voice in voices]
        raise ModelMissingError(
            f"The voice {clip(name)!r} is not installed; {list_names(names, 'voice')}."
        )

    def _speaking(self, language: str) -> Voice:
        able = [voice for voice in self if languages.match(language, voice.languages) is not None]
        for voice in able:
            if languages.normalize(language) in map(languages.normalize, voice.languages):
                return voice
        if able:
            return able[0]
        spoken = {code for voice in self for code in voice.languages}
        raise UnsupportedLanguageError(
            f"No installed voice speaks {clip(language)!r}; "
            f"there are voices for {languages.shorten(spoken) or 'no language'}.",
            hint="`wyoming-conductor models list` shows which voices can be pulled.",
        )


def check_speaker(voice: Voice, speaker: str | None) -> str | None:
    """Return the speaker as the voice names it. Raises BadRequestError if it has no such one."""
    if not speaker:
        return None
    for known in voice.offer.speakers:
        if known.casefold() == speaker.casefold():
            return known
    there = ", ".join(voice.offer.speakers[:12]) or "none to choose from"
    raise BadRequestError(
        f"The voice {voice.offer.name!r} has no speaker {clip(speaker)!r}.",
        hint=f"Its speakers: {there}.",
    )
