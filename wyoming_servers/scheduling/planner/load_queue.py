"""Who waits for which model, and whose turn it is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from wyoming_servers.core.domain import Priority


class LoadReason(IntEnum):
    """Why a model is to be loaded though no request waits for it; the larger goes first."""

    PRELOAD = 1
    """To have it ready; when the machine has nothing else to do."""
    PREFETCH = 2
    """A request for it is about to come."""
    OPERATOR = 3
    """A person asked for it: this may unload others, the first two may not."""


@dataclass(slots=True)
class PendingRequest:
    """Somebody who waits for a model."""

    id: int
    model: str
    priority: Priority
    queued_at: float
    deadline: float
    client: str = ""
    wants_lease: bool = True
    """Whether it takes a lease when the model is ready, or only wants to know."""
    failed_loads: int = 0
    """Failed loads it has sat through."""


@dataclass(slots=True)
class PendingLoad:
    """All that wait for one model; they share one load."""

    model: str
    queued_at: float
    requests: dict[int, PendingRequest] = field(default_factory=dict)
    reason: LoadReason | None = None
    priority: Priority = Priority.BACKGROUND
    """Of the want; requests bring their own."""

    @property
    def speculative(self) -> bool:
        """Whether neither a client nor the operator waits."""
        return not self.requests and self.reason is not LoadReason.OPERATOR

    def rank(self, now: float, ageing: float) -> tuple[int, float, float]:
        """Return what orders demands, the largest first: real before speculative, then priority
        raised by age, then age."""
        if self.speculative:
            return (0, float(self.reason or 0), -self.queued_at)
        ranks = [r.priority + (now - r.queued_at) / ageing for r in self.requests.values()]
        if self.reason is LoadReason.OPERATOR:
            ranks.append(self.priority + (now - self.queued_at) / ageing)
        return (1, max(ranks), -self.queued_at)


class LoadQueue:
    """The demands, bounded by the number of requests in them."""

    def __init__(self, bound: int, ageing: float) -> None:
        self._bound = bound
        self._ageing = ageing
        self._loads: dict[str, PendingLoad] = {}
        self._requests: dict[int, PendingRequest] = {}

    def __len__(self) -> int:
        """Count the requests that wait."""
        return len(self._requests)

    def __iter__(self) -> Iterator[PendingLoad]:
        return iter(list(self._loads.values()))

    def __contains__(self, request: int) -> bool:
        return request in self._requests

    @property
    def full(self) -> bool:
        """Whether the next request has to be refused."""
        return len(self._requests) >= self._bound

    def get(self, model: str) -> PendingLoad | None:
        """Return the demand for a model, if there is one."""
        return self._loads.get(model)

    def waiting(self, model: str) -> int:
        """Count the requests that wait for a model."""
        demand = self._loads.get(model)
        return len(demand.requests) if demand else 0

    def add(self, request: PendingRequest) -> None:
        """Let a request wait, together with those that wait for the same model."""
        demand = self._load_for(request.model, request.queued_at)
        demand.requests[request.id] = request
        self._requests[request.id] = request

    def add_reason(self, model: str, want: LoadReason, priority: Priority, now: float) -> None:
        """Ask for a model though no request waits; the stronger reason stays."""
        demand = self._load_for(model, now)
        if demand.reason is None or want > demand.reason:
            demand.reason = want
            demand.priority = priority

    def withdraw(self, model: str) -> None:
        """Take such an asking back; requests for the model go on waiting."""
        if demand := self._loads.get(model):
            demand.reason = None
            self._prune(model)

    def remove(self, request: int) -> PendingRequest | None:
        """Take a request out, if it waits."""
        found = self._requests.pop(request, None)
        if found is not None:
            del self._loads[found.model].requests[request]
            self._prune(found.model)
        return found

    def take(self, model: str) -> list[PendingRequest]:
        """Take out everything that waits for a model; return its requests, oldest first."""
        demand = self._loads.pop(model, None)
        if demand is None:
            return []
        for request in demand.requests:
            del self._requests[request]
        return list(demand.requests.values())

    def ordered(self, now: float) -> list[PendingLoad]:
        """Return the demands, first things first."""
        return sorted(self._loads.values(), key=lambda d: d.rank(now, self._ageing), reverse=True)

    def position(self, model: str, now: float) -> int:
        """Return the place of a model's demand in the order, counted from 1; 0 if it has none."""
        for place, demand in enumerate(self.ordered(now), start=1):
            if demand.model == model:
                return place
        return 0

    def _load_for(self, model: str, now: float) -> PendingLoad:
        return self._loads.setdefault(model, PendingLoad(model, queued_at=now))

    def _prune(self, model: str) -> None:
        demand = self._loads[model]
        if not demand.requests and demand.reason is None:
            del self._loads[model]
