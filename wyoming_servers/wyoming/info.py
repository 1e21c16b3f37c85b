"""What `describe` is answered with, made once and kept as bytes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from wyoming.info import (
    AsrModel,
    AsrProgram,
    Attribution,
    Info,
    TtsProgram,
    TtsVoice,
    TtsVoiceSpeaker,
    WakeModel,
    WakeProgram,
)

from wyoming_servers import __version__
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import (
    ModelSpec,
    Task,
)
from wyoming_servers.protocol.codec import Frame, encode_frame
from wyoming_servers.speech.tts.voices import (
    Voice,
    VoiceRegistry,
)
from wyoming_servers.speech.wake.registry import WakeWordRegistry

PROGRAM_NAME: Final = "wyoming-conductor"
"""The name of every program but those of one model. It is part of Home Assistant's entity ids, so
it never changes."""

DEFAULT_MARK: Final = "(default) "
"""Begins the default voice's description: Home Assistant takes the first by description, and a
parenthesis sorts before letters and digits."""


class InfoCache:
    """The `info` event of one port. Describing it loads nothing and counts as no use."""

    def __init__(self, build: Callable[[], Info]) -> None:
        self._build = build
        self._frame = b""
        self.refresh()

    def refresh(self) -> bool:
        """Build it anew after models came or went; True if it has changed."""
        before = self._frame
        event = self._build().event()
        self._frame = encode_frame(Frame(event.type, event.data))
        return self._frame != before

    @property
    def frame(self) -> bytes:
        """The event as bytes, ready to send."""
        return self._frame


def program_name(model: str) -> str:
    """Return the name of the program that is one model alone, on its own port."""
    return f"{PROGRAM_NAME} {model}"


def asr_info(specs: Mapping[str, ModelSpec], config: Config, first: str | None = None) -> Info:
    """Describe speech-to-text: one program, the model that is used first.

    On the port of one model, `first`, a program of it alone comes before that of all: Home
    Assistant takes the first, with the languages of all its models.
    """
    models = [spec for spec in specs.values() if spec.task is Task.ASR]
    models.sort(key=lambda spec: (spec.id != config.asr.model, spec.id))
    programs = [_asr_program(PROGRAM_NAME, models, config)] if models else []
    if first is not None and first in specs:
        programs.insert(0, _asr_program(program_name(first), [specs[first]], config))
    return Info(asr=programs)


def _asr_program(name: str, models: Iterable[ModelSpec], config: Config) -> AsrProgram:
    return AsrProgram(
        **_program("Speech to text", name),
        models=[
            AsrModel(
                name=spec.id,
                description=spec.description or spec.id,
                attribution=_attribution(spec),
                installed=True,
                version=spec.version or None,
                languages=sorted(spec.languages),
            )
            for spec in models
        ],
        supports_transcript_streaming=True,
        requires_external_vad=not config.asr.turn_detection,
    )


def tts_info(voices: VoiceRegistry) -> Info:
    """Describe text-to-speech: one program, the default voice first."""
    default = voices.default
    found = sorted(voices, key=lambda voice: (voice != default, voice.offer.name))
    program = TtsProgram(
        **_program("Text to speech"),
        voices=[_voice(voice, is_default=voice == default) for voice in found],
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program] if found else [])


def wake_info(words: WakeWordRegistry) -> Info:
    """Describe the wake words: one program."""
    models = [
        WakeModel(
            name=name,
            description=word.info.description or word.info.phrase or name,
            attribution=_attribution(word.spec),
            installed=True,
            version=word.spec.version or None,
            languages=list(word.info.languages or word.spec.languages),
            phrase=word.info.phrase or name.replace("_", " "),
        )
        for name, word in words.words().items()
    ]
    program = WakeProgram(**_program("Wake words"), models=models)
    return Info(wake=[program] if models else [])


def _voice(voice: Voice, *, is_default: bool) -> TtsVoice:
    description = voice.offer.description or voice.offer.name
    return TtsVoice(
        name=voice.offer.name,
        description=f"{DEFAULT_MARK}{description}" if is_default else description,
        attribution=_attribution(voice.spec),
        installed=True,
        version=voice.spec.version or None,
        languages=list(voice.languages),
        speakers=[TtsVoiceSpeaker(name) for name in voice.offer.speakers] or None,
    )


def _program(description: str, name: str = PROGRAM_NAME) -> dict[str, Any]:
    """Return what all programs have in common."""
    return {
        "name": name,
        "description": description,
        "attribution": Attribution(name="Wyoming Conductor", url=""),
        "installed": True,
        "version": __version__,
    }


def _attribution(spec: ModelSpec) -> Attribution:
    name, url = spec.attribution
    return Attribution(name=name, url=url)
