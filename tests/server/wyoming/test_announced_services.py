"""Announcements while models are being installed."""

import asyncio
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
def holder() -> ConfigHolder:
    sections: dict[str, Any] = {name: {"port": 0} for name in ("asr", "tts", "wake")}
    return ConfigHolder(Config.model_validate(sections | {"host": "127.0.0.1"}))


@pytest.fixture
async def servers(
    specs: dict[str, ModelSpec], discovery: FakeDiscovery, holder: ConfigHolder
) -> AsyncIterator[WyomingServers]:
    clock, coordinator = FakeClock(), FakeCoordinator(SPECS)
    bus = EventBus(clock)
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


async def test_service_that_is_turned_off_and_on_closes_and_opens_its_port(
    servers: WyomingServers, holder: ConfigHolder, discovery: FakeDiscovery
) -> None:
    on, opened = holder.current, await servers.apply_config()
    off = on.model_copy(update={"tts": on.tts.model_copy(update={"enabled": False})})
    holder.replace(off, frozenset({"tts.enabled"}))
    assert set(await servers.apply_config()) == {"asr", "wake"}
    assert discovery.announced[-1] == {"wake", "api"}
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", opened["tts"])
    holder.replace(on, frozenset({"tts.enabled"}))
    reopened = await servers.apply_config()
    _, writer = await asyncio.open_connection("127.0.0.1", reopened["tts"])
    writer.close()
    assert discovery.announced[-1] == {"tts", "wake", "api"}
