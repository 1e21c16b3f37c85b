"""Executes the runs inside a worker, one step at a time, on the engine thread; no I/O.

A step is the work of an engine between two outputs. Nothing can interrupt it, so every decision is
made between steps. The queue chooses the run of the next step (`run_queue`). An
engine that supports parallel runs computes several outputs at once, in the threads of an
`InferencePool`. A run costs nothing while it waits for input, or for its reader to take output
(`protocol.session`).
"""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, cast

from wyoming_servers.core.errors import (
    CancelledError,
    ConductorError,
    DeviceLostError,
    InferenceFailedError,
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
from wyoming_servers.protocol.session import window_cost
from wyoming_servers.worker.child.run_queue import RunQueue, RunState, Step

_LOGGER: Final = logging.getLogger(__name__)

SendMessage = Callable[[Message], None]
"""Sends a message to the server. Raises TypeError or ValueError if its data is not JSON."""

_EXPECTED_ERRORS: Final = (OutOfMemoryError, DeviceLostError)
"""Errors of the machine, logged without a traceback: the place in the code does not matter."""


@dataclass(frozen=True, slots=True)
class OutputsExhausted:
    """The engine has yielded its last output."""

    result: Mapping[str, Any] | None
    """The return value of its generator."""


StepResult = Output | OutputsExhausted | BaseException
"""An output, the end of the outputs, or the exception of the engine."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """A thread of the inference pool has finished a step of a run."""

    run: RunState
    result: StepResult


OnStepDone = Callable[[StepDone], None]
"""Called in a thread of the pool."""


class RunExecutor:
    """All runs of one engine. Every call comes from the engine thread.

    `handle` accepts the messages about runs; `step` executes one step of the most urgent run.
    Each run ends with exactly one `inference-result` or `error`.
    """

    def __init__(
        self,
        engine: Engine,
        send: SendMessage,
        pool: "InferencePool | None" = None,
        queue: RunQueue | None = None,
    ) -> None:
        """Without a pool, outputs are computed on the calling thread."""
        self._engine = engine
        self._emit = send
        self._pool = pool
        self._runs: dict[int, RunState] = {}
        self._queue = RunQueue() if queue is None else queue

    @property
    def delay(self) -> float | None:
        """Seconds until `step` should be called: 0.0 now, None not before the next message."""
        if self._pool is not None and not self._pool.has_free_slot:
            return None
        return self._queue.delay

    def handle(self, message: Message | StepDone) -> None:
        """Process a message; one about a run that has ended is ignored.

        Raises DeviceLostError, as `step` does, when a thread of the pool has met it.
        """
        if isinstance(message, StepDone):
            self._step_done(message)
            return
        if isinstance(message, RunInference):
            run = RunState(message, self._queue.next_sequence())
            self._runs[message.run] = run
            self._queue.put(run)
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
        self._queue.put(found)

    def step(self) -> None:
        """Advance the most urgent run, or several that the engine computes in one batch.

        Raises DeviceLostError, after the run got its error, when the process cannot go on.
        """
        run = self._queue.pop()
        if run is None:
            return
        action = run.next_step
        batch = [run]
        if action is Step.FEED and isinstance(self._engine, SupportsBatchFeed):
            batch += self._queue.pop_similar(run, action, self._engine.feed_limit)
        elif action is Step.FINISH and isinstance(self._engine, SupportsBatchFinish):
            batch += self._queue.pop_similar(run, action, self._engine.finish_limit)
        if len(batch) > 1:
            self._step_batch(batch, action)
        else:
            self._step_one(run, action)
        for each in batch:
            self._queue.put(each)

    def close(self) -> None:
        """End every run, because the model is about to be unloaded."""
        for run in list(self._runs.values()):
            self._fail(run, ShuttingDownError("The model was unloaded during the run."))

    def _step_one(self, run: RunState, action: Step | None) -> None:
        try:
            match action:
                case Step.OPEN:
                    run.session = self._engine.open(run.request)
                case Step.ADVANCE:
                    self._advance(run)
                case Step.FEED:
                    chunk = self._take_input(run)
                    self._put_outputs(run, _session(run).feed(chunk.payload, chunk.data))
                case Step.FINISH:
                    run.finishing = True
                    run.outputs = _session(run).finish()
                    self._advance(run)
        except Exception as err:  # noqa: BLE001  (whatever a library raises becomes the run's error)
            self._failed(run, err)

    def _step_batch(self, runs: Sequence[RunState], action: Step | None) -> None:
        try:
            results = self._compute_batch(runs, action)
        except Exception as err:  # noqa: BLE001  (as above)
            for run in runs:
                self._failed(run, err)
            return
        for run, result in zip(runs, results, strict=True):
            try:
                if isinstance(result, Exception):
                    raise result
                if isinstance(result, FinishedRun):
                    self._put_outputs(run, tuple(result.outputs))
                    self._finish(run, result.result)
                else:
                    self._put_outputs(run, result)
            except Exception as err:  # noqa: BLE001  (as above)
                self._failed(run, err)

    def _compute_batch(
        self, runs: Sequence[RunState], action: Step | None
    ) -> Sequence[Iterable[Output] | FinishedRun | Exception]:
        if action is Step.FEED and isinstance(self._engine, SupportsBatchFeed):
            chunks = [(run, self._take_input(run)) for run in runs]
            return self._engine.feed_batch(
                [(_session(run), chunk.payload, chunk.data) for run, chunk in chunks]
            )
        engine = cast("SupportsBatchFinish", self._engine)  # `step` has checked it.
        return engine.finish_batch([_session(run) for run in runs])

    def _take_input(self, run: RunState) -> InputChunk:
        """Take the next chunk of input, and let the server send more."""
        chunk = run.input_chunks.popleft()
        if run.input_meter is not None and (credit := run.input_meter.record(window_cost(chunk))):
            self._emit(Credit(run=run.number, size=credit))
        return chunk

    def _put_outputs(self, run: RunState, outputs: Iterable[Output]) -> None:
        """Send outputs: a list at once, a generator's one with each step."""
        if isinstance(outputs, list | tuple):
            for output in outputs:
                self._send_output(run, output)
        else:
            run.outputs = iter(outputs)
            self._advance(run)

    def _advance(self, run: RunState) -> None:
        """Compute the next output, here or in the pool."""
        if run.outputs is None:
            return
        if self._pool is None:
            self._step_result(run, next_output(run.outputs))
        else:
            self._pool.submit(run, run.outputs)

    def _step_done(self, done: StepDone) -> None:
        """Send the output that the pool has computed, unless the run has ended meanwhile."""
        run = done.run
        if self._pool is not None:
            self._pool.release(run)
        if run.done:
            _close_run(run)
            return
        try:
            self._step_result(run, done.result)
        except Exception as err:  # noqa: BLE001  (as in `_step_one`)
            self._failed(run, err)
        self._queue.put(run)

    def _step_result(self, run: RunState, result: StepResult) -> None:
        """Send the result of a step. Raises the engine's exception."""
        match result:
            case OutputsExhausted():
                run.outputs = None
                if run.finishing:
                    self._finish(run, result.result)
            case Output():
                self._send_output(run, result)
            case Exception():
                raise result
            case _:
                # A library that exits must not end the worker, nor keep a thread of the pool.
                raise InferenceFailedError(f"The library ended with {result!r}.") from result

    def _send_output(self, run: RunState, output: Output) -> None:
        chunk = InferenceChunk(run=run.number, data=output.data, payload=output.payload)
        self._emit(chunk)
        run.output_window.consume(window_cost(chunk))
        self._queue.record_output(run, output)

    def _finish(self, run: RunState, result: Mapping[str, Any] | None) -> None:
        self._emit(InferenceResult(run=run.number, data=result or {}))
        self._forget(run, completed=True)

    def _failed(self, run: RunState, err: Exception) -> None:
        """End a run with the error that an exception of the engine stands for."""
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
        self._forget(run, completed=False)

    def _forget(self, run: RunState, *, completed: bool) -> None:
        """Drop a run that got its result or error; the pool may still be computing for it."""
        del self._runs[run.number]
        run.done = True
        self._queue.forget(run, completed=completed)
        if not run.in_flight:
            _close_run(run)


class InferencePool:
    """Threads that compute outputs of several runs at once; each finished step is reported."""

    def __init__(self, count: int, report: OnStepDone) -> None:
        self._report: Final = report
        self._free = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="inference")

    @property
    def has_free_slot(self) -> bool:
        """Whether another step can be submitted."""
        return self._free > 0

    def submit(self, run: RunState, outputs: Iterator[Output]) -> None:
        """Compute the next output of a run; its session must not be used until it is reported."""
        self._free -= 1
        run.in_flight = True
        self._threads.submit(lambda: self._report(StepDone(run, next_output(outputs))))

    def release(self, run: RunState) -> None:
        """Free the slot of a run whose step was reported."""
        self._free += 1
        run.in_flight = False


