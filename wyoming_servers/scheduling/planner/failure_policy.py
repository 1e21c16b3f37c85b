"""What has failed, and when to try again: backoff, circuit, precision ladder, lost devices."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wyoming_servers.core.errors import (
    CODES,
    DeviceLostError,
    OutOfMemoryError,
    from_code,
)
from wyoming_servers.devices.probe import HOST
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy

OOM: Final = OutOfMemoryError.code
DEVICE_LOST: Final = DeviceLostError.code

NON_RETRYABLE_CODES: Final = frozenset(
    code for code in CODES if not from_code(code, "").recoverable
)
"""Codes after which the same load would fail in the same way."""


class BlockReason(StrEnum):
    """Why an instance may not be loaded now."""

    BACKOFF = "backoff"
    """It failed a moment ago; worth waiting for."""
    CIRCUIT = "circuit"
    """It failed too often; the first request after a while probes it."""
    OOM_COOLDOWN = "bench"
    """It ran out of memory twice; a lesser placement takes over for a while."""
    DEVICE_LOST = "lost"
    """Its device was lost twice; until the operator or a restart says otherwise."""
    DEVICE_MISSING = "missing"
    """Its device does not exist, or cannot be read now."""
    TOO_LARGE = "too_big"
    """It needs more than models may ever hold there."""


@dataclass(frozen=True, slots=True)
class LoadBlock:
    """Why an instance may not be loaded, and until when."""

    reason: BlockReason
    code: str
    """Error code of what happened."""
    message: str
    until: float | None = None
    """None: until the operator says otherwise."""


class RecoveryAction(StrEnum):
    """What follows from a failure."""

    RETRY_NOW = "at_once"
    """Try again without a pause."""
    EVICT_IDLE_AND_RETRY = "clear_and_retry"
    """Unload everything idle on the device, then try again without a pause."""
    RETRY_LATER = "later"
    """Try again after a pause."""
    USE_FALLBACK = "step_down"
    """Use a lesser placement for a while."""
    OPEN_CIRCUIT = "open"
    """Stop trying until somebody asks after a longer while."""


@dataclass(slots=True)
class _FailureRecord:
    """The failures of one instance since it last did well."""

    failures: int = 0
    pauses: int = 0
    """Entries of the backoff that are used up."""
    opened: int = 0
    """Times in a row that the circuit opened."""
    oom_failures: int = 0
    cooldowns: int = 0
    """Times in a row that it was benched."""
    block: LoadBlock | None = None
    oom_at: float = 0.0


class FailurePolicy:
    """Remembers failures per instance and losses per device."""

    def __init__(self, policy: SchedulingPolicy, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._jitter = jitter
        """Draws a number from 0 to 1."""
        self._records: dict[InstanceKey, _FailureRecord] = {}
        self._losses: dict[str, int] = {}
        self._last_loss: dict[str, float] = {}

    def record_failure(
        self,
        key: InstanceKey,
        code: str,
        message: str,
        now: float,
        *,
        began: float,
        was_ready: bool,
        retry_memory: bool = True,
        last_resort: bool = False,
    ) -> RecoveryAction:
        """Note that a load failed or that a worker died whose process was started at `began`.

        1. Out of memory, for the first time: everything idle goes and it is tried once more
           (not with `retry_memory` false: where nobody waits, nobody is unloaded for it).
        2. Out of memory again: the next placement of the ladder; this one rests, twice as long
           each time. The last resort rests only as long as a circuit, because nothing else serves.
        3. The device was lost: the first time it may have been the driver's reset, so try again;
           from the second on the device is out of use.
        4. A worker that had been ready died, and it is the first failure since it did well: at
           once, because somebody is about to speak.
        5. A pause of the backoff is left: after it.
        6. Otherwise, and at once where trying again is pointless (a file is missing), the circuit
           opens; a probe that fails opens it for twice as long.
        """
        record = self._records.setdefault(key, _FailureRecord())
        record.failures += 1
        if code == OOM:
            return self._out_of_memory(
                record, message, now, retry_memory=retry_memory, last_resort=last_resort
            )
        if code == DEVICE_LOST and key.device != HOST:  # 3
            self._record_device_loss(key.device, began, now)
            if not self.is_device_lost(key.device) and record.failures == 1:
                return RecoveryAction.RETRY_NOW
        elif was_ready and record.failures == 1:  # 4
            return RecoveryAction.RETRY_NOW
        if code not in NON_RETRYABLE_CODES and record.pauses < len(self._policy.backoff):  # 5
            pause = self._with_jitter(self._policy.backoff[record.pauses])
            record.pauses += 1
            record.block = LoadBlock(BlockReason.BACKOFF, code, message, now + pause)
            return RecoveryAction.RETRY_LATER
        span = self._policy.circuit_timeout * 2**record.opened  # 6
        record.opened += 1
        record.block = LoadBlock(
            BlockReason.CIRCUIT, code, message, now + min(span, self._policy.circuit_timeout_max)
        )
        return RecoveryAction.OPEN_CIRCUIT

    def record_run_oom(self, key: InstanceKey, now: float) -> RecoveryAction:
        """Note that a run on a living worker was out of memory: clear first, then step down."""
        record = self._records.setdefault(key, _FailureRecord())
        return self._out_of_memory(
            record, "It ran out of memory while it worked.", now, retry_memory=True
        )

    def record_success(self, key: InstanceKey, now: float) -> None:
        """It did well: forget its failures, but not a memory fault of a moment ago."""
        record = self._records.get(key)
        if record is None:
            return
        record.failures = record.pauses = record.opened = 0
        if self.active_block(key, now) is None:
            record.cooldowns = 0
            record.block = None

    def reset(self, model: str) -> set[str]:
        """The operator asks for it: forget all failures of a model; return its lost devices."""
        mine = [key for key in self._records if key.model == model]
        for key in mine:
            del self._records[key]
        return {key.device for key in mine}

    def reset_device(self, device: str) -> None:
        """The operator says that a device is to be tried again."""
        self._losses.pop(device, None)

    def is_device_lost(self, device: str) -> bool:
        """Whether a device is out of use."""
        return self._losses.get(device, 0) >= self._policy.max_device_losses

    def active_block(self, key: InstanceKey, now: float) -> LoadBlock | None:
        """Return why an instance may not be loaded now, if so."""
        if self.is_device_lost(key.device):
            return LoadBlock(
                BlockReason.DEVICE_LOST, DEVICE_LOST, f"{key.device} was lost repeatedly."
            )
        record = self._records.get(key)
        if record is None or record.block is None or record.block.until is None:
            return None
        return record.block if now < record.block.until else None

    def last_failure(self, key: InstanceKey) -> LoadBlock | None:
        """Return the last thing that went wrong, whether or not it still stands in the way."""
        record = self._records.get(key)
        return record.block if record else None

    def attempts(self, key: InstanceKey) -> int:
        """Count its failures since it last did well."""
        record = self._records.get(key)
        return record.failures if record else 0

    def _out_of_memory(
        self,
        record: _FailureRecord,
        message: str,
        now: float,
        *,
        retry_memory: bool,
        last_resort: bool = False,
    ) -> RecoveryAction:
        if now - record.oom_at > self._policy.oom_cooldown:
            record.oom_failures = 0  # long ago, perhaps for another program's sake
        record.oom_failures += 1
        record.oom_at = now
        if record.oom_failures == 1 and retry_memory:  # 1
            return RecoveryAction.EVICT_IDLE_AND_RETRY
        bench = self._policy.circuit_timeout if last_resort else self._policy.oom_cooldown  # 2
        span = min(bench * 2**record.cooldowns, self._policy.oom_cooldown_max)
        record.cooldowns += 1
        record.oom_failures = 0
        record.block = LoadBlock(BlockReason.OOM_COOLDOWN, OOM, message, now + span)
        return RecoveryAction.USE_FALLBACK

    def _record_device_loss(self, device: str, began: float, now: float) -> None:
        """Count a loss; a process that was started before the last one met that same one."""
        if began >= self._last_loss.get(device, float("-inf")):
            self._losses[device] = self._losses.get(device, 0) + 1
            self._last_loss[device] = now

    def _with_jitter(self, pause: float) -> float:
        return pause * (1 + self._policy.jitter * (2 * self._jitter() - 1))
