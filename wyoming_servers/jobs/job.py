"""The data types of a job, and its states.

draft ──► queued ──► running ──► done | failed | cancelled
  ▲          └───────────────────────────────► cancelled
  └────────────────── (edited) ────────── done | failed | cancelled

A restart of the server returns a running job to queued; its results so far are kept. Only speech
jobs are drafts: their lines can be edited, and wait to be spoken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from wyoming_servers.jobs.speech_script import ScriptFormat
from wyoming_servers.media.formats import AudioFileFormat

JobTask = Literal["transcribe", "translate", "speak"]


class JobStatus(StrEnum):
    """State of a job."""

    DRAFT = "draft"
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
class LineOptions:
    """How one line of a speech job is spoken."""

    voice: str = ""
    """Name of a voice; empty for that of the speaker or of the job."""
    speed: float = 1.0
    """Relative to the speed of the job."""
    pause: float = 0.0
    """Seconds of silence before it, unless it is a cue."""


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
    speaker: str = ""
    """Name of the speaker; empty if it is not known."""
    line: LineOptions | None = None
    """None for a transcript."""


@dataclass(frozen=True, slots=True)
class LineVoice:
    """A voice of a speech job, with all defaults resolved."""

    name: str
    """Public name."""
    sound: str
    """Voice expression: a voice or a mix, with options of the engine."""
    speaker: str | None
    """Speaker of a voice with several."""
    model: str
    language: str
    speed: float = 1.0
    """Speed that the voice expression names; 1.0 is the voice's own speed."""


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
    voices: tuple[LineVoice, ...] = ()
    """Further voices that lines or speakers have."""
    speakers: Mapping[str, str] = field(default_factory=dict)
    """Name of a speaker to the name of a voice."""


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
    kept: bool = False
    """Kept with its recording until it is deleted, for editing."""


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
    revision: int = 0
    """Number of edits of the segments."""
    scripted: bool = False
    """The segments of a speech job are its lines: its upload is no longer read."""
    attempts: int = 0
    """How often work on it was started."""
    created: float = 0.0
    """Seconds since 1970, like the next two."""
    started: float | None = None
    completed: float | None = None

    @property
    def ended(self) -> bool:
        """Whether its state is final, unless it is edited."""
        return self.status in TERMINAL_STATUSES

    @property
    def text(self) -> str:
        """The texts of all segments, joined."""
        return " ".join(segment.text for segment in self.segments if segment.text)
