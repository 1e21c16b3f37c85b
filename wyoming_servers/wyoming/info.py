"""Builds the answers to `describe`, once per change of the installed models."""

import socket
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
from wyoming_servers.config.schema import AsrSection, Config
from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.protocol.codec import Frame, encode_frame
from wyoming_servers.speech.tts.voices import Voice, VoiceRegistry
from wyoming_servers.speech.wake.registry import WakeWordRegistry

PROGRAM_NAME: Final = "wyoming-conductor"
"""By this name `select-program` selects the program of all models, on every machine."""

ASR_TITLE: Final = "Speech-to-text"

AUTHOR: Final = "Wyoming Conductor"
"""In the attribution of every program: tells our servers from others."""

DEFAULT_MARK: Final = "(default) "
"""Prefix of the default voice's description: Home Assistant selects the first voice by description,
and a parenthesis sorts before letters and digits."""


class InfoCache:
    """The encoded `info` event of one port. Describing loads no model and counts as no use."""

    def __init__(self, build: Callable[[], Info]) -> None:
        self._build = build
        self._frame = b""
        self.is_empty = True
        """Whether it offers nothing yet, since no model of the service is installed."""
        self.refresh()

    def refresh(self) -> bool:
        """Build the event again after models were added or removed; True if it has changed."""
        before = self._frame
        info = self._build()
        self.is_empty = not (info.asr or info.tts or info.wake)
        event = info.event()
        self._frame = encode_frame(Frame(event.type, event.data))
        return self._frame != before

    @property
    def frame(self) -> bytes:
        """The encoded event."""
        return self._frame


def machine_name(config: Config) -> str:
    """Return the name of this machine for people."""
    return config.discovery.name or socket.gethostname()


def asr_info(
    specs: Mapping[str, ModelSpec], asr: AsrSection, machine: str, first: str | None = None
) -> Info:
    """Describe speech-to-text: one program, with the configured model first.

    On the port of a single model, `first`, a program of that model precedes the program of all
    models: Home Assistant uses the first program, with the languages of all its models.
    """
    models = [spec for spec in specs.values() if spec.task is Task.ASR]
    models.sort(key=lambda spec: (spec.id != asr.model, spec.id))
    programs = [_asr_program(ASR_TITLE, machine, models, asr)] if models else []
    if first is not None and first in specs:
        programs.insert(0, _asr_program(first, machine, [specs[first]], asr))
    return Info(asr=programs)


def tts_info(voices: VoiceRegistry, machine: str) -> Info:
    """Describe text-to-speech: one program, with the default voice first."""
    default = voices.default
    found = sorted(voices, key=lambda voice: (voice != default, voice.info.name))
    program = TtsProgram(
        **_program("Text-to-speech", machine),
        voices=[_voice(voice, is_default=voice == default) for voice in found],
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program] if found else [])


def wake_info(registry: WakeWordRegistry, machine: str) -> Info:
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
        for name, word in registry.words().items()
    ]
    program = WakeProgram(**_program("Wake words", machine), models=models)
    return Info(wake=[program] if models else [])


def _asr_program(
    title: str, machine: str, models: Iterable[ModelSpec], asr: AsrSection
) -> AsrProgram:
    return AsrProgram(
        **_program(title, machine),
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
        # With it Home Assistant tells satellites when speech starts and ends.
        requires_external_vad=asr.external_vad or not asr.turn_detection,
        # docs/clients/satellites.md has the measurement.
        prefers_auto_gain_enabled=False,
        prefers_noise_reduction_enabled=False,
    )


def _voice(voice: Voice, *, is_default: bool) -> TtsVoice:
    description = voice.info.description or voice.info.name
    return TtsVoice(
        name=voice.info.name,
        description=f"{DEFAULT_MARK}{description}" if is_default else description,
        attribution=_attribution(voice.spec),
        installed=True,
        version=voice.spec.version or None,
        languages=list(voice.languages),
        speakers=[TtsVoiceSpeaker(name) for name in voice.info.speakers] or None,
    )


def _program(title: str, machine: str) -> dict[str, Any]:
    """Return the fields that all programs share.

    Home Assistant names the discovered service and its entity after the program, so the name tells
    apart the services of a machine, and the machines.
    """
    return {
        "name": f"{title} on {machine}",
        "description": title,
        "attribution": Attribution(name=AUTHOR, url=""),
        "installed": True,
        "version": __version__,
    }


def _attribution(spec: ModelSpec) -> Attribution:
    name, url = spec.attribution
    return Attribution(name=name, url=url)
