"""The lifecycle of a model on a device, as a table.

"Busy" is leases > 0 and "downloaded" is the store's fact; neither is a state.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from wyoming_servers.domain import ModelState
from wyoming_servers.errors import InternalError


class State(StrEnum):
    """Where an instance (a model on a device) stands."""

    COLD = "cold"
    """No process, and nobody wants one."""
    QUEUED = "queued"
    """Wanted; waits for its turn or for memory."""
    LOADING = "loading"
    """Its memory is reserved and its process started."""
    READY = "ready"
    """Warm: a lease is granted at once."""
    DRAINING = "draining"
    """Takes no new leases and waits for the last one to end."""
    STOPPING = "stopping"
    """Its process was told to end; the memory is not free yet."""
    FAILED = "failed"
    """Its process died; `recovery` knows when it may be tried again."""


class Trigger(StrEnum):
    """What moves an instance from one state to another."""

    WANTED = "wanted"
    ROOM_MADE = "room_made"
    ABANDONED = "abandoned"
    WORKER_READY = "worker_ready"
    STOP_ASKED = "stop_asked"
    DRAINED = "drained"
    WORKER_GONE = "worker_gone"


TABLE: Final[Mapping[tuple[State, Trigger], State]] = {
    (State.COLD, Trigger.WANTED): State.QUEUED,
    (State.QUEUED, Trigger.ROOM_MADE): State.LOADING,
    (State.QUEUED, Trigger.ABANDONED): State.COLD,
    (State.LOADING, Trigger.WORKER_READY): State.READY,
    (State.LOADING, Trigger.STOP_ASKED): State.STOPPING,
    (State.LOADING, Trigger.WORKER_GONE): State.FAILED,
    (State.READY, Trigger.STOP_ASKED): State.DRAINING,
    (State.READY, Trigger.WORKER_GONE): State.FAILED,
    (State.DRAINING, Trigger.DRAINED): State.STOPPING,
    (State.DRAINING, Trigger.WORKER_GONE): State.COLD,
    (State.STOPPING, Trigger.WORKER_GONE): State.COLD,
    (State.FAILED, Trigger.WANTED): State.QUEUED,
}
"""Every legal move; whatever is not here is a bug."""

SHOWN: Final[Mapping[State, ModelState]] = {
    State.COLD: ModelState.UNLOADED,
    State.QUEUED: ModelState.WAITING_FOR_GPU,
    State.LOADING: ModelState.LOADING,
    State.READY: ModelState.READY,
    State.DRAINING: ModelState.UNLOADING,
    State.STOPPING: ModelState.UNLOADING,
    State.FAILED: ModelState.FAILED,
}
"""What the outside sees of each state."""

ALIVE: Final = frozenset({State.LOADING, State.READY, State.DRAINING, State.STOPPING})
"""States in which there is a process, and memory that it holds or was promised."""


class IllegalTransition(InternalError):  # noqa: N818  (it reads as what it is: a move, not a fault of the user)
    """Raised when something happens to an instance that cannot happen in its state."""

    def __init__(self, state: State, trigger: Trigger) -> None:
        super().__init__(f"{trigger.value} is not possible in state {state.value}.")
        self.state = state
        self.trigger = trigger


def advance(state: State, trigger: Trigger) -> State:
    """Return the state that follows. Raises IllegalTransition for a pair the table lacks."""
    following = TABLE.get((state, trigger))
    if following is None:
        raise IllegalTransition(state, trigger)
    return following


def as_markdown() -> str:
    """Render the table for people: a row per state and event."""
    lines = ["| from | event | to | shown as |", "|---|---|---|---|"]
    lines += [
        f"| {state} | {trigger} | {following} | {SHOWN[following]} |"
        for (state, trigger), following in TABLE.items()
    ]
    return "\n".join(lines) + "\n"


def as_mermaid() -> str:
    """Render the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.COLD}"]
    lines += [
        f"    {state} --> {following}: {trigger}" for (state, trigger), following in TABLE.items()
    ]
    return "\n".join(lines) + "\n"
