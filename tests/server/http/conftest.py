"""An API over a scheduler whose answers the test sets."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import ModelSpec, ModelState, Placement, Priority, Task, VoiceInfo
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.http.app import create_app
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.server import ApiServer
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.scheduling.status import DeviceStatus, ModelStatus, Snapshot
from wyoming_servers.telemetry.metrics import Metrics

TOKEN = "s3cret"

BASE = ModelSpec(
    id="whisper/base",
    task=Task.ASR,
    engine="fake",
    languages=("en", "de"),
    memory_bytes=350 * 1024 * 1024,
)

VOICE = ModelSpec(
    id="piper/joe",
    task=Task.TTS,
    engine="fake",
    voices=(VoiceInfo(name="en_US-joe-medium", languages=("en-US",)),),
)

HOST_MEMORY = DeviceStatus(
    device="cpu",
    name="Some CPU",
    total=8 << 30,
    free=4 << 30,
    budget=7 << 30,
    reserved=0,
    committed=350 << 20,
)

GPU = DeviceStatus(
    device="cuda:0", name="NVIDIA GeForce RTX 2080", total=8192 << 20, free=4096 << 20,
    budget=7000 << 20, reserved=0, committed=0,
)  # fmt: skip


class FakeCoordinator:
    """Returns its fields and records the calls."""

    def __init__(self) -> None:
        self.models = {
            spec.id: ModelStatus(spec=spec, state=ModelState.UNLOADED, placement=Placement())
            for spec in (BASE, VOICE)
        }
        self.devices: tuple[DeviceStatus, ...] = (HOST_MEMORY,)
        self.queue_depth = 0
        self.asked: list[tuple[str, str]] = []
        self.failure: Exception | None = None
        self.accepting = True

    def change(self, model: str, **fields: Any) -> None:
        self.models[model] = replace(self.models[model], **fields)

    def lease(
        self, model: str, *, priority: Priority | None = None, client: str = ""
    ) -> AbstractAsyncContextManager[Lease]:
        raise NotImplementedError

    def prefetch(self, model: str, reason: str) -> None:
        raise NotImplementedError

    async def load(self, model: str) -> bool:
        self.asked.append(("load", model))
        if self.failure is not None:
            raise self.failure
        return self.models[model].state is ModelState.READY

    async def unload(self, model: str) -> bool:
        self.asked.append(("unload", model))
        if self.failure is not None:
            raise self.failure
        return self.models[model].state is ModelState.READY

    async def wait_ready(self, model: str) -> None:
        raise NotImplementedError

    def set_accepting(self, accepting: bool) -> None:
        self.accepting = accepting

    def snapshot(self) -> Snapshot:
        models = tuple(self.models.values())
        return Snapshot(models, self.devices, self.queue_depth, accepting=self.accepting)


@pytest.fixture
def coordinator() -> FakeCoordinator:
    return FakeCoordinator()


@pytest.fixture
def gpu() -> DeviceStatus:
    return GPU


@pytest.fixture
def bus(clock: FakeClock) -> EventBus:
    return EventBus(clock)


@pytest.fixture
def reasons() -> list[str]:
    """Reasons why the server is not ready; empty if it is ready."""
    return []


@pytest.fixture
def ports() -> dict[str, int]:
    return {"asr": 10300}


@pytest.fixture
def context(
    coordinator: FakeCoordinator, bus: EventBus, reasons: list[str], ports: dict[str, int]
) -> ApiContext:
    return ApiContext(
        config_holder=ConfigHolder(Config()),
        coordinator=coordinator,
        bus=bus,
        version="1.2.3",
        uuid="the-uuid",
        token=TOKEN,
        ports=ports,
        ready=lambda: (not reasons, reasons),
        metrics=Metrics(coordinator.snapshot, "1.2.3").registry,
        heartbeat=30.0,
    )


@pytest.fixture
def app(context: ApiContext) -> FastAPI:
    return create_app(context)


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the token."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://localhost",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as client:
        yield client


@pytest.fixture
async def live(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server on loopback."""
    server = ApiServer(app, "127.0.0.1", 0)
    port = await server.start()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=5,
        trust_env=False,
    ) as client:
        yield client
    await server.stop(1)
