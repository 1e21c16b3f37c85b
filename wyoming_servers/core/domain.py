"""Words that every layer shares: kinds of work, audio formats, models and where they may run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Final

KEEP_FOREVER: Final = -1.0
"""A keep-alive that never ends (Ollama's word: a negative number)."""


class Task(StrEnum):
    """What a model does for the person who speaks."""

    ASR = "asr"
    TTS = "tts"
    WAKE = "wake"


def model_service_name(model: str) -> str:
    """Return the name of the service on the port of one speech-to-text model."""
    return f"{Task.ASR}:{model}"


class Priority(IntEnum):
    """Whose load and whose inference goes first; the larger number wins, then age.

    A voice that is late is heard by everybody, a transcript that is late by one. A transcript
    made ahead of the end of a turn will probably be waited for; work nobody waits for (jobs,
    preload, partial transcripts) comes last.
    """

    BACKGROUND = 1
    SPECULATIVE = 3
    ASR = 5
    TTS = 10


class ModelState(StrEnum):
    """What the outside sees of a model; the lifecycle itself is `coordinator.states`."""

    UNLOADED = "unloaded"
    WAITING_FOR_MEMORY = "waiting_for_gpu"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Interleaved signed little-endian PCM."""

    rate: int
    """Samples per second and channel (Hz)."""
    width: int = 2
    """Bytes per sample."""
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.width * self.channels

    def seconds(self, size: int) -> float:
        """How long `size` bytes play, in seconds."""
        return size / (self.rate * self.frame_bytes)

    def bytes_for(self, seconds: float) -> int:
        """Whole frames that cover `seconds`, in bytes."""
        return int(seconds * self.rate) * self.frame_bytes


SPEECH_FORMAT: Final = AudioFormat(rate=16_000)
"""What every engine that listens takes: 16 kHz, 16 bit, mono."""

MAX_UNSENT_SECONDS: Final = 0.1
"""Synthesized audio that may not have been sent yet, because it is sent in whole chunks and its end
is faded out."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One way to run a model: a device and the number format of its weights there."""

    device: str = "cpu"
    """`cpu`, or `cuda:N` as CTranslate2 and torch name the Nth NVIDIA GPU."""
    compute_type: str = "default"
    """The engine's own name, such as CTranslate2's `int8` or `float16`."""

    def __str__(self) -> str:
        return f"{self.device}/{self.compute_type}"


@dataclass(frozen=True, slots=True)
class Offer:
    """A voice or a wake word of a model: what a client can name."""

    name: str
    """The name clients send and see, such as `en_US-joe-medium` or `hey_jarvis`."""
    description: str = ""
    languages: tuple[str, ...] = ()
    """BCP 47 codes it speaks or hears."""
    phrase: str = ""
    """What to say, for a wake word (`hey jarvis`)."""
    speakers: tuple[str, ...] = ()
    """Names of the speakers inside a voice that has several."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything the coordinator and a worker need to know about one model; immutable."""

    id: str
    """Such as `whisper/tiny.en`; the name people see and configure."""
    task: Task
    engine: str
    """The name of an engine; `core.engine_info` describes it."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Role (`model`, `config`, `voices`) to absolute path."""
    description: str = ""
    version: str = ""
    attribution: tuple[str, str] = ("", "")
    """Name and address of those who made it."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes the model understands or speaks."""
    offers: tuple[Offer, ...] = ()
    """Its voices or wake words; empty for speech-to-text."""
    placements: tuple[Placement, ...] = (Placement(),)
    """Where it may run, best first. The first is the wish; the others are what it falls back to."""
    memory_bytes: int = 0
    """Estimated footprint until one was measured."""
    keep_alive: float = 300.0
    """Seconds to stay loaded after the last use; 0 unloads right after use, negative never."""
    pinned: bool = False
    """Never evicted to make room for another."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Engine's own load options (`cpu_threads`, …)."""
    streams_audio: bool = False
    """Whether it sends the audio of a sentence before all of it is synthesized.

    The first words of a sentence need not be cut off then, to be heard early.
    """
