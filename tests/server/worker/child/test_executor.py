"""Runs advance one step at a time, and every decision is made between steps."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    DeviceLostError,
)
from wyoming_servers.engines.base import FinishedRun, Output, ReportProgress, Session
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
from wyoming_servers.protocol.session import (
    INPUT_WINDOW,
    OUTPUT_WINDOW,
)
from wyoming_servers.worker.child.executor import RunExecutor


class Recorder:
    """A session that logs its calls, and yields as many outputs as its request says."""

    def __init__(self, log: list[str], request: Mapping[str, Any]) -> None:
        self.log, self.request = log, request
        self.name = str(request.get("name", "run"))

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        self.log.append(f"{self.name} feed {payload.decode()}")
        if self.request.get("lazy"):
            return (Output({"at": n}) for n in range(self.request["lazy"]))
        return [Output({"echo": payload.decode()})] if self.request.get("echo") else []

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        try:
            for n in range(self.request.get("chunks", 0)):
                self.log.append(f"{self.name} step {n}")
                yield Output({"n": n}, b"x" * self.request.get("size", 0))
            if error := self.request.get("error"):
                raise error
            self.log.append(f"{self.name} end")
            return self.request.get("result", {})
        finally:
            self.log.append(f"{self.name} done")

    def close(self) -> None:
        self.log.append(f"{self.name} close")
        if self.request.get("untidy"):
            raise RuntimeError("cannot close")


class Engine:
    """An engine whose sessions are recorders."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        return {}

    def warm_up(self) -> None:
        pass

    def open(self, request: Mapping[str, Any]) -> Session:
        if request.get("bad"):
            raise BadRequestError("No.")
        return Recorder(self.log, request)

    def close(self) -> None:
        pass


class BatchEngine(Engine):
    """An engine that computes batches; errors in the request of a session are returned."""

    feed_limit = 3
    finish_limit = 3

    def feed_batch(
        self, chunks: Sequence[tuple[Session, bytes, Mapping[str, Any]]]
    ) -> Sequence[Iterable[Output] | Exception]:
        self.log.append(f"feed {len(chunks)}")
        return [list(session.feed(payload, data)) for session, payload, data in chunks]

    def finish_batch(self, sessions: Sequence[Session]) -> Sequence[FinishedRun | Exception]:
        self.log.append(f"finish {len(sessions)}")
        results: list[FinishedRun | Exception] = []
        for session in sessions:
            assert isinstance(session, Recorder)
            error = session.request.get("error")
            results.append(error or FinishedRun({"name": session.name}, [Output({"n": 0})]))
        return results


@pytest.fixture
def sent() -> list[Message]:
    """Messages sent to the server."""
    return []


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def executor(engine: Engine, sent: list[Message]) -> RunExecutor:
    return RunExecutor(engine, sent.append)


@pytest.fixture
def run_steps(executor: RunExecutor) -> Callable[[], None]:
    """Step until no run can advance."""

    def run_steps() -> None:
        for _ in range(1_000):
            if executor.delay != 0.0:
                return
            executor.step()
        pytest.fail("the steps never end")

    return run_steps


def run_message(
    run: int, *, priority: int = 1, payload: bytes = b"", **request: Any
) -> RunInference:
    return RunInference(run=run, priority=priority, payload=payload, request=request)


RunSteps = Callable[[], None]


def test_run_is_opened_fed_finished_and_closed(
    executor: RunExecutor, engine: Engine, sent: list[Message], run_steps: RunSteps
) -> None:
    executor.handle(run_message(1, payload=b"ab", chunks=2, result={"text": "hi"}))
    run_steps()
    assert engine.log == [
        "run feed ab",
        "run step 0",
        "run step 1",
        "run end",
        "run done",
        "run close",
    ]
    assert sent == [
        InferenceChunk(run=1, data={"n": 0}),
        InferenceChunk(run=1, data={"n": 1}),
        InferenceResult(run=1, data={"text": "hi"}),
    ]


def test_streaming_run_waits_for_input(
    executor: RunExecutor, sent: list[Message], run_steps: RunSteps
) -> None:
    executor.handle(RunInference(run=1, streaming=True, request={"echo": True}))
    run_steps()
    assert sent == []
    executor.handle(InputChunk(run=1, payload=b"a"))
    run_steps()
    assert sent == [InferenceChunk(run=1, data={"echo": "a"})]
    executor.handle(InputEnd(run=1))
    run_steps()
    assert sent[1:] == [InferenceResult(run=1)]


