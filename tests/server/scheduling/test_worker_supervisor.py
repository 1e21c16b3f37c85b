import asyncio
from typing import Any

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import (
    LoadFailedError,
    OutOfMemoryError,
)
from wyoming_servers.scheduling.planner import messages
from wyoming_servers.scheduling.planner.actions import LaunchWorker
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.worker_supervisor import WorkerSupervisor
from wyoming_servers.worker.fake import FakeLauncher, FakeWorker, WorkerBehavior

KEY = InstanceKey("a", Placement())
SPEC = ModelSpec(id="a", task=Task.ASR, engine="fake")


class Harness:
    """A supervisor over a fake launcher, and the messages it sent."""

    def __init__(self, clock: Any, launcher: Any = None) -> None:
        self.clock = clock
        self.behavior = WorkerBehavior(load_seconds=1.0)
        self.launcher = launcher or FakeLauncher(clock, lambda *_: self.behavior)
        self.sent: list[messages.PlannerMessage] = []
        self.tasks: list[asyncio.Task[None]] = []
        action = LaunchWorker(key=KEY, generation=3, spec=SPEC, stop_grace=2.0)
        self.supervisor = WorkerSupervisor(action, self.launcher, self.sent.append, self._spawn)

    def _spawn(self, work: Any, name: str) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self.tasks.append(task)
        return task

    async def begin(self) -> FakeWorker:
        """Run it until the process is launched."""
        self.run = self._spawn(self.supervisor.run(), "run")
        await self.clock.run_ready_tasks()
        worker = self.launcher.launched[-1]
        assert isinstance(worker, FakeWorker)
        return worker

    def kinds(self) -> list[str]:
        return [type(s).__name__ for s in self.sent if not type(s).__name__.endswith("Progressed")]

    @property
    def end(self) -> messages.WorkerExited:
        assert isinstance(self.sent[-1], messages.WorkerExited)
        return self.sent[-1]


@pytest.fixture
async def harness(clock):
    harness = Harness(clock)
    yield harness
    for task in harness.tasks:
        task.cancel()
    await asyncio.gather(*harness.tasks, return_exceptions=True)


async def test_supervisor_reports_start_ready_and_exit(harness):
    worker = await harness.begin()
    await harness.clock.advance(2)
    harness.supervisor.stop(5.0)
    await harness.run
    assert harness.kinds() == ["WorkerStarted", "WorkerReady", "WorkerExited"]
    assert harness.sent[0].pid == worker.pid
    assert all(s.key == KEY and s.generation == 3 for s in harness.sent)
    assert worker.stop_calls == 1


async def test_supervisor_reports_the_error_of_a_failed_load_after_the_exit(harness):
    harness.behavior.load_error = OutOfMemoryError("CUDA out of memory.")
    worker = await harness.begin()
    await harness.clock.advance(2)
    await harness.run
    assert (harness.end.code, harness.end.message) == ("OOM", "CUDA out of memory.")
    assert worker.gone


async def test_supervisor_reports_a_process_that_dies_while_loading(harness):
    worker = await harness.begin()
    worker.die(-11)
    await harness.run
    assert harness.end.code == "LOAD_FAILED"
    assert "SIGSEGV" in harness.end.message


async def test_supervisor_ends_a_hanging_load_with_its_process(harness):
    worker = await harness.begin()

    async def never(on_progress):
        await asyncio.Event().wait()

    worker.load = never
    worker.die()
    await harness.clock.run_ready_tasks()
    await harness.run
    assert harness.kinds() == ["WorkerStarted", "WorkerExited"]


async def test_supervisor_kill_has_its_own_reason_for_planner_and_runs(harness):
    await harness.begin()
    await harness.clock.advance(2)
    harness.supervisor.kill("TIMEOUT", "It hung.")
    await harness.run
    assert (harness.end.code, harness.end.message) == ("TIMEOUT", "It hung.")
    assert harness.supervisor.explain_error(LoadFailedError("gone")).code == "TIMEOUT"


async def test_supervisor_stops_a_process_during_its_load(harness):
    worker = await harness.begin()
    harness.supervisor.stop(5.0)
    await harness.clock.run_ready_tasks()
    await harness.run
    assert worker.gone
    assert harness.kinds() == ["WorkerStarted", "WorkerExited"]


async def test_supervisor_reports_ping_answers_of_living_workers(harness):
    worker = await harness.begin()
    await harness.clock.advance(2)
    harness.supervisor.ping()
    await harness.clock.run_ready_tasks()
    assert harness.kinds()[-1] == "PingAnswered"
    worker.behavior.frozen = True
    harness.supervisor.ping()
    await harness.clock.run_ready_tasks()
    worker.die()
    await harness.run
    await asyncio.gather(*harness.tasks, return_exceptions=True)
    assert harness.kinds().count("PingAnswered") == 1


async def test_supervisor_reports_device_errors_of_runs_only(harness):
    await harness.begin()
    await harness.clock.advance(2)
    oom = OutOfMemoryError("CUDA out of memory.")
    assert harness.supervisor.explain_error(oom) is oom
    assert harness.kinds()[-1] == "RunFailed"
    other = LoadFailedError("x")
    assert harness.supervisor.explain_error(other) is other
    assert harness.kinds().count("RunFailed") == 1


class Stuck:
    """A launcher that hangs or raises an unexpected error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.cancelled = False

    async def launch(self, spec: ModelSpec, placement: Placement) -> FakeWorker:
        if self.error is not None:
            raise self.error
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError


async def test_supervisor_kill_cancels_a_hanging_launch(clock):
    launcher = Stuck()
    harness = Harness(clock, launcher)
    task = asyncio.ensure_future(harness.supervisor.run())
    await clock.run_ready_tasks()
    harness.supervisor.kill("TIMEOUT", "Too slow.")
    await task
    assert launcher.cancelled
    assert harness.end.code == "TIMEOUT"


async def test_supervisor_reports_the_code_of_a_failed_launch(clock):
    harness = Harness(clock, Stuck(LoadFailedError("No such file.")))
    await harness.supervisor.run()
    assert (harness.end.code, harness.end.message) == ("LOAD_FAILED", "No such file.")


async def test_supervisor_logs_and_reports_unexpected_errors(clock, caplog):
    harness = Harness(clock, Stuck(RuntimeError("surprise")))
    await harness.supervisor.run()
    assert harness.end.code == "UNKNOWN"
    assert "surprise" in caplog.text


async def test_supervisor_leaves_no_process_after_an_unexpected_error(harness, caplog):
    harness.behavior.load_seconds = 0
    original = FakeWorker.load

    async def broken(self, on_progress):
        raise RuntimeError("surprise")

    FakeWorker.load = broken
    try:
        worker = await harness.begin()
        await harness.run
    finally:
        FakeWorker.load = original
    assert worker.gone
    assert harness.end.code == "UNKNOWN"
    assert "surprise" in caplog.text


async def test_supervisor_reports_the_exit_as_soon_as_a_run_meets_it(harness):
    worker = await harness.begin()
    await harness.clock.advance(2)
    worker.die()
    error = LoadFailedError("gone")
    assert harness.supervisor.explain_error(error) is error
    assert harness.end.code == "INFERENCE_FAILED"
    assert "SIGKILL" in harness.end.message
    await harness.run
    assert harness.kinds().count("WorkerExited") == 2  # the second is no news to the planner
