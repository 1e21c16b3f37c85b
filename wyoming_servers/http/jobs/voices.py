"""Resolves the voices of a speech job: its own, those of its speakers and those of single lines."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.http.context import ApiContext
from wyoming_servers.jobs.job import JobSegment, LineVoice, SpeechOptions
from wyoming_servers.speech.tts.voices import VoiceRegistry, resolve_speaker
from wyoming_servers.text.locale import best_match
from wyoming_servers.text.voice_expression import MAX_SPEED, MIN_SPEED, format_options


def require_voices(context: ApiContext) -> VoiceRegistry:
    """Return the installed voices. Raises ModelMissingError without text-to-speech."""
    if context.tts is None:
        raise ModelMissingError("Text-to-speech is disabled on this server.")
    return context.tts.voices


def resolve_voice(
    context: ApiContext,
    name: str | None,
    *,
    language: str | None = None,
    speaker: str = "",
    speed: float | None = None,
) -> LineVoice:
    """Return a voice with all defaults. Raises ModelMissingError, BadRequestError."""
    voice = require_voices(context).find(name or None, language or None)
    base = context.config.tts.speed if speed is None else speed
    return LineVoice(
        name=voice.info.name,
        sound=voice.name + (f"@{format_options(voice.options)}" if voice.options else ""),
        speaker=resolve_speaker(voice, speaker),
        model=voice.spec.id,
        language=next(iter(voice.languages), ""),
        speed=min(max(base * voice.speed, MIN_SPEED), MAX_SPEED),
    )


def assign_speakers(
    context: ApiContext, speakers: Iterable[str], main: LineVoice, chosen: Mapping[str, str]
) -> dict[str, str]:
    """Return the name of a voice for each speaker.

    1. The voice that the client has chosen.
    2. A voice that is called like the speaker.
    3. In the order in which they begin to speak: the voice of the job, then each other voice of
       its language, then again from the first.

    Raises ModelMissingError for a chosen voice that is not installed.
    """
    registry = require_voices(context)
    names = list(dict.fromkeys(name for name in speakers if name))
    similar = [main.name, *_similar_voices(registry, main)]
    by_name = {voice.info.name.casefold(): voice.info.name for voice in registry}
    assigned = {}
    for number, name in enumerate(names):
        if chosen.get(name):
            assigned[name] = registry.find(chosen[name]).info.name  # 1
        else:
            turn = similar[number % len(similar)]  # 3
            assigned[name] = by_name.get(name.casefold(), turn)  # 2
    return assigned


def complete_options(
    context: ApiContext, options: SpeechOptions, segments: Iterable[JobSegment]
) -> SpeechOptions:
    """Return the options with every voice that a line or a speaker has.

    Raises ModelMissingError for one that is not installed any more.
    """
    names = {segment.line.voice for segment in segments if segment.line is not None}
    names |= set(options.speakers.values())
    names -= {"", options.voice}
    speed = base_speed(context, options)
    voices = [resolve_voice(context, name, speed=speed) for name in sorted(names)]
    return replace(options, voices=tuple(voices))


def base_speed(context: ApiContext, options: SpeechOptions) -> float:
    """Return the speed of a job without that which the name of its voice contains."""
    return options.speed / require_voices(context).find(options.voice).speed


def _similar_voices(registry: VoiceRegistry, main: LineVoice) -> list[str]:
    """Return the other plain voices of a language."""
    return [
        voice.info.name
        for voice in registry
        if voice.info.name != main.name
        and not voice.expression
        and best_match(main.language, voice.languages) is not None
    ]
