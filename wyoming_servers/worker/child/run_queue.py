"""State of the runs inside a worker, and the queues that decide which of them advances next.

`RunQueue` serves speech-to-text and wake words. `PlayoutQueue` schedules speech so that no client
that is already playing runs out of audio.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple

from wyoming_servers.core.domain import MAX_UNSENT_SECONDS
from wyoming_servers.engines.base import Output, Session
from wyoming_servers.protocol.messages import InputChunk, RunInference
from wyoming_servers.protocol.session import (
    INPUT_WINDOW,
    OUTPUT_WINDOW,
    CreditMeter,
    SendWindow,
)

MARGIN_SECONDS: Final = 0.05
"""Audio must be ready this long before it is needed."""

MAX_HOLD_SECONDS: Final = 6.0
"""A new run is held back at most this long in favor of runs that are playing."""

MAX_HOLD_SECONDS_WHEN_LATE: Final = 1.0
"""The same while a playing run has underrun: the machine is too slow for all of them, and holding
others back does not help."""

CONTINUATION_SECONDS: Final = 0.05
"""The next sentence of a client arrives this soon after the last one; it takes a few ms."""

HISTORY_SECONDS: Final = 100.0
"""The cost model remembers the units that produced this much audio."""

COST_QUANTILE: Final = 0.95
"""A unit is expected to cost as much as this quantile of the remembered ones. Chunks differ: the
first ones of a text include reading it."""

_FIXED_CHARACTERS: Final = 8
"""The cost of a sentence that does not depend on its length, as a number of characters."""

_LEARNING_RATE: Final = 0.3
"""Weight of the newest sentence in the audio seconds per character."""


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


@dataclass(slots=True)
class _Playout:
    """Timing of one run, or of the run that is expected to continue it; times of the clock."""

    sequence: int
    arrived_at: float
    underrun_at: float | None
    """When the client has played all audio so far; None before the first."""
    sizes: Sequence[int]
    """Characters of this text and of the client's next texts, as far as they are known."""
    priority: int
    stream: Any = None
    """Identifies the client's synthesis; None if no more texts follow."""
    started_at: float = 0.0
    """When the current unit was started."""
    work: float = 0.0
    """Seconds that its units took."""
    audio: float = 0.0
    """Audio seconds that it has produced."""
    expires_at: float = 0.0
    """When the worker stops waiting for an expected continuation."""

    @property
    def deadline(self) -> float:
        """When the next unit is needed: the underrun, or the arrival of a run without audio."""
        return self.arrived_at if self.underrun_at is None else self.underrun_at


