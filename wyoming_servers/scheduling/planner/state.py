"""The planner's data: timers, instances, models, leases, and the state that contains them all."""

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from wyoming_servers.core.domain import KEEP_FOREVER, ModelSpec, ModelState, Placement
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.core.events import Event
from wyoming_servers.devices.probe import HOST
from wyoming_servers.scheduling.planner.actions import (
    Action,
    GrantLease,
    PublishEvent,
    RejectRequest,
    ReplaceResult,
    ResolveRequest,
    SampleMemory,
    SaveFootprint,
    SaveLoadProfile,
)
from wyoming_servers.scheduling.planner.failure_policy import FailurePolicy
from wyoming_servers.scheduling.planner.instance import (
    ALIVE_STATES,
    PUBLIC_STATES,
    FootprintKey,
    InstanceKey,
    InstanceState,
    InstanceTrigger,
    LoadProfile,
    LoadProgress,
    next_state,
)
from wyoming_servers.scheduling.planner.ledger import Ledger
from wyoming_servers.scheduling.planner.load_queue import LoadQueue, PendingRequest
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.scheduling.status import Unfit

# Timers: deadlines as data, checked by the planner; nothing here waits


class TimerKind(StrEnum):
    """The purpose of a timer."""

    KEEP_ALIVE = "keep_alive"
    """An idle instance is unloaded."""
    LOAD_PROGRESS = "load_progress"
    """The percentage of a load is estimated again."""
    LOAD_TIMEOUT = "load_timeout"
    """A load has taken too long."""
    REQUEST_TIMEOUT = "request_timeout"
    """A request has waited too long."""
    PING = "ping"
    """A leased worker is checked for a hang."""
    RETRY = "retry"
    """A failed instance may be tried again."""
    FAILURE_RESET = "failure_reset"
    """A worker has lived long enough to reset its earlier failures."""
    PROBE = "probe"
    """The memory is read again."""
    MEMORY_RETURN_TIMEOUT = "memory_return_timeout"
    """Memory of an exited process that has not become free is no longer waited for."""
    PREFETCH_EXPIRED = "prefetch_expired"
    """A prefetch that could not start in time is dropped."""
    QUEUE_JUMP_EXPIRED = "queue_jump_expired"
    """A request that waits for memory may no longer be overtaken."""


class TimerKey(NamedTuple):
    """Identifies one timer."""

    kind: TimerKind
    owner: object = None
    """An instance key, a request number, …; anything hashable. None if there is only one."""


