"""How a worker's log tells of a load or a run that failed: a line, or a line and a traceback."""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, cast

from wyoming_servers.core.errors import (
    CancelledError,
    ConductorError,
    DeviceLostError,
    OutOfMemoryError,
    RequestError,
    ShuttingDownError,
)
from wyoming_servers.engines.base import (
    Engine,
    FinishedRun,
    Output,
    Session,
    SupportsBatchFeed,
    SupportsBatchFinish,
)
from wyoming_servers.engines.error_mapping import classify
from wyoming_servers.protocol.flow_control import window_cost
from wyoming_servers.protocol.messages import (
    Cancel,
    Credit,
    ErrorMessage,
    InferenceChunk,
    InferenceResult,
    InputChunk,
    InputEnd,
    Message,
    RunInference,
)
from wyoming_servers.worker.run_queue import RunQueue
from wyoming_servers.worker.run_state import (
    RunState,
    Step,
)

_EXPECTED_ERRORS: Final = (OutOfMemoryError, DeviceLostError)
"""What happens to machines; the place in the code where it was noticed tells nobody anything."""


def log_failure(
    logger: logging.Logger, what: str, raised: BaseException, meaning: ConductorError
) -> None:
    """Write down that `what` (`Run 3`) failed; `meaning` is what `raised` was taken for.

    1. The request cannot be served: a line at info, for it is the client's fault.
    2. A failure that says itself what it is: a line at warning.
    3. Anything else is unexpected: an error, with its traceback.

    At debug, 1 and 2 have theirs too.
    """
    text = " ".join(str(meaning).split())
    if isinstance(meaning, RequestError):  # 1
        level = logging.INFO
    elif isinstance(raised, ConductorError) or isinstance(meaning, _EXPECTED_ERRORS):  # 2
        level = logging.WARNING
    else:  # 3
        logger.error("%s failed: %s", what, text, exc_info=raised)
        return
    logger.log(level, "%s failed: %s", what, text)
    logger.debug("Where %s failed", what, exc_info=raised)


# Threads in which an engine that allows it works on several runs at the same time.
#
# The engine thread decides what is made and hears what became of it; a lane only makes one output.


@dataclass(frozen=True, slots=True)
class OutputsExhausted:
    """The engine has yielded all there is; what it returned."""

    result: Mapping[str, Any] | None


StepResult = Output | OutputsExhausted | Exception
"""What came of asking an engine for its next output."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """A lane says that a run's next output was made, or why not."""

    run: RunState
    result: StepResult


OnStepDone = Callable[[StepDone], None]
"""Called in a lane's thread."""


def next_output(outputs: Iterator[Output]) -> StepResult:
    """Let the engine work up to its next output."""
    try:
        return next(outputs)
    except StopIteration as end:
        return OutputsExhausted(end.value)
    except Exception as err:  # noqa: BLE001  (the engine thread tells what it means)
        return err


class InferencePool:
    """`count` threads; each that comes back is reported."""

    def __init__(self, count: int, report: OnStepDone) -> None:
        self._report: Final = report
        self._free = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="lane")

    @property
    def has_free_slot(self) -> bool:
        """Whether a run can be sent away."""
        return self._free > 0

    def submit(self, work: RunState, outputs: Iterator[Output]) -> None:
        """Have the next output of a run made; nobody else may touch its engine's session."""
        self._free -= 1
        work.in_flight = True
        self._threads.submit(lambda: self._report(StepDone(work, next_output(outputs))))

    def release(self, work: RunState) -> None:
        """Note that a run has come back."""
        self._free += 1
        work.in_flight = False


# The runs inside a worker, advanced one step at a time by the engine thread; no I/O, no threads.
#
# A step is whatever an engine does between two outputs: nothing can interrupt it, so everything is
# decided between steps. An engine that allows it makes several outputs at once, each in a lane. The
# run with the highest priority goes first. Among equals the one that came first is brought to its
# end, since taking turns would make all of them end late; only streams, which have no end to be
# brought to, take turns, and speech, which must be there when it is to be heard (`playout`). A run
# waits without costing anything while it has no input, and while its reader has not taken enough of
# its output (`protocol.flow`).

_LOGGER: Final = logging.getLogger(__name__)

SendMessage = Callable[[Message], None]
"""Sends a message to the server. Raises TypeError or ValueError if its data is not JSON."""


