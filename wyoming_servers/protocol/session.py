"""Rules of the worker protocol: legal messages by phase, and flow control. Both ends use them.

A worker goes through these phases (`WORKER_TRANSITIONS`):

    new ─load-model→ loading ─model-ready→ ready ─unload-model→ unloading ─model-unloaded→ closed
                        └─error→ closed

While it is ready, any number of runs go through phases of their own (`RUN_TRANSITIONS`):

    run-inference → open ─input-end→ input-closed ─inference-result→ ended
                      └──────────────────┴─cancel→ cancelled ─error→ ended

Messages cross on the pipe: the server may cancel or feed a run that the worker has just ended, and
a worker may become ready just after it was asked to unload. Messages that are legal only for this
reason have tables of their own (`CROSSED_…`). The receiver ignores them; a sender that is about to
send one was overtaken, and drops it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from wyoming_servers.protocol.messages import (
    Cancel,
    Credit,
    ErrorMessage,
    InferenceChunk,
    InferenceResult,
    InputChunk,
    InputEnd,
    LoadModel,
    Message,
    ModelReady,
    ModelUnloadedMessage,
    Peer,
    Ping,
    Pong,
    ProgressMessage,
    ProtocolError,
    RunInference,
    UnloadModel,
)


class WorkerPhase(StrEnum):
    """Phase of a worker."""

    NEW = "new"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    CLOSED = "closed"


class RunPhase(StrEnum):
    """Phase of a run; a run that has ended is forgotten."""

    OPEN = "open"
    """Input may follow."""
    INPUT_CLOSED = "input-closed"
    """The input is complete."""
    CANCELLED = "cancelled"
    """The server no longer waits; the worker's error is still to come."""
    ENDED = "ended"


SENDERS: Final[Mapping[type[Message], frozenset[Peer]]] = {
    LoadModel: frozenset({Peer.SERVER}),
    RunInference: frozenset({Peer.SERVER}),
    InputChunk: frozenset({Peer.SERVER}),
    InputEnd: frozenset({Peer.SERVER}),
    Cancel: frozenset({Peer.SERVER}),
    UnloadModel: frozenset({Peer.SERVER}),
    Ping: frozenset({Peer.SERVER}),
    Credit: frozenset(Peer),
    ProgressMessage: frozenset({Peer.WORKER}),
    ModelReady: frozenset({Peer.WORKER}),
    InferenceChunk: frozenset({Peer.WORKER}),
    InferenceResult: frozenset({Peer.WORKER}),
    ErrorMessage: frozenset({Peer.WORKER}),
    ModelUnloadedMessage: frozenset({Peer.WORKER}),
    Pong: frozenset({Peer.WORKER}),
}
"""The peers that may send each message."""

WORKER_TRANSITIONS: Final[Mapping[tuple[WorkerPhase, type[Message]], WorkerPhase]] = {
    (WorkerPhase.NEW, LoadModel): WorkerPhase.LOADING,
    (WorkerPhase.NEW, UnloadModel): WorkerPhase.UNLOADING,
    (WorkerPhase.LOADING, ProgressMessage): WorkerPhase.LOADING,
    (WorkerPhase.LOADING, ModelReady): WorkerPhase.READY,
    (WorkerPhase.LOADING, ErrorMessage): WorkerPhase.CLOSED,
    (WorkerPhase.LOADING, UnloadModel): WorkerPhase.UNLOADING,
    (WorkerPhase.READY, UnloadModel): WorkerPhase.UNLOADING,
    (WorkerPhase.UNLOADING, ModelUnloadedMessage): WorkerPhase.CLOSED,
} | {
    (phase, kind): phase
    for phase in (WorkerPhase.NEW, WorkerPhase.LOADING, WorkerPhase.READY, WorkerPhase.UNLOADING)
    for kind in (Ping, Pong)
}
"""Transitions of the worker by messages that are not about a run."""

CROSSED_WORKER_TRANSITIONS: Final[Mapping[tuple[WorkerPhase, type[Message]], WorkerPhase]] = {
    # The server has sent `unload-model` while these were in transit.
    (WorkerPhase.UNLOADING, ProgressMessage): WorkerPhase.UNLOADING,
    (WorkerPhase.UNLOADING, ModelReady): WorkerPhase.UNLOADING,
    (WorkerPhase.UNLOADING, ErrorMessage): WorkerPhase.CLOSED,
    # The worker has sent its last message, that the load failed, while these were in transit.
    (WorkerPhase.CLOSED, Ping): WorkerPhase.CLOSED,
    (WorkerPhase.CLOSED, UnloadModel): WorkerPhase.CLOSED,
}
"""Transitions of the worker by messages that crossed one of ours."""

