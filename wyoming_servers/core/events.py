"""What has happened, as frozen facts: the log, `/events`, metrics and tests read them.

Events are in the past tense, import nothing of ours and never ask for anything; a command is a
method call on the owner. `bus` carries them.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    type: ClassVar[str] = "event"
    """The name outside, in snake case and the past tense."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields with the type, ready for JSON."""
        return {"type": self.type, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStarted(Event):
    """All ports are open."""

    type: ClassVar[str] = "server_started"
    ports: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStopping(Event):
    """The server takes no new work and ends what runs."""

    type: ClassVar[str] = "server_stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptingChanged(Event):
    """The operator has paused the server, or let it go on."""

    type: ClassVar[str] = "accepting_changed"
    accepting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEvent(Event):
    """Base of what happens to one model on one device."""

    model: str
    device: str = "cpu"
    compute_type: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStateChanged(ModelEvent):
    """The lifecycle moved; `state` is what the outside sees."""

    type: ClassVar[str] = "model_state_changed"
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQueued(ModelEvent):
    """A load waits for its turn or for room."""

    type: ClassVar[str] = "model_queued"
    priority: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelJoined(ModelEvent):
    """A request joined a load that another had asked for."""

    type: ClassVar[str] = "model_joined"
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWaiting(ModelEvent):
    """No room: the load waits until memory comes back."""

    type: ClassVar[str] = "model_waiting_for_gpu"
    needed_bytes: int
    free_bytes: int
    retry_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoading(ModelEvent):
    """A worker process was started for the model."""

    type: ClassVar[str] = "model_loading"
    reserved_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProgressed(ModelEvent):
    """Long work on a model moved on."""

    type: ClassVar[str] = "model_progress"
    phase: str
    """download, verify, load or warmup."""
    percent: int
    """0 to 100, or -1 where it cannot be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoaded(ModelEvent):
    """The model is warm and answers at once."""

    type: ClassVar[str] = "model_ready"
    seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUnloaded(ModelEvent):
    """The worker process is gone and its memory with it."""

    type: ClassVar[str] = "model_unloaded"
    reason: str
    """idle, evicted, operator, shutdown or crash."""
    freed_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEvicted(ModelEvent):
    """An idle model was chosen to make room for another."""

    type: ClassVar[str] = "model_evicted"
    for_model: str
    memory_bytes: int
    idle_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed(ModelEvent):
    """A load failed or the worker died."""

    type: ClassVar[str] = "model_failed"
    code: str
    message: str
    attempt: int = 1
    retry_seconds: float | None = None
    """When it may be tried again; None where the circuit stays open until asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInstalled(Event):
    """A model's files have come, by a download or by another program; it can be used."""

    type: ClassVar[str] = "model_installed"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRemoved(Event):
    """A model's files are gone; it can no longer be used."""

    type: ClassVar[str] = "model_removed"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFellBack(ModelEvent):
    """A request or a model runs on a lesser placement than the wished one."""

    type: ClassVar[str] = "model_fell_back"
    to_device: str
    to_compute_type: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureChanged(Event):
    """Memory use of a device crossed a threshold."""

    type: ClassVar[str] = "memory_pressure"
    device: str
    level: str
    """normal, warning or critical."""
    used_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(Event):
    """The first speech of an utterance was heard."""

    type: ClassVar[str] = "speech_started"
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptGrew(Event):
    """More of what somebody says is certain; only where partial transcripts are asked for."""

    type: ClassVar[str] = "transcript_grew"
    client: str
    model: str
    text: str
    """All that is certain so far; the transcript will begin with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationEnded(Event):
    """A transcription that was begun in a pause turned out to be of use, or not."""

    type: ClassVar[str] = "speculation_ended"
    client: str
    model: str
    outcome: str
    """used, void (speech went on, or the client left) or failed."""
    seconds: float
    """From its begin to its result, or to its cancellation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeWordDetected(Event):
    """A satellite heard a wake word."""

    type: ClassVar[str] = "wake_word_detected"
    client: str
    word: str
    score: float
    timestamp: int | None = None
    """Milliseconds on the client's clock."""
    suppressed: bool = False
    """Whether another satellite had heard it just before, so that this one was not told."""
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds: queue (from the arrival of the audio that decided it to the model), inference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRetried(Event):
    """The worker of a request failed, and the request is made once more on a fresh lease."""

    type: ClassVar[str] = "request_retried"
    kind: str
    model: str
    client: str
    code: str
    """What the first try failed with; the client is told only how the second ends."""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished(Event):
    """A request ended; `code` is empty when it ended well."""

    type: ClassVar[str] = "request_finished"
    kind: str
    model: str
    client: str
    seconds: float
    code: str = ""
    message: str = ""
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds per stage, such as queue, inference, first_audio."""
    spans: tuple[tuple[str, float, float], ...] = ()
    """When each stage began and ended, in seconds before the end of the request; the first ones."""
    phrases: int = 0
    """Phrases that were spoken."""
    cached: int = 0
    """How many of these came from the phrase cache."""
    audio_seconds: float = 0.0
    """Audio that went through the model, heard or made; the inference stage is about this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(Event):
    """Base of what happens to one job."""

    job: str
    """Its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueued(JobEvent):
    """A recording was taken in."""

    type: ClassVar[str] = "job_queued"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted(JobEvent):
    """Its turn has come."""

    type: ClassVar[str] = "job_started"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgressed(JobEvent):
    """Another piece of it is done."""

    type: ClassVar[str] = "job_progress"
    percent: int
    chunk: int
    chunks_total: int
    """An estimate until the last piece is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished(JobEvent):
    """It has ended and will not change any more."""

    type: ClassVar[str] = "job_finished"
    model: str
    status: str
    """done, failed or cancelled."""
    code: str = ""
    message: str = ""
