"""Events: immutable records of what has happened, read by the log, `/events`, metrics and tests.

Events are named in the past tense and have no dependencies; a command is a method call on the
owner of the state instead. `core.event_bus` delivers them.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    type: ClassVar[str] = "event"
    """The public name, in snake case and the past tense."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields and the type, ready for JSON."""
        return {"type": self.type, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStarted(Event):
    """All ports are open."""

    type: ClassVar[str] = "server_started"
    ports: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStopping(Event):
    """The server accepts no new requests and finishes the running ones."""

    type: ClassVar[str] = "server_stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSetAside(Event):
    """A file of the data directory was damaged, or of a newer version, and was renamed."""

    type: ClassVar[str] = "file_set_aside"
    path: str
    """Absolute path; the server goes on with an empty file."""
    moved_to: str
    """Absolute path of the file now."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingIgnored(Event):
    """A setting could not be used at the start; the server runs with the default instead."""

    type: ClassVar[str] = "setting_ignored"
    key: str
    """Dotted key, or the name of an environment variable."""
    message: str
    suggestion: str = ""
    """The nearest valid key or value; empty if none is similar."""
    where: str = ""
    """File and line, or another source of the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptingChanged(Event):
    """The operator has paused or resumed the server."""

    type: ClassVar[str] = "accepting_changed"
    accepting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanged(Event):
    """Settings were changed."""

    type: ClassVar[str] = "config_changed"
    revision: int
    """Revision of the configuration in effect."""
    changed: tuple[str, ...]
    """Keys, dotted, whose saved value changed."""
    restart_needed: tuple[str, ...] = ()
    """Keys, dotted, of this and earlier changes, that take effect at the next start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEvent(Event):
    """Base of the events of one model on one device."""

    model: str
    device: str = "cpu"
    compute_type: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStateChanged(ModelEvent):
    """The public state of a model changed."""

    type: ClassVar[str] = "model_state_changed"
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQueued(ModelEvent):
    """A load waits in the queue, or for memory."""

    type: ClassVar[str] = "model_queued"
    priority: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelJoined(ModelEvent):
    """A request joined a load that another request had caused."""

    type: ClassVar[str] = "model_joined"
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWaiting(ModelEvent):
    """There is not enough memory: the load waits until some is free."""

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
    """A download or a load made progress."""

    type: ClassVar[str] = "model_progress"
    phase: str
    """download, verify, load or warmup."""
    percent: int
    """0 to 100, or -1 if unknown."""
    total_bytes: int = 0
    """Size of the download; 0 if unknown, or for another phase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoaded(ModelEvent):
    """The model is loaded and warmed up."""

    type: ClassVar[str] = "model_ready"
    seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUnloaded(ModelEvent):
    """The worker process has exited and its memory is free."""

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
    """A load failed or the worker process died."""

    type: ClassVar[str] = "model_failed"
    code: str
    message: str
    attempt: int = 1
    retry_seconds: float | None = None
    """Seconds until the next attempt; None if the circuit is open until the next request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInstalled(Event):
    """The files of a model were installed, by a download or another program."""

    type: ClassVar[str] = "model_installed"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRemoved(Event):
    """The files of a model were removed; it can no longer be used."""

    type: ClassVar[str] = "model_removed"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencesChanged(Event):
    """A client declared which models it needs, or withdrew that."""

    type: ClassVar[str] = "references_changed"
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PinsChanged(Event):
    """A client keeps other models loaded."""

    type: ClassVar[str] = "pins_changed"
    owner: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFellBack(ModelEvent):
    """A model runs on a fallback placement instead of the preferred one."""

    type: ClassVar[str] = "model_fell_back"
    to_device: str
    to_compute_type: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureChanged(Event):
    """The memory use of a device crossed a threshold."""

    type: ClassVar[str] = "memory_pressure"
    device: str
    level: str
    """normal, warning or critical."""
    used_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(Event):
    """The first speech of an utterance was detected."""

    type: ClassVar[str] = "speech_started"
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerRecognized(Event):
    """The voice of an utterance or a wake word was compared with the enrolled speakers."""

    type: ClassVar[str] = "speaker_recognized"
    client: str
    request: str = ""
    """Id of the request; the same as in `request_finished`."""
    kind: str = "asr"
    """Task whose audio it was: asr or wake."""
    speaker: str = ""
    """Name of the speaker; empty if nobody enrolled spoke."""
    speaker_id: str = ""
    confidence: float = 0.0
    """0 to 1, of the most similar speaker; below 0.5 nobody is recognized."""
    refused: bool = False
    """Whether the speech was not answered, because only known speakers are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakersChanged(Event):
    """A speaker was enrolled, changed or deleted."""

    type: ClassVar[str] = "speakers_changed"
    count: int
    """Number of enrolled speakers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptGrew(Event):
    """The stable part of a partial transcript grew; only if partial transcripts are enabled."""

    type: ClassVar[str] = "transcript_grew"
    client: str
    model: str
    text: str
    """The stable text so far; the final transcript begins with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationEnded(Event):
    """A speculative transcription, begun in a pause, was used or discarded."""

    type: ClassVar[str] = "speculation_ended"
    client: str
    model: str
    outcome: str
    """used, void (speech went on, or the client left) or failed."""
    seconds: float
    """From its start to its result or its cancellation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeWordDetected(Event):
    """A satellite detected a wake word."""

    type: ClassVar[str] = "wake_word_detected"
    client: str
    word: str
    score: float
    timestamp: int | None = None
    """Milliseconds on the client's clock."""
    suppressed: bool = False
    """Whether it was not reported, because another satellite detected the word just before, or
    because no enrolled speaker said it."""
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds per stage: queue (from the arrival of the decisive audio to the model), inference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRetried(Event):
    """The worker of a request failed, and the request is repeated once with a new lease."""

    type: ClassVar[str] = "request_retried"
    kind: str
    model: str
    client: str
    code: str
    """Error code of the first attempt; the client sees only the outcome of the second."""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished(Event):
    """A request ended; `code` is empty if it succeeded."""

    type: ClassVar[str] = "request_finished"
    request: str = ""
    """Id: 32 hexadecimal digits, as an OpenTelemetry trace id."""
    kind: str
    model: str
    client: str
    seconds: float
    code: str = ""
    message: str = ""
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds per stage, such as queue, inference, first_audio."""
    spans: tuple[tuple[str, float, float], ...] = ()
    """Start and end of the first stages, in seconds before the end of the request."""
    phrases: int = 0
    """Number of phrases that were spoken."""
    cached: int = 0
    """Number of these that came from the phrase cache."""
    audio_seconds: float = 0.0
    """Seconds of audio that the model read or generated during the inference stage."""
    speaker: str = ""
    """Name of the recognized speaker; empty if nobody was recognized."""
    confidence: float = 0.0
    """Confidence of the recognition, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(Event):
    """Base of the events of one job."""

    job: str
    """Id of the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueued(JobEvent):
    """A job was accepted and waits in the queue."""

    type: ClassVar[str] = "job_queued"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted(JobEvent):
    """A job started to run."""

    type: ClassVar[str] = "job_started"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgressed(JobEvent):
    """Another chunk of a job is done."""

    type: ClassVar[str] = "job_progress"
    percent: int
    chunk: int
    chunks_total: int
    """An estimate until the recording has been split completely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished(JobEvent):
    """A job has reached its final state."""

    type: ClassVar[str] = "job_finished"
    model: str
    status: str
    """done, failed or cancelled."""
    code: str = ""
    message: str = ""