class TimerQueue:
    """A set of timers, each with at most one time."""

    def __init__(self) -> None:
        self._at: dict[TimerKey, float] = {}
        self._heap: list[tuple[float, int, TimerKey]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._at)

    def set(self, timer: TimerKey, at: float) -> None:
        """Set the time of a timer; replaces an earlier or later time."""
        self._at[timer] = at
        heapq.heappush(self._heap, (at, next(self._order), timer))
        self._compact()

    def cancel(self, timer: TimerKey) -> None:
        """Remove a timer, if it is set."""
        self._at.pop(timer, None)

    def due_at(self, timer: TimerKey) -> float | None:
        """Return the time of a timer; None if it is not set."""
        return self._at.get(timer)

    def next_due(self) -> float | None:
        """Return the earliest time; None if no timer is set."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> TimerKey | None:
        """Remove and return the earliest timer that has expired, if any."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        timer = heapq.heappop(self._heap)[2]
        del self._at[timer]
        return timer

    def _drop_stale(self) -> None:
        """Drop entries at the top of the heap that were canceled or set again."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    def _compact(self) -> None:
        """Rebuild the heap when most entries are stale, so that it stays bounded."""
        if len(self._heap) > 64 + 4 * len(self._at):
            self._heap = [(at, next(self._order), timer) for timer, at in self._at.items()]
            heapq.heapify(self._heap)


# Instances and models


@dataclass(slots=True)
class Instance:
    """What the planner knows of one instance; `key` outlives its processes, the rest does not."""

    key: InstanceKey
    spec: ModelSpec
    """The spec with which the process was started: a later change needs a new process."""
    state: InstanceState = InstanceState.COLD
    published_state: ModelState = ModelState.UNLOADED
    """The public state that was published last."""
    generation: int = 0
    """Number of its process, unique among all processes ever, so that a late report of an earlier
    process is recognized; 0 before the first."""
    pid: int | None = None
    leases: set[int] = field(default_factory=set)
    memory_bytes: int = 0
    """The largest amount booked since it was ready."""
    measured: bool = False
    """Whether `memory_bytes` was measured, not only estimated."""
    launched_at: float = 0.0
    ready_at: float | None = None
    last_used: float | None = None
    """Time at which a lease last began or ended; None before the first lease."""
    load_seconds: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    """What the loaded model reported."""
    progress: LoadProgress | None = None
    """While loading."""
    missed_pings: int = 0
    """Pings sent since the last answer."""
    reason: str = ""
    """Why it is being stopped, or why it waits."""
    kill_reason: tuple[str, str] | None = None
    """Code and message of the fault for which the server kills the process."""
    waits_for_memory: bool = False
    """Whether it is queued because there is not enough memory."""
    published_free: int | None = None
    """Free bytes in the last event about its waiting."""
    needs_empty_device: bool = False
    """Whether its next load waits until every stopping process has left the device."""

    @property
    def alive(self) -> bool:
        """Whether a process exists or is being started."""
        return self.state in ALIVE_STATES

    @property
    def idle(self) -> bool:
        """Whether it is ready and has no lease."""
        return self.usable and not self.leases

    @property
    def usable(self) -> bool:
        """Whether it is ready to be leased, and not being killed."""
        return self.state is InstanceState.READY and self.kill_reason is None

    @property
    def exiting(self) -> bool:
        """Whether its process is about to exit, with or without leases."""
        return self.state is InstanceState.STOPPING or (self.alive and self.kill_reason is not None)

    @property
    def event_fields(self) -> dict[str, str]:
        """The fields that every `ModelEvent` about it begins with."""
        placement = self.key.placement
        return {
            "model": self.key.model,
            "device": placement.device,
            "compute_type": placement.compute_type,
        }

    @property
    def public_state(self) -> ModelState:
        """The state that clients see."""
        return PUBLIC_STATES[self.state]

    def transition(self, trigger: InstanceTrigger) -> None:
        """Move to the next state. Raises IllegalTransitionError and changes nothing if illegal."""
        self.state = next_state(self.state, trigger)

    def reset_for_launch(self, generation: int, now: float) -> None:
        """Forget everything that belonged to an earlier process."""
        self.generation = generation
        self.pid = None
        self.leases = set()
        self.memory_bytes = 0
        self.measured = False
        self.launched_at = now
        self.ready_at = None
        self.last_used = None
        self.load_seconds = None
        self.info = {}
        self.progress = LoadProgress(now)
        self.missed_pings = 0
        self.reason = ""
        self.kill_reason = None
        self.waits_for_memory = False
        self.needs_empty_device = False

    def idle_since(self) -> float:
        """Return the time since which nobody has used it."""
        if self.last_used is not None:
            return self.last_used
        return self.ready_at if self.ready_at is not None else self.launched_at


class LoadRefusal(NamedTuple):
    """Why a model cannot be loaded at all."""

    code: str
    message: str
    until: float | None
    """When it may be tried again; None if unknown."""


@dataclass(slots=True)
class PendingSwap:
    """New settings of a model whose new worker is not ready yet."""

    request: int
    previous: ModelSpec
    """What the model returns to if the new worker fails."""
    result: ReplaceResult = ReplaceResult.SWAPPED


@dataclass(slots=True)
class ModelRecord:
    """A model and its instances."""

    spec: ModelSpec
    instances: dict[Placement, Instance] = field(default_factory=dict)
    """One per placement of the spec, best first; an old placement stays until its process exits."""
    last_used: float | None = None
    load_seconds: float = 0.0
    """Duration of the last load: the best estimate for the next one."""
    fallback_reason: str = ""
    """Why it does not run on its preferred placement."""
    load_refusal: LoadRefusal | None = None
    """Why it could not be loaded at the last attempt."""
    unfit: Unfit | None = None
    """Set if it is too large for each of its devices."""
    in_use: bool = False
    """Whether settings or clients name it."""
    pinned_by: tuple[str, ...] = ()
    """Clients that keep it loaded."""
    pending_removals: list[int] = field(default_factory=list)
    """Requests that wait until it is removed."""
    swap: PendingSwap | None = None
    """Set while old instances serve until an instance of the current spec is ready."""

    @property
    def pinned(self) -> bool:
        """Whether it is never evicted and never unloaded when idle."""
        return self.spec.pinned or bool(self.pinned_by)

    @property
    def keep_alive(self) -> float:
        """Seconds to stay loaded after the last use; negative: forever."""
        return KEEP_FOREVER if self.pinned else self.spec.keep_alive

    @property
    def keeps_warm(self) -> bool:
        """Whether it stays loaded for longer where there is memory to spare."""
        return self.spec.keep_warm and self.in_use and not self.pinned

    def shown_state(self, instance: Instance) -> ModelState:
        """Return the state that clients see for one of its instances."""
        without_process = instance.state in (InstanceState.COLD, InstanceState.FAILED)
        if self.unfit is not None and without_process:
            return ModelState.UNFIT
        return instance.public_state

    @property
    def revision(self) -> int:
        """Revision of the current load options."""
        return self.spec.placements[0].revision

    def is_current(self, instance: Instance) -> bool:
        """Whether an instance belongs to the current spec, not to an earlier one."""
        return instance.key.placement in self.spec.placements

    def placement_rank(self, key: InstanceKey) -> int:
        """Return the number of placements that are better than this one."""
        placements = self.spec.placements
        return placements.index(key.placement) if key.placement in placements else len(placements)

    def placement_tier(self, key: InstanceKey) -> int:
        """Return the rank, counting the same compute type on several GPUs as one placement."""
        tier, last = -1, None
        for placement in self.spec.placements:
            group = (placement.device == HOST, placement.compute_type)
            tier, last = tier + (group != last), group
            if placement == key.placement:
                return tier
        return tier + 1

    def ready_instance(self) -> Instance | None:
        """Return the best instance that can be leased."""
        for instance in self.instances.values():
            if instance.usable:
                return instance
        return None

    def loading_instance(self) -> Instance | None:
        """Return the best instance that is being loaded."""
        for instance in self.instances.values():
            if instance.state is InstanceState.LOADING:
                return instance
        return None

    @property
    def needs_planning(self) -> bool:
        """Whether an instance is queued or failed, or is to be replaced: the scheduler may act."""
        if self.swap is not None:
            return True
        for instance in self.instances.values():
            if instance.state in (InstanceState.QUEUED, InstanceState.FAILED):
                return True
        return False

    @property
    def alive(self) -> bool:
        """Whether any of its instances has a process."""
        return any(instance.alive for instance in self.instances.values())


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A lease that was granted and has not ended; its process may have exited meanwhile."""

    key: InstanceKey
    generation: int
    since: float


