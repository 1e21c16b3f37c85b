"""One stream of audio to a model whose pipe is full at times."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Self

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import (
    ModelSpec,
    Task,
)
from wyoming_servers.scheduling.interface import LoadedModelInfo
from wyoming_servers.speech.wake.stream import WakeModelStream

STEP = 1_280
CHUNK = bytes(STEP * 2)


class SlowRun:
    """Accepts a chunk only when the test allows it."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.gate = asyncio.Event()
        self.ended = asyncio.Event()

    async def send(self, payload: bytes, data: Mapping[str, Any] | None = None) -> None:
        await self.gate.wait()
        self.taken.append(len(payload))

    async def end(self) -> None:
        self.ended.set()

    async def __aiter__(self) -> AsyncIterator[Any]:
        await self.ended.wait()
        for nothing in ():
            yield nothing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


@pytest.fixture
def run() -> SlowRun:
    return SlowRun()


@pytest.fixture
def stream(run: SlowRun, clock: FakeClock) -> WakeModelStream:
    @asynccontextmanager
    async def lease(model: str, **_: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(
            info=LoadedModelInfo("wake", {"lead": STEP, "step": STEP}), open=lambda *_, **__: run
        )

    coordinator: Any = SimpleNamespace(lease=lease)
    spec = ModelSpec(id="wake", task=Task.WAKE, engine="fake")
    return WakeModelStream(coordinator, clock, spec, {}, "client", lambda *_: None)


async def test_wake_stream_sends_audio_after_the_pipe_was_full(
    stream: WakeModelStream, run: SlowRun, clock: FakeClock
) -> None:
    running = asyncio.create_task(stream.run())
    await clock.run_ready_tasks()
    stream.add(CHUNK, 0)
    await clock.run_ready_tasks()
    stream.add(CHUNK, 80)  # while the first is on its way
    run.gate.set()
    await clock.run_ready_tasks()
    assert sum(run.taken) == 2 * len(CHUNK)
    stream.add(CHUNK, 160)
    await clock.run_ready_tasks()
    assert sum(run.taken) == 3 * len(CHUNK)
    stream.end()
    await running


async def test_wake_stream_sends_the_rest_at_its_end(
    stream: WakeModelStream, run: SlowRun, clock: FakeClock
) -> None:
    run.gate.set()
    running = asyncio.create_task(stream.run())
    await clock.run_ready_tasks()
    stream.add(CHUNK[:100], 0)
    await clock.run_ready_tasks()
    assert run.taken == []
    stream.end()
    await running
    assert run.taken == [100]


async def test_wake_stream_sends_audio_that_began_before_the_run_was_open(
    stream: WakeModelStream, run: SlowRun, clock: FakeClock
) -> None:
    run.gate.set()
    stream.add(CHUNK[:320], 0)  # too little for a step, which is not known yet
    running = asyncio.create_task(stream.run())
    await clock.run_ready_tasks()
    stream.add(CHUNK[320:], 10)
    await clock.run_ready_tasks()
    assert sum(run.taken) == len(CHUNK)
    stream.end()
    await running