class RunExecutor:
    """All runs of one engine. Every call comes from the engine thread.

    `take` accepts what the server says about runs; `step` does the most urgent piece of work.
    Each run that was begun gets exactly one last word: `inference-result` or `error`.
    """

    def __init__(
        self,
        engine: Engine,
        emit: SendMessage,
        lanes: InferencePool | None = None,
        order: RunQueue | None = None,
    ) -> None:
        self._engine = engine
        self._emit = emit
        self._lanes = lanes
        """Where outputs are made; None if this thread makes them."""
        self._runs: dict[int, RunState] = {}
        self._order = RunQueue() if order is None else order

    @property
    def busy(self) -> bool:
        """Whether a step would do something."""
        return bool(self._order) and (self._lanes is None or self._lanes.has_free_slot)

    def handle(self, message: Message | StepDone) -> None:
        """Note what the server says; about a run that has ended it is too late, and ignored.

        Raises DeviceLostError, as `step` does, when a lane has come back with it.
        """
        if isinstance(message, StepDone):
            self._welcome(message)
            return
        if isinstance(message, RunInference):
            run = self._runs[message.run] = RunState(message, self._order.next_sequence())
            self._order.put(run)
            return
        number = message.target if isinstance(message, Cancel) else getattr(message, "run", 0)
        found = self._runs.get(number)
        if found is None:
            return
        match message:
            case InputChunk():
                found.input_chunks.append(message)
            case InputEnd():
                found.input_closed = True
            case Credit():
                found.output_window.refill(message.size)
            case Cancel():
                self._fail(found, CancelledError("The run was cancelled."))
                return
        self._order.put(found)

    def step(self) -> None:
        """Advance the most urgent run, or several that the engine takes together.

        Raises DeviceLostError, after the run was told, when the process is of no more use.
        """
        run = self._order.pop()
        if run is None:
            return
        action = run.next_step
        together = [run]
        if action is Step.FEED and isinstance(self._engine, SupportsBatchFeed):
            together += self._order.pop_similar(run, action, self._engine.feed_limit)
        elif action is Step.FINISH and isinstance(self._engine, SupportsBatchFinish):
            together += self._order.pop_similar(run, action, self._engine.finish_limit)
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

    def _step_alone(self, run: RunState, action: Step | None) -> None:
        try:
            match action:
                case Step.OPEN:
                    run.session = self._engine.open(run.request)
                case Step.ADVANCE:
                    self._advance(run)
                case Step.FEED:
                    piece = self._take_piece(run)
                    self._put(run, _session(run).feed(piece.payload, piece.data))
                case Step.FINISH:
                    run.finishing = True
                    run.outputs = _session(run).finish()
                    self._advance(run)
        except Exception as err:  # noqa: BLE001  (whatever a library raises is the run's answer)
            self._failed(run, err)

    def _step_together(self, runs: Sequence[RunState], action: Step | None) -> None:
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
                if isinstance(result, FinishedRun):
                    self._put(run, tuple(result.outputs))
                    self._end(run, result.result)
                else:
                    self._put(run, result)
            except Exception as err:  # noqa: BLE001  (as above)
                self._failed(run, err)

    def _ask_together(
        self, runs: Sequence[RunState], action: Step | None
    ) -> Sequence[Iterable[Output] | FinishedRun | Exception]:
        if action is Step.FEED and isinstance(self._engine, SupportsBatchFeed):
            pieces = [(run, self._take_piece(run)) for run in runs]
            return self._engine.feed_batch(
                [(_session(run), piece.payload, piece.data) for run, piece in pieces]
            )
        engine = cast("SupportsBatchFinish", self._engine)  # `step` has checked
        return engine.finish_batch([_session(run) for run in runs])

    def _take_piece(self, run: RunState) -> InputChunk:
        """Take the next piece of input; the server may send as much again."""
        piece = run.input_chunks.popleft()
        if run.input_meter is not None and (credit := run.input_meter.record(window_cost(piece))):
            self._emit(Credit(run=run.number, size=credit))
        return piece

    def _put(self, run: RunState, outputs: Iterable[Output]) -> None:
        """Send outputs: all at once if they exist already, else one with each step."""
        if isinstance(outputs, list | tuple):
            for output in outputs:
                self._send(run, output)
        else:
            run.outputs = iter(outputs)
            self._advance(run)

    def _advance(self, run: RunState) -> None:
        """Let the engine work up to its next output, here or in a lane."""
        if run.outputs is None:
            return
        if self._lanes is None:
            self._settle(run, next_output(run.outputs))
        else:
            self._lanes.submit(run, run.outputs)

    def _welcome(self, back: StepDone) -> None:
        """Send what a lane has made, unless nobody waits for it any more."""
        run = back.run
        if self._lanes is not None:
            self._lanes.release(run)
        if run.done:
            _close_run(run)
            return
        try:
            self._settle(run, back.result)
        except Exception as err:  # noqa: BLE001  (as in `_step_alone`)
            self._failed(run, err)
        self._order.put(run)

    def _settle(self, run: RunState, made: StepResult) -> None:
        """Tell the server what was made. Raises what the engine raised."""
        match made:
            case OutputsExhausted():
                run.outputs = None
                if run.finishing:
                    self._end(run, made.result)
            case Output():
                self._send(run, made)
            case _:
                raise made

    def _send(self, run: RunState, output: Output) -> None:
        chunk = InferenceChunk(run=run.number, data=output.data, payload=output.payload)
        self._emit(chunk)
        run.output_window.consume(window_cost(chunk))
        if output.seconds:
            self._order.record_output(run, output.seconds)

    def _end(self, run: RunState, result: Mapping[str, Any] | None) -> None:
        self._emit(InferenceResult(run=run.number, data=result or {}))
        self._forget(run)

    def _failed(self, run: RunState, err: Exception) -> None:
        """Tell the server what an exception of the engine means."""
        error = classify(err)
        log_failure(_LOGGER, f"Run {run.number}", err, error)
        self._fail(run, error)
        if isinstance(error, DeviceLostError):
            # Every later call of the library would fail: the CUDA context is gone for good.
            raise error

    def _fail(self, run: RunState, error: ConductorError) -> None:
        if run.number not in self._runs:
            return
        self._emit(
            ErrorMessage(
                run=run.number,
                code=error.code,
                message=error.message,
                hint=error.hint,
                recoverable=error.recoverable,
            )
        )
        self._forget(run)

    def _forget(self, run: RunState) -> None:
        """Let a run go that has had its last word; what is in a lane is closed when it is back."""
        del self._runs[run.number]
        run.done = True
        if not run.in_flight:
            _close_run(run)


def _close_run(run: RunState) -> None:
    """Tell the engine that a run is over."""
    try:
        if isinstance(run.outputs, Generator):
            run.outputs.close()
        if run.session is not None:
            run.session.close()
    except Exception:
        # The server has its answer; what is lost is the engine's own tidiness.
        _LOGGER.exception("Run %d could not be closed", run.number)


def _session(run: RunState) -> Session:
    """The session of a run that was opened."""
    return cast("Session", run.session)  # `Work.next` asks for OPEN first
