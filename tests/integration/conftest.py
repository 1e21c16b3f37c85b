"""A Home Assistant, a fake server, and the integration between them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any
from unittest.mock import PropertyMock, patch

import pytest
from fakes.conductor import UUID, FakeConductor
from fakes.wyoming import ASR, TTS, WAKE, FakeWyoming
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

# Before Home Assistant's plugin looks for custom components in its own folder.
import custom_components.wyoming_conductor
from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.wyoming import async_add_servers

COMPONENT = Path(custom_components.wyoming_conductor.__file__).parent

SetUp = Callable[..., Awaitable[MockConfigEntry]]


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Let each test have a configuration folder of its own."""
    return hass_tmp_config_dir


@pytest.fixture(autouse=True)
def custom_integrations(enable_custom_integrations: None, socket_enabled: None) -> None:
    """Let Home Assistant load the integration, and open sockets on this machine."""


@pytest.fixture(autouse=True)
def quick() -> Generator[None]:
    """Wait as little as possible where the integration lets things settle."""
    component = "custom_components.wyoming_conductor"
    with (
        patch(f"{component}.coordinator.SETTLE_SECONDS", 0.01),
        patch(f"{component}.coordinator.FIRST_RETRY", 0.02),
        patch(f"{component}.coordinator.LAST_RETRY", 0.05),
        patch(f"{component}.vocabulary.SETTLE_SECONDS", 0.01),
    ):
        yield


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Compare as Home Assistant's own tests do."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture
def entity_registry_enabled_by_default() -> Generator[None]:
    """Enable every entity, also those that are disabled until somebody wants them."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        new_callable=PropertyMock(return_value=True),
    ):
        yield


@pytest.fixture
async def conductor() -> AsyncGenerator[FakeConductor]:
    """A server that runs."""
    fake = FakeConductor()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def wyoming(conductor: FakeConductor) -> AsyncGenerator[dict[str, FakeWyoming]]:
    """The ports that the server says it has."""
    servers = {"asr": FakeWyoming(ASR), "tts": FakeWyoming(TTS), "wake": FakeWyoming(WAKE)}
    for name, server in servers.items():
        await server.start()
        conductor.info["ports"][name] = server.port
    yield servers
    for server in servers.values():
        await server.stop()


@pytest.fixture
async def home(hass: HomeAssistant) -> AsyncGenerator[HomeAssistant]:
    """A Home Assistant whose entries are unloaded at the end, ours first."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    yield hass
    for domain in (DOMAIN, "wyoming"):
        for entry in hass.config_entries.async_entries(domain):
            if entry.state is ConfigEntryState.LOADED:
                await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


@pytest.fixture
def entry(home: HomeAssistant, conductor: FakeConductor) -> MockConfigEntry:
    """The server's entry, not set up."""
    made = MockConfigEntry(
        domain=DOMAIN,
        title="Attic",
        unique_id=UUID,
        data={"host": conductor.host, "port": conductor.port, "tls": False},
        options={"add_servers": False, "push_vocabulary": False, "gauge_interval": 60},
        entry_id="01JCONDUCTOR",
    )
    made.add_to_hass(home)
    return made


@pytest.fixture
async def loaded(
    home: HomeAssistant, entry: MockConfigEntry, until: Callable[..., Awaitable[None]]
) -> MockConfigEntry:
    """The server's entry, set up and streaming."""
    assert await home.config_entries.async_setup(entry.entry_id)
    # Its first event is taken after all has been read.
    await until(lambda: entry.runtime_data.last_event_at)
    await home.async_block_till_done()
    return entry


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Awaitable[None]]:
    """Wait until something is true; a test that waits in vain fails after 5 seconds."""

    async def wait(condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
async def assisted(
    home: HomeAssistant, loaded: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> MockConfigEntry:
    """The server's entry, with its servers in Assist."""
    await loaded.runtime_data.async_refresh()
    info = loaded.runtime_data.data.info
    assert await async_add_servers(home, info.uuid, "127.0.0.1", info.ports) == []
    await home.async_block_till_done()
    return loaded
