"""The coordinator's numbers in one place: bounds, deadlines, intervals."""

from dataclasses import dataclass
from typing import Self

from wyoming_servers.config.schema import LimitsSection, MemorySection
from wyoming_servers.config.units import parse_budget
from wyoming_servers.core.domain import (
    Priority,
    Task,
)

_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingPolicy:
    """Seconds and bytes, unless said otherwise. Configuration sets the first block."""

    budget: str = "90%"
    """Most that models may hold of a device: bytes (`4GiB`) or a share (`90%`)."""
    reserve: int = 256 * _MIB
    """Always left free on each device."""
    max_queued_requests: int = 64
    """Requests that may wait."""
    request_timeout: float = 60.0
    """A request waits no longer than this, unless it says so itself."""
    load_timeout: float = 120.0
    """A worker that is not ready after this is killed."""

    parallel_loads: int = 4
    """Loads at a time. More than one, so that a load that hangs does not hold up all others."""
    default_footprint: int = 256 * _MIB
    """Estimate for a model that neither was measured nor says how large it is."""
    priority_aging: float = 1.0
    """A waiting request gains one step of priority in this time, so that nobody starves."""
    queue_jump_window: float = 10.0
    """A request that waits for memory lets smaller ones pass for this long, then none."""
    prefetch_keep_alive: float = 30.0
    """An instance that was loaded ahead of its use stays at least this long unused."""
    prefetch_timeout: float = 10.0
    """A prefetch that could not begin within this time is dropped."""

    stop_grace: float = 5.0
    """A worker that was told to stop is terminated after this, killed after as long again."""
    ping_interval: float = 2.0
    """A leased worker is asked this often whether its message loop lives."""
    max_missed_pings: int = 2
    """Pings in a row without an answer after which it is killed."""

    backoff: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Pauses before the tries after a failure; when they are used up, the circuit opens."""
    jitter: float = 0.25
    """Share by which a pause is drawn shorter or longer."""
    circuit_timeout: float = 60.0
    """The first probe of an open circuit; doubled with every failed one."""
    circuit_timeout_max: float = 600.0
    failure_reset: float = 60.0
    """A worker that has lived this long has made up for its failures."""
    max_failed_loads: int = 2
    """Failed loads a waiting request sits through before it gets the error."""
    oom_cooldown: float = 300.0
    """A placement that ran out of memory is not tried for this long; doubled each time."""
    oom_cooldown_max: float = 3_600.0
    max_device_losses: int = 2
    """Losses after which a device is not used until the operator loads a model there."""

    probe_interval: float = 5.0
    """Memory is read this often."""
    memory_retry_interval: float = 2.0
    """Memory is read, and waiting loads are tried again, this often while any wait for it."""
    memory_return_interval: float = 0.25
    """Memory is read this often while that of a process that is gone has not come back."""
    memory_return_timeout: float = 5.0
    """How long it is waited for; then what the probe says is what there is."""

    @classmethod
    def from_config(cls, limits: LimitsSection, memory: MemorySection) -> Self:
        """Take what the configuration sets."""
        return cls(
            budget=memory.budget,
            reserve=memory.reserve,
            max_queued_requests=limits.max_queued_requests,
            request_timeout=limits.request_timeout,
            load_timeout=limits.load_timeout,
        )

    def memory_limit(self, total: int) -> int:
        """Return `budget` of a device with `total` bytes, in bytes.

        Raises ValueError if the budget is neither a size nor a share.
        """
        return parse_budget(self.budget, total)


PRIORITIES = {Task.TTS: Priority.TTS, Task.ASR: Priority.ASR, Task.WAKE: Priority.BACKGROUND}
"""What a request for each kind of model has if it says nothing else."""
