"""An instance is one model on one placement, the unit of loading: its key, its state machine, and
how far its load is.

"Busy" is leases > 0 and "downloaded" is a fact of the model store; neither is a state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from wyoming_servers.core.domain import ModelState, Placement
from wyoming_servers.core.errors import InternalError

MAX_PERCENT: Final = 99
"""A load that takes longer than expected stays here until it is ready."""

_READING_PHASE: Final = "load"
_READING_PERCENT: Final = 90

_TOLERANCE: Final = 0.25
"""A load that differs less from the profile does not change it."""


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
    """Its process was asked to exit; the memory is not free yet."""
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


class LoadProfile(NamedTuple):
    """How long the phases of a load took on this machine."""

    phases: Mapping[str, float]
    """Phase to its start, in seconds after the launch of the process."""
    seconds: float
    """From the launch until the model was ready."""

    def is_similar(self, other: "LoadProfile") -> bool:
        """Return whether another load went the same way."""
        return (
            set(self.phases) == set(other.phases)
            and abs(self.seconds - other.seconds) <= _TOLERANCE * self.seconds
        )


@dataclass(slots=True)
class LoadProgress:
    """A load under way, and how far it is.

    A worker reports which phase it is in, rarely more: libraries load a model in one call. The time
    that each phase took at an earlier load tells the percentage; at the first load, the bytes of
    its files that were read (`worker/load_meter.py`).
    """

    launched_at: float
    phase: str = "load"
    percent: int = -1
    """Of the whole load, and never less than before; -1 if unknown."""
    starts: dict[str, float] = field(default_factory=dict)
    """Phase to its start, in seconds after the launch."""
    reported: int = -1
    """Percentage of the phase: reported by the worker, or of its files' bytes."""

    def report(self, phase: str, percent: int, now: float) -> None:
        """Note what the worker has reported: the phase, and its percentage or -1."""
        self.starts.setdefault(phase, now - self.launched_at)
        self.phase, self.reported = phase, percent

    def update(self, profile: LoadProfile | None, now: float) -> None:
        """Update the percentage.

        With an earlier load, each phase begins where it began then, and takes at most as long.
        The first load is nine tenths reading, as the worker's files tell, then warming up.
        """
        if profile is None or profile.seconds <= 0:
            if self.phase != _READING_PHASE:
                self.percent = max(self.percent, _READING_PERCENT)
            elif self.reported >= 0:
                reached = self.reported * _READING_PERCENT // 100
                self.percent = max(self.percent, reached)
            return
        begun = self.starts.get(self.phase, 0.0)
        start = profile.phases.get(self.phase, 0.0) if self.starts else 0.0
        later = [at for at in profile.phases.values() if at > start]
        length = max(0.0, min(later, default=profile.seconds) - start)
        elapsed = min(now - self.launched_at - begun, length)
        reached = int(100 * (start + elapsed) / profile.seconds)
        self.percent = max(self.percent, min(reached, MAX_PERCENT), 0)

    def finish(self, now: float) -> LoadProfile:
        """Return the profile of this load, which has just ended."""
        return LoadProfile(dict(self.starts), now - self.launched_at)
