"""Where a model goes: a pure choice among its placements."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from wyoming_servers.coordinator.eviction import Candidate, choose_victims
from wyoming_servers.coordinator.instance import InstanceKey
from wyoming_servers.coordinator.recovery import Bar, Barrier


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One placement of a model and what stands for and against it; sizes in bytes."""

    key: InstanceKey
    tier: int
    """Placements of the same number are equally good (the same type of weights on another GPU)."""
    needed: int = 0
    room: int = 0
    """What could be promised to it now; negative when overdrawn."""
    leaving: int = 0
    """What is about to come back without any doing."""
    candidates: tuple[Candidate, ...] = ()
    """Who could be unloaded for it."""
    departing: bool = False
    """Whether an earlier process of it, or others told to make room, must be gone first."""
    occupied: bool = False
    """Whether an earlier process of it still serves those who leased it, for who knows how long."""
    barrier: Barrier | None = None
    """Why it cannot be used at all now."""


@dataclass(frozen=True, slots=True)
class Place:
    """Load it here, once the victims and what is leaving anyway are gone."""

    key: InstanceKey
    needed: int
    victims: tuple[Candidate, ...] = ()
    at_once: bool = True
    """Whether there is room now."""
    better: "NoRoom | None" = None
    """A better placement that only lacks room."""
    avoided: Barrier | None = None
    """What keeps it from a better placement, where that is not room."""


@dataclass(frozen=True, slots=True)
class Await:
    """This placement is being left; it is worth the wait, or there is no other."""

    key: InstanceKey


@dataclass(frozen=True, slots=True)
class NoRoom:
    """It fits nowhere, whoever idle is unloaded; this placement is the first that could do."""

    key: InstanceKey
    needed: int
    free: int


@dataclass(frozen=True, slots=True)
class Held:
    """Every placement failed a moment ago; this one may be tried again first."""

    key: InstanceKey
    barrier: Barrier


@dataclass(frozen=True, slots=True)
class Hopeless:
    """No placement can be used, and waiting a little would not help."""

    key: InstanceKey
    barrier: Barrier
    until: float | None
    """When the first of them may be tried again."""


Outcome = Place | Await | NoRoom | Held | Hopeless


def choose(options: Sequence[Option]) -> Outcome:
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
    no_room: NoRoom | None = None
    avoided: Barrier | None = None
    for _, group in groupby(options, key=lambda option: option.tier):
        tier = list(group)
        usable = [o for o in tier if o.barrier is None and not (o.departing or o.occupied)]
        placed = _fit(usable) or _evict(usable)  # 1, 2, 3
        if placed is not None:
            return Place(
                placed.key, placed.needed, placed.victims, placed.at_once, no_room, avoided
            )
        for option in tier:
            if option.departing and option.barrier is None:  # 4
                return Await(option.key)
            avoided = avoided or option.barrier
        if usable and no_room is None:
            first = usable[0]
            no_room = NoRoom(first.key, first.needed, max(0, first.room))
    if no_room is not None:  # 5
        return no_room
    for option in options:
        if option.occupied and option.barrier is None:  # 6
            return Await(option.key)
    barred = [(o.key, o.barrier) for o in options if o.barrier is not None]
    pauses = [(key, b) for key, b in barred if b.bar is Bar.BACKOFF]
    if pauses:  # 7
        return Held(*min(pauses, key=lambda pair: pair[1].until or 0.0))
    ends = [b.until for _, b in barred if b.until is not None]
    return Hopeless(*barred[0], until=min(ends, default=None))  # 8


def _fit(tier: Sequence[Option]) -> Place | None:
    fitting = [o for o in tier if o.needed <= o.room]
    if fitting:
        best = max(fitting, key=lambda o: o.room - o.needed)
        return Place(best.key, best.needed)
    for option in tier:
        if option.needed <= option.room + option.leaving:
            return Place(option.key, option.needed, at_once=False)
    return None


def _evict(tier: Sequence[Option]) -> Place | None:
    plans = []
    for option in tier:
        deficit = option.needed - option.room - option.leaving
        victims = choose_victims(option.candidates, deficit)
        if victims is not None:
            plans.append((sum(v.value for v in victims), option, victims))
    if not plans:
        return None
    _, option, victims = min(plans, key=lambda plan: plan[0])
    return Place(option.key, option.needed, victims, at_once=False)
