"""Which run goes next: the highest priority first, and among equals the one that came first."""

import heapq
import itertools

from wyoming_servers.worker.work import Entry, Next, Work


class Order:
    """The runs that can do something."""

    def __init__(self) -> None:
        self._heap: list[tuple[Entry, Work]] = []
        self._turns = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._heap)

    def turn(self) -> int:
        """Return the place behind all that have one."""
        return next(self._turns)

    def put(self, work: Work) -> None:
        """Let a run wait for its turn, a stream behind its equals, if it can do something."""
        if work.queued or work.over or work.next is None:
            return
        work.queued = True
        if work.streaming:
            work.turn = self.turn()
        heapq.heappush(self._heap, (work.entry, work))

    def take(self) -> Work | None:
        """Take the most urgent run."""
        while self._heap:
            work = heapq.heappop(self._heap)[1]
            if not work.over:
                work.queued = False
                return work
        return None

    def heard(self, work: Work, seconds: float) -> None:
        """Note that an output lasts so long: here it does not matter."""

    def take_like(self, first: Work, action: Next, limit: int) -> list[Work]:
        """Take runs of equal priority that are about to do the same, with `first` up to `limit`."""
        found: list[Work] = []
        others: list[tuple[Entry, Work]] = []
        while self._heap and self._heap[0][0].urgency == -first.priority and len(found) < limit - 1:
            waiting = heapq.heappop(self._heap)
            work = waiting[1]
            if work.over:
                continue
            if work.next is action:
                work.queued = False
                found.append(work)
            else:
                others.append(waiting)
        for waiting in others:
            heapq.heappush(self._heap, waiting)
        return found
