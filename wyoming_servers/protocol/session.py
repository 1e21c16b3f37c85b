"""Which message is legal when, and whose fault it is if not; both sides use the same tables.

The life of a worker, one phase after the other (`PHASES`):

    new ─load-model→ loading ─model-ready→ ready ─unload-model→ unloading ─model-unloaded→ closed
                        └─error→ closed

and inside `ready` any number of runs, each with a state of its own (`RUNS`):

    run-inference → open ─input-end→ sealed ─inference-result→ ended
                      └──────────────┴─cancel→ cancelled ─error→ ended

Messages cross on the pipe: the server may cancel or feed a run that the worker has just ended,
and a worker may be ready just after it was told to unload. What is legal only because of that
stands in tables of its own (`CROSSED_…`): when such a message comes in it is to be ignored, and
when we are about to send one we have been overtaken and need not.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from wyoming_servers.protocol.errors import (
    Peer,
    ProtocolError,
)
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
    Ping,
    Pong,
    ProgressMessage,
    RunInference,
    UnloadModel,
)


class WorkerPhase(StrEnum):
    """Where a worker is in its life."""

    NEW = "new"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    CLOSED = "closed"


class RunPhase(StrEnum):
    """Where a run is; one that has ended is forgotten."""

    OPEN = "open"
    """Input may come."""
    INPUT_CLOSED = "sealed"
    """The input is complete."""
    CANCELLED = "cancelled"
    """The server no longer waits; the worker's last word is still to come."""
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
"""Who may send what."""

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
"""What messages that are not about a run do."""

CROSSED_WORKER_TRANSITIONS: Final[Mapping[tuple[WorkerPhase, type[Message]], WorkerPhase]] = {
    # The server has said `unload-model` while these were on their way.
    (WorkerPhase.UNLOADING, ProgressMessage): WorkerPhase.UNLOADING,
    (WorkerPhase.UNLOADING, ModelReady): WorkerPhase.UNLOADING,
    (WorkerPhase.UNLOADING, ErrorMessage): WorkerPhase.CLOSED,
    # The worker has said that the load failed, its last word, while these were on their way.
    (WorkerPhase.CLOSED, Ping): WorkerPhase.CLOSED,
    (WorkerPhase.CLOSED, UnloadModel): WorkerPhase.CLOSED,
}
"""What they do when they come in, having crossed one of ours."""

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
"""What messages about a run do."""

CROSSED_RUN_TRANSITIONS: Final[Mapping[tuple[RunPhase, type[Message]], RunPhase]] = {
    # The server has cancelled while the worker's words were on their way. A result counts only
    # if the input was complete, but after a cancel nobody reads it anyway.
    (RunPhase.CANCELLED, InferenceChunk): RunPhase.CANCELLED,
    (RunPhase.CANCELLED, ProgressMessage): RunPhase.CANCELLED,
    (RunPhase.CANCELLED, Credit): RunPhase.CANCELLED,
    (RunPhase.CANCELLED, InferenceResult): RunPhase.ENDED,
    # The worker has ended the run while the server's words were on their way.
    (RunPhase.ENDED, InputChunk): RunPhase.ENDED,
    (RunPhase.ENDED, InputEnd): RunPhase.ENDED,
    (RunPhase.ENDED, Credit): RunPhase.ENDED,
    (RunPhase.ENDED, Cancel): RunPhase.ENDED,
}
"""What they do when they come in, having crossed one of ours."""


class ProtocolSession:
    """One side's knowledge of where the worker and its runs are; no I/O.

    Call `send` before each message goes out and `receive` for each that comes in; both say whether
    the message still matters. Both raise ProtocolError, which names whose fault it is, for a
    message that is not legal now, and then nothing has changed.
    """

    def __init__(self, side: Peer) -> None:
        self._side = side
        self._phase = WorkerPhase.NEW
        self._runs: dict[int, RunPhase] = {}
        self._last_run = 0
        self._pings = 0

    @property
    def phase(self) -> WorkerPhase:
        """Where the worker is."""
        return self._phase

    def run_state(self, run: int) -> RunPhase | None:
        """Where a run is; None if it was never begun."""
        if run in self._runs:
            return self._runs[run]
        return RunPhase.ENDED if 0 < run <= self._last_run else None

    @property
    def runs(self) -> tuple[int, ...]:
        """The runs that have not ended, oldest first."""
        return tuple(self._runs)

    def send(self, message: Message) -> bool:
        """Note that a message of ours goes out; False, and no change, if it was overtaken.

        Raises ProtocolError if we must not send it.
        """
        return self._move(message, self._side)

    def receive(self, message: Message) -> bool:
        """Note that a message came in; False if it crossed one of ours and is to be ignored.

        Raises ProtocolError if the other side must not have sent it.
        """
        return self._move(message, self._side.other)

    def _move(self, message: Message, sender: Peer) -> bool:
        """Decide and carry out one step.

        1. A message of the wrong side is illegal whatever the state.
        2. `run-inference` begins a run: only when ready, and with a new number.
        3. A message about a run moves that run.
        4. Any other message moves the phase, and a pong needs its ping.
        """
        if sender not in SENDERS[type(message)]:  # 1
            raise ProtocolError(sender, f"{message.type} is not its message to send.")
        if isinstance(message, RunInference):  # 2
            return self._begin(message, sender)
        run = _run_of(message)
        if run is not None:  # 3
            return self._move_run(message, run, sender)
        return self._move_phase(message, sender)  # 4

    def _begin(self, message: RunInference, sender: Peer) -> bool:
        if self._phase is not WorkerPhase.READY:
            raise ProtocolError(sender, f"{message.type} came while {self._phase}.")
        if message.run <= self._last_run:
            raise ProtocolError(sender, f"run {message.run} came after run {self._last_run}.")
        self._last_run = message.run
        self._runs[message.run] = RunPhase.OPEN if message.streaming else RunPhase.INPUT_CLOSED
        return True

    def _move_run(self, message: Message, run: int, sender: Peer) -> bool:
        state = self.run_state(run)
        if state is None:
            raise ProtocolError(sender, f"{message.type} names run {run}, which never began.")
        step = (state, type(message))
        after, crossed = RUN_TRANSITIONS.get(step), CROSSED_RUN_TRANSITIONS.get(step)
        if after is None and crossed is None:
            raise ProtocolError(sender, f"{message.type} came for run {run}, which is {state}.")
        if crossed is not None and sender is self._side:
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
            raise ProtocolError(sender, f"{message.type} came while {self._phase}.")
        if crossed is not None and sender is self._side:
            return False
        if isinstance(message, Ping):
            self._pings += 1
        elif isinstance(message, Pong):
            if not self._pings:
                raise ProtocolError(sender, "a pong came without a ping.")
            self._pings -= 1
        self._phase = after or crossed or self._phase
        return crossed is None


def _run_of(message: Message) -> int | None:
    """The run that a message is about, if it is about one."""
    if isinstance(message, Cancel):
        return message.target
    run = getattr(message, "run", None)
    return run if isinstance(run, int) else None
