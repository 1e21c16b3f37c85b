"""An engine that computes several runs at once: the pool computes, the executor decides."""

import queue
import threading
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from wyoming_servers.core.domain import ModelSpec, Placement
from wyoming_servers.core.errors import DeviceLostError
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.protocol.messages import (
    Cancel,
    ErrorMessage,
    InferenceChunk,
    InferenceResult,
    Message,
    RunInference,
)
from wyoming_servers.worker.child.executor import InferencePool, RunExecutor, StepDone

TIMEOUT = 10.0


class CountingSession:
    """Yields `count` outputs, each when the engine permits it."""

    def __init__(self, engine: "ParallelEngine", request: Mapping[str, Any]) -> None:
        self.engine, self.request = engine, request
        self.closed = False

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> list[Output]:
        return []

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        for number in range(self.request.get("count", 1)):
            self.engine.started.put(self.request["name"])
            assert self.engine.permits.acquire(timeout=TIMEOUT)
            if error := self.request.get("error"):
                raise error
            yield Output({"number": number})
        return {"name": self.request["name"]}

    def close(self) -> None:
        self.closed = True


class ParallelEngine:
    parallel_runs = 2

    def __init__(self) -> None:
        self.started: queue.Queue[str] = queue.Queue()
        """Names of the runs whose next output is being computed."""
        self.permits = threading.Semaphore(0)
        self.sessions: list[CountingSession] = []

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        return {}

    def warm_up(self) -> None:
        pass

    def open(self, request: Mapping[str, Any]) -> CountingSession:
        self.sessions.append(CountingSession(self, request))
        return self.sessions[-1]

    def close(self) -> None:
        pass


class Child:
    """Drives an executor with a pool of two threads, as the worker child does."""

    def __init__(self) -> None:
        self.engine = ParallelEngine()
        self.sent: list[Message] = []
        self.mailbox: queue.Queue[StepDone] = queue.Queue()
        self.executor = RunExecutor(
            self.engine, self.sent.append, InferencePool(2, self.mailbox.put)
        )

    def start(self, run: int, **request: Any) -> None:
        request.setdefault("name", str(run))
        self.executor.handle(RunInference(run=run, request=request))
        self.step()

    def step(self) -> None:
        while self.executor.delay == 0.0:
            self.executor.step()

    def permit(self) -> None:
        """Let one output be computed, and handle its report."""
        self.engine.permits.release()
        self.executor.handle(self.mailbox.get(timeout=TIMEOUT))
        self.step()

    def finish(self, run: int) -> None:
        """Permit outputs until a run has ended."""
        while not any(
            isinstance(message, InferenceResult | ErrorMessage) and message.run == run
            for message in self.sent
        ):
            self.permit()

    def started(self, count: int) -> set[str]:
        return {self.engine.started.get(timeout=TIMEOUT) for _ in range(count)}

    @property
    def errors(self) -> list[str]:
        return [message.code for message in self.sent if isinstance(message, ErrorMessage)]


@pytest.fixture
def child() -> Child:
    return Child()


def test_pool_computes_as_many_runs_as_it_has_threads(child: Child) -> None:
    for run in (1, 2, 3):
        child.start(run)
    assert child.started(2) == {"1", "2"}
    assert child.engine.started.empty()
    child.finish(1)
    assert child.started(1) == {"3"}


def test_outputs_of_a_run_are_sent_in_order_before_its_result(child: Child) -> None:
    child.start(1, count=3)
    child.finish(1)
    assert child.sent == [
        *(InferenceChunk(run=1, data={"number": number}) for number in range(3)),
        InferenceResult(run=1, data={"name": "1"}),
    ]
    assert child.engine.sessions[0].closed


def test_failure_of_a_run_does_not_affect_others(child: Child) -> None:
    child.start(1, error=MemoryError("none"))
    child.start(2)
    child.finish(1)
    child.finish(2)
    assert child.errors == ["OOM"]


def test_library_that_exits_fails_its_run_and_frees_its_thread(child: Child) -> None:
    for run in (1, 2):
        child.start(run, error=SystemExit(3))
    child.finish(1)
    child.finish(2)
    assert child.errors == ["INFERENCE_FAILED", "INFERENCE_FAILED"]
    child.start(3)
    child.finish(3)
    assert child.sent[-1] == InferenceResult(run=3, data={"name": "3"})


def test_cancel_is_answered_at_once_and_the_session_closed_after_its_step(child: Child) -> None:
    child.start(1, count=5)
    child.started(1)
    child.executor.handle(Cancel(target=1))
    assert child.errors == ["CANCELLED"]
    assert not child.engine.sessions[0].closed
    child.permit()
    assert child.engine.sessions[0].closed
    assert len(child.sent) == 1
    assert child.executor.delay is None


def test_thread_of_a_cancelled_run_is_used_for_another(child: Child) -> None:
    child.start(1)
    child.start(2)
    child.executor.handle(Cancel(target=1))
    child.executor.handle(Cancel(target=2))
    child.start(3)
    assert not child.engine.sessions[2:]
    child.permit()
    assert [session.request["name"] for session in child.engine.sessions] == ["1", "2", "3"]


def test_lost_device_is_sent_as_an_error_and_raised(child: Child) -> None:
    child.start(1, error=RuntimeError("CUDA error: unspecified launch failure"))
    with pytest.raises(DeviceLostError):
        child.finish(1)
    assert child.errors == ["DEVICE_LOST"]


def test_close_ends_runs_in_the_pool_too(child: Child) -> None:
    child.start(1)
    child.started(1)
    child.executor.close()
    assert child.errors == ["SHUTTING_DOWN"]
    child.permit()
    assert child.engine.sessions[0].closed
