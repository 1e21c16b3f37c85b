"""The runs inside a worker, advanced one step at a time by the engine thread; no I/O, no threads.

A step is whatever an engine does between two outputs: nothing can interrupt it, so everything is
decided between steps. An engine that allows it makes several outputs at once, each in a lane. The
run with the highest priority goes first. Among equals the one that came first is brought to its
end, since taking turns would make all of them end late; only streams, which have no end to be
brought to, take turns, and speech, which must be there when it is to be heard (`playout`). A run
waits without costing anything while it has no input, and while its reader has not taken enough of
its output (`protocol.flow`).
"""

import logging
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, Final, cast

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
from wyoming_servers.protocol.flow import cost
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
from wyoming_servers.worker.lanes import Back, Ended, Lanes, Made, make
from wyoming_servers.worker.order import Order
from wyoming_servers.worker.work import Next, Work

_LOGGER: Final = logging.getLogger(__name__)

Emit = Callable[[Message], None]
"""Sends a message to the server. Raises TypeError or ValueError if its data is not JSON."""


class Stepper:
    """All runs of one engine. Every call comes from the engine thread.

    `take` accepts what the server says about runs; `step` does the most urgent piece of work.
    Each run that was begun gets exactly one last word: `inference-result` or `error`.
    """

    def __init__(
        self,
        engine: Engine,
        emit: Emit,
        lanes: Lanes | None = None,
        order: Order | None = None,
    ) -> None:
        self._engine = engine
        self._emit = emit
        self._lanes = lanes
        """Where outputs are made; None if this thread makes them."""
        self._runs: dict[int, Work] = {}
        self._order = Order() if order is None else order

    @property
    def busy(self) -> bool:
        """Whether a step would do something."""
        return bool(self._order) and (self._lanes is None or self._lanes.free)

    def take(self, message: Message | Back) -> None:
        """Note what the server says; about a run that has ended it is too late, and ignored.

        Raises DeviceLostError, as `step` does, when a lane has come back with it.
        """
        if isinstance(message, Back):
            self._welcome(message)
            return
        if isinstance(message, RunInference):
            run = self._runs[message.run] = Work(message, self._order.turn())
            self._order.put(run)
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
        self._order.put(found)

    def step(self) -> None:
        """Advance the most urgent run, or several that the engine takes together.

        Raises DeviceLostError, after the run was told, when the process is of no more use.
        """
        run = self._order.take()
        if run is None:
            return
        action = run.next
        together = [run]
        if action is Next.FEED and isinstance(self._engine, FeedsTogether):
            together += self._order.take_like(run, action, self._engine.feed_limit)
        elif action is Next.FINISH and isinstance(self._engine, FinishesTogether):
            together += self._order.take_like(run, action, self._engine.finish_limit)
        if len(together) > 1:
            self._step_together(together, action)
        else:
            self._step_alone(run, action)
        for each in together:
            self._order.put(each)

    def close(self) -> None:
        """End every run: the worker is about to go."""
        for run in list(self._runs.values()):
            self._fail(run, ShuttingDownError("The model was unloaded during the run."))

    def _step_alone(self, run: Work, action: Next | None) -> None:
        try:
            match action:
                case Next.OPEN:
                    run.session = self._engine.open(run.request)
                case Next.ADVANCE:
                    self._advance(run)
                case Next.FEED:
                    piece = self._take_piece(run)
                    self._put(run, _session(run).feed(piece.payload, piece.data))
                case Next.FINISH:
                    run.finishing = True
                    run.outputs = _session(run).finish()
                    self._advance(run)
        except Exception as err:  # noqa: BLE001  (whatever a library raises is the run's answer)
            self._failed(run, err)

    def _step_together(self, runs: Sequence[Work], action: Next | None) -> None:
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
        self, runs: Sequence[Work], action: Next | None
    ) -> Sequence[Iterable[Output] | Finished | Exception]:
        if action is Next.FEED and isinstance(self._engine, FeedsTogether):
            pieces = [(run, self._take_piece(run)) for run in runs]
            return self._engine.feed_batch(
                [(_session(run), piece.payload, piece.data) for run, piece in pieces]
            )
        engine = cast("FinishesTogether", self._engine)  # `step` has checked
        return engine.finish_batch([_session(run) for run in runs])

    def _take_piece(self, run: Work) -> InputChunk:
        """Take the next piece of input; the server may send as much again."""
        piece = run.pieces.popleft()
        if run.meter is not None and (credit := run.meter.take(cost(piece))):
            self._emit(Credit(run=run.number, size=credit))
        return piece

    def _put(self, run: Work, outputs: Iterable[Output]) -> None:
        """Send outputs: all at once if they exist already, else one with each step."""
        if isinstance(outputs, list | tuple):
            for output in outputs:
                self._send(run, output)
        else:
            run.outputs = iter(outputs)
            self._advance(run)

    def _advance(self, run: Work) -> None:
        """Let the engine work up to its next output, here or in a lane."""
        if run.outputs is None:
            return
        if self._lanes is None:
            self._settle(run, make(run.outputs))
        else:
            self._lanes.send(run, run.outputs)

    def _welcome(self, back: Back) -> None:
        """Send what a lane has made, unless nobody waits for it any more."""
        run = back.work
        if self._lanes is not None:
            self._lanes.welcome(run)
        if run.over:
            _close(run)
            return
        try:
            self._settle(run, back.made)
        except Exception as err:  # noqa: BLE001  (as in `_step_alone`)
            self._failed(run, err)
        self._order.put(run)

    def _settle(self, run: Work, made: Made) -> None:
        """Tell the server what was made. Raises what the engine raised."""
        match made:
            case Ended():
                run.outputs = None
                if run.finishing:
                    self._end(run, made.result)
            case Output():
                self._send(run, made)
            case _:
                raise made

    def _send(self, run: Work, output: Output) -> None:
        chunk = InferenceChunk(run=run.number, data=output.data, payload=output.payload)
        self._emit(chunk)
        run.window.spend(cost(chunk))
        if output.seconds:
            self._order.heard(run, output.seconds)

    def _end(self, run: Work, result: Mapping[str, Any] | None) -> None:
        self._emit(InferenceResult(run=run.number, data=result or {}))
        self._forget(run)

    def _failed(self, run: Work, err: Exception) -> None:
        """Tell the server what an exception of the engine means."""
        error = classify(err)
        log_failure(_LOGGER, f"Run {run.number}", err, error)
        self._fail(run, error)
        if isinstance(error, DeviceLostError):
            # Every later call of the library would fail: the CUDA context is gone for good.
            raise error

    def _fail(self, run: Work, error: ConductorError) -> None:
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

    def _forget(self, run: Work) -> None:
        """Let a run go that has had its last word; what is in a lane is closed when it is back."""
        del self._runs[run.number]
        run.over = True
        if not run.away:
            _close(run)


def _close(run: Work) -> None:
    """Tell the engine that a run is over."""
    try:
        if isinstance(run.outputs, Generator):
            run.outputs.close()
        if run.session is not None:
            run.session.close()
    except Exception:
        # The server has its answer; what is lost is the engine's own tidiness.
        _LOGGER.exception("Run %d could not be closed", run.number)


def _session(run: Work) -> Session:
    """The session of a run that was opened."""
    return cast("Session", run.session)  # `Work.next` asks for OPEN first