RUN_TRANSITIONS: Final[Mapping[tuple[RunPhase, type[Message]], RunPhase]] = {
    (RunPhase.OPEN, InputChunk): RunPhase.OPEN,
    (RunPhase.OPEN, InputEnd): RunPhase.INPUT_CLOSED,
    (RunPhase.OPEN, InferenceChunk): RunPhase.OPEN,
    (RunPhase.OPEN, ProgressMessage): RunPhase.OPEN,
    (RunPhase.OPEN, Credit): RunPhase.OPEN,
    (RunPhase.OPEN, Cancel): RunPhase.CANCELLED,
    (RunPhase.OPEN, ErrorMessage): RunPhase.ENDED,
    (RunPhase.INPUT_CLOSED, InferenceChunk): RunPhase.INPUT_CLOSED,
    (RunPhase.INPUT_CLOSED, ProgressMessage): RunPhase.INPUT_CLOSED,
    (RunPhase.INPUT_CLOSED, Credit): RunPhase.INPUT_CLOSED,
    (RunPhase.INPUT_CLOSED, Cancel): RunPhase.CANCELLED,
    (RunPhase.INPUT_CLOSED, InferenceResult): RunPhase.ENDED,
    (RunPhase.INPUT_CLOSED, ErrorMessage): RunPhase.ENDED,
    (RunPhase.CANCELLED, ErrorMessage): RunPhase.ENDED,
}
"""Transitions of a run by messages about it."""

CROSSED_RUN_TRANSITIONS: Final[Mapping[tuple[RunPhase, type[Message]], RunPhase]] = {
    # The server has cancelled while the worker's messages were in transit. A result counts only
    # if the input was complete, but after a cancel it is not read anyway.
    (RunPhase.CANCELLED, InferenceChunk): RunPhase.CANCELLED,
    (RunPhase.CANCELLED, ProgressMessage): RunPhase.CANCELLED,
    (RunPhase.CANCELLED, Credit): RunPhase.CANCELLED,
    (RunPhase.CANCELLED, InferenceResult): RunPhase.ENDED,
    # The worker has ended the run while the server's messages were in transit.
    (RunPhase.ENDED, InputChunk): RunPhase.ENDED,
    (RunPhase.ENDED, InputEnd): RunPhase.ENDED,
    (RunPhase.ENDED, Credit): RunPhase.ENDED,
    (RunPhase.ENDED, Cancel): RunPhase.ENDED,
}
"""Transitions of a run by messages that crossed one of ours."""


