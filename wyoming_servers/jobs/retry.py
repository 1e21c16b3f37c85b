"""Runs a chunk of work with a lease, and retries failures that may not happen again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Priority
from wyoming_servers.core.errors import (
    CapacityError,
    DeadlineError,
    InferenceFailedError,
    OutOfMemoryError,
    ShuttingDownError,
    WorkerError,
)
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease

T = TypeVar("T")

_MIN_CAPACITY_DELAY_SECONDS: Final = 1.0
_MAX_DELAY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRetryPolicy:
    """How long, and how often, a chunk of work is tried; times in seconds."""

    attempt_timeout: float
    """Longest attempt, including the wait for the model."""
    max_attempts: int
    """Attempts when the worker fails, is stopped or runs out of memory."""
    max_capacity_wait: float
    """How long to wait for a machine that has no room for the model."""
    initial_delay: float = 1.0
    """Delay before the second attempt; doubled for each further one."""
    total_timeout: float | None = None
    """Limit for all attempts together; None for no limit."""


class LeaseRetrier:
    """Runs the chunks of one job, each with its own lease, so that others run in between."""

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        clock: Clock,
        model: str,
        policy: LeaseRetryPolicy,
        *,
        client: str = "",
    ) -> None:
        self._coordinator = coordinator
        self._clock = clock
        self._model = model
        self._policy = policy
        self._client = client

    async def run(
        self,
        work: Callable[[Lease], Awaitable[T]],
        description: str,
        *,
        priority: Priority = Priority.BACKGROUND,
    ) -> T:
        """Return the result of `work`; `description` names it in errors, such as "A 30 s chunk".

        1. Out of memory during the work: retry when evicted models have released their memory.
        2. The worker failed, or the model was unloaded during the work: retry after a delay.
        3. No capacity, or no lease in time: retry until `max_capacity_wait` is over.
        4. Any other error is raised, and ShuttingDownError if the server refuses the lease.
        """
        policy, clock = self._policy, self._clock
        failures, delay, start = 0, policy.initial_delay, clock.now()
        while True:
            device = ""
            try:
                async with (
                    asyncio.timeout(self._attempt_timeout(start)),
                    self._coordinator.lease(
                        self._model, priority=priority, client=self._client
                    ) as lease,
                ):
                    device = lease.placement.device
                    return await work(lease)
            except TimeoutError as err:
                raise DeadlineError(f"{description} took too long.") from err
            except ShuttingDownError as err:
                if not device:  # 4
                    raise
                failures += 1  # 2
                if failures >= policy.max_attempts:
                    raise InferenceFailedError(
                        f"{description} was interrupted {failures} times: {err.message}"
                    ) from err
            except (CapacityError, DeadlineError) as err:
                if device and isinstance(err, OutOfMemoryError):  # 1
                    failures += 1
                    if failures >= policy.max_attempts:
                        raise
                    await self._coordinator.memory_returned(device)
                    continue
                delay = max(delay, _MIN_CAPACITY_DELAY_SECONDS, err.retry_after or 0.0)  # 3
                if clock.now() - start + delay > policy.max_capacity_wait:
                    raise
            except WorkerError:  # 2
                failures += 1
                if failures >= policy.max_attempts:
                    raise
            await clock.sleep(delay)
            delay = min(2 * delay, _MAX_DELAY_SECONDS)

    def _attempt_timeout(self, start: float) -> float:
        """Return the seconds for an attempt that begins now: the only timer that runs meanwhile."""
        policy = self._policy
        if policy.total_timeout is None:
            return policy.attempt_timeout
        remaining = start + policy.total_timeout - self._clock.now()
        return min(policy.attempt_timeout, remaining)
