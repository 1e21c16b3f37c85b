"""Which run goes next: the highest priority first, and among equals the one that came first."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from wyoming_servers.audio.pcm import MAX_UNSENT_SECONDS
from wyoming_servers.worker.run_state import (
    QueueKey,
    RunState,
    Step,
)


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


# Which run goes next where somebody listens: who runs dry first, and who has heard nothing yet.

MAX_FIRST_AUDIO_SECONDS: Final = 3.0
"""Whoever has waited so long for the first word is treated as if to run dry now, though others may
fall silent: the machine is too slow for all."""

MARGIN_SECONDS: Final = 0.05
"""What is made reaches the listener so much before it is needed, if all goes as expected."""

_STEP_HISTORY: Final = 200
"""A step is expected to take as long as the longest of so many: some of each text are long."""


class PlayoutQueue(RunQueue):
    """The runs of a voice that can do something.

    Among runs of equal priority those who hear already must not fall silent: as soon as one of them
    would, were all made in the order in which they run dry, the first of them goes. Else whoever
    has heard nothing yet goes, and then the one who runs dry first.
    """

    def __init__(self, now: Callable[[], float], lanes: int = 1) -> None:
        """Take a clock that counts seconds, and how many steps are made at once."""
        super().__init__()
        self._now = now
        self._lanes = lanes
        self._waiting: list[RunState] = []
        self._steps: deque[float] = deque([0.0], maxlen=_STEP_HISTORY)
        """Seconds that steps took which made something."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, work: RunState) -> None:
        """Let a run wait for its turn, if it can do something."""
        if work.queued or work.done or work.next_step is None:
            return
        now = self._now()
        if work.arrived_at is None:
            work.arrived_at = now
            slack = work.request.get("slack")
            if isinstance(slack, int | float):
                work.underrun_at = now + slack
        work.queued = True
        self._waiting.append(work)

    def pop(self) -> RunState | None:
        """Take the most urgent run."""
        self._waiting = [work for work in self._waiting if not work.done]
        if not self._waiting:
            return None
        now = self._now()
        highest = max(work.priority for work in self._waiting)
        work = self._choose([work for work in self._waiting if work.priority == highest], now)
        self._waiting.remove(work)
        work.queued = False
        work.step_started_at = now
        return work

    def record_output(self, work: RunState, seconds: float) -> None:
        """Note that a step has made so much more."""
        now = self._now()
        self._steps.append(now - work.step_started_at)
        if work.underrun_at is None:
            work.underrun_at = now + max(0.0, seconds - MAX_UNSENT_SECONDS)
        else:
            work.underrun_at = max(now, work.underrun_at) + seconds

    def _choose(self, runs: Sequence[RunState], now: float) -> RunState:
        """Return whose turn it is.

        1. Those who hear, the one who runs dry first before the others, if one would be late.
        2. Whoever came first of those who have heard nothing.
        3. Whoever runs dry first.
        """
        due = sorted(
            (_underrun_at(work, now), work.sequence, work)
            for work in runs
            if not _is_new(work, now)
        )
        # Steps that have begun are ended first; then so many are made at a time.
        step = max(self._steps)
        late = any(
            dry_at < now + MARGIN_SECONDS + step * (1 + (place + 1) / self._lanes)
            for place, (dry_at, _, _) in enumerate(due)
        )
        new = [work for work in runs if _is_new(work, now)]
        if new and not late:
            return min(new, key=lambda work: work.sequence)
        return due[0][2]


def _is_new(work: RunState, now: float) -> bool:
    """Whether a run's listener has heard nothing, and has not waited too long for it."""
    return work.underrun_at is None and now - (work.arrived_at or now) < MAX_FIRST_AUDIO_SECONDS


def _underrun_at(work: RunState, now: float) -> float:
    return now if work.underrun_at is None else work.underrun_at
