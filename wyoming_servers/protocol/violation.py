"""The two ends of the worker protocol, and what it is called when one of them breaks it."""

from enum import StrEnum

from wyoming_servers.errors import InternalError


class Side(StrEnum):
    """An end of the pipe between the server and a worker."""

    SERVER = "server"
    WORKER = "worker"

    @property
    def other(self) -> "Side":
        """The opposite end."""
        return Side.WORKER if self is Side.SERVER else Side.SERVER


class ProtocolError(InternalError):
    """Raised when a message has wrong fields or is not legal now; `fault` is who is to blame.

    Whoever receives it from the other side can only hang up: what the other believes about the
    runs is unknown from then on.
    """

    def __init__(self, fault: Side, message: str) -> None:
        super().__init__(f"The {fault} broke the worker protocol: {message}")
        self.fault = fault
