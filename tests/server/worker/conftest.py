"""Models, and real worker processes that end with their test."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.worker.process import ProcessLauncher, ProcessWorker

Launch = Callable[..., Awaitable[ProcessWorker]]


@pytest.fixture
def spec() -> ModelSpec:
    """A speech-to-text model of the fake engine."""
    return ModelSpec(id="fake/asr", task=Task.ASR, engine="fake")


@pytest.fixture
def placement() -> Placement:
    return Placement()


@pytest.fixture
def alarm() -> Iterator[None]:
    """Fail a test that hangs, even in blocking code."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("The test hangs.")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(60)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
async def launch(alarm: None) -> AsyncIterator[Launch]:
    """Start a process for a fake model with these options, and load it unless `load` is false."""
    workers: list[ProcessWorker] = []

    async def launch(
        kind: Task = Task.ASR, *, load: bool = True, name: str = "fake/model", **options: Any
    ) -> ProcessWorker:
        spec = ModelSpec(id=name, task=kind, engine="fake", options=options)
        worker = await ProcessLauncher().launch(spec, Placement())
        workers.append(worker)
        if load:
            await worker.load(lambda phase, percent: None)
        return worker

    yield launch
    for worker in workers:
        worker.kill()
    await asyncio.gather(*(worker.exited for worker in workers))
