"""The runs inside a worker, advanced one step at a time by the engine thread; no I/O, no threads.

A step is whatever an engine does between two outputs: nothing can interrupt it, so everything is
decided between steps. The run with the highest priority goes first. Among equals the one that came
first is brought to its end, since taking turns would make all of them end late; only streams, which
have no end to be brought to, take turns. A run waits without costing anything while it has no
input, and while its reader has not taken enough of its output (`protocol.flow`).
"""

import heapq
import itertools
import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, cast

from wyoming_servers.engines.base import (
    Engine,
    FeedsTogether,
    Finished,
    FinishesTogether,
    Output,
    Session,
)
from wyoming_servers.engines.faults import classify
from wyoming_servers.errors import (
    CancelledError,
    ConductorError,
    DeviceLostError,
    ShuttingDownError,
)
from wyoming_servers.protocol.flow import INPUT_WINDOW, OUTPUT_WINDOW, Meter, Window, cost
from wyoming_servers.protocol.messages import (
    Cancel,
    Credit,
    Error,
    InferenceChunk,
    InferenceResult,
    InputChunk,
    InputEnd,
    Message,
    RunInference,
)
from wyoming_servers.worker.failures import log_failure

_LOGGER: Final = logging.getLogger(__name__)

Emit = Callable[[Message], None]
"""Sends a message to the server. Raises TypeError or ValueError if its data is not JSON."""


class _Next(Enum):
    """What a run does in its next step."""

    OPEN = "open"
    ADVANCE = "advance"
    FEED = "feed"
    FINISH = "finish"


class _Entry(NamedTuple):
    """Where a run stands among those that can do something; the least is next."""

    urgency: int
    """The negative priority."""
    working: bool
    """Whether it would begin or go on with an inference. Whoever still takes its input comes
    before, so that those who can be worked on together are there when one of them is."""
    turn: int
    run: int


class _Run:
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
        self.window = Window(OUTPUT_WINDOW)
        self.meter = Meter(INPUT_WINDOW) if message.streaming else None
        self.queued = False
        """Whether it stands in the heap."""

    @property
    def entry(self) -> _Entry:
        """Its place among the runs."""
        working = not self.streaming and self.next in (_Next.ADVANCE, _Next.FINISH)
        return _Entry(-self.priority, working, self.turn, self.number)

    @property
    def next(self) -> _Next | None:
        """What it would do now; None while it must wait."""
        if not self.window.open:
            return None
        if self.session is None:
            return _Next.OPEN
        if self.outputs is not None:
            return _Next.ADVANCE
        if self.pieces:
            return _Next.FEED
        return _Next.FINISH if self.sealed else None


