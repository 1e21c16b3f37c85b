"""The planner's output: commands that `scheduling.runtime` carries out."""

from dataclasses import dataclass
from enum import StrEnum

from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.events import Event
from wyoming_servers.scheduling.planner.instance import FootprintKey, InstanceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Base of all actions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantLease(Action):
    """Give a request its lease on an instance that is ready."""

    request: int
    key: InstanceKey
    generation: int


class ReplaceResult(StrEnum):
    """How a model got its new settings."""

    UNCHANGED = "unchanged"
    """They need no new worker, or the model was not loaded: the next load uses them."""
    SWAPPED = "swapped"
    """The old worker served until the new one was ready."""
    RELOADED = "reloaded"
    """Requests waited, because there was no memory for both workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveRequest(Action):
    """Answer a request that asks for a truth value instead of a lease."""

    request: int
    value: bool | ReplaceResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectRequest(Action):
    """Fail a request with an error."""

    request: int
    code: str
    message: str
    hint: str = ""
    retry_after: float | None = None
    attempt: int | None = None
    """Consecutive failures of the model; None if it did not fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchWorker(Action):
    """Start a process for an instance and load the model in it."""

    key: InstanceKey
    generation: int
    spec: ModelSpec
    stop_grace: float
    """Seconds it gets to exit after a failed load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopWorker(Action):
    """Ask a process to unload and exit."""

    key: InstanceKey
    generation: int
    grace: float
    """Seconds until it is terminated; it is killed after as many again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillWorker(Action):
    """Kill a process that does not answer or has lost its device."""

    key: InstanceKey
    generation: int
    code: str
    """Error code of its runs."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PingWorker(Action):
    """Check that the message loop of a process answers."""

    key: InstanceKey
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleMemory(Action):
    """Read the memory of all devices; the reading must not have begun before this action."""

    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishEvent(Action):
    """Publish an event on the bus."""

    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveLoadProfile(Action):
    """Persist how long a load took, for the next start."""

    key: FootprintKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveFootprint(Action):
    """Persist a measured memory use for the next start."""

    key: FootprintKey
    size: int
    """Bytes."""
