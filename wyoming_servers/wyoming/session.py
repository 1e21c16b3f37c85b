"""What connections and sessions share: interfaces, the queue between them, and fields of events.

A connection knows bytes and limits, a session knows the meaning of events. The wyoming library
accepts any JSON value in any field, and a number as a name would fail much later, as a bug of ours.
So sessions read fields with the functions below, which raise BadRequestError for a wrong type.
Null is the same as absent; unknown fields are ignored.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Final, Protocol, Self, runtime_checkable

from wyoming.error import Error
from wyoming.event import Event

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    CancelledError,
    ConductorError,
    InternalError,
)
from wyoming_servers.protocol.codec import FREE_BYTES, MAX_EXPANSION, Frame

EventData = Mapping[str, Any]

SOFT_LIMIT_BYTES: Final = 1024 * 1024
"""Queued bytes of one client (32 s of 16 kHz speech) from which reading waits for the session."""

HARD_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""Memory of one client's queue (2 min of 16 kHz speech) from which it is disconnected. Reached only
while the session is stalled, for example because it waits for a model."""

STALL_SECONDS: Final = 0.25
"""The session counts as stalled when it takes no event for this long."""

MAX_JOINED_BYTES: Final = 8 * 1024
"""Audio that is passed to the session in one event, roughly: 0.25 s of 16 kHz speech. A client that
sends a recording at once sends hundreds of small chunks, each as expensive as one such event."""

MAX_LABEL: Final = 100
"""Characters of the name of a satellite or an assistant that are kept."""

MAX_EXACT: Final = 2**53
"""From here on JSON numbers are not exact, or not finite; no comparison with NaN is true."""


class DisconnectedError(CancelledError):
    """Raised when the client has left or is being disconnected; nothing can be sent to it."""


def client_label(client: str, context: Mapping[str, Any]) -> str:
    """Return the satellite and the assistant that `context` names, or the address of the client.

    The fields `satellite` and `assistant` are extensions of the protocol: behind Home Assistant all
    satellites have one address.
    """
    names = [
        " ".join((optional_str(context, field) or "").split())[:MAX_LABEL]
        for field in ("satellite", "assistant")
    ]
    satellite, assistant = (name if is_valid_unicode(name) else "" for name in names)
    if satellite and assistant:
        return f"{satellite} ({assistant})"
    return satellite or assistant or client


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


class EventQueue:
    """A queue of events between the reading task and the session, bounded in bytes.

    Only reading shows that a client has left, so the reader must not wait for a session that waits
    for a model: when no event is taken for a while, events are queued up to a second, larger limit.
    """

    def __init__(
        self,
        soft_limit: int = SOFT_LIMIT_BYTES,
        hard_limit: int = HARD_LIMIT_BYTES,
        stall_timeout: float = STALL_SECONDS,
    ) -> None:
        """Limits in bytes, `stall_timeout` in seconds."""
        self._soft_limit = soft_limit
        self._hard_limit = hard_limit
        self._stall_timeout = stall_timeout
        self._events: deque[tuple[Event, int, int]] = deque()
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self._stalled = False
        self.size = 0
        """Bytes that the queued events had on the wire."""
        self.memory = 0
        """Bytes of memory that they take."""

    def __len__(self) -> int:
        return len(self._events)

    async def put(self, event: Event, size: int, memory: int | None = None) -> None:
        """Add an event of `size` bytes on the wire. Raises BusyError at the hard limit.

        `memory` is what it takes here, by default as much. Many tiny events reach a limit earlier.
        """
        memory = size if memory is None else memory
        while self.size >= self._soft_limit and not self._stalled:
            self._taken.clear()
            try:
                async with asyncio.timeout(self._stall_timeout):
                    await self._taken.wait()
            except TimeoutError:
                self._stalled = True
        allowed = min(self._hard_limit, FREE_BYTES + MAX_EXPANSION * (self.size + size))
        if self.memory >= allowed:
            raise BusyError(
                "The client sent more data than the server can queue.",
                hint="Wait for the answer before sending more.",
            )
        self._events.append((event, size, memory))
        self.size += size
        self.memory += memory
        self._filled.set()

    async def get(self) -> Event:
        """Wait for the next event; consecutive audio chunks are joined into one event."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        event = self._pop()
        if event.type == "audio-chunk" and event.payload:
            payloads, length = [event.payload], len(event.payload)
            while length < MAX_JOINED_BYTES and self._next_can_join(event):
                payloads.append(self._pop().payload or b"")
                length += len(payloads[-1])
            event = Event(event.type, event.data, b"".join(payloads))
        self._stalled = False
        self._taken.set()
        return event

    def clear(self) -> None:
        """Drop all events."""
        self._events.clear()
        self.size = self.memory = 0

    def _next_can_join(self, event: Event) -> bool:
        """Return whether the next event is audio of the same format and has no timestamp of its
        own.
        """
        if not self._events:
            return False
        following = self._events[0][0]
        return following.type == event.type and following.data == event.data

    def _pop(self) -> Event:
        event, size, memory = self._events.popleft()
        self.size -= size
        self.memory -= memory
        return event


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
