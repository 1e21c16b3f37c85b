"""How much of a run may be on its way at once, so that no side fills the other's memory.

Each direction of a run has a window. Whoever sends chunks counts them and pauses this run, and
no other, while the window is used up; whoever takes them tells so by `credit` messages. A ping
or a cancel therefore never waits behind data, because nobody ever stops reading the pipe. Short
runs stay within their window and cost no message at all.
"""

from typing import Final

from wyoming_servers.protocol.messages import InferenceChunk, InputChunk

INPUT_WINDOW: Final = 1024 * 1024
"""Bytes of input that may wait in a worker: 32 s of speech."""

OUTPUT_WINDOW: Final = 8 * 1024 * 1024
"""Bytes of output that may wait for a slow reader: 3 minutes at 22,050 Hz. Large, because a
worker that has finished a text is free for the next one."""

CHUNK_OVERHEAD: Final = 256
"""Bytes that a chunk counts beside its payload, so that chunks without one are bounded too."""


def window_cost(chunk: InputChunk | InferenceChunk) -> int:
    """What a chunk counts for, in bytes; the same on both sides."""
    return len(chunk.payload) + CHUNK_OVERHEAD


class SendWindow:
    """The sender's view of one direction of a run."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0

    @property
    def is_open(self) -> bool:
        """Whether one more chunk, of any size, may be sent."""
        return self._used < self._limit

    def consume(self, size: int) -> None:
        """Count a chunk that is sent."""
        self._used += size

    def refill(self, size: int) -> None:
        """Count what the other side has taken."""
        self._used -= size


class CreditMeter:
    """The receiver's view: adds up what was taken until it is worth a message."""

    def __init__(self, limit: int) -> None:
        self._worth = limit // 4
        self._taken = 0

    def record(self, size: int) -> int:
        """Count a chunk that was taken; return the credit to send now, 0 for none."""
        self._taken += size
        if self._taken < self._worth:
            return 0
        credit, self._taken = self._taken, 0
        return credit
