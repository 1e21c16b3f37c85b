"""Announcements while models are being installed."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.speech.asr.pipeline import AsrPipeline
from wyoming_servers.speech.fake import SPECS, FakeCoordinator, LoudnessVad
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.speech.wake.pipeline import WakePipeline
from wyoming_servers.wyoming.servers import WyomingServers


class FakeDiscovery:
    """Records what is announced."""

    def __init__(self) -> None:
        self.announced: list[set[str]] = []

    def start(self, ports: Mapping[str, int]) -> None:
        self.announced.append(set(ports))

    def update(self, _config: Config, ports: Mapping[str, int]) -> None:
        self.start(ports)

    async def stop(self) -> None:
        self.announced.append(set())


@pytest.fixture
def specs() -> dict[str, ModelSpec]:
    """A machine without a model for speech-to-text."""
    return {name: spec for name, spec in SPECS.items() if spec.task is not Task.ASR}


@pytest.fixture
def discovery() -> FakeDiscovery:
    return FakeDiscovery()


@pytest.fixture
async def servers(
    specs: dict[str, ModelSpec], discovery: FakeDiscovery
) -> AsyncIterator[WyomingServers]:
    sections: dict[str, Any] = {name: {"port": 0} for name in ("asr", "tts", "wake")}
    config = Config.model_validate(sections | {"host": "127.0.0.1"})
    clock, coordinator = FakeClock(), FakeCoordinator(SPECS)
    bus = EventBus(clock)
    holder = ConfigHolder(config)
    servers = WyomingServers(
        holder,
        specs,
        AsrPipeline(coordinator, specs, holder, bus, clock, make_vad=LoudnessVad),
        TtsPipeline(coordinator, specs, holder, bus, clock),
        WakePipeline(coordinator, specs, holder, bus, clock),
        clock,
        uuid="0b5c9a4e-1111-2222-3333-444455556666",
        api_port=10_380,
    )
    replaced: Any = discovery
    servers._discovery = replaced
    await servers.start()
    yield servers
    await servers.stop(grace=0)


async def test_service_is_announced_once_its_first_model_is_installed(
    servers: WyomingServers, specs: dict[str, ModelSpec], discovery: FakeDiscovery
) -> None:
    assert discovery.announced == [{"tts", "wake", "api"}]
    assert not servers.refresh()
    specs |= SPECS
    assert servers.refresh()
    assert not servers.refresh()
    assert discovery.announced == [{"tts", "wake", "api"}, {"asr", "tts", "wake", "api"}]
