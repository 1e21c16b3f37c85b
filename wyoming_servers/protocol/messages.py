"""Messages between the server and a worker: one frozen dataclass each, and their frames.

On the wire a message is one Wyoming frame (`codec`): its name, its fields as JSON, and audio as the
payload. `session` says which message is legal when. All messages about one inference carry its
`run` number, which the server chooses and which is unique per worker. The type of every field is
checked against a table made at import.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar, Final, get_type_hints

from wyoming_servers.core.errors import InternalError
from wyoming_servers.protocol.codec import Frame, FrameLimits


class Peer(StrEnum):
    """One end of the pipe between the server and a worker."""

    SERVER = "server"
    WORKER = "worker"

    @property
    def other(self) -> "Peer":
        """The opposite end."""
        return Peer.WORKER if self is Peer.SERVER else Peer.SERVER


class ProtocolError(InternalError):
    """Raised when a message has wrong fields or is not legal now; `fault` names the peer to blame.

    The receiver of such a message can only close the pipe, because the two ends no longer agree
    about the state of the runs.
    """

    def __init__(self, fault: Peer, message: str) -> None:
        super().__init__(f"The {fault} broke the worker protocol: {message}")
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Base of all messages."""

    type: ClassVar[str] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModel(Message):
    """server → worker, first and once: load this model."""

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
    """worker → server: progress of the load or of a run."""

    type: ClassVar[str] = "progress"
    phase: str
    """download, verify, load, warmup or inference."""
    percent: int = -1
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReady(Message):
    """worker → server: the model is loaded and was warmed up by a real inference."""

    type: ClassVar[str] = "model-ready"
    seconds: float
    info: Mapping[str, Any] = field(default_factory=dict)
    """Facts that only the loaded model knows, such as `sample_rate`, `speakers`, `words`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInference(Message):
    """server → worker: start run number `run`.

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
    """server → worker: the next chunk of the input."""

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
    """worker → server: a chunk of the output (audio, a segment, a detection)."""

    type: ClassVar[str] = "inference-chunk"
    run: int
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceResult(Message):
    """worker → server, last message of a run: it succeeded."""

    type: ClassVar[str] = "inference-result"
    run: int
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage(Message):
    """worker → server, last message of a run, or of the load if `run` is None: it failed."""

    type: ClassVar[str] = "error"
    code: str
    message: str
    hint: str = ""
    """Advice for the user; empty for the default hint of the code."""
    recoverable: bool = True
    run: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit(Message):
    """both ways: `size` more bytes of the run's chunks were consumed; see `session.SendWindow`."""

    type: ClassVar[str] = "credit"
    run: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(Message):
    """server → worker: stop run `target`; answered by error CANCELLED."""

    type: ClassVar[str] = "cancel"
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnloadModel(Message):
    """server → worker: unload the model and exit."""

    type: ClassVar[str] = "unload-model"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUnloadedMessage(Message):
    """worker → server: the last message before the exit."""

    type: ClassVar[str] = "model-unloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Message):
    """server → worker: answer from the message loop; never waits for an inference."""

    type: ClassVar[str] = "ping"
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Message):
    """worker → server: the answer to a ping, with its text."""

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
"""Messages by their name on the wire."""


PIPE_LIMITS: Final = FrameLimits(header=4 * 1024, data=16 * 1024 * 1024, payload=256 * 1024 * 1024)
"""Limits on the pipe to a worker: room for an hour of speech in one message."""

FieldCheck = Callable[[Any], bool]


def to_frame(message: Message) -> Frame:
    """Return the frame of a message; fields that have their default value are omitted."""
    data: dict[str, Any] = {}
    payload = b""
    for spec in _FIELD_SPECS[type(message)]:
        value = getattr(message, spec.name)
        if spec.name == "payload":
            payload = value
        elif value != spec.default:
            data[spec.name] = value
    return Frame(message.type, data, payload)


def from_frame(frame: Frame, sender: Peer) -> Message:
    """Parse a message. Raises ProtocolError, blaming the sender, if the frame is not valid."""
    kind = MESSAGES.get(frame.type)
    if kind is None:
        raise ProtocolError(sender, f"there is no message {frame.type!r}.")
    data = frame.data
    values: dict[str, Any] = {}
    for spec in _FIELD_SPECS[kind]:
        if spec.name == "payload":
            values["payload"] = frame.payload
        elif spec.name in data:
            value = data[spec.name]
            if not spec.check(value):
                raise ProtocolError(
                    sender, f"`{spec.name}` of {frame.type} is {type(value).__name__}."
                )
            values[spec.name] = tuple(value) if isinstance(value, list) else value
        elif spec.required:
            raise ProtocolError(sender, f"{frame.type} has no `{spec.name}`.")
    return kind(**values)


@dataclass(frozen=True, slots=True)
class _FieldSpec:
    """One field of a message."""

    name: str
    check: FieldCheck
    required: bool
    default: Any


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or isinstance(value, float)


def _is_str_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_str_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


_FIELD_CHECKS: Final[dict[Any, FieldCheck]] = {
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    bytes: lambda value: isinstance(value, bytes),
    int: _is_int,
    float: _is_number,
    int | None: lambda value: value is None or _is_int(value),
    tuple[str, ...]: _is_str_list,
    Mapping[str, str]: _is_str_map,
    Mapping[str, Any]: _is_object,
}
"""Checks of JSON values by the declared type of the field; a new type needs a row here."""


def _field_specs(kind: type[Message]) -> tuple[_FieldSpec, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _FieldSpec(
            name=item.name,
            check=_FIELD_CHECKS[hints[item.name]],
            required=item.default is MISSING and item.default_factory is MISSING,
            default=item.default_factory() if item.default_factory is not MISSING else item.default,
        )
        for item in fields(kind)
    )


_FIELD_SPECS: Final = {kind: _field_specs(kind) for kind in MESSAGES.values()}
