"""How full a device is, in three words that do not flicker."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wyoming_servers.core.errors import InternalError
from wyoming_servers.devices.probe import HOST, Device, Reading
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy


class MemoryPressure(StrEnum):
    """How full a device's memory is, whoever holds it."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"
    """No speculative work is begun."""


_CRITICAL: Final = (0.95, 0.90)
_WARNING: Final = (0.80, 0.75)
"""A level begins at the first share of the memory and is left below the second, so that use that
swings around a threshold makes no noise."""


def pressure_level(before: MemoryPressure, used_fraction: float) -> MemoryPressure:
    """Return the level that follows from the share of memory in use, 0 to 1."""
    if used_fraction >= _CRITICAL[before is MemoryPressure.CRITICAL]:
        return MemoryPressure.CRITICAL
    if used_fraction >= _WARNING[before is not MemoryPressure.NORMAL]:
        return MemoryPressure.WARNING
    return MemoryPressure.NORMAL


# Who holds how much of one device's memory, and who was promised some.
#
# Every instance passes through three stages: *reserved* when its load is decided, *committed* at
# the measured figure when it is ready, *returning* when its process is gone and until the probe has
# seen the memory come back. Within one round of planning an instance may also have a *claim*: room
# that is being made for it, and that those whose turn comes later must not take.


@dataclass(slots=True)
class LedgerEntry:
    """One process's share."""

    size: int
    """Bytes promised, or measured once committed."""
    used_before: int
    """Bytes of the device in use when it was reserved."""
    moves: int
    """The ledger's count of moves when it was reserved: unchanged, nobody else came or went."""
    committed: bool = False
    pid: int | None = None
    observed: int = 0
    """Bytes its process had when it was seen last; 0 if it never was."""
    used_when_observed: int = 0
    """Bytes of the device in use at that moment: that, and not the reading before the exit was
    heard of, is what the return of the memory is seen by."""


