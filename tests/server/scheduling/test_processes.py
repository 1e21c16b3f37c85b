"""The coordinator over real worker processes with a made-up engine, on the real clock."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.domain import (
    ModelSpec,
    ModelState,
    Task,
)
from wyoming_servers.core.errors import (
    BusyError,
    ConductorError,
    DeadlineError,
    InferenceFailedError,
    LoadFailedError,
    OutOfMemoryError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import ModelFailed
from wyoming_servers.devices.machine import HostProbe
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.scheduling.status import DeviceStatus, ModelStatus
from wyoming_servers.worker.process import ProcessLauncher

MIB = 2**20
AUDIO = b"\1\0" * 1_600


class ProcessSetup:
    """A coordinator with real processes."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.probe = HostProbe()
        self.policy = SchedulingPolicy(
            reserve=0, budget="100%", ping_interval=0.3, stop_grace=1.0, memory_return_interval=0.05
        )
        self.specs: dict[str, ModelSpec] = {}
        self.coordinator: Coordinator

    def model(
        self, name: str, keep_alive: float = 300.0, folder: Path | None = None, **options: Any
    ) -> None:
        """Add a model whose worker may write to `folder`."""
        self.specs[name] = ModelSpec(
            id=name,
            task=Task.ASR,
            engine="fake",
            files={"cache_dir": str(folder)} if folder else {},
            keep_alive=keep_alive,
            memory_bytes=64 * MIB,
            options=options,
        )

    async def start(self, **policy: Any) -> None:
        self.coordinator = Coordinator(
            self.specs,
            ProcessLauncher(),
            self.probe,
            self.bus,
            SystemClock(),
            policy=replace(self.policy, **policy),
            jitter=lambda: 0.5,
        )
        await self.coordinator.start()

    async def transcribe(self, model: str, **request: Any) -> str:
        """Transcribe a recording; return the text."""
        async with (
            self.coordinator.lease(model) as lease,
            lease.open({"fake": request}, payload=AUDIO) as run,
        ):
            return str((await run.result())["text"])

    def status(self, model: str) -> ModelStatus:
        (status,) = [s for s in self.coordinator.snapshot().models if s.spec.id == model]
        return status

    @property
    def host(self) -> DeviceStatus:
        (device,) = self.coordinator.snapshot().devices
        return device

    def pid(self, model: str) -> int:
        pid = self.status(model).pid
        assert pid is not None
        return pid

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition on the public state holds."""
        async with asyncio.timeout(20):
            while not condition():
                await self.coordinator.changed()


@pytest.fixture
async def setup() -> AsyncIterator[ProcessSetup]:
    """A setup whose test must end within a minute and leave no process."""
    setup = ProcessSetup()
    children = set(psutil.Process().children())
    async with asyncio.timeout(60):
        yield setup
        await setup.coordinator.stop(grace=0)
        await setup.probe.close()
    assert set(psutil.Process().children()) <= children


async def error_of(work: Any) -> ConductorError:
    """Return the error with which an awaitable fails."""
    with pytest.raises(ConductorError) as caught:
        await work
    return caught.value


async def test_model_is_measured_while_loaded_and_its_memory_is_returned(setup):
    setup.model("a", memory_bytes=150 * MIB)
    await setup.start()
    assert await setup.transcribe("a") == "turn on the kitchen light"
    await setup.until(lambda: setup.host.committed)
    assert setup.host.committed > 150 * MIB
    pid = setup.pid("a")
    assert await setup.coordinator.unload("a")
    await setup.until(lambda: setup.status("a").state is ModelState.UNLOADED)
    assert not psutil.pid_exists(pid)
    await setup.until(lambda: not setup.host.returning)
    assert (setup.host.committed, setup.host.reserved) == (0, 0)
    assert setup.status("a").memory_bytes > 150 * MIB  # the next estimate is the measured figure


async def test_real_worker_killed_while_idle_is_replaced_for_the_next_request(setup):
    setup.model("a")
    await setup.start()
    await setup.transcribe("a")
    os.kill(setup.pid("a"), signal.SIGKILL)
    await setup.until(lambda: setup.status("a").state is ModelState.FAILED)
    assert await setup.transcribe("a")


async def test_worker_killed_in_a_run_does_not_affect_other_models(setup):
    setup.model("a")
    setup.model("b")
    await setup.start()
    await setup.transcribe("a")
    await setup.transcribe("b")
    running = asyncio.ensure_future(setup.transcribe("a", chunk_seconds=30.0))
    await asyncio.sleep(0.2)
    started = time.monotonic()
    os.kill(setup.pid("a"), signal.SIGKILL)
    assert await setup.transcribe("b")
    assert isinstance(await error_of(running), InferenceFailedError)
    assert time.monotonic() - started < 2
    assert await setup.transcribe("a")


async def test_worker_stopped_by_a_signal_ends_its_run_with_timeout(setup):
    setup.model("a")
    await setup.start()
    await setup.transcribe("a")
    running = asyncio.ensure_future(setup.transcribe("a", chunk_seconds=30.0))
    await asyncio.sleep(0.2)
    os.kill(setup.pid("a"), signal.SIGSTOP)
    assert isinstance(await error_of(running), DeadlineError)
    assert await setup.transcribe("a")
    (failed,) = [n.event for n in setup.bus.recent() if isinstance(n.event, ModelFailed)]
    assert failed.code == "TIMEOUT"


async def test_load_without_memory_is_retried_and_then_rejected(setup, tmp_path):
    once_file = tmp_path / "once"
    once_file.touch()
    setup.model("once", folder=tmp_path, load_error="memory", once_file=str(once_file))
    setup.model("always", load_error="memory")
    await setup.start()
    assert await setup.transcribe("once")
    assert isinstance(await error_of(setup.transcribe("always")), OutOfMemoryError)


async def test_worker_that_exits_while_loading_is_tried_twice(setup):
    setup.model("a", load_error="exit")
    setup.model("b")
    await setup.start(backoff=(0.05, 0.05, 0.05))
    error = await error_of(setup.transcribe("a"))
    assert isinstance(error, LoadFailedError)
    assert "status 1" in error.message
    await error_of(setup.transcribe("a"))
    error = await error_of(setup.transcribe("a"))
    assert isinstance(error, BusyError)
    assert error.retry_after is not None
    assert await setup.transcribe("b")


async def test_load_that_takes_too_long_is_ended(setup):
    setup.model("slow", load_seconds=30.0)
    await setup.start(load_timeout=0.5, max_failed_loads=1)
    error = await error_of(setup.transcribe("slow"))
    assert isinstance(error, DeadlineError)
    assert psutil.Process().children() == []


async def test_stop_leaves_no_process_even_if_one_hangs(setup):
    setup.model("a")
    setup.model("b", load_seconds=30.0)
    await setup.start(stop_grace=0.2)
    await setup.transcribe("a")
    os.kill(setup.pid("a"), signal.SIGSTOP)
    loading = asyncio.ensure_future(setup.transcribe("b"))
    await asyncio.sleep(0.1)
    await setup.coordinator.stop(grace=0)
    assert (await error_of(loading)).code == "SHUTTING_DOWN"
    assert psutil.Process().children() == []
