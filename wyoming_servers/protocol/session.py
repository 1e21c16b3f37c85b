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

from wyoming_servers.protocol.messages import (
    Cancel,
    Credit,
    Error,
    InferenceChunk,
    InferenceResult,
    InputChunk,
    InputEnd,
    LoadModel,
    Message,
    ModelReady,
    ModelUnloaded,
    Ping,
    Pong,
    Progress,
    RunInference,
    UnloadModel,
)
from wyoming_servers.protocol.violation import ProtocolError, Side


class Phase(StrEnum):
    """Where a worker is in its life."""

    NEW = "new"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    CLOSED = "closed"


class RunState(StrEnum):
    """Where a run is; one that has ended is forgotten."""

    OPEN = "open"
    """Input may come."""
    SEALED = "sealed"
    """The input is complete."""
    CANCELLED = "cancelled"
    """The server no longer waits; the worker's last word is still to come."""
    ENDED = "ended"


SENDERS: Final[Mapping[type[Message], frozenset[Side]]] = {
    LoadModel: frozenset({Side.SERVER}),
    RunInference: frozenset({Side.SERVER}),
    InputChunk: frozenset({Side.SERVER}),
    InputEnd: frozenset({Side.SERVER}),
    Cancel: frozenset({Side.SERVER}),
    UnloadModel: frozenset({Side.SERVER}),
    Ping: frozenset({Side.SERVER}),
    Credit: frozenset(Side),
    Progress: frozenset({Side.WORKER}),
    ModelReady: frozenset({Side.WORKER}),
    InferenceChunk: frozenset({Side.WORKER}),
    InferenceResult: frozenset({Side.WORKER}),
    Error: frozenset({Side.WORKER}),
    ModelUnloaded: frozenset({Side.WORKER}),
    Pong: frozenset({Side.WORKER}),
}
"""Who may send what."""

PHASES: Final[Mapping[tuple[Phase, type[Message]], Phase]] = {
    (Phase.NEW, LoadModel): Phase.LOADING,
    (Phase.NEW, UnloadModel): Phase.UNLOADING,
    (Phase.LOADING, Progress): Phase.LOADING,
    (Phase.LOADING, ModelReady): Phase.READY,
    (Phase.LOADING, Error): Phase.CLOSED,
    (Phase.LOADING, UnloadModel): Phase.UNLOADING,
    (Phase.READY, UnloadModel): Phase.UNLOADING,
    (Phase.UNLOADING, ModelUnloaded): Phase.CLOSED,
} | {
    (phase, kind): phase
    for phase in (Phase.NEW, Phase.LOADING, Phase.READY, Phase.UNLOADING)
    for kind in (Ping, Pong)
}
"""What messages that are not about a run do."""

CROSSED_PHASES: Final[Mapping[tuple[Phase, type[Message]], Phase]] = {
    # The server has said `unload-model` while these were on their way.
    (Phase.UNLOADING, Progress): Phase.UNLOADING,
    (Phase.UNLOADING, ModelReady): Phase.UNLOADING,
    (Phase.UNLOADING, Error): Phase.CLOSED,
    # The worker has said that the load failed, its last word, while these were on their way.
    (Phase.CLOSED, Ping): Phase.CLOSED,
    (Phase.CLOSED, UnloadModel): Phase.CLOSED,
}
"""What they do when they come in, having crossed one of ours."""

RUNS: Final[Mapping[tuple[RunState, type[Message]], RunState]] = {
    (RunState.OPEN, InputChunk): RunState.OPEN,
    (RunState.OPEN, InputEnd): RunState.SEALED,
    (RunState.OPEN, InferenceChunk): RunState.OPEN,
    (RunState.OPEN, Progress): RunState.OPEN,
    (RunState.OPEN, Credit): RunState.OPEN,
    (RunState.OPEN, Cancel): RunState.CANCELLED,
    (RunState.OPEN, Error): RunState.ENDED,
    (RunState.SEALED, InferenceChunk): RunState.SEALED,
    (RunState.SEALED, Progress): RunState.SEALED,
    (RunState.SEALED, Credit): RunState.SEALED,
    (RunState.SEALED, Cancel): RunState.CANCELLED,
    (RunState.SEALED, InferenceResult): RunState.ENDED,
    (RunState.SEALED, Error): RunState.ENDED,
    (RunState.CANCELLED, Error): RunState.ENDED,
}
"""What messages about a run do."""

CROSSED_RUNS: Final[Mapping[tuple[RunState, type[Message]], RunState]] = {
    # The server has cancelled while the worker's words were on their way. A result counts only
    # if the input was complete, but after a cancel nobody reads it anyway.
    (RunState.CANCELLED, InferenceChunk): RunState.CANCELLED,
    (RunState.CANCELLED, Progress): RunState.CANCELLED,
    (RunState.CANCELLED, Credit): RunState.CANCELLED,
    (RunState.CANCELLED, InferenceResult): RunState.ENDED,
    # The worker has ended the run while the server's words were on their way.
    (RunState.ENDED, InputChunk): RunState.ENDED,
    (RunState.ENDED, InputEnd): RunState.ENDED,
    (RunState.ENDED, Credit): RunState.ENDED,
    (RunState.ENDED, Cancel): RunState.ENDED,
}
"""What they do when they come in, having crossed one of ours."""


class Session:
    """One side's knowledge of where the worker and its runs are; no I/O.

    Call `send` before each message goes out and `receive` for each that comes in; both say whether
    the message still matters. Both raise ProtocolError, which names whose fault it is, for a
    message that is not legal now, and then nothing has changed.
    """

    def __init__(self, side: Side) -> None:
        self._side = side
        self._phase = Phase.NEW
        self._runs: dict[int, RunState] = {}
        self._last_run = 0
        self._pings = 0

    @property
    def phase(self) -> Phase:
        """Where the worker is."""
        return self._phase

    def run_state(self, run: int) -> RunState | None:
        """Where a run is; None if it was never begun."""
        if run in self._runs:
            return self._runs[run]
        return RunState.ENDED if 0 < run <= self._last_run else None

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

    def _move(self, message: Message, sender: Side) -> bool:
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

    def _begin(self, message: RunInference, sender: Side) -> bool:
        if self._phase is not Phase.READY:
            raise ProtocolError(sender, f"{message.type} came while {self._phase}.")
        if message.run <= self._last_run:
            raise ProtocolError(sender, f"run {message.run} came after run {self._last_run}.")
        self._last_run = message.run
        self._runs[message.run] = RunState.OPEN if message.streaming else RunState.SEALED
        return True

    def _move_run(self, message: Message, run: int, sender: Side) -> bool:
        state = self.run_state(run)
        if state is None:
            raise ProtocolError(sender, f"{message.type} names run {run}, which never began.")
        step = (state, type(message))
        after, crossed = RUNS.get(step), CROSSED_RUNS.get(step)
        if after is None and crossed is None:
            raise ProtocolError(sender, f"{message.type} came for run {run}, which is {state}.")
        if crossed is not None and sender is self._side:
            return False
        after = after or crossed
        if after is RunState.ENDED:
            self._runs.pop(run, None)
        elif after is not None:
            self._runs[run] = after
        return crossed is None

    def _move_phase(self, message: Message, sender: Side) -> bool:
        step = (self._phase, type(message))
        after, crossed = PHASES.get(step), CROSSED_PHASES.get(step)
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
