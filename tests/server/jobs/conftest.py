"""Jobs without processes: a decoder with scripted events, a fake coordinator."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.jobs.job import Job, NewJob
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.media.decoder import (
    RecordingEnded,
    RecordingEvent,
    RecordingOpened,
    SilenceSkipped,
)
from wyoming_servers.media.recording_chunker import RecordingChunk
from wyoming_servers.speech.fake import SPECS, FakeCoordinator
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.text.vocabulary import Vocabulary


class FakeDecoder:
    """A recording of ten seconds: speech from 1 to 3, from 5 to 6 and from 8 to 10."""

    def __init__(self) -> None:
        self.parts: list[RecordingEvent | Exception] = [
            RecordingOpened(10.0),
            RecordingChunk(1.0, 3.0, bytes(2 * 32_000)),
            SilenceSkipped(4.0),
            RecordingChunk(5.0, 6.0, bytes(32_000)),
            RecordingChunk(8.0, 10.0, bytes(2 * 32_000)),
            RecordingEnded(10.0),
        ]
        self.skips: list[float] = []
        self.vads: list[bool] = []
        self.open = 0

    @asynccontextmanager
    async def __call__(
        self, path: Path, *, skip: float = 0.0, vad: bool = True, max_seconds: float = 86_400.0
    ) -> AsyncIterator[AsyncIterator[RecordingEvent]]:
        self.skips.append(skip)
        self.vads.append(vad)
        self.open += 1
        try:
            yield self._play(skip)
        finally:
            self.open -= 1

    async def _play(self, skip: float) -> AsyncIterator[RecordingEvent]:
        for part in self.parts:
            await asyncio.sleep(0)
            if isinstance(part, Exception):
                raise part
            if not isinstance(part, RecordingChunk) or part.start >= skip:
                yield part


@pytest.fixture
def decoder() -> FakeDecoder:
    return FakeDecoder()


@pytest.fixture
def coordinator() -> FakeCoordinator:
    return FakeCoordinator(SPECS)


@pytest.fixture
def bus(clock: FakeClock) -> EventBus:
    return EventBus(clock)


@pytest.fixture
def notified() -> list[Job]:
    """The jobs whose end was reported."""
    return []


@pytest.fixture
def make_manager(
    tmp_path: Path,
    coordinator: FakeCoordinator,
    bus: EventBus,
    clock: FakeClock,
    decoder: FakeDecoder,
    notified: list[Job],
) -> Callable[..., JobManager]:
    """Create a manager with the same folder each time, as after a restart."""

    async def tell(job: Job) -> None:
        notified.append(job)

    def make(
        vocabulary: Vocabulary | None = None,
        asr: dict[str, Any] | None = None,
        phrases: PhraseCache | None = None,
        **settings: Any,
    ) -> JobManager:
        return JobManager(
            tmp_path / "jobs",
            coordinator,
            ConfigHolder(Config.model_validate({"asr": asr or {}, "jobs": settings})),
            bus,
            clock,
            TaskSupervisor(clock),
            vocabulary=vocabulary,
            phrase_cache=lambda: phrases,
            on_end=tell,
            decoder=decoder,
        )

    return make


@pytest.fixture
def submit(tmp_path: Path) -> Callable[..., Any]:
    """Submit a recording."""
    numbers = iter(range(1_000))

    async def send(manager: JobManager, **fields: Any) -> Job:
        path = manager.uploads_folder / f"recording-{next(numbers)}"
        await asyncio.to_thread(path.write_bytes, b"sound")
        return await manager.submit(NewJob(**{"model": "asr/english", **fields}), path)

    return send


@pytest.fixture
def wait_end(clock: FakeClock) -> Callable[..., Any]:
    """Wait until a job has ended; time passes meanwhile."""

    async def wait(manager: JobManager, job: Job) -> Job:
        async with asyncio.timeout(20):
            while not (found := await manager.get(job.id)).ended:
                await clock.advance(0.5)
                await asyncio.sleep(0.005)
        return found

    return wait


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Any]:
    """Wait for a condition that other tasks and threads bring about."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110  (it has no event)
                await asyncio.sleep(0.002)

    return wait