class ProtocolSession:
    """One end's state of the worker and its runs; no I/O.

    Call `send` before sending a message and `receive` after receiving one; both return whether the
    message still matters. Both raise ProtocolError, with the peer at fault, for a message that is
    not legal now, and change nothing in that case.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._phase = WorkerPhase.NEW
        self._runs: dict[int, RunPhase] = {}
        self._last_run = 0
        self._pings = 0

    @property
    def phase(self) -> WorkerPhase:
        """The phase of the worker."""
        return self._phase

    def run_phase(self, run: int) -> RunPhase | None:
        """Return the phase of a run; None if it was never started."""
        if run in self._runs:
            return self._runs[run]
        return RunPhase.ENDED if 0 < run <= self._last_run else None

    @property
    def runs(self) -> tuple[int, ...]:
        """The runs that have not ended, oldest first."""
        return tuple(self._runs)

    def send(self, message: Message) -> bool:
        """Record that this end sends a message; False, and no change, if it was overtaken.

        Raises ProtocolError if this end must not send it.
        """
        return self._move(message, self._peer)

    def receive(self, message: Message) -> bool:
        """Record a message from the other end; False if it crossed one of ours and must be ignored.

        Raises ProtocolError if the other end must not send it.
        """
        return self._move(message, self._peer.other)

    def _move(self, message: Message, sender: Peer) -> bool:
        """Make one transition.

        1. A message of the wrong peer is illegal in any phase.
        2. `run-inference` starts a run: only when ready, and with a new number.
        3. A message about a run moves that run.
        4. Any other message moves the worker, and a pong needs its ping.
        """
        if sender not in SENDERS[type(message)]:  # 1
            raise ProtocolError(sender, f"{message.type} must not be sent by it.")
        if isinstance(message, RunInference):  # 2
            return self._begin(message, sender)
        run = _run_of(message)
        if run is not None:  # 3
            return self._move_run(message, run, sender)
        return self._move_phase(message, sender)  # 4

    def _begin(self, message: RunInference, sender: Peer) -> bool:
        if self._phase is not WorkerPhase.READY:
            raise ProtocolError(sender, f"{message.type} arrived while {self._phase}.")
        if message.run <= self._last_run:
            raise ProtocolError(sender, f"run {message.run} arrived after run {self._last_run}.")
        self._last_run = message.run
        self._runs[message.run] = RunPhase.OPEN if message.streaming else RunPhase.INPUT_CLOSED
        return True

    def _move_run(self, message: Message, run: int, sender: Peer) -> bool:
        phase = self.run_phase(run)
        if phase is None:
            raise ProtocolError(sender, f"{message.type} names run {run}, which was never started.")
        step = (phase, type(message))
        after, crossed = RUN_TRANSITIONS.get(step), CROSSED_RUN_TRANSITIONS.get(step)
        if after is None and crossed is None:
            raise ProtocolError(sender, f"{message.type} arrived for run {run}, which is {phase}.")
        if crossed is not None and sender is self._peer:
            return False
        after = after or crossed
        if after is RunPhase.ENDED:
            self._runs.pop(run, None)
        elif after is not None:
            self._runs[run] = after
        return crossed is None

    def _move_phase(self, message: Message, sender: Peer) -> bool:
        step = (self._phase, type(message))
        after, crossed = WORKER_TRANSITIONS.get(step), CROSSED_WORKER_TRANSITIONS.get(step)
        if after is None and crossed is None:
            raise ProtocolError(sender, f"{message.type} arrived while {self._phase}.")
        if crossed is not None and sender is self._peer:
            return False
        if isinstance(message, Ping):
            self._pings += 1
        elif isinstance(message, Pong):
            if not self._pings:
                raise ProtocolError(sender, "a pong arrived without a ping.")
            self._pings -= 1
        self._phase = after or crossed or self._phase
        return crossed is None


def _run_of(message: Message) -> int | None:
    """Return the run that a message is about; None if it is not about a run."""
    if isinstance(message, Cancel):
        return message.target
    run = getattr(message, "run", None)
    return run if isinstance(run, int) else None


INPUT_WINDOW: Final = 1024 * 1024
"""Bytes of input that may wait in a worker: 32 s of speech."""

OUTPUT_WINDOW: Final = 512 * 1024
"""Bytes of output that may wait for a slow reader: 12 s at 22,050 Hz. Most sentences fit, since a
worker that has finished one is free for the next."""

CHUNK_OVERHEAD: Final = 256
"""Bytes that a chunk counts in addition to its payload, so that empty chunks are bounded too."""


def window_cost(chunk: InputChunk | InferenceChunk) -> int:
    """Return the bytes that a chunk takes of the window; the same on both sides."""
    return len(chunk.payload) + CHUNK_OVERHEAD


class SendWindow:
    """The sender's side of flow control: one direction of one run.

    A sender pauses the run, and no other, while the window is used up; the receiver reopens it with
    `credit` messages. Because nobody ever stops reading the pipe, a ping or a cancel never waits
    behind data. Short runs stay within their window and need no credit at all.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0

    @property
    def is_open(self) -> bool:
        """Whether another chunk, of any size, may be sent."""
        return self._used < self._limit

    def consume(self, size: int) -> None:
        """Count a chunk that is sent."""
        self._used += size

    def refill(self, size: int) -> None:
        """Count bytes that the receiver has consumed."""
        self._used -= size


class CreditMeter:
    """The receiver's side of flow control: sums consumed bytes until they are worth a message."""

    def __init__(self, limit: int) -> None:
        self._threshold = limit // 4
        self._consumed = 0

    def record(self, size: int) -> int:
        """Count a chunk that was consumed; return the credit to send now, 0 for none."""
        self._consumed += size
        if self._consumed < self._threshold:
            return 0
        credit, self._consumed = self._consumed, 0
        return credit