class PlayoutQueue(RunQueue):
    """Runs of a voice that can advance: earliest deadline first, with an admission test.

    The unit of work is one output of the engine: a chunk of a sentence for voices that stream, a
    whole sentence for the others. All texts of all clients are runs here. Among runs of equal
    priority:

    1. A sentence that was started is finished first: its client cannot send the next one before.
    2. A new run (no audio yet) goes first if every run that is playing still gets its next units
       in time, as the cost model expects.
    3. Otherwise the run with the earliest deadline goes first. The deadline of a playing run is its
       underrun. A new run has one only after it has waited too long: the time it arrived.

    Clients send one run per sentence. Between two of them the worker waits a moment for the next
    sentence of a playing client before it starts a unit of another. The constants were chosen with
    the simulation in `test_playout_simulation`. All calls come from the engine thread.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        sample_rate: int,
        streams_audio: bool,
        parallel_runs: int = 1,
    ) -> None:
        """`now` is a clock in seconds; `parallel_runs` units are computed at the same time."""
        super().__init__()
        self._now = now
        self._bytes_per_second = 2 * sample_rate
        self._streams_audio = streams_audio
        self._parallel_runs = parallel_runs
        self._costs = CostModel(streams_audio=streams_audio)
        self._waiting: list[RunState] = []
        self._playouts: dict[int, _Playout] = {}
        """By run number, until the run is done."""
        self._expected: dict[Any, _Playout] = {}
        """By stream: texts that follow a run that is done, and have not arrived."""

    @property
    def delay(self) -> float | None:
        if not self._waiting:
            return None
        now = self._now()
        choice = self._choose(now)
        return max(0.0, choice.expires_at - now) if isinstance(choice, _Playout) else 0.0

    def put(self, run: RunState) -> None:
        if run.queued or run.done or run.next_step is None:
            return
        if run.number not in self._playouts:
            self._playouts[run.number] = self._arrived(run)
        run.queued = True
        self._waiting.append(run)

    def pop(self) -> RunState | None:
        """Take the run to advance; None while the continuation of another is waited for."""
        now = self._now()
        choice = self._choose(now) if self._waiting else None
        if not isinstance(choice, RunState):
            return None
        self._waiting.remove(choice)
        choice.queued = False
        self._playouts[choice.number].started_at = now
        return choice

    def pop_similar(self, first: RunState, step: Step, limit: int) -> list[RunState]:
        """Speech is not computed in batches."""
        return []

    def record_output(self, run: RunState, output: Output) -> None:
        if not output.payload:
            return
        playout, now = self._playouts[run.number], self._now()
        audio = len(output.payload) / self._bytes_per_second
        seconds, playout.started_at = now - playout.started_at, now
        playout.work += seconds
        playout.audio += audio
        if self._streams_audio:
            self._costs.learn_unit(playout.sizes[0], seconds, audio)
        if playout.underrun_at is None:
            # The joiner holds the end back until it knows whether a fade is due.
            playout.underrun_at = now + max(0.0, audio - MAX_UNSENT_SECONDS)
        else:
            playout.underrun_at = max(now, playout.underrun_at) + audio

    def forget(self, run: RunState, *, completed: bool) -> None:
        """Note the end of a run; after a completed one the client's next text is expected."""
        playout = self._playouts.pop(run.number, None)
        if run.queued:
            self._waiting.remove(run)
            run.queued = False
        if playout is None or not completed or not playout.audio:
            return
        size, *more = playout.sizes
        if not self._streams_audio:
            self._costs.learn_unit(size, playout.work, playout.audio)
        self._costs.learn_text(size, playout.audio)
        if more and playout.stream is not None:
            playout.sizes = more
            playout.expires_at = self._now() + CONTINUATION_SECONDS
            self._expected[playout.stream] = playout

    def _arrived(self, run: RunState) -> _Playout:
        now, request = self._now(), run.request
        stream = request.get("stream")
        if stream is not None:
            self._expected.pop(stream, None)
        buffered = request.get("buffered_seconds")
        return _Playout(
            sequence=run.sequence,
            arrived_at=now,
            underrun_at=now + buffered if isinstance(buffered, int | float) else None,
            sizes=(len(str(request.get("text", ""))), *request.get("next_characters", ())),
            priority=run.priority,
            stream=stream,
        )

    def _choose(self, now: float) -> "RunState | _Playout":
        """Return the run to advance, or the continuation to wait for; some run must be queued."""
        self._expected = {
            stream: item for stream, item in self._expected.items() if item.expires_at > now
        }
        entries: list[tuple[_Playout, RunState | _Playout]] = [
            *((self._playouts[run.number], run) for run in self._waiting),
            *((playout, playout) for playout in self._expected.values()),
        ]
        highest = max(playout.priority for playout, _ in entries)
        entries = [entry for entry in entries if entry[0].priority == highest]
        if not self._streams_audio:
            for playout, choice in entries:
                if playout.audio and isinstance(choice, RunState):
                    return choice  # 1
        playing = [entry for entry in entries if entry[0].underrun_at is not None]
        new = [entry for entry in entries if entry[0].underrun_at is None]
        first = min(new, key=lambda entry: entry[0].sequence, default=None)
        if first is not None and self._admits(first[0], [item for item, _ in playing], now):  # 2
            return first[1]
        late = any(playout.deadline < now for playout, _ in playing)
        hold = MAX_HOLD_SECONDS_WHEN_LATE if late else MAX_HOLD_SECONDS
        due = [*playing, *(entry for entry in new if now - entry[0].arrived_at > hold)]
        return min(due or new, key=lambda entry: (entry[0].deadline, entry[0].sequence))[1]  # 3

    def _admits(self, new: _Playout, playing: Sequence[_Playout], now: float) -> bool:
        """Whether all that play stay supplied if a new run goes first, and it does from then on.

        Units are computed in the order of their deadlines, `parallel_runs` at a time.
        """
        size, *more = new.sizes
        spent = now + self._costs.cost(size)
        units = [unit for item in playing for unit in self._units(item.deadline, item.sizes)]
        if not self._streams_audio:
            units += self._units(spent + self._costs.audio(size), more)
        for deadline, cost in sorted(units):
            spent += cost / self._parallel_runs
            if spent + MARGIN_SECONDS > deadline:
                return False
        return True

    def _units(self, deadline: float, sizes: Sequence[int]) -> list[tuple[float, float]]:
        """Return deadline and cost of the units to come: the next chunk, or all known sentences."""
        units = []
        for size in sizes[:1] if self._streams_audio else sizes:
            units.append((deadline, self._costs.cost(size)))
            deadline += self._costs.audio(size)
        return units


class CostModel:
    """Learns the seconds that a unit of work takes and the audio that a character makes."""

    def __init__(self, *, streams_audio: bool) -> None:
        self._streams_audio = streams_audio
        self._history: deque[tuple[float, float]] = deque()
        """Seconds per size of each unit, and the audio seconds that it produced."""
        self._audio = 0.0
        """Sum of the audio seconds in the history."""
        self._rate = 0.0
        """The quantile; 0.0 before the first unit, so that nothing is held back."""
        self._audio_per_character = 0.065

    def cost(self, characters: int) -> float:
        """Return the seconds that the next unit of a text takes."""
        return self._rate * self._size(characters)

    def audio(self, characters: int) -> float:
        """Return the audio seconds of a text."""
        return self._audio_per_character * characters

    def learn_unit(self, characters: int, seconds: float, audio: float) -> None:
        """Record that a unit took `seconds` and produced `audio` seconds."""
        self._history.append((seconds / self._size(characters), audio))
        self._audio += audio
        while len(self._history) > 1 and self._audio - self._history[0][1] > HISTORY_SECONDS:
            self._audio -= self._history.popleft()[1]
        rates = sorted(rate for rate, _ in self._history)
        self._rate = rates[min(len(rates) - 1, int(COST_QUANTILE * len(rates)))]

    def learn_text(self, characters: int, audio: float) -> None:
        """Record the audio seconds of a complete text."""
        if characters:
            error = audio / characters - self._audio_per_character
            self._audio_per_character += _LEARNING_RATE * error

    def _size(self, characters: int) -> int:
        """A chunk costs the same in any text; a sentence costs by its characters."""
        return 1 if self._streams_audio else characters + _FIXED_CHARACTERS
