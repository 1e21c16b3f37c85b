"""When to retry after failures: backoff, circuit breaker, cooldown after OOM, lost devices."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wyoming_servers.core.errors import (
    CODES,
    DeviceLostError,
    ModelTooLargeError,
    OutOfMemoryError,
    from_code,
)
from wyoming_servers.devices.probe import HOST
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy

OOM: Final = OutOfMemoryError.code
DEVICE_LOST: Final = DeviceLostError.code
MODEL_TOO_LARGE: Final = ModelTooLargeError.code

NON_RETRYABLE_CODES: Final = frozenset(
    code for code in CODES if not from_code(code, "").recoverable
)
"""Codes after which the same load would fail in the same way."""


class BlockReason(StrEnum):
    """Why an instance may not be loaded now."""

    BACKOFF = "backoff"
    """It failed a moment ago; the pause is short enough to wait for."""
    CIRCUIT = "circuit"
    """It failed too often; the first request after a longer pause tries again."""
    OOM_COOLDOWN = "oom_cooldown"
    """It ran out of memory twice; a fallback placement is used for a while."""
    DEVICE_LOST = "device_lost"
    """Its device was lost too often; until the operator loads a model there or a restart."""
    DEVICE_MISSING = "device_missing"
    """Its device does not exist, or cannot be read now."""
    TOO_LARGE = "too_large"
    """It needs more memory than models may ever hold there."""


@dataclass(frozen=True, slots=True)
class LoadBlock:
    """Why an instance may not be loaded, and until when."""

    reason: BlockReason
    code: str
    """Error code of the last failure."""
    message: str
    until: float | None = None
    """None: until the operator intervenes."""


class RecoveryAction(StrEnum):
    """What follows from a failure."""

    RETRY_NOW = "retry_now"
    """Try again without a pause."""
    EVICT_IDLE_AND_RETRY = "evict_idle_and_retry"
    """Evict everything idle on the device, then try again without a pause."""
    RETRY_LATER = "retry_later"
    """Try again after a pause."""
    USE_FALLBACK = "use_fallback"
    """Use a fallback placement for a while."""
    OPEN_CIRCUIT = "open_circuit"
    """Do not try again before a longer pause is over."""


@dataclass(slots=True)
class FailureRecord:
    """The failures of one instance since its last success."""

    failures: int = 0
    pauses: int = 0
    """Entries of the backoff that are used up."""
    circuit_openings: int = 0
    """Consecutive openings of the circuit."""
    oom_failures: int = 0
    cooldowns: int = 0
    """Consecutive cooldowns after OOM."""
    block: LoadBlock | None = None
    oom_at: float = 0.0
    """Time of the last OOM failure."""


class FailurePolicy:
    """Records failures per instance and losses per device, and decides what follows."""

    def __init__(self, policy: SchedulingPolicy, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._jitter = jitter
        """Returns a random number from 0 to 1."""
        self.records: dict[InstanceKey, FailureRecord] = {}
        """Instances that have failed since the start or the last `reset`."""
        self._losses: dict[str, int] = {}
        self._last_loss: dict[str, float] = {}

    def set_policy(self, policy: SchedulingPolicy) -> None:
        """Use other pauses and limits from now on."""
        self._policy = policy

    def record_failure(
        self,
        key: InstanceKey,
        code: str,
        message: str,
        now: float,
        *,
        launched_at: float,
        was_ready: bool,
        retry_oom: bool = True,
        last_resort: bool = False,
    ) -> RecoveryAction:
        """Record a failed load or the death of a worker that was launched at `launched_at`.

        1. Out of memory for the first time: evict everything idle and try once more (not if
           `retry_oom` is false: nothing is evicted for a load that nobody waits for).
        2. Out of memory again: use the next placement; this one has a cooldown, twice as long
           each time. The last placement only pauses as long as a circuit, since it has no fallback.
        3. The device was lost: the first time the driver may have been reset, so try again; after
           `max_device_losses` losses the device is not used any more.
        4. A worker that had been ready died, and it is the first failure since its last success:
           try again at once, because a request is probably coming.
        5. A pause of the backoff is left: try again after it.
        6. Otherwise, and at once for a code that is not retryable (a file is missing), the circuit
           opens; each further failure opens it for twice as long.
        """
        record = self.records.setdefault(key, FailureRecord())
        record.failures += 1
        if code == OOM:
            return self._record_oom(
                record, message, now, retry_oom=retry_oom, last_resort=last_resort
            )
        if code == DEVICE_LOST and key.device != HOST:  # 3
            self._record_device_loss(key.device, launched_at, now)
            if not self.is_device_lost(key.device) and record.failures == 1:
                return RecoveryAction.RETRY_NOW
        elif was_ready and record.failures == 1:  # 4
            return RecoveryAction.RETRY_NOW
        if code not in NON_RETRYABLE_CODES and record.pauses < len(self._policy.backoff):  # 5
            pause = self._with_jitter(self._policy.backoff[record.pauses])
            record.pauses += 1
            record.block = LoadBlock(BlockReason.BACKOFF, code, message, now + pause)
            return RecoveryAction.RETRY_LATER
        pause = self._policy.circuit_timeout * 2**record.circuit_openings  # 6
        record.circuit_openings += 1
        record.block = LoadBlock(
            BlockReason.CIRCUIT, code, message, now + min(pause, self._policy.circuit_timeout_max)
        )
        return RecoveryAction.OPEN_CIRCUIT

    def record_run_oom(self, key: InstanceKey, now: float) -> RecoveryAction:
        """Record that a run on a living worker was out of memory: evict first, then fall back."""
        record = self.records.setdefault(key, FailureRecord())
        return self._record_oom(
            record, "It ran out of memory during inference.", now, retry_oom=True
        )

    def record_success(self, key: InstanceKey, now: float) -> None:
        """Reset the failures of an instance, except for a block that is still active."""
        record = self.records.get(key)
        if record is None:
            return
        record.failures = record.pauses = record.circuit_openings = 0
        if self.active_block(key, now) is None:
            record.cooldowns = 0
            record.block = None

    def reset(self, model: str) -> None:
        """Forget all failures of a model, at the operator's request."""
        for key in [key for key in self.records if key.model == model]:
            del self.records[key]

    def reset_device(self, device: str) -> None:
        """Use a device again, at the operator's request."""
        self._losses.pop(device, None)

    def is_device_lost(self, device: str) -> bool:
        """Return whether a device is not used because it was lost too often."""
        return self._losses.get(device, 0) >= self._policy.max_device_losses

    def active_block(self, key: InstanceKey, now: float) -> LoadBlock | None:
        """Return why an instance may not be loaded now; None if it may."""
        if self.is_device_lost(key.device):
            return LoadBlock(
                BlockReason.DEVICE_LOST, DEVICE_LOST, f"{key.device} was lost repeatedly."
            )
        record = self.records.get(key)
        if record is None or record.block is None or record.block.until is None:
            return None
        return record.block if now < record.block.until else None

    def last_failure(self, key: InstanceKey) -> LoadBlock | None:
        """Return the last failure of an instance, whether or not it still blocks loads."""
        record = self.records.get(key)
        return record.block if record else None

    def failures(self, key: InstanceKey) -> int:
        """Count the failures of an instance since its last success."""
        record = self.records.get(key)
        return record.failures if record else 0

    def _record_oom(
        self,
        record: FailureRecord,
        message: str,
        now: float,
        *,
        retry_oom: bool,
        last_resort: bool = False,
    ) -> RecoveryAction:
        if now - record.oom_at > self._policy.oom_cooldown:
            record.oom_failures = 0  # long ago, and perhaps caused by another program
        record.oom_failures += 1
        record.oom_at = now
        if record.oom_failures == 1 and retry_oom:  # 1
            return RecoveryAction.EVICT_IDLE_AND_RETRY
        base = self._policy.circuit_timeout if last_resort else self._policy.oom_cooldown  # 2
        pause = min(base * 2**record.cooldowns, self._policy.oom_cooldown_max)
        record.cooldowns += 1
        record.oom_failures = 0
        record.block = LoadBlock(BlockReason.OOM_COOLDOWN, OOM, message, now + pause)
        return RecoveryAction.USE_FALLBACK

    def _record_device_loss(self, device: str, launched_at: float, now: float) -> None:
        """Count a loss; a process launched before the last loss died of that same loss."""
        if launched_at >= self._last_loss.get(device, float("-inf")):
            self._losses[device] = self._losses.get(device, 0) + 1
            self._last_loss[device] = now

    def _with_jitter(self, pause: float) -> float:
        return pause * (1 + self._policy.jitter * (2 * self._jitter() - 1))
