"""What connections and sessions share: their interfaces, errors, and the fields of events.

A connection knows bytes and limits, a session knows the meaning of events. The wyoming library
accepts any JSON value in any field, and a number as a name would fail much later, as a bug of ours.
So sessions read fields with the functions below, which raise BadRequestError for a wrong type.
Null is the same as absent; unknown fields are ignored.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Final, Protocol, Self, runtime_checkable

from wyoming.error import Error
from wyoming.event import Event

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import (
    BadRequestError,
    CancelledError,
    ConductorError,
    InternalError,
)
from wyoming_servers.protocol.codec import Frame

EventData = Mapping[str, Any]

MAX_EXACT: Final = 2**53
"""From here on JSON numbers are not exact, or not finite; no comparison with NaN is true."""


class DisconnectedError(CancelledError):
    """Raised when the client has left or is being disconnected; nothing can be sent to it."""


class ClientConnection(Protocol):
    """The connection to a client, as a session sees it."""

    @property
    def name(self) -> str:
        """Address and port of the client."""
        ...

    async def send(self, event: Event) -> None:
        """Send an event. Raises DisconnectedError if the client has left or does not read."""
        ...

    async def fail(self, error: Exception) -> None:
        """Log an error of a request and send it to the client."""
        ...


class ClientSession(Protocol):
    """One client's use of one service; leaving `async with` cancels all of its work."""

    EVENTS: ClassVar[frozenset[str]]
    """Types of the events that `handle` accepts."""

    @property
    def idle(self) -> asyncio.Event:
        """Set while no request is open, so that the server may stop."""
        ...

    @property
    def is_processing(self) -> bool:
        """Whether the client waits for the server; its silence is no reason to disconnect it."""
        ...

    @property
    def has_request(self) -> bool:
        """Whether a request is open, such as an utterance or a stream of audio."""
        ...

    @property
    def held_bytes(self) -> int:
        """Bytes from the client that are kept for its open request."""
        ...

    async def handle(self, event: Event) -> None:
        """Handle the next event. An exception is sent to the client as an `error`."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class SupportsInlineHandling(Protocol):
    """A session that handles some events in the reading task, which saves two task switches."""

    def try_handle(self, frame: Frame) -> bool:
        """Handle an event that needs no waiting and cannot fail; else do nothing, return False.

        Called only when all earlier events have been handled.
        """
        ...


SessionFactory = Callable[[ClientConnection], ClientSession]


def error_event(error: Exception) -> Event:
    """Return the `error` event for an exception.

    The client learns only the code of an unexpected exception; the log has the rest.
    """
    known = error if isinstance(error, ConductorError) else InternalError("Something went wrong.")
    return Error(text=str(known), code=known.code).event()


def optional_str(data: EventData, name: str) -> str | None:
    """Return a string, None if it is absent."""
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong_type(name, "a string")
    return value


def is_valid_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogate, which JSON can express and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_str(data: EventData, name: str) -> str:
    """Return a string; raise BadRequestError if it is absent."""
    value = optional_str(data, name)
    if value is None:
        raise BadRequestError(f"The field `{name}` is missing.")
    return value


def optional_bool(data: EventData, name: str) -> bool | None:
    """Return a boolean, None if it is absent."""
    value = data.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong_type(name, "true or false")
    return value


def optional_float(data: EventData, name: str) -> float | None:
    """Return a number, None if it is absent."""
    value = data.get(name)
    if value is None:
        return None
    if not _is_number(value):
        raise _wrong_type(name, "a number")
    return float(value)


def optional_str_list(data: EventData, name: str) -> tuple[str, ...]:
    """Return a list of strings, empty if it is absent."""
    value = data.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong_type(name, "a list of strings")
    return tuple(value)


def optional_mapping(data: EventData, name: str) -> EventData:
    """Return an object, empty if it is absent."""
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong_type(name, "an object")
    return value


def optional_timestamp(data: EventData) -> int | None:
    """Return the timestamp in milliseconds, None if it is absent; some clients send fractions."""
    value = data.get("timestamp")
    if value is None:
        return None
    if not _is_number(value):
        raise _wrong_type("timestamp", "a number of milliseconds")
    return int(value)


def parse_audio_format(data: EventData, known: AudioFormat | None = None) -> AudioFormat:
    """Return the audio format of an event; `known` supplies the fields that are absent.

    Checks the types alone; `audio.pcm` checks whether such audio can be converted.
    """
    values = []
    for name in ("rate", "width", "channels"):
        value = data.get(name)
        if value is None and known is not None:
            value = getattr(known, name)
        if value is None:
            raise BadRequestError(f"The field `{name}` is missing.")
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(name, "a whole number")
        values.append(value)
    return AudioFormat(*values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_EXACT


def _wrong_type(name: str, expected: str) -> BadRequestError:
    return BadRequestError(f"The field `{name}` is not {expected}.")