def test_each_output_of_a_generator_takes_a_step(
    executor: RunExecutor, sent: list[Message]
) -> None:
    executor.handle(RunInference(run=1, streaming=True, request={"lazy": 3}))
    executor.handle(InputChunk(run=1, payload=b"a"))
    executor.step()
    counts = []
    while executor.delay == 0.0:
        executor.step()
        counts.append(len(sent))
    assert counts == [1, 2, 3, 3]


def test_first_of_equal_runs_is_finished_first(
    executor: RunExecutor, engine: Engine, run_steps: RunSteps
) -> None:
    executor.handle(run_message(1, name="a", chunks=3))
    executor.handle(run_message(2, name="b", chunks=3))
    run_steps()
    steps = [line for line in engine.log if " step " in line]
    assert steps == ["a step 0", "a step 1", "a step 2", "b step 0", "b step 1", "b step 2"]


def test_streaming_runs_take_turns(
    executor: RunExecutor, engine: Engine, run_steps: RunSteps
) -> None:
    for run, name in ((1, "a"), (2, "b")):
        executor.handle(RunInference(run=run, streaming=True, request={"name": name}))
    for number in "123":
        for run in (1, 2):
            executor.handle(InputChunk(run=run, payload=number.encode()))
    run_steps()
    feeds = [line for line in engine.log if " feed " in line]
    assert feeds == ["a feed 1", "b feed 1", "a feed 2", "b feed 2", "a feed 3", "b feed 3"]


def test_higher_priority_overtakes_between_two_steps(
    executor: RunExecutor, engine: Engine, run_steps: RunSteps
) -> None:
    executor.handle(run_message(1, name="low", chunks=3))
    executor.step()
    executor.step()
    executor.handle(run_message(2, name="high", priority=10, chunks=2))
    run_steps()
    steps = [line for line in engine.log if " step " in line]
    assert steps == ["low step 0", "high step 0", "high step 1", "low step 1", "low step 2"]


def test_cancel_takes_effect_before_the_next_step(
    executor: RunExecutor, engine: Engine, sent: list[Message], run_steps: RunSteps
) -> None:
    executor.handle(run_message(1, chunks=5))
    executor.step()
    executor.step()
    executor.handle(Cancel(target=1))
    run_steps()
    assert engine.log == ["run step 0", "run done", "run close"]
    assert isinstance(sent[-1], ErrorMessage)
    assert sent[-1].code == "CANCELLED"


def test_messages_for_a_run_that_has_ended_are_ignored(
    executor: RunExecutor, sent: list[Message], run_steps: RunSteps
) -> None:
    executor.handle(run_message(1))
    run_steps()
    for late in (InputChunk(run=1), InputEnd(run=1), Cancel(target=1), Credit(run=1, size=1)):
        executor.handle(late)
        run_steps()
    assert sent == [InferenceResult(run=1)]


def test_bad_request_is_rejected_at_once(
    executor: RunExecutor, sent: list[Message], run_steps: RunSteps
) -> None:
    executor.handle(RunInference(run=1, streaming=True, request={"bad": True}))
    run_steps()
    assert sent == [
        ErrorMessage(run=1, code="BAD_REQUEST", message="No.", recoverable=False),
    ]


def test_exception_is_classified_and_ends_only_its_run(
    executor: RunExecutor, engine: Engine, sent: list[Message], run_steps: RunSteps
) -> None:
    executor.handle(run_message(1, name="a", error=MemoryError("none")))
    executor.handle(run_message(2, name="b"))
    run_steps()
    assert [getattr(message, "code", "") for message in sent] == ["OOM", ""]
    assert "a close" in engine.log


def test_lost_device_is_sent_as_an_error_and_raised(
    executor: RunExecutor, sent: list[Message]
) -> None:
    executor.handle(run_message(1, error=RuntimeError("CUDA error: unspecified launch failure")))
    executor.step()
    with pytest.raises(DeviceLostError):
        executor.step()
    assert isinstance(sent[-1], ErrorMessage)
    assert sent[-1].code == "DEVICE_LOST"


def test_output_that_is_not_json_fails_the_run(engine: Engine) -> None:
    sent: list[Message] = []

    def emit(message: Message) -> None:
        if isinstance(message, InferenceResult):
            raise TypeError("not JSON")
        sent.append(message)

    executor = RunExecutor(engine, emit)
    executor.handle(run_message(1))
    while executor.delay == 0.0:
        executor.step()
    (error,) = sent
    assert isinstance(error, ErrorMessage)
    assert error.code == "INFERENCE_FAILED"
    assert engine.log[-1] == "run close"


