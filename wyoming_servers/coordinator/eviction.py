"""Whom to unload to make room: a pure function."""

from collections.abc import Iterable
from dataclasses import dataclass

from wyoming_servers.coordinator.instance import InstanceKey


@dataclass(frozen=True, slots=True)
class EvictionCandidate:
    """An instance that may be unloaded: idle and not pinned."""

    key: InstanceKey
    size_bytes: int
    """Bytes that come back."""
    idle_seconds: float
    """Seconds since it was last used."""
    load_seconds: float
    """What it takes to have it back."""

    @property
    def eviction_cost(self) -> float:
        """What unloading it costs: the seconds of the next load, the likelier the fresher it is.

        The chance that a model is wanted again soon falls about with the time it was not.
        """
        return max(self.load_seconds, 0.1) / (1.0 + max(self.idle_seconds, 0.0))


def choose_victims(candidates: Iterable[EvictionCandidate], deficit: int) -> tuple[EvictionCandidate, ...] | None:
    """Return those whose memory covers `deficit` bytes at the least value lost per byte.

    Size-aware least recently used: the cheapest per byte first, until it is enough; then those
    that turn out not to be needed are spared, the most valuable first. None if all together are
    not enough; empty if nothing is needed.
    """
    chosen: list[EvictionCandidate] = []
    missing = deficit
    for candidate in sorted(candidates, key=lambda c: (c.eviction_cost / max(c.size_bytes, 1), -c.idle_seconds)):
        if missing <= 0:
            break
        if candidate.size_bytes > 0:
            chosen.append(candidate)
            missing -= candidate.size_bytes
    if missing > 0:
        return None
    for candidate in sorted(chosen, key=lambda c: c.eviction_cost, reverse=True):
        if missing + candidate.size_bytes <= 0:
            chosen.remove(candidate)
            missing += candidate.size_bytes
    return tuple(chosen)