def next_output(outputs: Iterator[Output]) -> StepResult:
    """Let the engine work up to its next output. Never raises."""
    try:
        return next(outputs)
    except StopIteration as end:
        return OutputsExhausted(end.value)
    except BaseException as err:  # noqa: BLE001  (the executor decides what it means)
        return err


def log_failure(
    logger: logging.Logger, what: str, raised: BaseException, error: ConductorError
) -> None:
    """Log that `what` (`Run 3`) failed with `raised`, which was classified as `error`.

    1. The request cannot be served: a line at info, because the client caused it.
    2. An error of ours, or one of the machine: a line at warning.
    3. Anything else is unexpected: an error, with its traceback.

    At debug, 1 and 2 are logged with their traceback too.
    """
    text = " ".join(str(error).split())
    if isinstance(error, RequestError):  # 1
        level = logging.INFO
    elif isinstance(raised, ConductorError) or isinstance(error, _EXPECTED_ERRORS):  # 2
        level = logging.WARNING
    else:  # 3
        logger.error("%s failed: %s", what, text, exc_info=raised)
        return
    logger.log(level, "%s failed: %s", what, text)
    logger.debug("Traceback of %s", what, exc_info=raised)


def _close_run(run: RunState) -> None:
    """Close the engine's session of a run that has ended."""
    try:
        if isinstance(run.outputs, Generator):
            run.outputs.close()
        if run.session is not None:
            run.session.close()
    except Exception:
        # The server has its answer; only the engine's cleanup is incomplete.
        _LOGGER.exception("Run %d could not be closed", run.number)


def _session(run: RunState) -> Session:
    """Return the session of a run that was opened: `RunState.next_step` is OPEN before."""
    return cast("Session", run.session)
