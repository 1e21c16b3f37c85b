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
from wyoming_servers.worker.fake import FakeBehavior, FakeLauncher, FakeWorker

KEY = InstanceKey("a", Placement())
SPEC = ModelSpec(id="a", task=Task.ASR, engine="fake")


class Scene:
    """A minder over a fake launcher, and what it told."""

    def __init__(self, clock: Any, launcher: Any = None) -> None:
        self.clock = clock
        self.behavior = FakeBehavior(load_seconds=1.0)
        self.launcher = launcher or FakeLauncher(clock, lambda *_: self.behavior)
        self.told: list[messages.PlannerMessage] = []
        self.tasks: list[asyncio.Task[None]] = []
        action = LaunchWorker(key=KEY, generation=3, spec=SPEC, stop_grace=2.0)
        self.minder = WorkerSupervisor(action, self.launcher, self.told.append, self._spawn)

    def _spawn(self, work: Any, name: str) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self.tasks.append(task)
        return task

    async def begin(self) -> FakeWorker:
        """Let it run until the process is there."""
        self.run = self._spawn(self.minder.run(), "run")
        await self.clock.run_ready_tasks()
        worker = self.launcher.launched[-1]
        assert isinstance(worker, FakeWorker)
        return worker

    def kinds(self) -> list[str]:
        return [type(s).__name__ for s in self.told if not type(s).__name__.endswith("Progressed")]

    @property
    def end(self) -> messages.WorkerExited:
        assert isinstance(self.told[-1], messages.WorkerExited)
        return self.told[-1]


@pytest.fixture
async def scene(clock):
    scene = Scene(clock)
    yield scene
    for task in scene.tasks:
        task.cancel()
    await asyncio.gather(*scene.tasks, return_exceptions=True)


async def test_supervisor_reports_start_ready_and_exit(scene):
    worker = await scene.begin()
    await scene.clock.advance(2)
    scene.minder.stop(5.0)
    await scene.run
    assert scene.kinds() == ["WorkerStarted", "WorkerReady", "WorkerExited"]
    assert scene.told[0].pid == worker.pid
    assert all(s.key == KEY and s.generation == 3 for s in scene.told)
    assert worker.stop_calls == 1


async def test_supervisor_reports_the_error_of_a_failed_load_after_the_exit(scene):
    scene.behavior.load_error = OutOfMemoryError("CUDA out of memory.")
    worker = await scene.begin()
    await scene.clock.advance(2)
    await scene.run
    assert (scene.end.code, scene.end.message) == ("OOM", "CUDA out of memory.")
    assert worker.gone


async def test_supervisor_reports_a_process_that_dies_while_loading(scene):
    worker = await scene.begin()
    worker.die(-11)
    await scene.run
    assert scene.end.code == "LOAD_FAILED"
    assert "SIGSEGV" in scene.end.message


async def test_supervisor_ends_a_hanging_load_with_its_process(scene):
    worker = await scene.begin()

    async def never(on_progress):
        await asyncio.Event().wait()

    worker.load = never
    worker.die()
    await scene.clock.run_ready_tasks()
    await scene.run
    assert scene.kinds() == ["WorkerStarted", "WorkerExited"]


async def test_supervisor_kill_has_its_own_reason_for_planner_and_runs(scene):
    await scene.begin()
    await scene.clock.advance(2)
    scene.minder.kill("TIMEOUT", "It hung.")
    await scene.run
    assert (scene.end.code, scene.end.message) == ("TIMEOUT", "It hung.")
    assert scene.minder.explain_error(LoadFailedError("gone")).code == "TIMEOUT"


async def test_supervisor_stops_a_process_during_its_load(scene):
    worker = await scene.begin()
    scene.minder.stop(5.0)
    await scene.clock.run_ready_tasks()
    await scene.run
    assert worker.gone
    assert scene.kinds() == ["WorkerStarted", "WorkerExited"]


async def test_supervisor_reports_ping_answers_of_living_workers(scene):
    worker = await scene.begin()
    await scene.clock.advance(2)
    scene.minder.ping()
    await scene.clock.run_ready_tasks()
    assert scene.kinds()[-1] == "PingAnswered"
    worker.behavior.frozen = True
    scene.minder.ping()
    await scene.clock.run_ready_tasks()
    worker.die()
    await scene.run
    await asyncio.gather(*scene.tasks, return_exceptions=True)
    assert scene.kinds().count("PingAnswered") == 1


async def test_supervisor_reports_device_errors_of_runs_only(scene):
    await scene.begin()
    await scene.clock.advance(2)
    oom = OutOfMemoryError("CUDA out of memory.")
    assert scene.minder.explain_error(oom) is oom
    assert scene.kinds()[-1] == "RunFailed"
    other = LoadFailedError("x")
    assert scene.minder.explain_error(other) is other
    assert scene.kinds().count("RunFailed") == 1


class Stuck:
    """A launcher that does not come back, or fails in a way nobody foresaw."""

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
    scene = Scene(clock, launcher)
    task = asyncio.ensure_future(scene.minder.run())
    await clock.run_ready_tasks()
    scene.minder.kill("TIMEOUT", "Too slow.")
    await task
    assert launcher.cancelled
    assert scene.end.code == "TIMEOUT"


async def test_supervisor_reports_the_code_of_a_failed_launch(clock):
    scene = Scene(clock, Stuck(LoadFailedError("No such file.")))
    await scene.minder.run()
    assert (scene.end.code, scene.end.message) == ("LOAD_FAILED", "No such file.")


async def test_supervisor_logs_and_reports_unexpected_errors(clock, caplog):
    scene = Scene(clock, Stuck(RuntimeError("surprise")))
    await scene.minder.run()
    assert scene.end.code == "UNKNOWN"
    assert "surprise" in caplog.text


async def test_supervisor_leaves_no_process_after_an_unexpected_error(scene, caplog):
    scene.behavior.load_seconds = 0
    original = FakeWorker.load

    async def broken(self, on_progress):
        raise RuntimeError("surprise")

    FakeWorker.load = broken
    try:
        worker = await scene.begin()
        await scene.run
    finally:
        FakeWorker.load = original
    assert worker.gone
    assert scene.end.code == "UNKNOWN"
    assert "surprise" in caplog.text


async def test_supervisor_reports_the_exit_as_soon_as_a_run_meets_it(scene):
    worker = await scene.begin()
    await scene.clock.advance(2)
    worker.die()
    error = LoadFailedError("gone")
    assert scene.minder.explain_error(error) is error
    assert scene.end.code == "INFERENCE_FAILED"
    assert "SIGKILL" in scene.end.message
    await scene.run
    assert scene.kinds().count("WorkerExited") == 2  # the second is no news to the planner
