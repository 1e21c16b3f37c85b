"""Chooses where a model is loaded and which idle models are evicted for it.

`placement_options` collects the facts about each placement of a model; `choose_placement` decides
on these facts alone, with `choose_victims` for the evictions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from wyoming_servers.core.domain import Placement
from wyoming_servers.scheduling.planner.failure_policy import (
    DEVICE_LOST,
    MODEL_TOO_LARGE,
    BlockReason,
    LoadBlock,
)
from wyoming_servers.scheduling.planner.instance import InstanceKey, InstanceState
from wyoming_servers.scheduling.planner.state import Instance, ModelRecord, PlannerState

# Eviction


@dataclass(frozen=True, slots=True)
class EvictionCandidate:
    """An instance that may be evicted: idle and not pinned."""

    key: InstanceKey
    size_bytes: int
    """Memory that becomes free."""
    idle_seconds: float
    """Time since its last use."""
    load_seconds: float
    """Time it takes to load it again."""

    @property
    def eviction_cost(self) -> float:
        """Expected cost of evicting it: the duration of the next load times its probability.

        The probability that a model is needed again soon falls roughly with its idle time.
        """
        return max(self.load_seconds, 0.1) / (1.0 + max(self.idle_seconds, 0.0))


def choose_victims(
    candidates: Iterable[EvictionCandidate], deficit: int
) -> tuple[EvictionCandidate, ...] | None:
    """Return the candidates that free `deficit` bytes at the lowest cost per byte.

    Size-aware least recently used: the cheapest per byte first, until it is enough; then those that
    turn out to be unnecessary are kept, the most costly first. None if all candidates together are
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


def is_evictable(state: PlannerState, instance: Instance, device: str) -> bool:
    """Return whether an instance may be evicted from a device: unused, not awaited, not pinned."""
    model = state.models[instance.key.model]
    return (
        instance.key.device == device
        and not model.pinned
        and (
            instance.idle
            or (instance.state is InstanceState.LOADING and not state.queue.waiting(model.spec.id))
        )
    )


def eviction_candidate(state: PlannerState, instance: Instance, now: float) -> EvictionCandidate:
    """Return the facts about an instance that `choose_victims` needs."""
    return EvictionCandidate(
        key=instance.key,
        size_bytes=state.ledgers[instance.key.device].size_of(instance.key),
        idle_seconds=now - instance.idle_since(),
        load_seconds=instance.load_seconds or 0.0,
    )


# Facts about the placements of a model


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementOption:
    """A placement of a model and the facts for and against it; sizes in bytes."""

    key: InstanceKey
    tier: int
    """Placements of the same tier are equally good: the same compute type on different GPUs."""
    needed_bytes: int = 0
    available_bytes: int = 0
    """What could be promised to it now; negative when overcommitted."""
    returning_bytes: int = 0
    """What becomes free without any action."""
    candidates: tuple[EvictionCandidate, ...] = ()
    """Instances that could be evicted for it."""
    exiting: bool = False
    """Whether an earlier process of it, or all stopping processes, must have exited first."""
    draining: bool = False
    """Whether an earlier process of it still has leases; their end is not predictable."""
    block: LoadBlock | None = None
    """Why it cannot be used now."""


def placement_options(state: PlannerState, model: ModelRecord, now: float) -> list[PlacementOption]:
    """Return one option per placement of a model, best first."""
    return [_option(state, model, placement, now) for placement in model.spec.placements]


def _option(
    state: PlannerState, model: ModelRecord, placement: Placement, now: float
) -> PlacementOption:
    key = InstanceKey(model.spec.id, placement)
    tier = model.placement_tier(key)
    needed = state.estimate(key)
    block = _block(state, key, needed, now)
    ledger = state.ledger(key)
    if block is not None or ledger is None:
        return PlacementOption(key=key, tier=tier, needed_bytes=needed, block=block)
    instance = model.instances[placement]
    returning = state.bytes_being_freed(placement.device)
    return PlacementOption(
        key=key,
        tier=tier,
        needed_bytes=needed,
        available_bytes=ledger.available(key),
        returning_bytes=returning,
        candidates=tuple(
            eviction_candidate(state, other, now)
            for other in state.instances()
            if other.key.model != key.model and is_evictable(state, other, placement.device)
        ),
        exiting=instance.exiting or (instance.needs_empty_device and returning > 0),
        draining=instance.state is InstanceState.DRAINING,
    )


