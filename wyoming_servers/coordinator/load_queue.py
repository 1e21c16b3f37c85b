"""Who waits for which model, and whose turn it is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from wyoming_servers.domain import Priority


class Want(IntEnum):
    """Why a model is to be loaded though no request waits for it; the larger goes first."""

    PRELOAD = 1
    """To have it ready; when the machine has nothing else to do."""
    PREFETCH = 2
    """A request for it is about to come."""
    OPERATOR = 3
    """A person asked for it: this may unload others, the first two may not."""


@dataclass(slots=True)
class Request:
    """Somebody who waits for a model."""

    id: int
    model: str
    priority: Priority
    since: float
    deadline: float
    client: str = ""
    hold: bool = True
    """Whether it takes a lease when the model is ready, or only wants to know."""
    strikes: int = 0
    """Failed loads it has sat through."""


@dataclass(slots=True)
class Demand:
    """All that wait for one model; they share one load."""

    model: str
    since: float
    requests: dict[int, Request] = field(default_factory=dict)
    want: Want | None = None
    priority: Priority = Priority.OTHER
    """Of the want; requests bring their own."""

    @property
    def speculative(self) -> bool:
        """Whether neither a client nor the operator waits."""
        return not self.requests and self.want is not Want.OPERATOR

    def rank(self, now: float, ageing: float) -> tuple[int, float, float]:
        """Return what orders demands, the largest first: real before speculative, then priority
        raised by age, then age."""
        if self.speculative:
            return (0, float(self.want or 0), -self.since)
        ranks = [r.priority + (now - r.since) / ageing for r in self.requests.values()]
        if self.want is Want.OPERATOR:
            ranks.append(self.priority + (now - self.since) / ageing)
        return (1, max(ranks), -self.since)


class LoadQueue:
    """The demands, bounded by the number of requests in them."""

    def __init__(self, bound: int, ageing: float) -> None:
        self._bound = bound
        self._ageing = ageing
        self._demands: dict[str, Demand] = {}
        self._requests: dict[int, Request] = {}

    def __len__(self) -> int:
        """Count the requests that wait."""
        return len(self._requests)

    def __iter__(self) -> Iterator[Demand]:
        return iter(list(self._demands.values()))

    def __contains__(self, request: int) -> bool:
        return request in self._requests

    @property
    def full(self) -> bool:
        """Whether the next request has to be refused."""
        return len(self._requests) >= self._bound

    def get(self, model: str) -> Demand | None:
        """Return the demand for a model, if there is one."""
        return self._demands.get(model)

    def waiting(self, model: str) -> int:
        """Count the requests that wait for a model."""
        demand = self._demands.get(model)
        return len(demand.requests) if demand else 0

    def add(self, request: Request) -> None:
        """Let a request wait, together with those that wait for the same model."""
        demand = self._demand(request.model, request.since)
        demand.requests[request.id] = request
        self._requests[request.id] = request

    def want(self, model: str, want: Want, priority: Priority, now: float) -> None:
        """Ask for a model though no request waits; the stronger reason stays."""
        demand = self._demand(model, now)
        if demand.want is None or want > demand.want:
            demand.want = want
            demand.priority = priority

    def unwant(self, model: str) -> None:
        """Take such an asking back; requests for the model go on waiting."""
        if demand := self._demands.get(model):
            demand.want = None
            self._prune(model)

    def remove(self, request: int) -> Request | None:
        """Take a request out, if it waits."""
        found = self._requests.pop(request, None)
        if found is not None:
            del self._demands[found.model].requests[request]
            self._prune(found.model)
        return found

    def take(self, model: str) -> list[Request]:
        """Take out everything that waits for a model; return its requests, oldest first."""
        demand = self._demands.pop(model, None)
        if demand is None:
            return []
        for request in demand.requests:
            del self._requests[request]
        return list(demand.requests.values())

    def ordered(self, now: float) -> list[Demand]:
        """Return the demands, first things first."""
        return sorted(self._demands.values(), key=lambda d: d.rank(now, self._ageing), reverse=True)

    def position(self, model: str, now: float) -> int:
        """Return the place of a model's demand in the order, counted from 1; 0 if it has none."""
        for place, demand in enumerate(self.ordered(now), start=1):
            if demand.model == model:
                return place
        return 0

    def _demand(self, model: str, now: float) -> Demand:
        return self._demands.setdefault(model, Demand(model, since=now))

    def _prune(self, model: str) -> None:
        demand = self._demands[model]
        if not demand.requests and demand.want is None:
            del self._demands[model]
