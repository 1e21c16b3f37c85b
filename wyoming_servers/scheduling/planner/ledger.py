"""The memory of one device: which instance holds or was promised how much, and its pressure.

Every instance passes through three stages: *reserved* when its load is decided, *committed* at
the measured size when it is ready, and *returning* when its process has exited, until the probe has
seen the memory become free. Within one scheduling round an instance may also have a *claim*:
memory that is being freed for it and that loads of lower rank must not take.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wyoming_servers.core.errors import InternalError
from wyoming_servers.devices.probe import HOST, Device, Reading
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy


class MemoryPressure(StrEnum):
    """How full the memory of a device is, whoever uses it."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"
    """No speculative work is started."""


_CRITICAL: Final = (0.95, 0.90)
_WARNING: Final = (0.80, 0.75)
"""Hysteresis: a level begins at the first share of memory in use and ends below the second, so
that use that varies around a threshold causes no events."""


def pressure_level(before: MemoryPressure, used_fraction: float) -> MemoryPressure:
    """Return the level for a share of memory in use (0 to 1), given the level before."""
    if used_fraction >= _CRITICAL[before is MemoryPressure.CRITICAL]:
        return MemoryPressure.CRITICAL
    if used_fraction >= _WARNING[before is not MemoryPressure.NORMAL]:
        return MemoryPressure.WARNING
    return MemoryPressure.NORMAL


@dataclass(slots=True)
class LedgerEntry:
    """The memory of one process."""

    size: int
    """Bytes promised, or measured once committed."""
    used_before: int
    """Bytes of the device in use when it was reserved."""
    changes: int
    """The ledger's change counter when it was reserved; as long as the counter is the same, no
    other worker has come or gone."""
    committed: bool = False
    pid: int | None = None
    observed: int = 0
    """Bytes that the probe last saw its process hold; 0 if it never saw the process."""
    used_when_observed: int = 0
    """Bytes of the device in use at that moment. The return of the memory is judged by this, not
    by the reading before the exit was reported."""


