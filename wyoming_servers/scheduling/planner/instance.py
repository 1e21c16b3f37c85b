"""One model on one placement: the unit that is loaded, leased and unloaded, and its states.

"Busy" is leases > 0 and "downloaded" is a fact of the model store; neither is a state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from wyoming_servers.core.domain import ModelSpec, ModelState, Placement
from wyoming_servers.core.errors import InternalError


class InstanceState(StrEnum):
    """State of an instance."""

    COLD = "cold"
    """No process, and none is requested."""
    QUEUED = "queued"
    """Requested; waits in the queue or for memory."""
    LOADING = "loading"
    """Its memory is reserved and its process started."""
    READY = "ready"
    """Warmed up: a lease is granted at once."""
    DRAINING = "draining"
    """Accepts no new leases and waits for the last one to end."""
    STOPPING = "stopping"
    """Its process was told to exit; the memory is not free yet."""
    FAILED = "failed"
    """Its process died; `failure_policy` knows when to try again."""


class InstanceTrigger(StrEnum):
    """An event that moves an instance from one state to another."""

    LOAD_REQUESTED = "load_requested"
    MEMORY_RESERVED = "memory_reserved"
    ABANDONED = "abandoned"
    WORKER_READY = "worker_ready"
    STOP_REQUESTED = "stop_requested"
    DRAINED = "drained"
    WORKER_EXITED = "worker_exited"


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
"""Every legal transition; any other pair is a bug."""

PUBLIC_STATES: Final[Mapping[InstanceState, ModelState]] = {
    InstanceState.COLD: ModelState.UNLOADED,
    InstanceState.QUEUED: ModelState.WAITING_FOR_MEMORY,
    InstanceState.LOADING: ModelState.LOADING,
    InstanceState.READY: ModelState.READY,
    InstanceState.DRAINING: ModelState.UNLOADING,
    InstanceState.STOPPING: ModelState.UNLOADING,
    InstanceState.FAILED: ModelState.FAILED,
}
"""The state that clients see for each state."""

ALIVE_STATES: Final = frozenset(
    {
        InstanceState.LOADING,
        InstanceState.READY,
        InstanceState.DRAINING,
        InstanceState.STOPPING,
    }
)
"""States with a process, and with memory that it holds or that is reserved for it."""


class IllegalTransitionError(InternalError):
    """Raised when an instance gets a trigger that its state does not allow."""

    def __init__(self, state: InstanceState, trigger: InstanceTrigger) -> None:
        super().__init__(f"{trigger.value} is not possible in state {state.value}.")
        self.state = state
        self.trigger = trigger


def next_state(state: InstanceState, trigger: InstanceTrigger) -> InstanceState:
    """Return the state after a trigger. Raises IllegalTransitionError if there is none."""
    following = TRANSITIONS.get((state, trigger))
    if following is None:
        raise IllegalTransitionError(state, trigger)
    return following


class FootprintKey(NamedTuple):
    """What the measured memory use of a model depends on."""

    model: str
    device: str
    compute_type: str


@dataclass(frozen=True, slots=True)
class InstanceKey:
    """A model and a placement."""

    model: str
    placement: Placement

    def __str__(self) -> str:
        return f"{self.model} on {self.placement}"

    @property
    def device(self) -> str:
        """Device of the placement."""
        return self.placement.device

    @property
    def footprint_key(self) -> FootprintKey:
        """Key of its measured memory use."""
        return FootprintKey(self.model, self.placement.device, self.placement.compute_type)


@dataclass(slots=True)
class Instance:
    """What the planner knows of one instance; `key` outlives its processes, the rest does not."""

    key: InstanceKey
    spec: ModelSpec
    """The spec with which the process was started: a later change needs a new process."""
    state: InstanceState = InstanceState.COLD
    published_state: ModelState = ModelState.UNLOADED
    """The public state that was published last."""
    generation: int = 0
    """Number of its process, unique among all processes ever, so that a late report of an earlier
    process is recognized; 0 before the first."""
    pid: int | None = None
    leases: set[int] = field(default_factory=set)
    memory_bytes: int = 0
    """The largest amount booked since it was ready."""
    measured: bool = False
    """Whether `memory_bytes` was measured, not only estimated."""
    launched_at: float = 0.0
    ready_at: float | None = None
    last_used: float | None = None
    """Time at which a lease last began or ended; None before the first lease."""
    load_seconds: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    """What the loaded model reported."""
    progress: tuple[str, int] | None = None
    """Phase and percentage while loading."""
    missed_pings: int = 0
    """Pings sent since the last answer."""
    reason: str = ""
    """Why it is being stopped, or why it waits."""
    kill_reason: tuple[str, str] | None = None
    """Code and message of the fault for which the server kills the process."""
    waits_for_memory: bool = False
    """Whether it is queued because there is not enough memory."""
    needs_empty_device: bool = False
    """Whether its next load waits until every stopping process has left the device."""

    @property
    def alive(self) -> bool:
        """Whether a process exists or is being started."""
        return self.state in ALIVE_STATES

    @property
    def idle(self) -> bool:
        """Whether it is ready and has no lease."""
        return self.usable and not self.leases

    @property
    def usable(self) -> bool:
        """Whether it is ready to be leased, and not being killed."""
        return self.state is InstanceState.READY and self.kill_reason is None

    @property
    def exiting(self) -> bool:
        """Whether its process is about to exit, with or without leases."""
        return self.state is InstanceState.STOPPING or (self.alive and self.kill_reason is not None)

    @property
    def event_fields(self) -> dict[str, str]:
        """The fields that every `ModelEvent` about it begins with."""
        placement = self.key.placement
        return {
            "model": self.key.model,
            "device": placement.device,
            "compute_type": placement.compute_type,
        }

    @property
    def public_state(self) -> ModelState:
        """The state that clients see."""
        return PUBLIC_STATES[self.state]

    def transition(self, trigger: InstanceTrigger) -> None:
        """Move to the next state. Raises IllegalTransitionError and changes nothing if illegal."""
        self.state = next_state(self.state, trigger)

    def reset_for_launch(self, generation: int, now: float) -> None:
        """Forget everything that belonged to an earlier process."""
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
        """Return the time since which nobody has used it."""
        if self.last_used is not None:
            return self.last_used
        return self.ready_at if self.ready_at is not None else self.launched_at
