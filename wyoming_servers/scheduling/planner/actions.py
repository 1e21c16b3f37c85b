"""What the planner wants done; `runtime` does it."""

from dataclasses import dataclass

from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.events import Event
from wyoming_servers.scheduling.footprint_store import FootprintKey
from wyoming_servers.scheduling.planner.instance import InstanceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Base of all actions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantLease(Action):
    """Give a request its lease on an instance that is ready."""

    request: int
    key: InstanceKey
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveRequest(Action):
    """Tell whoever asked how it ended, where that is no lease."""

    request: int
    value: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectRequest(Action):
    """Let a request fail."""

    request: int
    code: str
    message: str
    hint: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchWorker(Action):
    """Start a process for an instance and load the model in it."""

    key: InstanceKey
    generation: int
    spec: ModelSpec
    stop_grace: float
    """Seconds it gets to exit after a load that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWorker(Action):
    """Ask a process to unload and exit."""

    key: InstanceKey
    generation: int
    grace: float
    """Seconds until it is terminated; killed after as many again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillWorker(Action):
    """End a process that does not answer, or whose device is gone, now."""

    key: InstanceKey
    generation: int
    code: str
    """What its runs fail with."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PingWorker(Action):
    """Ask a process whether its message loop lives."""

    key: InstanceKey
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleMemory(Action):
    """Read the memory, beginning now or later, but not with a reading that has begun before."""

    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishEvent(Action):
    """Tell the world what has happened."""

    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveFootprint(Action):
    """Keep a footprint for the next start."""

    key: FootprintKey
    size: int
