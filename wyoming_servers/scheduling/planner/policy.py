"""All limits, timeouts and intervals of the scheduler in one place."""

from dataclasses import dataclass

from wyoming_servers.config.units import parse_budget
from wyoming_servers.core.domain import Priority, Task

_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingPolicy:
    """In seconds and bytes, unless stated otherwise. The first block comes from configuration."""

    budget: str = "90%"
    """Most memory of a device that models may hold: bytes (`4GiB`) or a share (`90%`)."""
    reserve: int = 256 * _MIB
    """Memory of each device that always stays free."""
    max_queued_requests: int = 64
    """Requests that may wait at a time."""
    request_timeout: float = 60.0
    """A request waits no longer than this, unless it brings its own timeout."""
    load_timeout: float = 120.0
    """A worker that is not ready after this is killed."""
    gpu_poll_interval: float = 30.0
    """A client whose model waits for memory is told to ask again after this."""

    parallel_loads: int = 4
    """Loads at a time; more than one, so that a load that hangs does not block all others."""
    default_footprint: int = 256 * _MIB
    """Estimate for a model that was neither measured nor states its size."""
    priority_aging: float = 1.0
    """A waiting request gains one step of priority in this time, so that none starves."""
    queue_jump_window: float = 10.0
    """Smaller requests may overtake one that waits for memory for this long, then none may."""
    prefetch_keep_alive: float = 30.0
    """An instance that was prefetched stays loaded at least this long, used or not."""
    prefetch_timeout: float = 10.0
    """A prefetch that could not start within this time is dropped."""

    warm_keep_alive: float = 86_400.0
    """An idle model that is kept warm is unloaded after this at the latest."""
    spare_share: float = 0.25
    """A device has memory to spare while this share of it is free, ..."""
    spare_limit: int = 4 * 1024 * _MIB
    """... or this many bytes."""

    load_progress_interval: float = 0.5
    """The percentage of a load is estimated this often, if an earlier load is known."""

    stop_grace: float = 5.0
    """A worker that was told to stop is terminated after this, and killed after as long again."""
    ping_interval: float = 2.0
    """A leased worker is pinged this often to detect hangs."""
    max_missed_pings: int = 2
    """A worker is killed after this many pings in a row without an answer."""

    backoff: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Pauses before the attempts after failures; after the last one the circuit opens."""
    jitter: float = 0.25
    """A pause is randomly made up to this share shorter or longer."""
    circuit_timeout: float = 60.0
    """An open circuit allows an attempt after this; doubled with every further failure."""
    circuit_timeout_max: float = 600.0
    failure_reset: float = 60.0
    """A worker that has lived this long resets the failures of its instance."""
    max_failed_loads: int = 2
    """A waiting request is rejected after this many failed loads."""
    oom_cooldown: float = 300.0
    """A placement that ran out of memory twice is not used for this long; doubled each time."""
    oom_cooldown_max: float = 3_600.0
    max_device_losses: int = 2
    """A device that was lost this often is not used until the operator loads a model on it."""

    probe_interval: float = 5.0
    """Memory is read this often."""
    memory_retry_interval: float = 2.0
    """While a load waits for memory, memory is read and the load is tried again this often."""
    memory_return_interval: float = 0.25
    """While memory of an exited process is not free yet, memory is read this often."""
    memory_return_timeout: float = 5.0
    """Memory of an exited process is waited for this long; then the probe's figures count."""

    @property
    def unused_keep_alive(self) -> float:
        """An instance that was loaded ahead of its first use stays loaded at least this long.

        A client that was told to ask again after `gpu_poll_interval` must find it loaded.
        """
        return max(self.prefetch_keep_alive, 1.5 * self.gpu_poll_interval)

    def memory_limit(self, total: int) -> int:
        """Return `budget` in bytes, for a device with `total` bytes.

        Raises ValueError if the budget is neither a size nor a share.
        """
        return parse_budget(self.budget, total)


PRIORITIES = {
    Task.TTS: Priority.TTS,
    Task.ASR: Priority.ASR,
    Task.WAKE: Priority.BACKGROUND,
    Task.TURN: Priority.SPECULATIVE,
    # Finishes before the transcript of the same speech.
    Task.SPEAKER: Priority.ASR,
}
"""Default priority of the requests for a model, by its task."""
