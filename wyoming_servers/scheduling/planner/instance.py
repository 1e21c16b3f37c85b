"""The lifecycle of a model on a device, as a table.

"Busy" is leases > 0 and "downloaded" is the store's fact; neither is a state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from wyoming_servers.core.domain import (
    ModelSpec,
    ModelState,
    Placement,
)
from wyoming_servers.core.errors import InternalError
from wyoming_servers.scheduling.footprint_store import FootprintKey


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

ALIVE_STATES: Final = frozenset(
    {InstanceState.LOADING, InstanceState.READY, InstanceState.DRAINING, InstanceState.STOPPING}
)
"""States in which there is a process, and memory that it holds or was promised."""


class IllegalTransitionError(InternalError):
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
        f"    {state} --> {following}: {trigger}"
        for (state, trigger), following in TRANSITIONS.items()
    ]
    return "\n".join(lines) + "\n"


# A model on a device: the unit that is loaded, leased and unloaded.


@dataclass(frozen=True, slots=True)
class InstanceKey:
    """Which model where."""

    model: str
    placement: Placement

    def __str__(self) -> str:
        return f"{self.model} on {self.placement}"

    @property
    def device(self) -> str:
        return self.placement.device

    @property
    def footprint_key(self) -> FootprintKey:
        """Under which its memory is remembered."""
        return FootprintKey(self.model, self.placement.device, self.placement.compute_type)


@dataclass(slots=True)
class Instance:
    """What the planner knows of one instance; `key` outlives its processes, the rest does not."""

    key: InstanceKey
    spec: ModelSpec
    """As it was when the process was started: a later change needs a new one."""
    state: InstanceState = InstanceState.COLD
    published_state: ModelState = ModelState.UNLOADED
    """What the outside was told last."""
    generation: int = 0
    """Number of its process, unique among all processes ever, so that late news of an old one is
    told from news of the new; 0 before the first."""
    pid: int | None = None
    leases: set[int] = field(default_factory=set)
    memory_bytes: int = 0
    """Bytes it holds as booked once it was ready; the most of its life."""
    measured: bool = False
    """Whether that was measured, not only estimated."""
    launched_at: float = 0.0
    ready_at: float | None = None
    last_used: float | None = None
    """When its last lease ended or began; None while it has had none."""
    load_seconds: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    progress: tuple[str, int] | None = None
    missed_pings: int = 0
    """Pings sent since the last answer."""
    reason: str = ""
    """Why it is being stopped, or why it waits."""
    kill_reason: tuple[str, str] | None = None
    """Code and message of the fault for which the server itself kills the process."""
    waits_for_memory: bool = False
    """While queued: whether memory is what it waits for."""
    needs_empty_device: bool = False
    """Whether its next load waits until everything that was told to leave the device has left."""

    @property
    def alive(self) -> bool:
        """Whether there is a process, or one is being started."""
        return self.state in ALIVE_STATES

    @property
    def idle(self) -> bool:
        """Whether it is ready and nobody uses it."""
        return self.usable and not self.leases

    @property
    def usable(self) -> bool:
        """Whether it is ready to take a lease, and is not just being killed."""
        return self.state is InstanceState.READY and self.kill_reason is None

    @property
    def exiting(self) -> bool:
        """Whether its process is about to end, leases or not."""
        return self.state is InstanceState.STOPPING or (self.alive and self.kill_reason is not None)

    @property
    def event_fields(self) -> dict[str, str]:
        """The fields that every event about it begins with."""
        placement = self.key.placement
        return {
            "model": self.key.model,
            "device": placement.device,
            "compute_type": placement.compute_type,
        }

    @property
    def public_state(self) -> ModelState:
        return PUBLIC_STATES[self.state]

    def transition(self, trigger: InstanceTrigger) -> None:
        """Go on in the table. Raises IllegalTransitionError and changes nothing if it cannot."""
        self.state = next_state(self.state, trigger)

    def reset_for_launch(self, generation: int, now: float) -> None:
        """Forget what belonged to an earlier process."""
        self.generation = generation
        self.pid = None
        self.leases = set()
        self.memory_bytes = 0
        self.measured = False
        self.launched_at = now
        self.ready_at = None
        self.last_used = None
        self.load_seconds = None
        self.info = {}
        self.progress = None
        self.missed_pings = 0
        self.reason = ""
        self.kill_reason = None
        self.waits_for_memory = False
        self.needs_empty_device = False

    def idle_since(self) -> float:
        """Return since when it has been of no use to anybody."""
        if self.last_used is not None:
            return self.last_used
        return self.ready_at if self.ready_at is not None else self.launched_at
