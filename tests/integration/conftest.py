"""Fixtures: Home Assistant, a fake server and the config entry of the integration."""

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
from custom_components.wyoming_conductor.wyoming import async_add_services

COMPONENT = Path(custom_components.wyoming_conductor.__file__).parent


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Use a separate configuration folder for each test."""
    return hass_tmp_config_dir


@pytest.fixture(autouse=True)
def custom_integrations(enable_custom_integrations: None, socket_enabled: None) -> None:
    """Allow loading the integration and opening sockets."""


@pytest.fixture(autouse=True)
def short_delays() -> Generator[None]:
    """Shorten the delays of the integration."""
    component = "custom_components.wyoming_conductor"
    with (
        patch(f"{component}.coordinator.REFRESH_COOLDOWN", 0.01),
        patch(f"{component}.coordinator.MIN_RECONNECT_DELAY", 0.02),
        patch(f"{component}.coordinator.MAX_RECONNECT_DELAY", 0.05),
        patch(f"{component}.vocabulary.PUSH_COOLDOWN", 0.01),
    ):
        yield


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Use the snapshot format of Home Assistant's own tests."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)


@pytest.fixture
def entity_registry_enabled_by_default() -> Generator[None]:
    """Enable all entities, including those that are disabled by default."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        new_callable=PropertyMock(return_value=True),
    ):
        yield


@pytest.fixture
async def conductor() -> AsyncGenerator[FakeConductor]:
    """A running server."""
    fake = FakeConductor()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def wyoming(conductor: FakeConductor) -> AsyncGenerator[dict[str, FakeWyoming]]:
    """Running Wyoming services on the ports that the server reports."""
    servers = {"asr": FakeWyoming(ASR), "tts": FakeWyoming(TTS), "wake": FakeWyoming(WAKE)}
    for name, server in servers.items():
        await server.start()
        conductor.info["ports"][name] = server.port
    yield servers
    for server in servers.values():
        await server.stop()


@pytest.fixture
async def home(hass: HomeAssistant) -> AsyncGenerator[HomeAssistant]:
    """Home Assistant with the integration set up; unloads all config entries at the end."""
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
    """Config entry of the server, not set up."""
    config_entry = MockConfigEntry(
        domain=DOMAIN,
        title="Attic",
        unique_id=UUID,
        data={"host": conductor.host, "port": conductor.port, "tls": False},
        options={"add_to_assist": False, "push_vocabulary": False, "show_in_sidebar": True},
        entry_id="01JCONDUCTOR",
    )
    config_entry.add_to_hass(home)
    return config_entry


@pytest.fixture
async def loaded_entry(
    home: HomeAssistant, entry: MockConfigEntry, wait_until: Callable[..., Awaitable[None]]
) -> MockConfigEntry:
    """Config entry of the server, loaded and with an open event stream."""
    assert await home.config_entries.async_setup(entry.entry_id)
    await wait_until(lambda: entry.runtime_data.coordinator.last_event_at)
    await home.async_block_till_done()
    return entry


@pytest.fixture
def wait_until() -> Callable[[Callable[[], Any]], Awaitable[None]]:
    """Wait until a condition is true, at most 5 seconds.

    Polls because the conditions span Home Assistant, sockets and the fake server.
    """

    async def wait(condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
async def assist_entry(
    home: HomeAssistant, loaded_entry: MockConfigEntry, wyoming: dict[str, FakeWyoming]
) -> MockConfigEntry:
    """Loaded config entry whose services have been added to Assist."""
    await loaded_entry.runtime_data.coordinator.async_refresh()
    info = loaded_entry.runtime_data.coordinator.data.info
    assert await async_add_services(home, info.uuid, "127.0.0.1", info.ports) == []
    await home.async_block_till_done()
    return loaded_entry
