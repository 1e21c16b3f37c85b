"""One run inside a worker: what has come in, how far the engine is, and what it does next."""

from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from wyoming_servers.engines.base import Output, Session
from wyoming_servers.protocol.flow import INPUT_WINDOW, OUTPUT_WINDOW, Meter, Window
from wyoming_servers.protocol.messages import InputChunk, RunInference


class Next(Enum):
    """What a run does in its next step."""

    OPEN = "open"
    ADVANCE = "advance"
    FEED = "feed"
    FINISH = "finish"


class Entry(NamedTuple):
    """Where a run stands among those that can do something; the least is next."""

    urgency: int
    """The negative priority."""
    working: bool
    """Whether it would begin or go on with an inference. Whoever still takes its input comes
    before, so that those who can be worked on together are there when one of them is."""
    turn: int
    run: int


class Work:
    """One run: what has come in and how far the engine is with it."""

    def __init__(self, message: RunInference, turn: int) -> None:
        self.number = message.run
        self.priority = message.priority
        self.turn = turn
        """Its place among runs of equal priority."""
        self.streaming = message.streaming
        self.request = message.request
        self.pieces: deque[InputChunk] = deque()
        if message.payload:
            self.pieces.append(InputChunk(run=message.run, payload=message.payload))
        self.sealed = not message.streaming
        """Whether the input is complete."""
        self.session: Session | None = None
        self.outputs: Iterator[Output] | None = None
        """What the engine is in the middle of yielding."""
        self.finishing = False
        """Whether `outputs` are the last, and their end is the result."""
        self.away = False
        """Whether a lane is making its next output."""
        self.window = Window(OUTPUT_WINDOW)
        self.meter = Meter(INPUT_WINDOW) if message.streaming else None
        self.came: float | None = None
        """When it came, where an order counts time."""
        self.taken = 0.0
        """When its last step began, likewise."""
        self.dry_at: float | None = None
        """When its listener has heard all that was made; None before anything was."""
        self.queued = False
        """Whether it waits for its turn."""
        self.over = False
        """Whether it has had its last word."""

    @property
    def entry(self) -> Entry:
        """Its place among the runs."""
        working = not self.streaming and self.next in (Next.ADVANCE, Next.FINISH)
        return Entry(-self.priority, working, self.turn, self.number)

    @property
    def next(self) -> Next | None:
        """What it would do now; None while it must wait."""
        if self.away or not self.window.open:
            return None
        if self.session is None:
            return Next.OPEN
        if self.outputs is not None:
            return Next.ADVANCE
        if self.pieces:
            return Next.FEED
        return Next.FINISH if self.sealed else None
