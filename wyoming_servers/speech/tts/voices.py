"""Voices: those of the installed models, and the list of all that can be installed."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from wyoming_servers.core.domain import (
    ModelSpec,
    Task,
    VoiceInfo,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
    ModelMissingError,
    UnsupportedLanguageError,
    list_languages,
    list_names,
    shorten,
)
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.python_packages import RequirementChecker
from wyoming_servers.text.locale import best_match, canonical_tag
from wyoming_servers.text.voice_expression import (
    format_options,
    parse_mix,
    parse_variant,
    voice_names,
)

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice and its model."""

    spec: ModelSpec
    info: VoiceInfo
    expression: str = ""
    """The engine's expression for it, such as `af_heart+am_adam`; empty if that is the name."""
    speed: float = 1.0
    """Factor on the speed of a request."""
    options: Mapping[str, float] = field(default_factory=dict)
    """Options of the engine, such as `noise_scale`."""

    @property
    def name(self) -> str:
        """The voice, or the mix of voices, that the engine is asked for."""
        return self.expression or self.info.name

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP 47 codes."""
        return self.info.languages or self.spec.languages


class VoiceRegistry:
    """All voices of the installed models, the default first; reads `specs` at every call.

    A voice of several models is taken from the one on a GPU, else from the first.
    """

    def __init__(
        self, specs: Mapping[str, ModelSpec], default: str, presets: tuple[str, ...] = ()
    ) -> None:
        self._specs = specs
        self._default = default
        self._presets = presets
        """Mixes and speeds that are offered in addition to the plain voices."""

    def configure(self, default: str, presets: tuple[str, ...]) -> None:
        """Change the default voice and the presets."""
        self._default = default
        self._presets = presets

    def __iter__(self) -> Iterator[Voice]:
        voices = list(self._plain().values())
        for name in dict.fromkeys((*self._presets, self._default)):
            try:
                voice = self._resolve(name)
            except ConductorError:
                voice = None  # Its model is not installed; a request for it gets an error.
            if voice is not None and voice not in voices:
                voices.append(voice)
        return iter(sorted(voices, key=lambda voice: voice.info.name != self._default))

    @property
    def models(self) -> frozenset[str]:
        """Ids of the installed text-to-speech models, including those without a usable voice."""
        return frozenset(spec.id for spec in self._specs.values() if spec.task is Task.TTS)

    @property
    def default(self) -> Voice | None:
        """The configured voice; None if it is not installed."""
        first = next(iter(self), None)
        return first if first is not None and first.info.name == self._default else None

    def find(self, name: str | None, language: str | None = None) -> Voice:
        """Return the voice for a request.

        1. A name in any case, or a mix, either with a speed; the language is ignored then.
        2. A language: a voice of the same region first, the default voice before others.
        3. Neither: the default voice.

        Raises ModelMissingError, UnsupportedLanguageError or BadRequestError, which list the
        alternatives.
        """
        if name:  # 1
            return self._by_name(name)
        if language:  # 2
            return self._by_language(language)
        return self._by_name(self._default)  # 3

    def _plain(self) -> dict[str, Voice]:
        """Return the plain voices by name."""
        found: dict[str, Voice] = {}
        for spec in self._specs.values():
            if spec.task is not Task.TTS:
                continue
            for info in spec.voices:
                other = found.get(info.name)
                if other is None or (_on_gpu(spec) and not _on_gpu(other.spec)):
                    found[info.name] = Voice(spec, info)
        return found

    def _by_name(self, name: str) -> Voice:
        voice = self._resolve(name)
        if voice is not None:
            return voice
        names = [voice.info.name for voice in self]
        raise ModelMissingError(
            f"The voice {shorten(name)!r} is not installed; {list_names(names, 'voice')}.",
            hint="`wyoming-conductor models list --voices` shows what each voice needs.",
        )

    def _resolve(self, name: str) -> Voice | None:
        """Return a plain voice, a mix, or either with a speed; None if a part is not installed."""
        plain = self._plain()
        if (exact := _find_by_name(name, plain)) is not None:
            return exact
        variant = parse_variant(name)
        mix, speed = variant.voice, variant.speed
        voice = _find_by_name(mix, plain)
        if voice is None and "+" in mix:
            voice = _mix_voices(mix, plain)
        if voice is None:
            return None
        info = voice.info
        settings = [f"{speed:g}"] if speed != 1.0 else []
        settings += [format_options(variant.options)] if variant.options else []
        described = f"{info.description or info.name} @ {', '.join(settings)}"
        description = described if settings else ""
        return replace(
            voice,
            info=replace(info, name=name, description=description or info.description),
            expression=voice.name,
            speed=speed,
            options=variant.options,
        )

    def _by_language(self, language: str) -> Voice:
        matching = [voice for voice in self if best_match(language, voice.languages) is not None]
        for voice in matching:
            if canonical_tag(language) in map(canonical_tag, voice.languages):
                return voice
        if matching:
            return matching[0]
        codes = {code for voice in self for code in voice.languages}
        raise UnsupportedLanguageError(
            f"No installed voice speaks {shorten(language)!r}; "
            f"there are voices for {list_languages(codes)}.",
            hint="`wyoming-conductor models list` shows which voices can be pulled.",
        )


def resolve_speaker(voice: Voice, speaker: str | None) -> str | None:
    """Return the speaker as the voice spells it; None for a voice with a single one.

    Raises BadRequestError if it is unknown.
    """
    if not speaker:
        return None
    if not voice.info.speakers:
        _LOGGER.info("%s has one speaker; ignored %s", voice.info.name, shorten(speaker))
        return None
    for known in voice.info.speakers:
        if known.casefold() == speaker.casefold():
            return known
    speakers = ", ".join(voice.info.speakers[:12])
    raise BadRequestError(
        f"The voice {voice.info.name!r} has no speaker {shorten(speaker)!r}.",
        hint=f"Its speakers: {speakers}.",
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
    mix = "+".join(f"{voice.info.name}*{weight:g}" for voice, weight in found)
    names = " + ".join(voice.info.description or voice.info.name for voice, _ in found)
    return Voice(first.spec, replace(first.info, name=text, description=names), mix)


def _on_gpu(spec: ModelSpec) -> bool:
    return spec.placements[0].device.startswith("cuda")


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice that is installed or can be installed."""

    name: str
    description: str
    entry: ModelEntry
    """Its model."""
    languages: tuple[str, ...]
    """BCP 47 codes."""
    quality: str
    """As its authors call it; may be empty."""
    speakers: tuple[str, ...]
    needs: tuple[str, ...]
    """What must be installed before it can be used: the id of its model, Python packages."""

    @property
    def installed(self) -> bool:
        """Whether it can be used now."""
        return not self.needs


def list_voices(entries: Iterable[ModelEntry], registry: VoiceRegistry) -> list[ListedVoice]:
    """Return the installed voices, in the order of the registry, then the others.

    A voice of several models is listed once. Blocks on the disk: call it in a thread.
    """
    models = {entry.id: entry for entry in entries if entry.kind is Task.TTS}
    listed = {
        voice.info.name: _installed_voice(voice, models[voice.spec.id])
        for voice in registry
        if voice.spec.id in models
    }
    installed = registry.models
    checker = RequirementChecker()
    for entry in models.values():
        for offer in entry.offers:
            if offer.name in listed:
                continue
            missing = checker.missing(entry.engine, offer.needs)
            pull = () if entry.id in installed else (entry.id,)
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
    # A mix has the quality and the languages of its first voice.
    first = voice_names(voice.name)[0]
    quality = next((offer.quality for offer in entry.offers if offer.name == first), "")
    info = voice.info
    return ListedVoice(
        info.name,
        info.description,
        entry,
        tuple(voice.languages),
        quality,
        info.speakers,
        needs=(),
    )
