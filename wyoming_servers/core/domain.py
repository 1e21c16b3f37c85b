"""The vocabulary that every layer shares: tasks, priorities, audio formats, models, placements."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Final

KEEP_FOREVER: Final = -1.0
"""A keep-alive that never ends; like Ollama, any negative number has this meaning."""


class Task(StrEnum):
    """What a model is for."""

    ASR = "asr"
    TTS = "tts"
    WAKE = "wake"
    TURN = "turn"
    """Hear whether a speaker has finished; serves speech-to-text, and no client."""
    SPEAKER = "speaker"
    """Embed a voice; serves speech-to-text and wake words, and no client."""


def model_service_name(model: str) -> str:
    """Return the service name of the extra port that serves one speech-to-text model."""
    return f"{Task.ASR}:{model}"


class Priority(IntEnum):
    """Order of loads and inference runs: the larger number first, then the older request.

    Late speech is heard by everybody in the room, a late transcript delays one request. The result
    of a speculative transcription will probably be used; background work (jobs, preloading, partial
    transcripts) has no waiting user.
    """

    BACKGROUND = 1
    SPECULATIVE = 3
    ASR = 5
    TTS = 10


class ModelState(StrEnum):
    """State of a model as clients see it; the full state machine is in `scheduling.planner`."""

    UNLOADED = "unloaded"
    DOWNLOADING = "downloading"
    """Its files are being installed."""
    WAITING_FOR_MEMORY = "waiting_for_gpu"
    """Waits for memory on any device, the host included; the value is the API's original name."""
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    FAILED = "failed"
    UNFIT = "unfit"
    """Not loaded, because it needs more memory than models may ever hold on its devices."""


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
        """Return the duration of `size` bytes, in seconds."""
        return size / (self.rate * self.frame_bytes)

    def bytes_for(self, seconds: float) -> int:
        """Return the bytes of the whole frames in `seconds`."""
        return int(seconds * self.rate) * self.frame_bytes


SPEECH_FORMAT: Final = AudioFormat(rate=16_000)
"""Input format of every speech-to-text and wake word engine: 16 kHz, 16 bit, mono."""

MAX_UNSENT_SECONDS: Final = 0.1
"""Synthesized audio that may not have been sent yet, because it is sent in whole chunks and its end
is faded out."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A way to run a model: a device and the number format of the weights on it."""

    device: str = "cpu"
    """`cpu`, or `cuda:N` as CTranslate2 and torch name the Nth NVIDIA GPU."""
    compute_type: str = "default"
    """The engine's own name, such as CTranslate2's `int8` or `float16`."""
    revision: int = 0
    """Incremented by the planner whenever a model gets other load options, so that the worker with
    the old ones can serve until the one with the new ones is ready."""

    def __str__(self) -> str:
        return f"{self.device}/{self.compute_type}"


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """A voice of a text-to-speech model."""

    name: str
    """The name that clients send and see, such as `en_US-joe-medium`."""
    description: str = ""
    languages: tuple[str, ...] = ()
    """BCP 47 codes it speaks."""
    speakers: tuple[str, ...] = ()
    """Names of the speakers, if the voice has several."""


@dataclass(frozen=True, slots=True)
class WakeWordInfo:
    """A wake word of a model."""

    name: str
    """The name that clients send and see, such as `hey_jarvis`."""
    description: str = ""
    languages: tuple[str, ...] = ()
    """BCP 47 codes of the languages in which it is spoken."""
    phrase: str = ""
    """The words to say, such as `hey jarvis`."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything the coordinator and a worker need to know about one model; immutable."""

    id: str
    """Such as `whisper/tiny.en`; shown to users and used in the configuration."""
    task: Task
    engine: str
    """The name of an engine; `core.engine_info` describes it."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Role (`model`, `config`, `voices`) to absolute path."""
    description: str = ""
    version: str = ""
    attribution: tuple[str, str] = ("", "")
    """Name and URL of the model's authors."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes the model understands or speaks."""
    voices: tuple[VoiceInfo, ...] = ()
    """Its voices, for text-to-speech."""
    wake_words: tuple[WakeWordInfo, ...] = ()
    """Its wake words, for wake word detection."""
    placements: tuple[Placement, ...] = (Placement(),)
    """Where it may run, best first: the first is preferred, the others are fallbacks."""
    memory_bytes: int = 0
    """Estimated memory use, until it has been measured."""
    keep_alive: float = 300.0
    """Seconds to stay loaded after the last use; 0 unloads right after use, negative never."""
    keep_warm: bool = False
    """While it is in use by settings or clients, stay loaded for longer where there is memory to
    spare: `keep_alive: auto`."""
    pinned: bool = False
    """Never evicted to make room for another model."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The engine's own load options (`cpu_threads`, …)."""
    streams_audio: bool = False
    """Whether the voice returns the first audio before the whole sentence is synthesized.

    Then the first words need not be split off to reduce the time to first audio.
    """
