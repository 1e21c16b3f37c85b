"""State of the runs inside a worker, and the queue that decides which of them advances next.

`RunQueue` serves speech-to-text and wake words; text-to-speech uses `playout_queue.PlayoutQueue`.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from wyoming_servers.engines.base import Output, Session
from wyoming_servers.protocol.messages import InputChunk, RunInference
from wyoming_servers.protocol.session import (
    INPUT_WINDOW,
    OUTPUT_WINDOW,
    CreditMeter,
    SendWindow,
)


class Step(Enum):
    """The next action of a run."""

    OPEN = "open"
    ADVANCE = "advance"
    FEED = "feed"
    FINISH = "finish"


class QueueKey(NamedTuple):
    """Sort key of a queued run; the smallest goes first."""

    urgency: int
    """The negative priority."""
    computes: bool
    """Whether the next step starts or continues an inference. Runs that still take input go before
    these, so that runs which can be computed in one batch are queued when the first one starts."""
    sequence: int
    run: int


class RunState:
    """One run: the input received so far and how far the engine has worked through it."""

    def __init__(self, message: RunInference, sequence: int) -> None:
        self.number = message.run
        self.priority = message.priority
        self.sequence = sequence
        """Position among runs of equal priority."""
        self.streaming = message.streaming
        self.request = message.request
        self.input_chunks: deque[InputChunk] = deque()
        if message.payload:
            self.input_chunks.append(InputChunk(run=message.run, payload=message.payload))
        self.input_closed = not message.streaming
        """Whether the input is complete."""
        self.session: Session | None = None
        self.outputs: Iterator[Output] | None = None
        """The engine's generator that is being advanced."""
        self.finishing = False
        """Whether `outputs` are the last, so that their return value is the result."""
        self.in_flight = False
        """Whether a thread of the inference pool is computing the next output."""
        self.output_window = SendWindow(OUTPUT_WINDOW)
        self.input_meter = CreditMeter(INPUT_WINDOW) if message.streaming else None
        self.queued = False
        """Whether it is in a queue."""
        self.done = False
        """Whether its result or error was sent."""

    @property
    def queue_key(self) -> QueueKey:
        """Sort key in a `RunQueue`."""
        computes = not self.streaming and self.next_step in (Step.ADVANCE, Step.FINISH)
        return QueueKey(-self.priority, computes, self.sequence, self.number)

    @property
    def next_step(self) -> Step | None:
        """The action to take now; None while the run waits for input, credit or a thread."""
        if self.in_flight or not self.output_window.is_open:
            return None
        if self.session is None:
            return Step.OPEN
        if self.outputs is not None:
            return Step.ADVANCE
        if self.input_chunks:
            return Step.FEED
        return Step.FINISH if self.input_closed else None


class RunQueue:
    """Runs that can advance: highest priority first, then first come, first served.

    Streaming runs (wake words) take turns: each goes behind its equals when it is queued again.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[QueueKey, RunState]] = []
        self._sequences = itertools.count()

    @property
    def delay(self) -> float | None:
        """Seconds until `pop` is worth calling: 0.0 now, None when no run can advance."""
        return 0.0 if self._heap else None

    def next_sequence(self) -> int:
        """Return the position behind all runs that have one."""
        return next(self._sequences)

    def put(self, run: RunState) -> None:
        """Queue a run if it can advance and is not queued yet."""
        if run.queued or run.done or run.next_step is None:
            return
        run.queued = True
        if run.streaming:
            run.sequence = self.next_sequence()
        heapq.heappush(self._heap, (run.queue_key, run))

    def pop(self) -> RunState | None:
        """Take the most urgent run."""
        while self._heap:
            run = heapq.heappop(self._heap)[1]
            if not run.done:
                run.queued = False
                return run
        return None

    def pop_similar(self, first: RunState, step: Step, limit: int) -> list[RunState]:
        """Take runs of the priority of `first` with the same next step, `limit` including it."""
        found: list[RunState] = []
        others: list[tuple[QueueKey, RunState]] = []
        while self._heap and self._heap[0][0].urgency == -first.priority and len(found) < limit - 1:
            entry = heapq.heappop(self._heap)
            run = entry[1]
            if run.done:
                continue
            if run.next_step is step:
                run.queued = False
                found.append(run)
            else:
                others.append(entry)
        for entry in others:
            heapq.heappush(self._heap, entry)
        return found

    def record_output(self, run: RunState, output: Output) -> None:
        """Note an output of a run; only playout scheduling uses it."""

    def forget(self, run: RunState, *, completed: bool) -> None:
        """Note the end of a run; only playout scheduling uses it."""
