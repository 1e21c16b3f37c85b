"""Which voice of which model a request means."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from wyoming_servers.core.domain import (
    ModelSpec,
    Offer,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
    ModelMissingError,
    UnsupportedLanguageError,
)
from wyoming_servers.models.catalog import ModelEntry
from wyoming_servers.models.requirements import RequirementChecker
from wyoming_servers.text.locale import best_match, canonical_tag
from wyoming_servers.text.messages import (
    list_languages,
    list_names,
    shorten,
)
from wyoming_servers.text.voice_expression import (
    parse_mix,
    parse_speed,
    voice_names,
)


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice with the model that has it."""

    spec: ModelSpec
    offer: Offer
    expression: str = ""
    """What the engine is asked for, if it is not called like the offer: `af_heart+am_adam`."""
    speed: float = 1.0
    """Its own pace, as a factor of what a request wishes."""

    @property
    def name(self) -> str:
        """What the engine is asked for: a plain voice or a mix."""
        return self.expression or self.offer.name

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP 47 codes it speaks."""
        return self.offer.languages or self.spec.languages


class VoiceRegistry:
    """All voices of the installed models, the default first; reads `specs` anew at every call.

    A voice that two models have is the one's that has a GPU, else the first one's.
    """

    def __init__(
        self, specs: Mapping[str, ModelSpec], default: str, more: tuple[str, ...] = ()
    ) -> None:
        self._specs = specs
        self._default = default
        self._more = more
        """Mixes and paces to offer beside the plain voices."""

    def __iter__(self) -> Iterator[Voice]:
        voices = list(self._plain().values())
        for name in dict.fromkeys((*self._more, self._default)):
            try:
                made = self._made(name)
            except ConductorError:
                made = None  # Its model is not installed; a request for it is told so.
            if made is not None and made not in voices:
                voices.append(made)
        return iter(sorted(voices, key=lambda voice: voice.offer.name != self._default))

    @property
    def models(self) -> frozenset[str]:
        """Ids of the installed models that speak, those included whose voices cannot be played."""
        return frozenset(spec.id for spec in self._specs.values() if spec.task is Task.TTS)

    @property
    def default(self) -> Voice | None:
        """The configured voice, if it is installed."""
        first = next(iter(self), None)
        return first if first is not None and first.offer.name == self._default else None

    def find(self, name: str | None, language: str | None = None) -> Voice:
        """Return the voice a request means.

        1. A name, spelled as offered or in other case, or a mix, or either with a pace; the
           language does not matter then.
        2. A language: a voice of the same region before others, the default before others.
        3. Neither: the default voice.

        Raises ModelMissingError, UnsupportedLanguageError or BadRequestError, naming what there is.
        """
        if name:  # 1
            return self._named(name)
        if language:  # 2
            return self._speaking(language)
        return self._named(self._default)  # 3

    def _plain(self) -> dict[str, Voice]:
        """Return every voice by its name."""
        found: dict[str, Voice] = {}
        for spec in self._specs.values():
            if spec.task is not Task.TTS:
                continue
            for offer in spec.offers:
                other = found.get(offer.name)
                if other is None or (_on_gpu(spec) and not _on_gpu(other.spec)):
                    found[offer.name] = Voice(spec, offer)
        return found

    def _named(self, name: str) -> Voice:
        made = self._made(name)
        if made is not None:
            return made
        names = [voice.offer.name for voice in self]
        raise ModelMissingError(
            f"The voice {shorten(name)!r} is not installed; {list_names(names, 'voice')}.",
            hint="`wyoming-conductor models list --voices` shows what each voice needs.",
        )

    def _made(self, name: str) -> Voice | None:
        """Return a plain voice, or make one of a mix or a pace; None if a part is not installed."""
        plain = self._plain()
        if (exact := _find_by_name(name, plain)) is not None:
            return exact
        sound, speed = parse_speed(name)
        voice = _find_by_name(sound, plain)
        if voice is None and "+" in sound:
            voice = _mix_voices(sound, plain)
        if voice is None:
            return None
        offer = voice.offer
        described = f"{offer.description or offer.name} @ {speed:g}" if speed != 1.0 else ""
        return replace(
            voice,
            offer=replace(offer, name=name, description=described or offer.description),
            expression=voice.name,
            speed=speed,
        )

    def _speaking(self, language: str) -> Voice:
        able = [voice for voice in self if best_match(language, voice.languages) is not None]
        for voice in able:
            if canonical_tag(language) in map(canonical_tag, voice.languages):
                return voice
        if able:
            return able[0]
        spoken = {code for voice in self for code in voice.languages}
        raise UnsupportedLanguageError(
            f"No installed voice speaks {shorten(language)!r}; "
            f"there are voices for {list_languages(spoken)}.",
            hint="`wyoming-conductor models list` shows which voices can be pulled.",
        )


def resolve_speaker(voice: Voice, speaker: str | None) -> str | None:
    """Return the speaker as the voice names it. Raises BadRequestError if it has no such one."""
    if not speaker:
        return None
    for known in voice.offer.speakers:
        if known.casefold() == speaker.casefold():
            return known
    there = ", ".join(voice.offer.speakers[:12]) or "none to choose from"
    raise BadRequestError(
        f"The voice {voice.offer.name!r} has no speaker {shorten(speaker)!r}.",
        hint=f"Its speakers: {there}.",
    )


def _find_by_name(name: str, voices: Mapping[str, Voice]) -> Voice | None:
    if name in voices:
        return voices[name]
    folded = name.casefold()
    return next((voice for known, voice in voices.items() if known.casefold() == folded), None)


def _mix_voices(text: str, voices: Mapping[str, Voice]) -> Voice | None:
    """Return a mix with the languages of its first voice; None if a part is not installed.

    Raises BadRequestError for voices that cannot be mixed.
    """
    parts = [(_find_by_name(name, voices), weight) for name, weight in parse_mix(text)]
    found = [(voice, weight) for voice, weight in parts if voice is not None]
    if len(found) < len(parts):
        return None
    first = found[0][0]
    if not first.spec.options.get("mixes") or any(voice.spec != first.spec for voice, _ in found):
        raise BadRequestError(
            f"The voices of {shorten(text)!r} cannot be mixed.",
            hint="Voices of Kokoro can be mixed with each other.",
        )
    sound = "+".join(f"{voice.offer.name}*{weight:g}" for voice, weight in found)
    names = " + ".join(voice.offer.description or voice.offer.name for voice, _ in found)
    return Voice(first.spec, replace(first.offer, name=text, description=names), sound)


def _on_gpu(spec: ModelSpec) -> bool:
    return spec.placements[0].device.startswith("cuda")


# Every voice there is, here or not, with all that helps to choose one.


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
