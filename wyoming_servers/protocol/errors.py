"""The two ends of the worker protocol, and what it is called when one of them breaks it."""

from enum import StrEnum

from wyoming_servers.core.errors import InternalError


class Peer(StrEnum):
    """An end of the pipe between the server and a worker."""

    SERVER = "server"
    WORKER = "worker"

    @property
    def other(self) -> "Peer":
        """The opposite end."""
        return Peer.WORKER if self is Peer.SERVER else Peer.SERVER


class ProtocolError(InternalError):
    """Raised when a message has wrong fields or is not legal now; `fault` is who is to blame.

    Whoever receives it from the other side can only hang up: what the other believes about the
    runs is unknown from then on.
    """

    def __init__(self, fault: Peer, message: str) -> None:
        super().__init__(f"The {fault} broke the worker protocol: {message}")
        self.fault = fault
