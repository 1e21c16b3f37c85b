"""The data types of a job, and its states.

queued ──► running ──► done | failed | cancelled
   └───────────────────────────────► cancelled

A restart of the server returns a running job to queued; its results so far are kept.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from wyoming_servers.jobs.speech_script import ScriptFormat
from wyoming_servers.media.formats import AudioFileFormat

JobTask = Literal["transcribe", "translate", "speak"]


class JobStatus(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL_STATUSES: Final = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})
"""States that are final."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with its times, in seconds from the start of the recording."""

    text: str
    start: float
    end: float
    probability: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class CueTiming:
    """How the speech of a cue fitted into its time; seconds."""

    start: float
    """Start of the cue in the subtitles."""
    end: float
    natural: float
    """Duration of the speech at the requested speed."""
    pace: float
    """Factor by which it was spoken faster to fit; 1.0 for not at all."""


@dataclass(frozen=True, slots=True)
class JobSegment:
    """A segment of speech, in seconds from the start of the recording."""

    index: int
    start: float
    end: float
    text: str
    words: tuple[TimedWord, ...] = ()
    """Empty unless word timestamps were requested."""
    fit: CueTiming | None = None
    """Timing of a synthesized cue; None for a transcript and for text without times."""


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """How a text is synthesized, with all defaults resolved."""

    voice: str
    """Public name of the voice."""
    sound: str
    """Voice expression: a voice or a mix, with options of the engine."""
    speaker: str | None
    speed: float
    """0.5 to 2.0; 1.0 is the voice's own speed."""
    source: ScriptFormat
    """Format of the text."""
    audio: AudioFileFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What defines a job, with model and language already chosen."""

    model: str
    language: str | None = None
    """Language code of the model; None to detect the language."""
    task: JobTask = "transcribe"
    word_timestamps: bool = False
    vad: bool = True
    """Skip audio without speech and cut at silences; else cut every 30 s."""
    prompt: str = ""
    """Text that biases spelling."""
    filename: str = ""
    """Name from the client, only for display; never used as a path."""
    webhook_url: str = ""
    idempotency_key: str = ""
    speech: SpeechOptions | None = None
    """Options of a job with task `speak`, whose upload is a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(NewJob):
    """A snapshot of one job."""

    id: str
    status: JobStatus
    progress: int = 0
    """Percent."""
    chunk: int = 0
    """Chunks transcribed, or lines synthesized."""
    chunks_total: int = 0
    """Number of chunks: an estimate until the last one is cut."""
    position: float = 0.0
    """Seconds of the recording, or of the speech, that are done; work continues there."""
    duration: float | None = None
    """Seconds of the recording or of the speech; None while unknown."""
    rate: int | None = None
    """Samples per second of the speech; None before the first audio."""
    segments: tuple[JobSegment, ...] = ()
    """Results so far."""
    error: str = ""
    error_code: str = ""
    attempts: int = 0
    """How often work on it was started."""
    created: float = 0.0
    """Seconds since 1970, like the next two."""
    started: float | None = None
    completed: float | None = None

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.status in TERMINAL_STATUSES

    @property
    def text(self) -> str:
        """The texts of all segments, joined."""
        return " ".join(segment.text for segment in self.segments if segment.text)
