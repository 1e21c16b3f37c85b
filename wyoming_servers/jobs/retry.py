"""Has a model do one piece of work, again and again where that may help."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Priority
from wyoming_servers.core.errors import (
    CapacityError,
    DeadlineError,
    OutOfMemoryError,
    ShuttingDownError,
    WorkerError,
)
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease

T = TypeVar("T")

_MAX_DELAY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRetryPolicy:
    """How long a piece of work is worth trying."""

    attempt_timeout: float
    """Longest single attempt, with the wait for the model."""
    max_attempts: int
    """Times it is tried when the model's process fails or lacks memory."""
    max_capacity_wait: float
    """Seconds that a machine without room for the model is waited for."""
    initial_delay: float = 1.0
    """Seconds before the second try; doubled with each."""


class LeaseRetrier:
    """One model for the pieces of one job; a lease each, so that others come in between."""

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        clock: Clock,
        model: str,
        patience: LeaseRetryPolicy,
        *,
        client: str = "",
    ) -> None:
        self._coordinator = coordinator
        self._clock = clock
        self._model = model
        self._policy = patience
        self._client = client

    async def run(
        self,
        work: Callable[[Lease], Awaitable[T]],
        what: str,
        *,
        priority: Priority = Priority.BACKGROUND,
    ) -> T:
        """Return what `work` makes with a lease; `what` names it in errors: "A piece of 30 s".

        1. The work lacked memory: again, once what was told to leave has left.
        2. The model's process failed: again after a pause.
        3. No room, or none in time: again until the patience is over.
        4. Anything else is the work's own fault.
        """
        patience, clock = self._policy, self._clock
        tries, pause, begun = 0, patience.initial_delay, clock.now()
        while True:
            device = ""
            try:
                async with (
                    asyncio.timeout(patience.attempt_timeout),
                    self._coordinator.lease(
                        self._model, priority=priority, client=self._client
                    ) as lease,
                ):
                    device = lease.placement.device
                    return await work(lease)
            except ShuttingDownError:
                raise
            except TimeoutError as err:
                raise DeadlineError(f"{what} took too long.") from err
            except (CapacityError, DeadlineError) as err:
                if device and isinstance(err, OutOfMemoryError):  # 1
                    tries += 1
                    if tries >= patience.max_attempts:
                        raise
                    await self._coordinator.memory_returned(device)
                    continue
                pause = max(pause, 1.0, err.retry_after or 0.0)  # 3
                if clock.now() - begun + pause > patience.max_capacity_wait:
                    raise
            except WorkerError:  # 2
                tries += 1
                if tries >= patience.max_attempts:
                    raise
            await clock.sleep(pause)
            pause = min(2 * pause, _MAX_DELAY_SECONDS)
