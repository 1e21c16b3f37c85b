"""Threads in which an engine that allows it works on several runs at the same time.

The engine thread decides what is made and hears what became of it; a lane only makes one output.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from wyoming_servers.engines.base import Output
from wyoming_servers.worker.work import RunState


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
