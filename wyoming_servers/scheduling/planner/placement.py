"""Whom to unload to make room: a pure function."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from wyoming_servers.scheduling.planner.failure_policy import (
    BlockReason,
    LoadBlock,
)
from wyoming_servers.scheduling.planner.instance import InstanceKey


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


def choose_victims(
    candidates: Iterable[EvictionCandidate], deficit: int
) -> tuple[EvictionCandidate, ...] | None:
    """Return those whose memory covers `deficit` bytes at the least value lost per byte.

    Size-aware least recently used: the cheapest per byte first, until it is enough; then those
    that turn out not to be needed are spared, the most valuable first. None if all together are
    not enough; empty if nothing is needed.
    """
    chosen: list[EvictionCandidate] = []
    missing = deficit
    for candidate in sorted(
        candidates, key=lambda c: (c.eviction_cost / max(c.size_bytes, 1), -c.idle_seconds)
    ):
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


# Where a model goes: a pure choice among its placements.


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementOption:
    """One placement of a model and what stands for and against it; sizes in bytes."""

    key: InstanceKey
    tier: int
    """Placements of the same number are equally good (the same type of weights on another GPU)."""
    needed_bytes: int = 0
    available_bytes: int = 0
    """What could be promised to it now; negative when overdrawn."""
    returning_bytes: int = 0
    """What is about to come back without any doing."""
    candidates: tuple[EvictionCandidate, ...] = ()
    """Who could be unloaded for it."""
    exiting: bool = False
    """Whether an earlier process of it, or others told to make room, must be gone first."""
    draining: bool = False
    """Whether an earlier process of it still serves those who leased it, for who knows how long."""
    block: LoadBlock | None = None
    """Why it cannot be used at all now."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Load it here, once the victims and what is leaving anyway are gone."""

    key: InstanceKey
    needed_bytes: int
    victims: tuple[EvictionCandidate, ...] = ()
    immediate: bool = True
    """Whether there is room now."""
    preferred_lacking_memory: "InsufficientMemory | None" = None
    """A better placement that only lacks room."""
    preferred_block: LoadBlock | None = None
    """What keeps it from a better placement, where that is not room."""


@dataclass(frozen=True, slots=True)
class WaitForDrain:
    """This placement is being left; it is worth the wait, or there is no other."""

    key: InstanceKey


@dataclass(frozen=True, slots=True)
class InsufficientMemory:
    """It fits nowhere, whoever idle is unloaded; this placement is the first that could do."""

    key: InstanceKey
    needed_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class BackingOff:
    """Every placement failed a moment ago; this one may be tried again first."""

    key: InstanceKey
    block: LoadBlock


@dataclass(frozen=True, slots=True)
class Unplaceable:
    """No placement can be used, and waiting a little would not help."""

    key: InstanceKey
    block: LoadBlock
    until: float | None
    """When the first of them may be tried again."""


PlacementDecision = Placed | WaitForDrain | InsufficientMemory | BackingOff | Unplaceable


def choose_placement(options: Sequence[PlacementOption]) -> PlacementDecision:
    """Choose among a model's placements, given best first; there is at least one.

    Tier by tier, the best first:
    1. It fits somewhere: there, where most room is left.
    2. It will fit when what is leaving has left: there.
    3. It will fit when idle instances are unloaded: where the least value is lost.
    4. An earlier process of it is about to end: wait for that.
    Then, if no tier has room:
    5. Some placement only lacks room: wait for it there (`waiting_for_gpu`).
    6. Some placement is still leased by those who came before: wait for them.
    7. Some placement failed a moment ago: wait for the end of its pause.
    8. Nothing can be done.
    """
    no_room: InsufficientMemory | None = None
    avoided: LoadBlock | None = None
    for _, group in groupby(options, key=lambda option: option.tier):
        tier = list(group)
        usable = [o for o in tier if o.block is None and not (o.exiting or o.draining)]
        placed = _place_in_free_memory(usable) or _place_by_eviction(usable)  # 1, 2, 3
        if placed is not None:
            return Placed(
                placed.key, placed.needed_bytes, placed.victims, placed.immediate, no_room, avoided
            )
        for option in tier:
            if option.exiting and option.block is None:  # 4
                return WaitForDrain(option.key)
            avoided = avoided or option.block
        if usable and no_room is None:
            first = usable[0]
            no_room = InsufficientMemory(
                first.key, first.needed_bytes, max(0, first.available_bytes)
            )
    if no_room is not None:  # 5
        return no_room
    for option in options:
        if option.draining and option.block is None:  # 6
            return WaitForDrain(option.key)
    barred = [(o.key, o.block) for o in options if o.block is not None]
    pauses = [(key, b) for key, b in barred if b.reason is BlockReason.BACKOFF]
    if pauses:  # 7
        return BackingOff(*min(pauses, key=lambda pair: pair[1].until or 0.0))
    ends = [b.until for _, b in barred if b.until is not None]
    return Unplaceable(*barred[0], until=min(ends, default=None))  # 8


def _place_in_free_memory(tier: Sequence[PlacementOption]) -> Placed | None:
    fitting = [o for o in tier if o.needed_bytes <= o.available_bytes]
    if fitting:
        best = max(fitting, key=lambda o: o.available_bytes - o.needed_bytes)
        return Placed(best.key, best.needed_bytes)
    for option in tier:
        if option.needed_bytes <= option.available_bytes + option.returning_bytes:
            return Placed(option.key, option.needed_bytes, immediate=False)
    return None


def _place_by_eviction(tier: Sequence[PlacementOption]) -> Placed | None:
    plans = []
    for option in tier:
        deficit = option.needed_bytes - option.available_bytes - option.returning_bytes
        victims = choose_victims(option.candidates, deficit)
        if victims is not None:
            plans.append((sum(v.eviction_cost for v in victims), option, victims))
    if not plans:
        return None
    _, option, victims = min(plans, key=lambda plan: plan[0])
    return Placed(option.key, option.needed_bytes, victims, immediate=False)
