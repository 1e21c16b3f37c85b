"""A scheduler with real models on a real GPU; skipped without one.

    pytest tests/server/gpu --gpu-like FOLDER [--gpu-real FOLDER] [--gpu-report FILE]

FOLDER is a multilingual Whisper model for CTranslate2 (`whisper/base` of the model store). Its
tokenizer and settings are used for models with random weights.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from gpu_scheduler import GPU, MIB, OpenScheduler, Report, RunningScheduler

from wyoming_servers.config.schema import LimitsSection, MemorySection
from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.devices.machine import MachineProbe
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.worker.process import ProcessLauncher


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--gpu-like", type=Path, help="Whisper model whose tokenizer is used")
    parser.addoption("--gpu-real", type=Path, help="whisper/tiny.en with its real weights")
    parser.addoption("--gpu-report", type=Path, help="write the figures to this JSON file")


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Iterator[Report]:
    """Measurements for docs/performance.md."""
    collected = Report()
    yield collected
    if path := request.config.getoption("--gpu-report"):
        path.write_text(json.dumps(collected.rows, indent=2) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def gpu_name() -> str:
    """The card; skips where there is none."""

    async def look() -> list[str]:
        probe = MachineProbe.detect()
        try:
            return [device.name for device in await probe.devices() if device.id == GPU]
        finally:
            await probe.close()

    found = asyncio.run(look())
    if not found:
        pytest.skip("there is no NVIDIA GPU")
    return found[0]


@pytest.fixture(scope="session")
def like(request: pytest.FixtureRequest) -> Path:
    folder: Path | None = request.config.getoption("--gpu-like")
    if folder is None:
        pytest.skip("--gpu-like names no model folder")
    return folder


@pytest.fixture(scope="session")
def turbo(gpu_name: str, like: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """whisper-large-v3-turbo's shapes with random weights."""
    from random_whisper import TURBO, make

    return make(tmp_path_factory.mktemp("turbo"), TURBO, like)


@pytest.fixture(scope="session")
def small(gpu_name: str, like: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """whisper-small's shapes with random weights."""
    from random_whisper import SMALL, make

    return make(tmp_path_factory.mktemp("small"), SMALL, like)


@pytest.fixture(scope="session")
def kokoro_files(gpu_name: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Kokoro-82M's shapes with random weights, for torch."""
    pytest.importorskip("torch")
    pytest.importorskip("loguru", reason="the package kokoro is not installed")
    from random_kokoro import make

    return make(tmp_path_factory.mktemp("kokoro"))


@pytest.fixture
def open_scheduler(gpu_name: str) -> OpenScheduler:
    """Open a coordinator: `async with open_scheduler(spec, …, budget="3GiB") as it`."""

    @asynccontextmanager
    async def open_scheduler(
        *specs: ModelSpec, budget: str = "90%", reserve: int = 64 * MIB
    ) -> AsyncIterator[RunningScheduler]:
        bus, probe = EventBus(), MachineProbe.detect()
        coordinator = Coordinator(
            {spec.id: spec for spec in specs},
            ProcessLauncher(),
            probe,
            bus,
            SystemClock(),
            limits=LimitsSection(load_timeout=180.0, request_timeout=180.0),
            memory=MemorySection(budget=budget, reserve=reserve),
        )
        it = RunningScheduler(coordinator, probe)

        async def listen() -> None:
            with bus.subscribe() as subscription:
                async for item in subscription:
                    it.events.append(item)

        listener = asyncio.create_task(listen())
        try:
            async with coordinator:
                yield it
        finally:
            listener.cancel()
            await asyncio.wait([listener])
            await probe.close()

    return open_scheduler


_HOG = """
import sys, torch
keep = int(sys.argv[1])
free, _ = torch.cuda.mem_get_info()
held = torch.empty(max(0, free - keep), dtype=torch.uint8, device="cuda")
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def outsider() -> Iterator[Callable[[int], Callable[[], None]]]:
    """Start a program that leaves so many bytes free on the card; returns how to end it."""
    processes: list[subprocess.Popen[str]] = []

    def start(leave_free: int) -> Callable[[], None]:
        process = subprocess.Popen(
            [sys.executable, "-c", _HOG, str(leave_free)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "holding"

        def leave() -> None:
            process.kill()
            process.wait(30)

        return leave

    yield start
    for process in processes:
        process.kill()
        process.wait(30)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def blockbuster() -> None:
    """Preparing a GPU may block the event loop in these tests."""
