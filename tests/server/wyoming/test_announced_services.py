"""Announcements while models are being installed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.models.references import Reference, References
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
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def bus(clock: FakeClock) -> EventBus:
    return EventBus(clock)


@pytest.fixture
def references(tmp_path: Path, bus: EventBus, clock: FakeClock) -> References:
    return References(tmp_path / "references.json", bus, clock)


@pytest.fixture
async def servers(
    specs: dict[str, ModelSpec],
    discovery: FakeDiscovery,
    holder: ConfigHolder,
    clock: FakeClock,
    bus: EventBus,
    references: References,
) -> AsyncIterator[WyomingServers]:
    coordinator = FakeCoordinator(SPECS)
    servers = WyomingServers(
        holder,
        specs,
        AsrPipeline(coordinator, specs, holder, bus, clock, make_vad=LoudnessVad),
        TtsPipeline(coordinator, specs, holder, bus, clock),
        WakePipeline(coordinator, specs, holder, bus, clock),
        clock,
        uuid="0b5c9a4e-1111-2222-3333-444455556666",
        api_port=10_380,
        references=references,
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


async def test_services_are_not_announced_while_a_client_uses_the_api_in_place_of_them(
    servers: WyomingServers,
    holder: ConfigHolder,
    discovery: FakeDiscovery,
    references: References,
    bus: EventBus,
    clock: FakeClock,
) -> None:
    following = asyncio.create_task(servers.follow_references(bus))
    await asyncio.sleep(0)
    all_ports = {"tts", "wake", "api"}
    home = Reference("home-assistant.1", announce_wyoming=False)

    await references.declare(Reference("app"), 100_000.0)
    await references.declare(home, 5_000.0)
    await asyncio.sleep(0)
    assert discovery.announced == [all_ports, {"api"}]
    await references.withdraw(home.owner)
    await asyncio.sleep(0)
    assert discovery.announced[-1] == all_ports

    await references.declare(home, 5_000.0)
    await asyncio.sleep(0)
    assert discovery.announced[-1] == {"api"}
    await clock.advance(3_600.0)
    assert discovery.announced[-1] == {"api"}
    await clock.advance(3_600.0)  # expired meanwhile
    assert discovery.announced[-1] == all_ports

    for wyoming, expected in (("never", {"api"}), ("always", all_ports)):
        await references.declare(home, 5_000.0)
        config = holder.current
        discovered = config.discovery.model_copy(update={"wyoming": wyoming})
        holder.replace(
            config.model_copy(update={"discovery": discovered}), frozenset({"discovery.wyoming"})
        )
        await servers.apply_config()
        assert discovery.announced[-1] == expected
    following.cancel()
