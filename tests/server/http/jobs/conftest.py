"""A jobs API over a fake decoder and a fake model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock, SystemClock
from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.http.app import create_app
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.server import ApiServer
from wyoming_servers.jobs.job import Job
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.jobs.schemas import job_payload
from wyoming_servers.media.decoder import RecordingEnded, RecordingEvent, RecordingOpened
from wyoming_servers.media.recording_chunker import RecordingChunk
from wyoming_servers.speech.fake import SPECS, FakeCoordinator
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.telemetry.metrics import Metrics
from wyoming_servers.webhooks.manager import WebhookManager

TOKEN = "s3cret"


class Recording:
    """Fake decoder: the events of every recording."""

    def __init__(self) -> None:
        self.parts: list[RecordingEvent | Exception] = [
            RecordingOpened(10.0),
            RecordingChunk(1.0, 3.0, bytes(64_000)),
            RecordingChunk(8.0, 9.0, bytes(32_000)),
            RecordingEnded(10.0),
        ]
        self.sizes: list[int] = []
        self.log: list[str] = []

    @asynccontextmanager
    async def __call__(
        self, path: Path, *, skip: float = 0.0, vad: bool = True, max_seconds: float = 86_400.0
    ) -> AsyncIterator[AsyncIterator[RecordingEvent]]:
        self.sizes.append((await asyncio.to_thread(path.stat)).st_size)
        try:
            yield self._play()
        finally:
            self.log.append("closed")

    async def _play(self) -> AsyncIterator[RecordingEvent]:
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


class Coordinator(FakeCoordinator):
    """All models have the state that the test sets."""

    state = ModelState.READY

    def snapshot(self):
        found = super().snapshot()
        return replace(found, models=tuple(replace(m, state=self.state) for m in found.models))

    async def load(self, model: str) -> bool:
        await super().load(model)
        return self.state is ModelState.READY


@pytest.fixture
def coordinator() -> Coordinator:
    return Coordinator(SPECS)


@pytest.fixture
def recording() -> Recording:
    return Recording()


@pytest.fixture
def settings() -> dict[str, Any]:
    """Configuration; tests change it before they use the API."""
    return {
        "asr": {"model": "asr/english"},
        "tts": {"voice": "en_US-joe"},
        "webhooks": {"allowed_targets": ["127.0.0.1"]},
        "jobs": {"max_upload": 1_048_576},
    }


@pytest.fixture
async def context(
    tmp_path: Path,
    coordinator: Coordinator,
    bus: EventBus,
    clock: FakeClock,
    recording: Recording,
    settings: dict[str, Any],
) -> AsyncIterator[ApiContext]:
    config = Config.model_validate(settings)
    holder, tasks = ConfigHolder(config), TaskSupervisor(clock)
    async with WebhookManager(tmp_path, holder, bus, clock, tasks) as webhooks:

        async def tell(job: Job) -> None:
            await webhooks.notify_job_ended(job.id, job.webhook_url, job_payload(job))

        async with JobManager(
            tmp_path / "jobs", coordinator, holder, bus, clock, tasks,
            on_end=tell, decoder=recording,
        ) as jobs:  # fmt: skip
            yield ApiContext(
                config_holder=holder,
                coordinator=coordinator,
                bus=bus,
                version="1.2.3",
                uuid="the-uuid",
                token=TOKEN,
                ports={},
                ready=lambda: (True, []),
                metrics=Metrics(coordinator.snapshot, "1.2.3").registry,
                specs=SPECS,
                jobs=jobs,
                webhooks=webhooks,
                tts=TtsPipeline(coordinator, SPECS, ConfigHolder(config), bus, SystemClock()),
                heartbeat=30.0,
            )


@pytest.fixture
def app(context: ApiContext) -> FastAPI:
    return create_app(context)


@pytest.fixture
async def live(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    server = ApiServer(app, "127.0.0.1", 0)
    port = await server.start()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=10,
        trust_env=False,
    ) as client:
        yield client
    await server.stop(1)


@pytest.fixture
def send(client: httpx.AsyncClient) -> Callable[..., Any]:
    """Send a recording with some fields."""

    async def post(
        content: bytes = b"sound", name: str = "audio.wav", headers: Any = None, **fields: str
    ) -> httpx.Response:
        return await client.post(
            "/jobs", files={"audio": (name, content)}, data=fields, headers=headers
        )

    return post


@pytest.fixture
def ended(client: httpx.AsyncClient, clock: FakeClock) -> Callable[..., Any]:
    """Wait until a job has ended and return it."""

    async def wait(job: str) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while True:
                found: dict[str, Any] = (await client.get(f"/jobs/{job}")).json()
                if found["status"] in ("done", "failed", "cancelled"):
                    return found
                await clock.advance(0.2)
                await asyncio.sleep(0.005)

    return wait
