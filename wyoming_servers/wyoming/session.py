"""What a connection and a session know of each other."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Protocol, Self, runtime_checkable

from wyoming.error import Error
from wyoming.event import Event

from wyoming_servers.core.errors import (
    CancelledError,
    ConductorError,
    InternalError,
)
from wyoming_servers.protocol.codec import Frame


class ClientConnection(Protocol):
    """The client, as a session sees it."""

    @property
    def name(self) -> str:
        """Its address and port."""
        ...

    async def send(self, event: Event) -> None:
        """Send an event. Raises DisconnectedError if the client has left or does not read."""
        ...

    async def fail(self, error: Exception) -> None:
        """Tell the client, and the log, that its request has failed."""
        ...


class ClientSession(Protocol):
    """One client's conversation with one service; leaving `async with` cancels all of it."""

    EVENTS: ClassVar[frozenset[str]]
    """Types of events it understands."""

    @property
    def idle(self) -> asyncio.Event:
        """Set while no request is open, so that the server may stop."""
        ...

    @property
    def is_processing(self) -> bool:
        """Whether the next word is ours: the client is right to be silent."""
        ...

    async def handle(self, event: Event) -> None:
        """Take the next event. What it raises is told to the client as an `error`."""
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
    """A session that takes some events in the reading task, which spares audio two tasks' turns."""

    def try_handle(self, frame: Frame) -> bool:
        """Handle an event if that needs no waiting and cannot fail; else False, nothing is done.

        Called only when all events before it have been handled.
        """
        ...


SessionFactory = Callable[[ClientConnection], ClientSession]


# Failures as Wyoming's `error` event, and the one way to say that a client has gone.


class DisconnectedError(CancelledError):
    """Raised when a client has left or is cut off; there is nobody to tell."""


def error_event(error: Exception) -> Event:
    """Return what the client is told.

    What is not ours to explain (a bug) is told by its code alone; the log has the rest.
    """
    known = error if isinstance(error, ConductorError) else InternalError("Something went wrong.")
    return Error(text=str(known), code=known.code).event()
