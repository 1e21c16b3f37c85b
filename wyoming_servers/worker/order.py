"""Which run goes next: the highest priority first, and among equals the one that came first."""

import heapq
import itertools

from wyoming_servers.worker.work import QueueKey, Step, RunState


class RunQueue:
    """The runs that can do something."""

    def __init__(self) -> None:
        self._heap: list[tuple[QueueKey, RunState]] = []
        self._turns = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._heap)

    def next_sequence(self) -> int:
        """Return the place behind all that have one."""
        return next(self._turns)

    def put(self, work: RunState) -> None:
        """Let a run wait for its turn, a stream behind its equals, if it can do something."""
        if work.queued or work.done or work.next_step is None:
            return
        work.queued = True
        if work.streaming:
            work.sequence = self.next_sequence()
        heapq.heappush(self._heap, (work.queue_key, work))

    def pop(self) -> RunState | None:
        """Take the most urgent run."""
        while self._heap:
            work = heapq.heappop(self._heap)[1]
            if not work.done:
                work.queued = False
                return work
        return None

    def record_output(self, work: RunState, seconds: float) -> None:
        """Note that an output lasts so long: here it does not matter."""

    def pop_similar(self, first: RunState, action: Step, limit: int) -> list[RunState]:
        """Take runs of equal priority that are about to do the same, with `first` up to `limit`."""
        found: list[RunState] = []
        others: list[tuple[QueueKey, RunState]] = []
        while self._heap and self._heap[0][0].urgency == -first.priority and len(found) < limit - 1:
            waiting = heapq.heappop(self._heap)
            work = waiting[1]
            if work.done:
                continue
            if work.next_step is action:
                work.queued = False
                found.append(work)
            else:
                others.append(waiting)
        for waiting in others:
            heapq.heappush(self._heap, waiting)
        return found
