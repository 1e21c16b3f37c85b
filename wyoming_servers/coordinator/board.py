"""Everything the planner knows at one moment, and simple questions about it."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from wyoming_servers.coordinator.actions import Action, Learn, Probe, Publish, Reject
from wyoming_servers.coordinator.footprints import FootprintKey
from wyoming_servers.coordinator.instance import Instance, InstanceKey
from wyoming_servers.coordinator.ledger import Ledger
from wyoming_servers.coordinator.load_queue import LoadQueue
from wyoming_servers.coordinator.policy import Policy
from wyoming_servers.coordinator.recovery import Recovery
from wyoming_servers.coordinator.states import State
from wyoming_servers.coordinator.timers import Due, Timer, Timers
from wyoming_servers.devices.probe import HOST
from wyoming_servers.domain import ModelSpec, Placement
from wyoming_servers.errors import ModelMissingError
from wyoming_servers.events import Event


class Refusal(NamedTuple):
    """Why a model could not be loaded at all."""

    code: str
    message: str
    retry_after: float | None


@dataclass(slots=True)
class Model:
    """A model and its instances."""

    spec: ModelSpec
    instances: dict[Placement, Instance] = field(default_factory=dict)
    """One per placement of the spec, best first; an old placement stays until its process left."""
    last_used: float | None = None
    load_seconds: float = 0.0
    """What its last load took: how long the next one will probably take."""
    fell_back: str = ""
    """Why it is not where it was wished to be."""
    refusal: Refusal | None = None
    """Why it could not be loaded at all, when that was asked last."""
    removals: list[int] = field(default_factory=list)
    """Who waits for it to be gone."""

    def place(self, key: InstanceKey) -> int:
        """Return how many placements are better than this one."""
        placements = self.spec.placements
        return placements.index(key.placement) if key.placement in placements else len(placements)

    def tier(self, key: InstanceKey) -> int:
        """Return the same, counting placements of one type of weights on several GPUs as one."""
        tier, last = -1, None
        for placement in self.spec.placements:
            sort = (placement.device == HOST, placement.compute_type)
            tier, last = tier + (sort != last), sort
            if placement == key.placement:
                return tier
        return tier + 1

    def ready(self) -> Instance | None:
        """Return the best instance that is ready."""
        for instance in self.instances.values():
            if instance.usable:
                return instance
        return None

    def loading(self) -> Instance | None:
        """Return the best instance that is being loaded."""
        for instance in self.instances.values():
            if instance.state is State.LOADING:
                return instance
        return None

    @property
    def unsettled(self) -> bool:
        """Whether any of its instances waits or failed: whether there may be something to do."""
        for instance in self.instances.values():
            if instance.state is State.QUEUED or instance.state is State.FAILED:
                return True
        return False

    @property
    def alive(self) -> bool:
        """Whether any of its instances has a process."""
        return any(instance.alive for instance in self.instances.values())


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that was granted and has not ended; its process may be gone all the same."""

    key: InstanceKey
    generation: int
    since: float


class Board:
    """The planner's memory. `lifecycle`, `scheduler` and `planner` change it, nobody else."""

    def __init__(
        self,
        policy: Policy,
        jitter: Callable[[], float],
        footprints: Mapping[FootprintKey, int],
    ) -> None:
        self.policy = policy
        self.models: dict[str, Model] = {}
        self.ledgers: dict[str, Ledger] = {}
        self.queue = LoadQueue(policy.queue, policy.ageing)
        self.timers = Timers()
        self.recovery = Recovery(policy, jitter)
        self.footprints: dict[FootprintKey, int] = dict(footprints)
        self.held: dict[int, Held] = {}
        self.generations = itertools.count(1)
        self.accepting = True
        self.stopping = False
        self.actions: list[Action] = []
        """What is to be done, in order; the planner hands it out after every signal."""

    def do(self, action: Action) -> None:
        """Ask for something to be done."""
        self.actions.append(action)

    def publish(self, event: Event) -> None:
        """Ask for something to be told."""
        self.actions.append(Publish(event=event))

    def known(self, name: str) -> Model | None:
        """Return a model that is there to stay."""
        model = self.models.get(name)
        return model if model is not None and not model.removals else None

    def set_spec(self, spec: ModelSpec) -> Model:
        """Take in what is known of a model; its instances stay, in the order of the placements."""
        model = self.models.setdefault(spec.id, Model(spec))
        before, model.spec = model.instances, spec
        model.instances = {
            placement: before.get(placement) or Instance(InstanceKey(spec.id, placement), spec)
            for placement in spec.placements
        }
        model.instances |= {p: i for p, i in before.items() if p not in model.instances}
        return model

    def learn(self, key: FootprintKey, size: int) -> None:
        """Take a measured footprint as the next estimate, and ask for it to be kept."""
        self.footprints[key] = size
        self.do(Learn(key=key, size=size))

    def refuse(
        self,
        request: int,
        code: str,
        message: str,
        hint: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Take a request out of the queue and let it fail."""
        self.queue.remove(request)
        self.timers.cancel(Timer(Due.REQUEST, request))
        self.do(
            Reject(request=request, code=code, message=message, hint=hint, retry_after=retry_after)
        )

    def refuse_unknown(self, request: int, name: str) -> None:
        self.refuse(
            request,
            ModelMissingError.code,
            f"There is no model {name!r}.",
            ModelMissingError.default_hint,
        )

    def probe(self) -> None:
        """Have the memory read now."""
        pids = tuple(i.pid for i in self.instances() if i.pid is not None)
        self.do(Probe(pids=pids))

    def instances(self) -> Iterator[Instance]:
        """Go through all instances of all models."""
        for model in self.models.values():
            yield from model.instances.values()

    def instance(self, key: InstanceKey) -> Instance | None:
        """Return an instance, if its model and placement are known."""
        model = self.models.get(key.model)
        return model.instances.get(key.placement) if model else None

    def current(self, key: InstanceKey, generation: int) -> Instance | None:
        """Return the instance that news are about, or None if they are of an older process."""
        instance = self.instance(key)
        return instance if instance and instance.generation == generation else None

    def ledger(self, key: InstanceKey) -> Ledger | None:
        """Return the books of the device an instance is on, if there is such a device."""
        return self.ledgers.get(key.device)

    def estimate(self, key: InstanceKey) -> int:
        """Return the bytes a load will need: as measured before, as the model says, or a guess."""
        return (
            self.footprints.get(key.footprint)
            or self.models[key.model].spec.memory_bytes
            or self.policy.default_footprint
        )

    def waited_for(self, model: str) -> bool:
        """Whether a client or the operator waits for a model."""
        demand = self.queue.get(model)
        return demand is not None and not demand.speculative

    def loads(self) -> int:
        """Count the loads in flight."""
        return sum(instance.state is State.LOADING for instance in self.instances())

    def leaving(self, device: str) -> int:
        """Return the bytes on a device whose process is about to end, or has ended."""
        ledger = self.ledgers[device]
        stopping = sum(
            ledger.size_of(instance.key)
            for instance in self.instances()
            if instance.key.device == device and instance.leaving
        )
        return stopping + ledger.returning

    @property
    def quiet(self) -> bool:
        """Whether there is no process of ours."""
        return not any(instance.alive for instance in self.instances())