def test_session_that_fails_to_close_still_returns_its_result(
    executor: RunExecutor,
    sent: list[Message],
    run_steps: RunSteps,
    caplog: pytest.LogCaptureFixture,
) -> None:
    executor.handle(run_message(1, untidy=True))
    run_steps()
    assert sent == [InferenceResult(run=1)]
    assert "could not be closed" in caplog.text


def test_run_with_unread_output_pauses_and_others_continue(
    executor: RunExecutor, engine: Engine, sent: list[Message], run_steps: RunSteps
) -> None:
    half = OUTPUT_WINDOW // 2
    executor.handle(run_message(1, name="slow", chunks=4, size=half))
    executor.handle(run_message(2, name="quick", chunks=4))
    run_steps()
    assert [line for line in engine.log if line.startswith("slow step")] == [
        "slow step 0",
        "slow step 1",
    ]
    assert "quick end" in engine.log

    executor.handle(Credit(run=1, size=2 * half + 512))
    run_steps()
    assert "slow step 3" in engine.log


def test_consumed_input_is_credited(
    executor: RunExecutor, sent: list[Message], run_steps: RunSteps
) -> None:
    executor.handle(RunInference(run=1, streaming=True))
    for _ in range(4):
        executor.handle(InputChunk(run=1, payload=b"x" * (INPUT_WINDOW // 4)))
    run_steps()
    credited = sum(message.size for message in sent if isinstance(message, Credit))
    assert credited >= INPUT_WINDOW


def test_close_ends_every_run(executor: RunExecutor, engine: Engine, sent: list[Message]) -> None:
    executor.handle(run_message(1, name="a"))
    executor.handle(run_message(2, name="b"))
    executor.step()
    executor.close()
    assert [getattr(message, "code", "") for message in sent] == ["SHUTTING_DOWN"] * 2
    assert engine.log == ["a close"]


@pytest.fixture
def batch_engine() -> BatchEngine:
    return BatchEngine()


@pytest.fixture
def batch(batch_engine: BatchEngine, sent: list[Message]) -> RunExecutor:
    return RunExecutor(batch_engine, sent.append)


def test_waiting_chunks_are_fed_in_one_batch_up_to_the_limit(
    batch: RunExecutor, batch_engine: BatchEngine, sent: list[Message]
) -> None:
    for run in range(1, 6):
        batch.handle(
            RunInference(run=run, streaming=True, request={"name": str(run), "echo": True})
        )
    while batch.delay == 0.0:
        batch.step()
    for run in range(1, 6):
        batch.handle(InputChunk(run=run, payload=str(run).encode()))
    while batch.delay == 0.0:
        batch.step()
    assert [line for line in batch_engine.log if line[:5] == "feed "] == ["feed 3", "feed 2"]
    assert [message.data for message in sent if isinstance(message, InferenceChunk)] == [
        {"echo": str(run)} for run in range(1, 6)
    ]


def test_single_run_is_not_batched(
    batch: RunExecutor, batch_engine: BatchEngine, sent: list[Message]
) -> None:
    batch.handle(run_message(1, payload=b"a", chunks=1))
    while batch.delay == 0.0:
        batch.step()
    assert "run feed a" in batch_engine.log
    assert not [line for line in batch_engine.log if line.startswith(("feed", "finish"))]


def test_runs_of_equal_priority_finish_in_one_batch_and_fail_alone(
    batch: RunExecutor, batch_engine: BatchEngine, sent: list[Message]
) -> None:
    batch.handle(run_message(1, name="a"))
    batch.handle(run_message(2, name="b", error=MemoryError("none")))
    batch.handle(run_message(3, name="job", priority=0))
    while batch.delay == 0.0:
        batch.step()
    assert [line for line in batch_engine.log if line.startswith("finish")] == ["finish 2"]
    assert sent[:3] == [
        InferenceChunk(run=1, data={"n": 0}),
        InferenceResult(run=1, data={"name": "a"}),
        sent[2],
    ]
    assert isinstance(sent[2], ErrorMessage)
    assert sent[2].code == "OOM"
    assert sent[3] == InferenceResult(run=3)


def test_batch_that_raises_fails_all_its_runs(
    batch: RunExecutor,
    batch_engine: BatchEngine,
    sent: list[Message],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(sessions: Sequence[Session]) -> Sequence[FinishedRun | Exception]:
        raise ValueError("shapes")

    monkeypatch.setattr(batch_engine, "finish_batch", fail)
    for run in (1, 2):
        batch.handle(run_message(run))
    while batch.delay == 0.0:
        batch.step()
    assert [getattr(message, "code", "") for message in sent] == ["INFERENCE_FAILED"] * 2
