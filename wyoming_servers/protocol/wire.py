"""Messages as frames and back; every field's type is checked, from a table made at import."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, get_type_hints

from wyoming_servers.protocol.codec import Frame, FrameLimits
from wyoming_servers.protocol.messages import MESSAGES, Message
from wyoming_servers.protocol.violation import ProtocolError, Peer

PIPE_LIMITS: Final = FrameLimits(header=4 * 1024, data=16 * 1024 * 1024, payload=256 * 1024 * 1024)
"""Bounds on the pipe to a worker: an hour of speech in one message, and no runaway length."""

FieldCheck = Callable[[Any], bool]


def to_frame(message: Message) -> Frame:
    """Return the frame of a message. Fields that have their default value are left out."""
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
    """Read a message. Raises ProtocolError, which blames the sender, if it is none."""
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
"""How a field's declared type looks in JSON; a new type of field needs a line here."""


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