class Ledger:
    """Accounts for the memory of one device; pure arithmetic, in bytes."""

    def __init__(self, device: Device, policy: SchedulingPolicy) -> None:
        self.device = device.id
        self.name = device.name
        self.total = device.total
        self.free = device.total
        self.used = 0
        self.others = 0
        """Held by other programs, as far as this can be determined."""
        self.present = False
        """Whether the last sample contained the device; otherwise nothing is loaded on it."""
        self.pressure = MemoryPressure.NORMAL
        self.reading: Reading | None = None
        self._policy = policy
        self._limit = policy.memory_limit(device.total)
        self._entries: dict[InstanceKey, LedgerEntry] = {}
        self._returning: dict[int, LedgerEntry] = {}
        """By ticket: an instance may be loaded again before its previous memory is free."""
        self._claims: dict[InstanceKey, int] = {}
        self._changes = 0

    def set_policy(self, policy: SchedulingPolicy) -> None:
        """Use another budget and reserve from now on."""
        self._policy = policy
        self._limit = policy.memory_limit(self.total)

    # Totals

    @property
    def ceiling(self) -> int:
        """The most that models could ever hold if no other program used the device."""
        return max(0, min(self._limit, self.total - self._policy.reserve))

    @property
    def budget(self) -> int:
        """What models may hold now: what other programs leave, within the configured limits."""
        left = self.total - self.others - self._policy.reserve
        return max(0, min(self._limit, left))

    @property
    def reserved(self) -> int:
        """Promised to loads in flight."""
        return sum(e.size for e in self._entries.values() if not e.committed)

    @property
    def committed(self) -> int:
        """Held by loaded models."""
        return sum(e.size for e in self._entries.values() if e.committed)

    @property
    def returning(self) -> int:
        """Held by exited processes; the probe has not seen it become free yet."""
        return sum(e.size for e in self._returning.values())

    @property
    def promised(self) -> int:
        """Everything that cannot be promised again yet."""
        return self.reserved + self.committed + self.returning

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held or promised."""
        return not self._entries and not self._returning

    def size_of(self, key: InstanceKey) -> int:
        """Return what an instance holds or was promised; 0 if nothing."""
        entry = self._entries.get(key)
        return entry.size if entry else 0

    def available(self, key: InstanceKey) -> int:
        """Return what could be promised to this instance now; negative when overcommitted.

        The smaller of the booked figure (budget less promises) and the observed figure (free memory
        less what loads in flight will still take), both less the claims of other instances.
        """
        claims = sum(size for other, size in self._claims.items() if other != key)
        booked = self.budget - self.promised
        observed = self.free - self._policy.reserve - self._not_yet_used
        return min(booked, observed) - claims

    @property
    def spare_deficit(self) -> int:
        """Bytes that would have to become free until there is memory to spare; 0 if there is.

        Judged by the memory that is really free, which counts other programs too.
        """
        if not self.present:
            return self.total
        wanted = min(int(self.total * self._policy.spare_share), self._policy.spare_limit)
        return max(0, wanted + self._not_yet_used - self.free)

    @property
    def _not_yet_used(self) -> int:
        """What loads in flight will still take."""
        return sum(
            max(0, entry.size - entry.observed)
            for entry in self._entries.values()
            if not entry.committed
        )

    # Changes

    def clear_claims(self) -> None:
        """Begin a scheduling round."""
        self._claims.clear()

    def claim(self, key: InstanceKey, size: int) -> None:
        """Protect memory from being promised to another instance in this round."""
        self._claims[key] = size

    def reserve(self, key: InstanceKey, size: int) -> None:
        """Promise memory to a load that was decided; its claim ends.

        Raises InternalError if there is not enough: the planner must have checked `available`.
        """
        if key in self._entries:
            raise InternalError(f"{key} holds memory already.")
        if size > self.available(key):
            raise InternalError(f"{key} was promised {size} bytes that {self.device} lacks.")
        self._claims.pop(key, None)
        self._changes += 1
        self._entries[key] = LedgerEntry(size, used_before=self.used, changes=self._changes)

    def set_pid(self, key: InstanceKey, pid: int) -> None:
        """Set the process that holds the memory of an instance."""
        if entry := self._entries.get(key):
            entry.pid = pid

    def commit(self, key: InstanceKey, size: int) -> None:
        """Book the measured size of a loaded model in place of the promise."""
        entry = self._entries[key]
        entry.size = size
        entry.committed = True

    def release(self, key: InstanceKey) -> tuple[int, int]:
        """Book the exit of a process; return its bytes, and a ticket for `write_off`."""
        entry = self._entries.pop(key)
        self._changes += 1
        if entry.committed and entry.observed == 0:
            entry.observed, entry.used_when_observed = entry.size, self.used
        self._returning[self._changes] = entry
        return entry.size, self._changes

    def write_off(self, ticket: int) -> None:
        """Stop waiting for the memory of an exited process; the probe's figures count."""
        self._returning.pop(ticket, None)

    def update(self, reading: Reading) -> None:
        """Update all figures from a reading; memory that was returned can be promised again."""
        self.present = True
        self.reading = reading
        if reading.total != self.total:  # the limit of a control group was changed
            self._limit = self._policy.memory_limit(reading.total)
        self.total, self.free, self.used = reading.total, reading.free, reading.used
        for ticket, entry in list(self._returning.items()):
            if self._is_returned(entry, reading):
                del self._returning[ticket]
        for entry in self._entries.values():
            if entry.pid is not None and entry.pid in reading.by_pid:
                entry.observed = reading.by_pid[entry.pid]
                entry.used_when_observed = reading.used
        self._update_others()

    def mark_missing(self) -> None:
        """The probe cannot read the device: promise nothing on it."""
        self.present = False
        self.reading = None

    def measure(self, key: InstanceKey) -> int | None:
        """Return what a ready instance holds according to the last reading; None if unknown.

        1. The probe sees its process: what that holds.
        2. The process is hidden, and no other worker came or went since its load was
           decided: the growth of the device's use since then.
        3. Otherwise it cannot be determined.
        """
        entry = self._entries.get(key)
        if entry is None or self.reading is None:
            return None
        if entry.observed > 0:  # 1
            return entry.observed
        if not entry.committed and entry.changes == self._changes:  # 2
            growth = self.used - entry.used_before
            return growth if growth > 0 else None
        return None  # 3

    # Helpers

    def _is_returned(self, entry: LedgerEntry, reading: Reading) -> bool:
        """Return whether the memory of an exited process is free again.

        The process must be gone from the process list, and if it held memory on a GPU, at least
        half of that must be free again; other programs may take some at the same time. On the
        host the exit itself frees the memory, and pages shared with others stay in use.
        """
        if entry.pid is not None and entry.pid in reading.by_pid:
            return False
        if self.device == HOST or entry.observed == 0:
            return True
        return reading.used <= entry.used_when_observed - entry.observed // 2

    def _update_others(self) -> None:
        """Determine how much other programs hold.

        If processes are visible, that is all memory in use that no worker holds. If they are
        hidden, it is known only while no worker comes or goes; meanwhile the last figure is kept.
        """
        entries = self._entries.values()
        hidden = any(e.committed and e.observed == 0 for e in entries)
        if not hidden:
            workers = sum(e.observed for e in entries) + self.returning
        elif self.reserved or self.returning:
            return
        else:
            workers = self.committed
        self.others = max(0, self.used - workers)
