"""The pending loads: which requests wait for which model, and the order of the loads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from wyoming_servers.core.domain import Priority


class LoadReason(IntEnum):
    """Why a model is loaded although no request waits for it; the larger value goes first."""

    PRELOAD = 1
    """Configured to be loaded at start; only while the server is otherwise idle."""
    PREFETCH = 2
    """A request for it is about to come."""
    OPERATOR = 3
    """The operator loads it: this may evict other models, preloading and prefetching may not."""


@dataclass(slots=True)
class PendingRequest:
    """A request that waits for a model."""

    id: int
    model: str
    priority: Priority
    queued_at: float
    deadline: float
    client: str = ""
    wants_lease: bool = True
    """Whether it takes a lease when the model is ready, or only waits for that moment."""
    failed_loads: int = 0
    """Failed loads since it was queued."""


@dataclass(slots=True)
class PendingLoad:
    """All requests that wait for one model; they share one load."""

    model: str
    queued_at: float
    requests: dict[int, PendingRequest] = field(default_factory=dict)
    reason: LoadReason | None = None
    """Why it is loaded even without a request."""
    priority: Priority = Priority.BACKGROUND
    """Priority of `reason`; requests have their own."""

    @property
    def speculative(self) -> bool:
        """Whether neither a client nor the operator waits for it."""
        return not self.requests and self.reason is not LoadReason.OPERATOR

    def rank(self, now: float, priority_aging: float) -> tuple[int, float, float]:
        """Return the sort key; the largest is loaded first.

        Requested loads come before speculative ones, then the priority raised by age decides, then
        the age. `priority_aging` is the seconds in which a request gains one step of priority.
        """
        if self.speculative:
            return (0, float(self.reason or 0), -self.queued_at)
        ranks = [r.priority + (now - r.queued_at) / priority_aging for r in self.requests.values()]
        if self.reason is LoadReason.OPERATOR:
            ranks.append(self.priority + (now - self.queued_at) / priority_aging)
        return (1, max(ranks), -self.queued_at)


class LoadQueue:
    """The pending loads, bounded by the number of waiting requests."""

    def __init__(self, max_requests: int, priority_aging: float) -> None:
        self.max_requests = max_requests
        self._priority_aging = priority_aging
        self.loads: dict[str, PendingLoad] = {}
        """By model."""
        self._requests: dict[int, PendingRequest] = {}

    def __len__(self) -> int:
        """Count the waiting requests."""
        return len(self._requests)

    def __iter__(self) -> Iterator[PendingLoad]:
        return iter(list(self.loads.values()))

    def __contains__(self, request: int) -> bool:
        return request in self._requests

    @property
    def is_empty(self) -> bool:
        """Whether no load is pending."""
        return not self.loads

    @property
    def full(self) -> bool:
        """Whether the next request must be rejected."""
        return len(self._requests) >= self.max_requests

    def get(self, model: str) -> PendingLoad | None:
        """Return the pending load of a model, if there is one."""
        return self.loads.get(model)

    def waiting(self, model: str) -> int:
        """Count the requests that wait for a model."""
        load = self.loads.get(model)
        return len(load.requests) if load else 0

    def add(self, request: PendingRequest) -> None:
        """Add a request to the pending load of its model."""
        load = self._load_for(request.model, request.queued_at)
        load.requests[request.id] = request
        self._requests[request.id] = request

    def add_reason(self, model: str, reason: LoadReason, priority: Priority, now: float) -> None:
        """Load a model although no request waits for it; the strongest reason is kept."""
        load = self._load_for(model, now)
        if load.reason is None or reason > load.reason:
            load.reason = reason
            load.priority = priority

    def withdraw(self, model: str) -> None:
        """Remove the reason of a pending load; requests for the model keep waiting."""
        if load := self.loads.get(model):
            load.reason = None
            self._prune(model)

    def remove(self, request: int) -> PendingRequest | None:
        """Remove and return a request, if it waits."""
        found = self._requests.pop(request, None)
        if found is not None:
            del self.loads[found.model].requests[request]
            self._prune(found.model)
        return found

    def take(self, model: str) -> list[PendingRequest]:
        """Remove the pending load of a model; return its requests, oldest first."""
        load = self.loads.pop(model, None)
        if load is None:
            return []
        for request in load.requests:
            del self._requests[request]
        return list(load.requests.values())

    def ordered(self, now: float) -> list[PendingLoad]:
        """Return the pending loads in the order in which they are to be served."""
        return sorted(
            self.loads.values(),
            key=lambda load: load.rank(now, self._priority_aging),
            reverse=True,
        )

    def position(self, model: str, now: float) -> int:
        """Return the position of a model in the order, counted from 1; 0 if it is not pending."""
        for position, load in enumerate(self.ordered(now), start=1):
            if load.model == model:
                return position
        return 0

    def _load_for(self, model: str, now: float) -> PendingLoad:
        return self.loads.setdefault(model, PendingLoad(model, queued_at=now))

    def _prune(self, model: str) -> None:
        load = self.loads[model]
        if not load.requests and load.reason is None:
            del self.loads[model]
