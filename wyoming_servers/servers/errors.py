"""Failures as Wyoming's `error` event, and the one way to say that a client has gone."""

from wyoming.error import Error
from wyoming.event import Event

from wyoming_servers.errors import CancelledError, ConductorError, InternalError


class DisconnectedError(CancelledError):
    """Raised when a client has left or is cut off; there is nobody to tell."""


def error_event(error: Exception) -> Event:
    """Return what the client is told.

    What is not ours to explain (a bug) is told by its code alone; the log has the rest.
    """
    known = error if isinstance(error, ConductorError) else InternalError("Something went wrong.")
    return Error(text=str(known), code=known.code).event()