class Ledger:
    """One device's books; pure arithmetic, in bytes."""

    def __init__(self, device: Device, policy: SchedulingPolicy) -> None:
        self.device = device.id
        self.name = device.name
        self.total = device.total
        self.free = device.total
        self.used = 0
        self.others = 0
        """Held by programs that are not ours, as far as can be told."""
        self.present = False
        """Whether the last sample had it; nothing is loaded where it did not."""
        self.pressure = MemoryPressure.NORMAL
        self.reading: Reading | None = None
        self._policy = policy
        self._cap = policy.memory_limit(device.total)
        self._entries: dict[InstanceKey, LedgerEntry] = {}
        self._returning: dict[int, LedgerEntry] = {}
        """By ticket: an instance may be loaded again before the memory of its last life is back."""
        self._claims: dict[InstanceKey, int] = {}
        self._moves = 0

    # What there is

    @property
    def ceiling(self) -> int:
        """The most that models could ever hold here, if nobody else held anything."""
        return max(0, min(self._cap, self.total - self._policy.reserve))

    @property
    def budget(self) -> int:
        """What models may hold now: what others leave, within the configured bounds."""
        left = self.total - self.others - self._policy.reserve
        return max(0, min(self._cap, left))

    @property
    def reserved(self) -> int:
        return sum(e.size for e in self._entries.values() if not e.committed)

    @property
    def committed(self) -> int:
        return sum(e.size for e in self._entries.values() if e.committed)

    @property
    def returning(self) -> int:
        """What processes that are gone held and the probe has not seen come back."""
        return sum(e.size for e in self._returning.values())

    @property
    def promised(self) -> int:
        """All that cannot be promised again yet."""
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
        """Return what could be promised to this instance now; negative when overdrawn.

        The smaller of what the books leave (budget less promises) and what the probe sees (free
        less what loads in flight will still take), both less the claims of others.
        """
        claims = sum(size for other, size in self._claims.items() if other != key)
        unseen = sum(
            max(0, entry.size - entry.observed)
            for entry in self._entries.values()
            if not entry.committed
        )
        booked = self.budget - self.promised
        real = self.free - self._policy.reserve - unseen
        return min(booked, real) - claims

    # What happens

    def clear_claims(self) -> None:
        """Begin a round of planning."""
        self._claims.clear()

    def claim(self, key: InstanceKey, size: int) -> None:
        """Keep room from being promised to another in this round."""
        self._claims[key] = size

    def reserve(self, key: InstanceKey, size: int) -> None:
        """Promise memory to a load that was decided; its claim ends.

        Raises InternalError if it is more than there is: the planner must have asked first.
        """
        if key in self._entries:
            raise InternalError(f"{key} holds memory already.")
        if size > self.available(key):
            raise InternalError(f"{key} was promised {size} bytes that {self.device} lacks.")
        self._claims.pop(key, None)
        self._moves += 1
        self._entries[key] = LedgerEntry(size, used_before=self.used, moves=self._moves)

    def set_pid(self, key: InstanceKey, pid: int) -> None:
        """Say which process holds it."""
        if entry := self._entries.get(key):
            entry.pid = pid

    def commit(self, key: InstanceKey, size: int) -> None:
        """Book what it was measured to hold in place of the promise."""
        entry = self._entries[key]
        entry.size = size
        entry.committed = True

    def release(self, key: InstanceKey) -> tuple[int, int]:
        """Its process is gone: wait for its memory. Return the bytes, and a ticket to write off."""
        entry = self._entries.pop(key)
        self._moves += 1
        if entry.committed and entry.observed == 0:
            entry.observed, entry.used_when_observed = entry.size, self.used
        self._returning[self._moves] = entry
        return entry.size, self._moves

    def write_off(self, ticket: int) -> None:
        """Wait for this memory no longer: what the probe sees is what there is."""
        self._returning.pop(ticket, None)

    def update(self, reading: Reading) -> None:
        """Take in what the probe saw; memory that has come back is free to promise again."""
        self.present = True
        self.reading = reading
        if reading.total != self.total:  # a control group's limit was changed
            self._cap = self._policy.memory_limit(reading.total)
        self.total, self.free, self.used = reading.total, reading.free, reading.used
        for ticket, entry in list(self._returning.items()):
            if self._is_back(entry, reading):
                del self._returning[ticket]
        for entry in self._entries.values():
            if entry.pid is not None and entry.pid in reading.by_pid:
                entry.observed, entry.used_when_observed = reading.by_pid[entry.pid], reading.used
        self._count_others()

    def mark_missing(self) -> None:
        """The probe cannot see the device: promise nothing there."""
        self.present = False
        self.reading = None

    def measure(self, key: InstanceKey) -> int | None:
        """Return what a ready instance holds by the last reading; None if it cannot be told.

        1. Its process is seen: what it holds.
        2. It is hidden and nobody of ours came or went since its load was decided: how much more
           of the device is in use than then.
        3. Otherwise it cannot be told apart.
        """
        entry = self._entries.get(key)
        if entry is None or self.reading is None:
            return None
        if entry.observed > 0:  # 1
            return entry.observed
        if not entry.committed and entry.moves == self._moves:  # 2
            grown = self.used - entry.used_before
            return grown if grown > 0 else None
        return None  # 3

    # Helpers

    def _is_back(self, entry: LedgerEntry, reading: Reading) -> bool:
        """Whether the memory of a process that is gone has come back.

        The process must have left the list, and where it was seen to hold a lot on a GPU, at
        least half of that must be free again; others may take from it at the same time. On the
        host the exit itself frees it, and pages shared with others stay in use.
        """
        if entry.pid is not None and entry.pid in reading.by_pid:
            return False
        if self.device == HOST or entry.observed == 0:
            return True
        return reading.used <= entry.used_when_observed - entry.observed // 2

    def _count_others(self) -> None:
        """Work out what programs that are not ours hold.

        Where processes can be told apart, that is everything in use that no process of ours has.
        Where they are hidden, it is known only while nothing of ours comes or goes; meanwhile the
        last figure stands.
        """
        live = self._entries.values()
        hidden = any(e.committed and e.observed == 0 for e in live)
        if not hidden:
            ours = sum(e.observed for e in live) + self.returning
        elif self.reserved or self.returning:
            return
        else:
            ours = self.committed
        self.others = max(0, self.used - ours)
