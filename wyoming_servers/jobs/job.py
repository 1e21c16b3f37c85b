"""A job as everybody sees it, and the states it goes through.

queued ──► running ──► done | failed | cancelled
   └───────────────────────────────► cancelled

A restart of the server takes a running job back to queued; what was transcribed stays.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from wyoming_servers.media.formats import AudioFileFormat
from wyoming_servers.text.subtitles import TextFormat

JobTask = Literal["transcribe", "translate", "speak"]


class JobStatus(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL_STATUSES: Final = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})
"""A job in one of these never changes again."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its time, in seconds from the beginning of the recording."""

    text: str
    start: float
    end: float
    probability: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class CueTiming:
    """How a cue's speech fitted into its time; seconds."""

    start: float
    """Where the cue begins in the subtitles."""
    end: float
    natural: float
    """How long the speech is at the pace that was asked for."""
    pace: float
    """How much faster it was spoken to fit; 1.0 is not at all."""


@dataclass(frozen=True, slots=True)
class JobSegment:
    """Some seconds of speech, in seconds from the beginning of the recording."""

    index: int
    start: float
    end: float
    text: str
    words: tuple[TimedWord, ...] = ()
    """Empty unless word timestamps were asked for."""
    fit: CueTiming | None = None
    """Of a spoken cue; None for what was heard, and for text without times."""


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """How a text is to be spoken; all choices are made."""

    voice: str
    """As people name it."""
    sound: str
    """As the engine names it: a plain voice or a mix."""
    speaker: str | None
    speed: float
    """0.5 to 2.0; 1.0 is the voice's own pace."""
    source: TextFormat
    """How the text is written."""
    audio: AudioFileFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a job is made of; model and language are chosen, not asked for."""

    model: str
    language: str | None = None
    """As the model names it; None to detect it."""
    task: JobTask = "transcribe"
    word_timestamps: bool = False
    vad: bool = True
    """Leave out what is not speech and cut at silences; else cut every half minute."""
    prompt: str = ""
    """Text that biases spelling."""
    filename: str = ""
    """What the client called the recording; for people, never a path."""
    webhook_url: str = ""
    idempotency_key: str = ""
    speech: SpeechOptions | None = None
    """Of a job with the task `speak`; its recording is a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(NewJob):
    """One recording on its way to text, or text on its way to speech; a snapshot."""

    id: str
    status: JobStatus
    progress: int = 0
    """Percent."""
    chunk: int = 0
    """Pieces transcribed, or cues spoken."""
    chunks_total: int = 0
    """Pieces there will be: an estimate until the last is cut."""
    position: float = 0.0
    """Seconds of the recording that are done with, or of the speech that was made; work goes on
    there after a restart."""
    duration: float | None = None
    """Seconds of the recording; None until it was opened, or until all of it was spoken."""
    rate: int | None = None
    """Samples per second of the speech that was made; None until there is some."""
    segments: tuple[JobSegment, ...] = ()
    """What was heard or spoken so far."""
    error: str = ""
    error_code: str = ""
    attempts: int = 0
    """How often work on it was begun."""
    created: float = 0.0
    """Seconds since 1970, as the following."""
    started: float | None = None
    completed: float | None = None

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status in TERMINAL_STATUSES

    @property
    def text(self) -> str:
        """Everything that was heard, as one text."""
        return " ".join(segment.text for segment in self.segments if segment.text)
