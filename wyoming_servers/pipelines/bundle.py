"""Audio that waits to be sent to a model, in as few messages as the model can use. Pure.

A client may send 10 ms at a time, a hundred times a second. A model computes only when a whole
step has come, so what comes in between is sent along with what completes the step: nothing is
heard later for it.
"""

from collections import deque
from typing import Final

from wyoming_servers.domain import SPEECH_FORMAT

_BYTES_PER_MS: Final = SPEECH_FORMAT.rate * SPEECH_FORMAT.frame_bytes // 1_000

MAX_CLOCK_DRIFT_MS: Final = 10
"""How far a client's clock may stray from its samples before a piece is not joined to the one
before: then time was skipped, and the model must be told."""


class ChunkBatcher:
    """Pieces of 16 kHz audio with the time each begins, in milliseconds of the client's clock."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._lead = 0
        self._step = 0
        self._taken = 0
        self._needed = 1
        """Bytes with which the model could compute something."""
        self.size = 0
        """Bytes that wait."""

    def start_run(self, lead: int, step: int) -> None:
        """A new run has begun: the model computes at `lead` samples and with every `step` more.

        A step of 0 is one that is not known: every piece is due at once, by itself.
        """
        self._lead = lead * SPEECH_FORMAT.frame_bytes
        self._step = step * SPEECH_FORMAT.frame_bytes
        self._taken = 0
        self._needed = self._until_next()

    @property
    def sent_samples(self) -> int:
        """Samples of this run that were taken."""
        return self._taken // SPEECH_FORMAT.frame_bytes

    @property
    def is_due(self) -> bool:
        """Whether the model could compute something with what waits."""
        return self.size >= self._needed

    def add(self, pcm: bytes, timestamp: int) -> None:
        """Append a piece."""
        self._chunks.append((pcm, timestamp))
        self.size += len(pcm)

    def drop_oldest(self) -> None:
        """Forget the piece that has waited longest."""
        self.size -= len(self._chunks.popleft()[0])

    def take(self) -> tuple[bytes, int]:
        """Take the oldest piece, joined with those that follow it without a gap in time."""
        first, timestamp = self._chunks.popleft()
        pcms = [first]
        expected = timestamp + len(first) / _BYTES_PER_MS
        while self._step and self._chunks and abs(self._chunks[0][1] - expected) <= MAX_CLOCK_DRIFT_MS:
            pcms.append(self._chunks.popleft()[0])
            expected += len(pcms[-1]) / _BYTES_PER_MS
        pcm = b"".join(pcms)
        self._taken += len(pcm)
        self._needed = self._until_next()
        self.size -= len(pcm)
        return pcm, timestamp

    def _until_next(self) -> int:
        """Return the bytes from what was taken to the end of the next step."""
        if not self._step:
            return 1
        beyond = self._taken - self._lead
        return -beyond if beyond < 0 else self._step - beyond % self._step
