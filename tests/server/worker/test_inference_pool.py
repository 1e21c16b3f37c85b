"""An engine that works on several runs at once: outputs are made elsewhere, decided on here."""

import queue
import threading
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import DeviceLostError
from wyoming_servers.engines.base import Output, ReportProgress, SupportsParallelRuns
from wyoming_servers.protocol.messages import (
    Cancel,
    ErrorMessage,
    InferenceChunk,
    InferenceResult,
    Message,
    RunInference,
)
from wyoming_servers.worker.executor import (
    InferencePool,
    RunExecutor,
    StepDone,
)

PATIENCE = 10.0


class Singer:
    """A session that sings `notes` notes, each when its engine allows it."""

    def __init__(self, engine: "Choir", request: Mapping[str, Any]) -> None:
        self.engine, self.request = engine, request
        self.closed = False

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> list[Output]:
        return []

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        for note in range(self.request.get("notes", 1)):
            self.engine.singing.put(self.request["name"])
            assert self.engine.allowed.acquire(timeout=PATIENCE)
            if error := self.request.get("error"):
                raise error
            yield Output({"note": note})
        return {"name": self.request["name"]}

    def close(self) -> None:
        self.closed = True


class Choir:
    parallel_runs = 2

    def __init__(self) -> None:
        self.singing: queue.Queue[str] = queue.Queue()
        self.allowed = threading.Semaphore(0)
        self.sessions: list[Singer] = []

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        return {}

    def warm_up(self) -> None:
        pass

    def open(self, request: Mapping[str, Any]) -> Singer:
        self.sessions.append(Singer(self, request))
        return self.sessions[-1]

    def close(self) -> None:
        pass


class House:
    """What the child does with a stepper, by hand."""

    def __init__(self) -> None:
        self.engine = Choir()
        self.sent: list[Message] = []
        self.back: queue.Queue[StepDone] = queue.Queue()
        self.stepper = RunExecutor(self.engine, self.sent.append, InferencePool(2, self.back.put))

    def begin(self, run: int, **request: Any) -> None:
        request.setdefault("name", str(run))
        self.stepper.handle(RunInference(run=run, request=request))
        self.step()

    def step(self) -> None:
        while self.stepper.busy:
            self.stepper.step()

    def allow(self, count: int = 1) -> None:
        """Let so many notes be sung, and hear of them."""
        for _ in range(count):
            self.engine.allowed.release()
            self.stepper.handle(self.back.get(timeout=PATIENCE))
            self.step()

    def finish(self, run: int) -> None:
        """Let a run go on until it has its result."""
        while not any(
            isinstance(message, InferenceResult | ErrorMessage) and message.run == run
            for message in self.sent
        ):
            self.engine.allowed.release()
            self.stepper.handle(self.back.get(timeout=PATIENCE))
            self.step()

    def singing(self, count: int) -> set[str]:
        return {self.engine.singing.get(timeout=PATIENCE) for _ in range(count)}


@pytest.fixture
def house() -> House:
    return House()


def test_the_engine_says_that_it_can() -> None:
    assert isinstance(Choir(), SupportsParallelRuns)


def test_as_many_are_made_at_once_as_there_are_lanes(house: House) -> None:
    for run in (1, 2, 3):
        house.begin(run)
    assert house.singing(2) == {"1", "2"}
    assert house.engine.singing.empty()
    house.finish(1)
    assert house.singing(1) == {"3"}


def test_outputs_of_a_run_come_in_order_and_then_its_result(house: House) -> None:
    house.begin(1, notes=3)
    house.finish(1)
    assert house.sent == [
        *(InferenceChunk(run=1, data={"note": note}) for note in range(3)),
        InferenceResult(run=1, data={"name": "1"}),
    ]
    assert house.engine.sessions[0].closed


def test_a_run_that_fails_fails_alone(house: House) -> None:
    house.begin(1, error=MemoryError("none"))
    house.begin(2)
    house.finish(1)
    house.finish(2)
    assert {getattr(message, "code", "") for message in house.sent} == {"OOM", ""}


def test_a_cancel_is_answered_at_once_and_what_is_in_a_lane_is_closed_when_it_is_back(
    house: House,
) -> None:
    house.begin(1, notes=5)
    house.singing(1)
    house.stepper.handle(Cancel(target=1))
    (told,) = house.sent
    assert isinstance(told, ErrorMessage)
    assert told.code == "CANCELLED"
    assert not house.engine.sessions[0].closed
    house.allow()
    assert house.engine.sessions[0].closed
    assert house.sent == [told]
    assert not house.stepper.busy


def test_a_lane_that_comes_back_is_free_for_another(house: House) -> None:
    house.begin(1)
    house.begin(2)
    house.stepper.handle(Cancel(target=1))
    house.stepper.handle(Cancel(target=2))
    house.begin(3)
    assert not house.engine.sessions[2:]
    house.allow()
    assert [session.request["name"] for session in house.engine.sessions] == ["1", "2", "3"]


def test_a_lost_device_is_told_and_then_raised(house: House) -> None:
    house.begin(1, error=RuntimeError("CUDA error: unspecified launch failure"))
    with pytest.raises(DeviceLostError):
        house.finish(1)
    assert isinstance(house.sent[-1], ErrorMessage)
    assert house.sent[-1].code == "DEVICE_LOST"


def test_closing_ends_what_is_in_a_lane_too(house: House) -> None:
    house.begin(1)
    house.singing(1)
    house.stepper.close()
    assert [getattr(message, "code", "") for message in house.sent] == ["SHUTTING_DOWN"]
    house.allow()
    assert house.engine.sessions[0].closed