class PlannerState:
    """The planner's data. Only the modules of `scheduling.planner` change it."""

    def __init__(
        self,
        policy: SchedulingPolicy,
        jitter: Callable[[], float],
        footprints: Mapping[FootprintKey, int],
        load_profiles: Mapping[FootprintKey, LoadProfile],
    ) -> None:
        self.policy = policy
        self.models: dict[str, ModelRecord] = {}
        self.ledgers: dict[str, Ledger] = {}
        """By device id."""
        self.queue = LoadQueue(policy.max_queued_requests, policy.priority_aging)
        self.timers = TimerQueue()
        self.failures = FailurePolicy(policy, jitter)
        self.footprints: dict[FootprintKey, int] = dict(footprints)
        self.load_profiles: dict[FootprintKey, LoadProfile] = dict(load_profiles)
        self.leases: dict[int, LeaseRecord] = {}
        """By request number."""
        self.generations = itertools.count(1)
        self.accepting = True
        """False while the operator has paused the server."""
        self.stopping = False
        self.has_transitions = False
        """Whether an instance changed its state since the last `publish_state_changes`."""
        self.has_new_limits = True
        """Whether a model, an estimate or a limit changed since the last `update_unfit`."""
        self.has_pending_work = False
        """Whether the last scheduling round left pending loads, or instances to be improved."""
        self.actions: list[Action] = []
        """Decided by the current message, in order."""

    # Output

    def emit(self, action: Action) -> None:
        """Add an action to the result of the current message."""
        self.actions.append(action)

    def publish(self, event: Event) -> None:
        """Publish an event on the bus."""
        self.actions.append(PublishEvent(event=event))

    def reject(
        self,
        request: int,
        code: str,
        message: str,
        hint: str = "",
        retry_after: float | None = None,
        attempt: int | None = None,
    ) -> None:
        """Remove a request from the queue and fail it."""
        self.queue.remove(request)
        self.timers.cancel(TimerKey(TimerKind.REQUEST_TIMEOUT, request))
        self.emit(
            RejectRequest(
                request=request,
                code=code,
                message=message,
                hint=hint,
                retry_after=retry_after,
                attempt=attempt,
            )
        )

    def count_failures(self, model: ModelRecord) -> int | None:
        """Return the consecutive failures of a model's worst placement; None if there are none."""
        keys = (InstanceKey(model.spec.id, placement) for placement in model.spec.placements)
        return max(self.failures.failures(key) for key in keys) or None

    def reject_unknown_model(self, request: int, name: str) -> None:
        """Fail a request for a model that is not installed."""
        self.reject(
            request,
            ModelMissingError.code,
            f"There is no model {name!r}.",
            ModelMissingError.default_hint,
        )

    def sample_memory(self) -> None:
        """Have the memory read now."""
        pids = tuple(i.pid for i in self.instances() if i.pid is not None)
        self.emit(SampleMemory(pids=pids))

    def save_footprint(self, key: FootprintKey, size: int) -> None:
        """Use a measured memory use as the next estimate and persist it."""
        self.footprints[key] = size
        self.has_new_limits = True
        self.emit(SaveFootprint(key=key, size=size))

    def save_load_profile(self, key: FootprintKey, profile: LoadProfile) -> None:
        """Use a load as the estimate for the next one; persist it if it tells something new."""
        known = self.load_profiles.get(key)
        if known is None or not known.is_similar(profile):
            self.load_profiles[key] = profile
            self.emit(SaveLoadProfile(key=key))

    # Models and instances

    def available_model(self, name: str) -> ModelRecord | None:
        """Return a model that is installed and not being removed."""
        model = self.models.get(name)
        return model if model is not None and not model.pending_removals else None

    def set_policy(self, policy: SchedulingPolicy) -> None:
        """Use other limits from now on."""
        self.policy = policy
        self.failures.set_policy(policy)
        self.queue.max_requests = policy.max_queued_requests
        self.has_new_limits = True
        for ledger in self.ledgers.values():
            ledger.set_policy(policy)

    def set_spec(self, spec: ModelSpec, revision: int = 0) -> ModelRecord:
        """Add or update a model; existing instances stay, in the order of the new placements."""
        placements = tuple(replace(place, revision=revision) for place in spec.placements)
        spec = replace(spec, placements=placements)
        model = self.models.setdefault(spec.id, ModelRecord(spec))
        before, model.spec = model.instances, spec
        model.instances = {
            placement: before.get(placement) or Instance(InstanceKey(spec.id, placement), spec)
            for placement in spec.placements
        }
        model.instances |= {p: i for p, i in before.items() if p not in model.instances}
        self.has_new_limits = True
        return model

    def instances(self) -> Iterator[Instance]:
        """Iterate over the instances of all models."""
        for model in self.models.values():
            yield from model.instances.values()

    def instance(self, key: InstanceKey) -> Instance | None:
        """Return an instance, if its model and placement exist."""
        model = self.models.get(key.model)
        return model.instances.get(key.placement) if model else None

    def current_instance(self, key: InstanceKey, generation: int) -> Instance | None:
        """Return the instance that a report is about; None if it is about an earlier process."""
        instance = self.instance(key)
        return instance if instance and instance.generation == generation else None

    def is_requested(self, model: str) -> bool:
        """Return whether a client or the operator waits for a model."""
        load = self.queue.get(model)
        return load is not None and not load.speculative

    def count_loading(self) -> int:
        """Count the loads in flight."""
        return sum(instance.state is InstanceState.LOADING for instance in self.instances())

    # Leases

    def serve(self, request: PendingRequest, instance: Instance, now: float) -> None:
        """Give a request what it waits for: a lease, or the answer that the model is ready."""
        self.timers.cancel(TimerKey(TimerKind.REQUEST_TIMEOUT, request.id))
        if request.wants_lease:
            self.grant_lease(request.id, instance, now)
        else:
            self.emit(ResolveRequest(request=request.id, value=True))

    def grant_lease(self, request: int, instance: Instance, now: float) -> None:
        """Lease a ready instance."""
        if not instance.leases:
            instance.missed_pings = 0
            self.timers.cancel(TimerKey(TimerKind.KEEP_ALIVE, instance.key))
            self.timers.set(TimerKey(TimerKind.PING, instance.key), now + self.policy.ping_interval)
        instance.leases.add(request)
        instance.last_used = self.models[instance.key.model].last_used = now
        self.leases[request] = LeaseRecord(instance.key, instance.generation, now)
        self.emit(GrantLease(request=request, key=instance.key, generation=instance.generation))

    def end_lease(self, instance: Instance, lease: int, now: float, *, succeeded: bool) -> None:
        """Take a lease back; the caller decides what follows when it was the last one."""
        instance.leases.discard(lease)
        if model := self.models.get(instance.key.model):
            model.last_used = now
        instance.last_used = now
        if succeeded and instance.key in self.failures.records:
            self.failures.record_success(instance.key, now)
        if not instance.leases:
            self.timers.cancel(TimerKey(TimerKind.PING, instance.key))

    def start_keep_alive(self, instance: Instance, now: float) -> str:
        """Set the time at which an unused instance is unloaded.

        Returns why it must not stay loaded at all, or an empty string:
        1. A better instance of the model is ready: "replaced".
        2. It has been used: it stays for `keep_alive` from then on; 0 is not at all ("idle"),
           negative is forever.
        3. It was loaded ahead of its first use: the same, but at least `unused_keep_alive`.
        4. In both cases at least `warm_keep_alive`, if it is to be kept warm and its device has
           memory to spare; `release_warm` ends that.
        """
        model = self.models[instance.key.model]
        keep_alive, timer = model.keep_alive, TimerKey(TimerKind.KEEP_ALIVE, instance.key)
        if keep_alive >= 0 and self.is_warm(instance):  # 4
            keep_alive = max(keep_alive, self.policy.warm_keep_alive)
        best = model.ready_instance()
        if best is not None and best is not instance:  # 1
            return "replaced"
        if keep_alive < 0:
            self.timers.cancel(timer)
        elif instance.last_used is not None:  # 2
            if instance.last_used + keep_alive <= now:
                return "idle"
            self.timers.set(timer, instance.last_used + keep_alive)
        else:  # 3
            ready_at = instance.ready_at if instance.ready_at is not None else now
            self.timers.set(timer, ready_at + max(keep_alive, self.policy.unused_keep_alive))
        return ""

    def ordinary_end(self, instance: Instance) -> float:
        """Return when an idle instance would be unloaded if it were not kept warm."""
        keep_alive = self.models[instance.key.model].keep_alive
        if instance.last_used is None:
            keep_alive = max(keep_alive, self.policy.unused_keep_alive)
        return instance.idle_since() + keep_alive

    def is_warm(self, instance: Instance) -> bool:
        """Return whether an instance is kept warm: wanted, and its device has memory to spare."""
        model, ledger = self.models[instance.key.model], self.ledger(instance.key)
        return model.keeps_warm and ledger is not None and ledger.spare_deficit == 0

    # Memory

    def ledger(self, key: InstanceKey) -> Ledger | None:
        """Return the ledger of an instance's device, if the device exists."""
        return self.ledgers.get(key.device)

    def estimate(self, key: InstanceKey) -> int:
        """Return the bytes a load will need: as measured, else as specified, else a default."""
        return (
            self.footprints.get(key.footprint_key)
            or self.models[key.model].spec.memory_bytes
            or self.policy.default_footprint
        )

    def update_unfit(self) -> None:
        """Find the models that are too large for each of their devices.

        A device that does not exist counts as too small if another one is too small.
        """
        self.has_new_limits = False
        for model in self.models.values():
            before, model.unfit = model.unfit, self._find_unfit(model)
            if model.unfit != before:
                model.load_refusal = None
        self.has_transitions = True

    def _find_unfit(self, model: ModelRecord) -> Unfit | None:
        found: Unfit | None = None
        for placement in model.spec.placements:
            ledger = self.ledgers.get(placement.device)
            if ledger is None:
                continue
            needed = self.estimate(InstanceKey(model.spec.id, placement))
            if needed <= ledger.ceiling:
                return None
            found = found or Unfit(placement.device, needed, ledger.ceiling)
        return found

    def bytes_being_freed(self, device: str) -> int:
        """Return the bytes of a device that exiting and exited processes still hold."""
        ledger = self.ledgers[device]
        exiting = sum(
            ledger.size_of(instance.key)
            for instance in self.instances()
            if instance.key.device == device and instance.exiting
        )
        return exiting + ledger.returning