class Stepper:
    """All runs of one engine. Every call comes from the engine thread.

    `take` accepts what the server says about runs; `step` does the most urgent piece of work.
    Each run that was begun gets exactly one last word: `inference-result` or `error`.
    """

    def __init__(self, engine: Engine, emit: Emit) -> None:
        self._engine = engine
        self._emit = emit
        self._runs: dict[int, _Run] = {}
        self._heap: list[_Entry] = []
        """Each run that can do something."""
        self._turns = itertools.count()

    @property
    def busy(self) -> bool:
        """Whether a step would do something."""
        return bool(self._heap)

    def take(self, message: Message) -> None:
        """Note what the server says; about a run that has ended it is too late, and ignored."""
        if isinstance(message, RunInference):
            run = self._runs[message.run] = _Run(message, next(self._turns))
            self._queue(run)
            return
        number = message.target if isinstance(message, Cancel) else getattr(message, "run", 0)
        found = self._runs.get(number)
        if found is None:
            return
        match message:
            case InputChunk():
                found.pieces.append(message)
            case InputEnd():
                found.sealed = True
            case Credit():
                found.window.refill(message.size)
            case Cancel():
                self._fail(found, CancelledError("The run was cancelled."))
                return
        self._queue(found)

    def step(self) -> None:
        """Advance the most urgent run, or several that the engine takes together.

        Raises DeviceLostError, after the run was told, when the process is of no more use.
        """
        run = self._pop()
        if run is None:
            return
        action = run.next
        together = [run]
        if action is _Next.FEED and isinstance(self._engine, FeedsTogether):
            together += self._like(run, action, self._engine.feed_limit)
        elif action is _Next.FINISH and isinstance(self._engine, FinishesTogether):
            together += self._like(run, action, self._engine.finish_limit)
        if len(together) > 1:
            self._step_together(together, action)
        else:
            self._step_alone(run, action)
        for each in together:
            self._queue(each)

    def close(self) -> None:
        """End every run: the worker is about to go."""
        for run in list(self._runs.values()):
            self._fail(run, ShuttingDownError("The model was unloaded during the run."))

    def _queue(self, run: _Run) -> None:
        """Put a run into the heap, a stream behind its equals, if it can do something."""
        if not run.queued and run.number in self._runs and run.next is not None:
            run.queued = True
            if run.streaming:
                run.turn = next(self._turns)
            heapq.heappush(self._heap, run.entry)

    def _pop(self) -> _Run | None:
        """Take the most urgent run out of the heap."""
        while self._heap:
            run = self._runs.get(heapq.heappop(self._heap).run)
            if run is not None:
                run.queued = False
                return run
        return None

    def _like(self, first: _Run, action: _Next, limit: int) -> list[_Run]:
        """Take out of the heap runs of equal priority that are about to do the same."""
        found: list[_Run] = []
        others: list[_Entry] = []
        while self._heap and self._heap[0].urgency == -first.priority and len(found) < limit - 1:
            entry = heapq.heappop(self._heap)
            run = self._runs.get(entry.run)
            if run is None:
                continue
            if run.next is action:
                run.queued = False
                found.append(run)
            else:
                others.append(entry)
        for entry in others:
            heapq.heappush(self._heap, entry)
        return found

    def _step_alone(self, run: _Run, action: _Next | None) -> None:
        try:
            match action:
                case _Next.OPEN:
                    run.session = self._engine.open(run.request)
                case _Next.ADVANCE:
                    self._advance(run)
                case _Next.FEED:
                    piece = self._take_piece(run)
                    self._put(run, _session(run).feed(piece.payload, piece.data))
                case _Next.FINISH:
                    run.finishing = True
                    run.outputs = _session(run).finish()
                    self._advance(run)
        except Exception as err:  # noqa: BLE001  (whatever a library raises is the run's answer)
            self._failed(run, err)

    def _step_together(self, runs: Sequence[_Run], action: _Next | None) -> None:
        try:
            results = self._ask_together(runs, action)
        except Exception as err:  # noqa: BLE001  (as above)
            for run in runs:
                self._failed(run, err)
            return
        for run, result in zip(runs, results, strict=True):
            try:
                if isinstance(result, Exception):
                    raise result
                if isinstance(result, Finished):
                    self._put(run, tuple(result.outputs))
                    self._end(run, result.result)
                else:
                    self._put(run, result)
            except Exception as err:  # noqa: BLE001  (as above)
                self._failed(run, err)

    def _ask_together(
        self, runs: Sequence[_Run], action: _Next | None
    ) -> Sequence[Iterable[Output] | Finished | Exception]:
        if action is _Next.FEED and isinstance(self._engine, FeedsTogether):
            pieces = [(run, self._take_piece(run)) for run in runs]
            return self._engine.feed_batch(
                [(_session(run), piece.payload, piece.data) for run, piece in pieces]
            )
        engine = cast("FinishesTogether", self._engine)  # `step` has checked
        return engine.finish_batch([_session(run) for run in runs])

    def _take_piece(self, run: _Run) -> InputChunk:
        """Take the next piece of input; the server may send as much again."""
        piece = run.pieces.popleft()
        if run.meter is not None and (credit := run.meter.take(cost(piece))):
            self._emit(Credit(run=run.number, size=credit))
        return piece

    def _put(self, run: _Run, outputs: Iterable[Output]) -> None:
        """Send outputs: all at once if they exist already, else one with each step."""
        if isinstance(outputs, list | tuple):
            for output in outputs:
                self._send(run, output)
        else:
            run.outputs = iter(outputs)
            self._advance(run)

    def _advance(self, run: _Run) -> None:
        """Let the engine work up to its next output."""
        if run.outputs is None:
            return
        try:
            output = next(run.outputs)
        except StopIteration as end:
            run.outputs = None
            if run.finishing:
                self._end(run, end.value)
        else:
            self._send(run, output)

    def _send(self, run: _Run, output: Output) -> None:
        chunk = InferenceChunk(run=run.number, data=output.data, payload=output.payload)
        self._emit(chunk)
        run.window.spend(cost(chunk))

    def _end(self, run: _Run, result: Mapping[str, Any] | None) -> None:
        self._emit(InferenceResult(run=run.number, data=result or {}))
        self._forget(run)

    def _failed(self, run: _Run, err: Exception) -> None:
        """Tell the server what an exception of the engine means."""
        error = classify(err)
        log_failure(_LOGGER, f"Run {run.number}", err, error)
        self._fail(run, error)
        if isinstance(error, DeviceLostError):
            # Every later call of the library would fail: the CUDA context is gone for good.
            raise error

    def _fail(self, run: _Run, error: ConductorError) -> None:
        if run.number not in self._runs:
            return
        self._emit(
            Error(
                run=run.number,
                code=error.code,
                message=error.message,
                hint=error.hint,
                recoverable=error.recoverable,
            )
        )
        self._forget(run)

    def _forget(self, run: _Run) -> None:
        """Let a run go that has had its last word."""
        del self._runs[run.number]
        try:
            if isinstance(run.outputs, Generator):
                run.outputs.close()
            if run.session is not None:
                run.session.close()
        except Exception:
            # The server has its answer; what is lost is the engine's own tidiness.
            _LOGGER.exception("Run %d could not be closed", run.number)


def _session(run: _Run) -> Session:
    """The session of a run that was opened."""
    return cast("Session", run.session)  # `_Run.next` asks for OPEN first
