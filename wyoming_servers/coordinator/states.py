"""The lifecycle of a model on a device, as a table.

"Busy" is leases > 0 and "downloaded" is the store's fact; neither is a state.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from wyoming_servers.domain import ModelState
from wyoming_servers.errors import InternalError


class InstanceState(StrEnum):
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


class InstanceTrigger(StrEnum):
    """What moves an instance from one state to another."""

    LOAD_REQUESTED = "wanted"
    MEMORY_RESERVED = "room_made"
    ABANDONED = "abandoned"
    WORKER_READY = "worker_ready"
    STOP_REQUESTED = "stop_asked"
    DRAINED = "drained"
    WORKER_EXITED = "worker_gone"


TRANSITIONS: Final[Mapping[tuple[InstanceState, InstanceTrigger], InstanceState]] = {
    (InstanceState.COLD, InstanceTrigger.LOAD_REQUESTED): InstanceState.QUEUED,
    (InstanceState.QUEUED, InstanceTrigger.MEMORY_RESERVED): InstanceState.LOADING,
    (InstanceState.QUEUED, InstanceTrigger.ABANDONED): InstanceState.COLD,
    (InstanceState.LOADING, InstanceTrigger.WORKER_READY): InstanceState.READY,
    (InstanceState.LOADING, InstanceTrigger.STOP_REQUESTED): InstanceState.STOPPING,
    (InstanceState.LOADING, InstanceTrigger.WORKER_EXITED): InstanceState.FAILED,
    (InstanceState.READY, InstanceTrigger.STOP_REQUESTED): InstanceState.DRAINING,
    (InstanceState.READY, InstanceTrigger.WORKER_EXITED): InstanceState.FAILED,
    (InstanceState.DRAINING, InstanceTrigger.DRAINED): InstanceState.STOPPING,
    (InstanceState.DRAINING, InstanceTrigger.WORKER_EXITED): InstanceState.COLD,
    (InstanceState.STOPPING, InstanceTrigger.WORKER_EXITED): InstanceState.COLD,
    (InstanceState.FAILED, InstanceTrigger.LOAD_REQUESTED): InstanceState.QUEUED,
}
"""Every legal move; whatever is not here is a bug."""

PUBLIC_STATES: Final[Mapping[InstanceState, ModelState]] = {
    InstanceState.COLD: ModelState.UNLOADED,
    InstanceState.QUEUED: ModelState.WAITING_FOR_MEMORY,
    InstanceState.LOADING: ModelState.LOADING,
    InstanceState.READY: ModelState.READY,
    InstanceState.DRAINING: ModelState.UNLOADING,
    InstanceState.STOPPING: ModelState.UNLOADING,
    InstanceState.FAILED: ModelState.FAILED,
}
"""What the outside sees of each state."""

ALIVE_STATES: Final = frozenset({InstanceState.LOADING, InstanceState.READY, InstanceState.DRAINING, InstanceState.STOPPING})
"""States in which there is a process, and memory that it holds or was promised."""


class IllegalTransitionError(InternalError):  # noqa: N818  (it reads as what it is: a move, not a fault of the user)
    """Raised when something happens to an instance that cannot happen in its state."""

    def __init__(self, state: InstanceState, trigger: InstanceTrigger) -> None:
        super().__init__(f"{trigger.value} is not possible in state {state.value}.")
        self.state = state
        self.trigger = trigger


def next_state(state: InstanceState, trigger: InstanceTrigger) -> InstanceState:
    """Return the state that follows. Raises IllegalTransitionError for a pair the table lacks."""
    following = TRANSITIONS.get((state, trigger))
    if following is None:
        raise IllegalTransitionError(state, trigger)
    return following


def as_markdown() -> str:
    """Render the table for people: a row per state and event."""
    lines = ["| from | event | to | shown as |", "|---|---|---|---|"]
    lines += [
        f"| {state} | {trigger} | {following} | {PUBLIC_STATES[following]} |"
        for (state, trigger), following in TRANSITIONS.items()
    ]
    return "\n".join(lines) + "\n"


def as_mermaid() -> str:
    """Render the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {InstanceState.COLD}"]
    lines += [
        f"    {state} --> {following}: {trigger}" for (state, trigger), following in TRANSITIONS.items()
    ]
    return "\n".join(lines) + "\n"
