"""One run inside a worker: what has come in, how far the engine is, and what it does next."""

from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from wyoming_servers.engines.base import Output, Session
from wyoming_servers.protocol.flow_control import (
    INPUT_WINDOW,
    OUTPUT_WINDOW,
    CreditMeter,
    SendWindow,
)
from wyoming_servers.protocol.messages import InputChunk, RunInference


class Step(Enum):
    """What a run does in its next step."""

    OPEN = "open"
    ADVANCE = "advance"
    FEED = "feed"
    FINISH = "finish"


class QueueKey(NamedTuple):
    """Where a run stands among those that can do something; the least is next."""

    urgency: int
    """The negative priority."""
    computes: bool
    """Whether it would begin or go on with an inference. Whoever still takes its input comes
    before, so that those who can be worked on together are there when one of them is."""
    sequence: int
    run: int


class RunState:
    """One run: what has come in and how far the engine is with it."""

    def __init__(self, message: RunInference, turn: int) -> None:
        self.number = message.run
        self.priority = message.priority
        self.sequence = turn
        """Its place among runs of equal priority."""
        self.streaming = message.streaming
        self.request = message.request
        self.input_chunks: deque[InputChunk] = deque()
        if message.payload:
            self.input_chunks.append(InputChunk(run=message.run, payload=message.payload))
        self.input_closed = not message.streaming
        """Whether the input is complete."""
        self.session: Session | None = None
        self.outputs: Iterator[Output] | None = None
        """What the engine is in the middle of yielding."""
        self.finishing = False
        """Whether `outputs` are the last, and their end is the result."""
        self.in_flight = False
        """Whether a lane is making its next output."""
        self.output_window = SendWindow(OUTPUT_WINDOW)
        self.input_meter = CreditMeter(INPUT_WINDOW) if message.streaming else None
        self.arrived_at: float | None = None
        """When it came, where an order counts time."""
        self.step_started_at = 0.0
        """When its last step began, likewise."""
        self.underrun_at: float | None = None
        """When its listener has heard all that was made; None before anything was."""
        self.queued = False
        """Whether it waits for its turn."""
        self.done = False
        """Whether it has had its last word."""

    @property
    def queue_key(self) -> QueueKey:
        """Its place among the runs."""
        working = not self.streaming and self.next_step in (Step.ADVANCE, Step.FINISH)
        return QueueKey(-self.priority, working, self.sequence, self.number)

    @property
    def next_step(self) -> Step | None:
        """What it would do now; None while it must wait."""
        if self.in_flight or not self.output_window.is_open:
            return None
        if self.session is None:
            return Step.OPEN
        if self.outputs is not None:
            return Step.ADVANCE
        if self.input_chunks:
            return Step.FEED
        return Step.FINISH if self.input_closed else None
