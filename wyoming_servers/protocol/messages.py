"""What the server and a worker say to each other: one frozen dataclass a message.

On the wire a message is one Wyoming frame (`codec`): its name, its fields as JSON, and for audio
a payload. `session` says which message is legal when. All messages about one inference carry
its `run` number, chosen by the server and unique per worker.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Base of all messages."""

    type: ClassVar[str] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModel(Message):
    """server → worker, once and first: become this model."""

    type: ClassVar[str] = "load-model"
    model: str
    engine: str
    kind: str
    files: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    device: str = "cpu"
    compute_type: str = "default"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressMessage(Message):
    """worker → server: a load or a run moved on."""

    type: ClassVar[str] = "progress"
    phase: str
    """download, verify, load, warmup or inference."""
    percent: int = -1
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReady(Message):
    """worker → server: loaded and warmed up by a real inference."""

    type: ClassVar[str] = "model-ready"
    seconds: float
    info: Mapping[str, Any] = field(default_factory=dict)
    """What only the loaded model knows, such as `sample_rate`, `speakers`, `words`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInference(Message):
    """server → worker: begin run number `run`.

    With `streaming` the input follows as `input-chunk` … `input-end`; without it the payload of
    this message is the whole input.
    """

    type: ClassVar[str] = "run-inference"
    run: int
    priority: int = 1
    streaming: bool = False
    request: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputChunk(Message):
    """server → worker: the next piece of the input."""

    type: ClassVar[str] = "input-chunk"
    run: int
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputEnd(Message):
    """server → worker: the input is complete."""

    type: ClassVar[str] = "input-end"
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceChunk(Message):
    """worker → server: a piece of the output (audio, a segment, a detection)."""

    type: ClassVar[str] = "inference-chunk"
    run: int
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceResult(Message):
    """worker → server, last of a run: it ended well."""

    type: ClassVar[str] = "inference-result"
    run: int
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage(Message):
    """worker → server: a run (with `run`) or the load (without) failed; the last of it."""

    type: ClassVar[str] = "error"
    code: str
    message: str
    hint: str = ""
    """What the user can do next; empty for the code's own hint."""
    recoverable: bool = True
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit(Message):
    """both ways: `size` more bytes of the run's chunks were taken; see `flow`."""

    type: ClassVar[str] = "credit"
    run: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(Message):
    """server → worker: nobody waits for run `target` any more; answered by error CANCELLED."""

    type: ClassVar[str] = "cancel"
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnloadModel(Message):
    """server → worker: let the model go and exit."""

    type: ClassVar[str] = "unload-model"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUnloadedMessage(Message):
    """worker → server: the last message before the exit."""

    type: ClassVar[str] = "model-unloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Message):
    """server → worker: is your message loop alive? Never waits for an inference."""

    type: ClassVar[str] = "ping"
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Message):
    """worker → server: the answer, with the same text."""

    type: ClassVar[str] = "pong"
    text: str = ""


MESSAGES: Mapping[str, type[Message]] = {
    kind.type: kind
    for kind in (
        LoadModel,
        ProgressMessage,
        ModelReady,
        RunInference,
        InputChunk,
        InputEnd,
        InferenceChunk,
        InferenceResult,
        ErrorMessage,
        Credit,
        Cancel,
        UnloadModel,
        ModelUnloadedMessage,
        Ping,
        Pong,
    )
}
"""Every message by its name on the wire."""