def _block(state: PlannerState, key: InstanceKey, needed: int, now: float) -> LoadBlock | None:
    ledger = state.ledger(key)
    if ledger is None:
        return LoadBlock(
            BlockReason.DEVICE_MISSING, DEVICE_LOST, f"There is no {key.device} on this machine."
        )
    if not ledger.present:
        retry_at = now + state.policy.memory_retry_interval
        return LoadBlock(
            BlockReason.DEVICE_MISSING, DEVICE_LOST, f"{key.device} cannot be read.", retry_at
        )
    if needed > ledger.ceiling:
        return LoadBlock(
            BlockReason.TOO_LARGE,
            MODEL_TOO_LARGE,
            f"{key} needs {format_mib(needed)}; "
            f"models may use {format_mib(ledger.ceiling)} of this device.",
        )
    return state.failures.active_block(key, now)


def format_mib(size: int) -> str:
    """Format a number of bytes for messages."""
    return f"{size / 2**20:,.0f} MiB"


def unfit_reason(model: ModelRecord, subject: str) -> str:
    """Return why a model can never be loaded, as a sentence; empty if it can."""
    if model.unfit is None:
        return ""
    return (
        f"{subject} needs {format_mib(model.unfit.needed_bytes)}; models may use "
        f"{format_mib(model.unfit.budget_bytes)} of {model.unfit.device}."
    )


# The choice


@dataclass(frozen=True, slots=True)
class Placed:
    """Load it here, once the victims and the exiting processes are gone."""

    key: InstanceKey
    needed_bytes: int
    victims: tuple[EvictionCandidate, ...] = ()
    immediate: bool = True
    """Whether there is enough memory now."""
    preferred_lacking_memory: "InsufficientMemory | None" = None
    """A better placement that only lacks memory."""
    preferred_block: LoadBlock | None = None
    """Why a better placement cannot be used, if memory is not the reason."""


@dataclass(frozen=True, slots=True)
class WaitForDrain:
    """Wait until an earlier process has left this placement."""

    key: InstanceKey


@dataclass(frozen=True, slots=True)
class InsufficientMemory:
    """It fits nowhere, even after evictions; this is the first placement that only lacks memory."""

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
    """No placement can be used, and a short wait would not help."""

    key: InstanceKey
    block: LoadBlock
    until: float | None
    """Time at which the first of them may be tried again."""


PlacementDecision = Placed | WaitForDrain | InsufficientMemory | BackingOff | Unplaceable


def choose_placement(options: Sequence[PlacementOption]) -> PlacementDecision:
    """Choose among the placements of a model, given best first; there is at least one.

    Tier by tier, the best first:
    1. It fits somewhere: there, where most memory is left.
    2. It will fit when the exiting processes are gone: there.
    3. It will fit when idle instances are evicted: where the cost is lowest.
    4. An earlier process of it is about to exit: wait for that.
    Then, if no tier has enough memory:
    5. A placement only lacks memory: wait for it there (`waiting_for_gpu`).
    6. An earlier process of a placement still has leases: wait for their end.
    7. A placement failed a moment ago: wait for the end of its pause.
    8. Nothing can be done.
    """
    insufficient: InsufficientMemory | None = None
    preferred_block: LoadBlock | None = None
    for _, group in groupby(options, key=lambda option: option.tier):
        tier = list(group)
        usable = [o for o in tier if o.block is None and not (o.exiting or o.draining)]
        placed = _place_in_free_memory(usable) or _place_by_eviction(usable)  # 1, 2, 3
        if placed is not None:
            return Placed(
                placed.key,
                placed.needed_bytes,
                placed.victims,
                placed.immediate,
                insufficient,
                preferred_block,
            )
        for option in tier:
            if option.exiting and option.block is None:  # 4
                return WaitForDrain(option.key)
            preferred_block = preferred_block or option.block
        if usable and insufficient is None:
            first = usable[0]
            insufficient = InsufficientMemory(
                first.key, first.needed_bytes, max(0, first.available_bytes)
            )
    if insufficient is not None:  # 5
        return insufficient
    for option in options:
        if option.draining and option.block is None:  # 6
            return WaitForDrain(option.key)
    blocked = [(o.key, o.block) for o in options if o.block is not None]
    pauses = [(key, block) for key, block in blocked if block.reason is BlockReason.BACKOFF]
    if pauses:  # 7
        return BackingOff(*min(pauses, key=lambda pair: pair[1].until or 0.0))
    ends = [block.until for _, block in blocked if block.until is not None]
    # A block that ends or that an operator can lift says more than one that stays.
    causes = [(k, block) for k, block in blocked if block.reason is not BlockReason.TOO_LARGE]
    return Unplaceable(*(causes or blocked)[0], until=min(ends, default=None))  # 8


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
