"""Everything the planner knows at one moment, and simple questions about it."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.core.events import Event
from wyoming_servers.devices.probe import HOST
from wyoming_servers.scheduling.footprint_store import FootprintKey
from wyoming_servers.scheduling.planner.actions import (
    Action,
    PublishEvent,
    RejectRequest,
    SampleMemory,
    SaveFootprint,
)
from wyoming_servers.scheduling.planner.failure_policy import FailurePolicy
from wyoming_servers.scheduling.planner.instance import (
    Instance,
    InstanceKey,
    InstanceState,
)
from wyoming_servers.scheduling.planner.ledger import Ledger
from wyoming_servers.scheduling.planner.load_queue import LoadQueue
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.scheduling.planner.timers import (
    TimerKey,
    TimerKind,
    TimerQueue,
)


class LoadRefusal(NamedTuple):
    """Why a model could not be loaded at all."""

    code: str
    message: str
    retry_after: float | None


@dataclass(slots=True)
class ModelRecord:
    """A model and its instances."""

    spec: ModelSpec
    instances: dict[Placement, Instance] = field(default_factory=dict)
    """One per placement of the spec, best first; an old placement stays until its process left."""
    last_used: float | None = None
    load_seconds: float = 0.0
    """What its last load took: how long the next one will probably take."""
    fallback_reason: str = ""
    """Why it is not where it was wished to be."""
    load_refusal: LoadRefusal | None = None
    """Why it could not be loaded at all, when that was asked last."""
    pending_removals: list[int] = field(default_factory=list)
    """Who waits for it to be gone."""

    def placement_rank(self, key: InstanceKey) -> int:
        """Return how many placements are better than this one."""
        placements = self.spec.placements
        return placements.index(key.placement) if key.placement in placements else len(placements)

    def placement_tier(self, key: InstanceKey) -> int:
        """Return the same, counting placements of one type of weights on several GPUs as one."""
        tier, last = -1, None
        for placement in self.spec.placements:
            sort = (placement.device == HOST, placement.compute_type)
            tier, last = tier + (sort != last), sort
            if placement == key.placement:
                return tier
        return tier + 1

    def ready_instance(self) -> Instance | None:
        """Return the best instance that is ready."""
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
        """Whether any of its instances waits or failed: whether there may be something to do."""
        for instance in self.instances.values():
            if instance.state is InstanceState.QUEUED or instance.state is InstanceState.FAILED:
                return True
        return False

    @property
    def alive(self) -> bool:
        """Whether any of its instances has a process."""
        return any(instance.alive for instance in self.instances.values())


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A lease that was granted and has not ended; its process may be gone all the same."""

    key: InstanceKey
    generation: int
    since: float


class PlannerState:
    """The planner's memory. `lifecycle`, `scheduler` and `planner` change it, nobody else."""

    def __init__(
        self,
        policy: SchedulingPolicy,
        jitter: Callable[[], float],
        footprints: Mapping[FootprintKey, int],
    ) -> None:
        self.policy = policy
        self.models: dict[str, ModelRecord] = {}
        self.ledgers: dict[str, Ledger] = {}
        self.queue = LoadQueue(policy.max_queued_requests, policy.priority_aging)
        self.timers = TimerQueue()
        self.failures = FailurePolicy(policy, jitter)
        self.footprints: dict[FootprintKey, int] = dict(footprints)
        self.leases: dict[int, LeaseRecord] = {}
        self.generations = itertools.count(1)
        self.accepting = True
        self.stopping = False
        self.actions: list[Action] = []
        """What is to be done, in order; the planner hands it out after every signal."""

    def emit(self, action: Action) -> None:
        """Ask for something to be done."""
        self.actions.append(action)

    def publish(self, event: Event) -> None:
        """Ask for something to be told."""
        self.actions.append(PublishEvent(event=event))

    def available_model(self, name: str) -> ModelRecord | None:
        """Return a model that is there to stay."""
        model = self.models.get(name)
        return model if model is not None and not model.pending_removals else None

    def set_spec(self, spec: ModelSpec) -> ModelRecord:
        """Take in what is known of a model; its instances stay, in the order of the placements."""
        model = self.models.setdefault(spec.id, ModelRecord(spec))
        before, model.spec = model.instances, spec
        model.instances = {
            placement: before.get(placement) or Instance(InstanceKey(spec.id, placement), spec)
            for placement in spec.placements
        }
        model.instances |= {p: i for p, i in before.items() if p not in model.instances}
        return model

    def save_footprint(self, key: FootprintKey, size: int) -> None:
        """Take a measured footprint as the next estimate, and ask for it to be kept."""
        self.footprints[key] = size
        self.emit(SaveFootprint(key=key, size=size))

    def reject(
        self,
        request: int,
        code: str,
        message: str,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Take a request out of the queue and let it fail."""
        self.queue.remove(request)
        self.timers.cancel(TimerKey(TimerKind.REQUEST_TIMEOUT, request))
        self.emit(
            RejectRequest(
                request=request, code=code, message=message, hint=hint, retry_after=retry_after
            )
        )

    def reject_unknown_model(self, request: int, name: str) -> None:
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

    def instances(self) -> Iterator[Instance]:
        """Go through all instances of all models."""
        for model in self.models.values():
            yield from model.instances.values()

    def instance(self, key: InstanceKey) -> Instance | None:
        """Return an instance, if its model and placement are known."""
        model = self.models.get(key.model)
        return model.instances.get(key.placement) if model else None

    def current_instance(self, key: InstanceKey, generation: int) -> Instance | None:
        """Return the instance that news are about, or None if they are of an older process."""
        instance = self.instance(key)
        return instance if instance and instance.generation == generation else None

    def ledger(self, key: InstanceKey) -> Ledger | None:
        """Return the books of the device an instance is on, if there is such a device."""
        return self.ledgers.get(key.device)

    def estimate(self, key: InstanceKey) -> int:
        """Return the bytes a load will need: as measured before, as the model says, or a guess."""
        return (
            self.footprints.get(key.footprint_key)
            or self.models[key.model].spec.memory_bytes
            or self.policy.default_footprint
        )

    def is_requested(self, model: str) -> bool:
        """Whether a client or the operator waits for a model."""
        demand = self.queue.get(model)
        return demand is not None and not demand.speculative

    def count_loading(self) -> int:
        """Count the loads in flight."""
        return sum(instance.state is InstanceState.LOADING for instance in self.instances())

    def bytes_being_freed(self, device: str) -> int:
        """Return the bytes on a device whose process is about to end, or has ended."""
        ledger = self.ledgers[device]
        stopping = sum(
            ledger.size_of(instance.key)
            for instance in self.instances()
            if instance.key.device == device and instance.exiting
        )
        return stopping + ledger.returning

    @property
    def has_no_workers(self) -> bool:
        """Whether there is no process of ours."""
        return not any(instance.alive for instance in self.instances())
