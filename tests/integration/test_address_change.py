"""Announcements of known servers: when the entry moves, and that no stranger gets the token."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from fakes.conductor import UUID, FakeConductor
from fakes.wyoming import FakeWyoming
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from test_config_flow import SOURCE_HASSIO, SOURCE_ZEROCONF, hassio_info, start_flow, zeroconf_info

from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.wyoming import async_add_services, async_get_entries

TOKEN = "correct-horse-battery-staple"

pytestmark = pytest.mark.usefixtures("repairs")


@pytest.fixture
async def repairs(home: HomeAssistant) -> None:
    """Set up Home Assistant's repairs integration."""
    assert await async_setup_component(home, "repairs", {})


@pytest.fixture
async def other() -> AsyncGenerator[FakeConductor]:
    """A second server on another port that claims the uuid of the first."""
    fake = FakeConductor()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def secured(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> MockConfigEntry:
    """Loaded config entry of a server that requires a token."""
    conductor.token = TOKEN
    home.config_entries.async_update_entry(entry, data={**entry.data, "token": TOKEN})
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    return entry


async def announce(home: HomeAssistant, conductor: FakeConductor, **properties: str) -> None:
    """Announce a server by zeroconf and wait for the consequences."""
    done = await start_flow(home, SOURCE_ZEROCONF, zeroconf_info(conductor, **properties))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
    await home.async_block_till_done()


async def fix(home: HomeAssistant) -> Any:
    """Start the fix flow of the only issue and confirm it."""
    (issue,) = ir.async_get(home).issues.values()
    assert issue.translation_key == "address_changed"
    manager = repairs_flow_manager(home)
    form = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    assert form["step_id"] == "confirm"
    done = await manager.async_configure(form["flow_id"], {})
    await home.async_block_till_done()
    return done


async def test_announcement_of_stranger_moves_nothing_while_server_answers(
    home: HomeAssistant, secured: MockConfigEntry, other: FakeConductor
) -> None:
    before = dict(secured.data)
    await announce(home, other)
    assert secured.data == before
    assert other.authorizations == []
    assert not ir.async_get(home).issues


async def test_announcement_of_stranger_gets_no_token_while_server_is_silent(
    home: HomeAssistant, secured: MockConfigEntry, conductor: FakeConductor, other: FakeConductor
) -> None:
    before = dict(secured.data)
    other.proof_token = "guessed-by-a-stranger"
    await conductor.stop()
    await announce(home, other)
    assert secured.data == before
    (issue,) = ir.async_get(home).issues.values()
    assert issue.translation_placeholders == {
        "name": "Attic",
        "old": f"http://127.0.0.1:{conductor.port}",
        "new": f"http://127.0.0.1:{other.port}",
    }
    form = await fix(home)
    assert form["errors"] == {"base": "cannot_verify"}
    assert secured.data == before
    assert set(other.authorizations) == {None}


async def test_stranger_that_offers_no_proof_gets_no_token(
    home: HomeAssistant, secured: MockConfigEntry, conductor: FakeConductor, other: FakeConductor
) -> None:
    before = dict(secured.data)
    await conductor.stop()
    await announce(home, other)
    assert (await fix(home))["errors"] == {"base": "cannot_verify"}
    assert secured.data == before
    assert set(other.authorizations) == {None}


async def test_relayed_proof_moves_nothing_without_confirmation(
    home: HomeAssistant, secured: MockConfigEntry, conductor: FakeConductor, other: FakeConductor
) -> None:
    before = dict(secured.data)
    other.proof_token, other.address = TOKEN, "192.0.2.9:10380"
    await conductor.stop()
    await announce(home, other)
    assert secured.data == before
    assert set(other.authorizations) == {None}
    # A server behind NAT proves another address as well: the user may confirm the new one.
    assert (await fix(home))["type"] is FlowResultType.CREATE_ENTRY
    assert secured.data == {**before, "port": other.port}


@pytest.mark.quality_scale("discovery-update-info")
async def test_server_that_proves_its_new_address_is_followed(
    home: HomeAssistant,
    secured: MockConfigEntry,
    conductor: FakeConductor,
    other: FakeConductor,
    wyoming: dict[str, FakeWyoming],
) -> None:
    assert await async_add_services(home, UUID, "127.0.0.1", conductor.info["ports"]) == []
    await home.async_block_till_done()
    await conductor.stop()
    other.token = TOKEN
    # The ports of the Wyoming services follow the config entry, not the announcement.
    other.info["ports"] = {**conductor.info["ports"], "wake": 1}
    await announce(home, other)
    assert secured.data["port"] == other.port
    assert secured.data["token"] == TOKEN
    assert secured.state is ConfigEntryState.LOADED
    assert async_get_entries(home, UUID)["wake"].data["port"] == 1
    assert other.authorizations[0] is None
    assert not ir.async_get(home).issues


async def test_wyoming_entries_stay_when_announcement_is_not_proven(
    home: HomeAssistant,
    secured: MockConfigEntry,
    conductor: FakeConductor,
    other: FakeConductor,
    wyoming: dict[str, FakeWyoming],
) -> None:
    assert await async_add_services(home, UUID, "127.0.0.1", conductor.info["ports"]) == []
    before = {name: dict(item.data) for name, item in async_get_entries(home, UUID).items()}
    assert before.keys() == {"asr", "tts", "wake"}
    other.info["ports"] = {"asr": 1, "tts": 2, "wake": 3}
    await conductor.stop()
    await announce(home, other)
    after = {name: dict(item.data) for name, item in async_get_entries(home, UUID).items()}
    assert after == before


async def test_entry_that_waits_for_its_server_is_set_up_at_the_proven_address(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.token = TOKEN
    # Nothing listens on this port.
    home.config_entries.async_update_entry(entry, data={**entry.data, "port": 1, "token": TOKEN})
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await announce(home, conductor)
    assert entry.data["port"] == conductor.port
    assert entry.state is ConfigEntryState.LOADED


async def test_entry_that_waits_for_its_server_is_retried_when_it_is_announced(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await conductor.stop()
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await conductor.start()
    await announce(home, conductor)
    assert entry.state is ConfigEntryState.LOADED


async def test_entry_with_https_never_moves_to_plain_http(
    home: HomeAssistant, secured: MockConfigEntry, conductor: FakeConductor, other: FakeConductor
) -> None:
    await home.config_entries.async_unload(secured.entry_id)
    data = {**secured.data, "tls": True}
    home.config_entries.async_update_entry(secured, data=data)
    await conductor.stop()
    other.token = TOKEN
    await announce(home, other)
    assert secured.data == data
    assert other.authorizations == []
    assert not ir.async_get(home).issues


async def test_server_that_swapped_addresses_with_another_is_followed(
    home: HomeAssistant, secured: MockConfigEntry, conductor: FakeConductor, other: FakeConductor
) -> None:
    other.token = TOKEN
    conductor.info["uuid"] = "another-server"
    await announce(home, other)
    assert secured.data["port"] == other.port


async def test_server_without_token_moves_after_confirmation(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    other: FakeConductor,
) -> None:
    await conductor.stop()
    await announce(home, other)
    assert loaded_entry.data["port"] == conductor.port
    await other.stop()
    assert (await fix(home))["errors"] == {"base": "cannot_connect"}
    await other.start()
    assert (await fix(home))["type"] is FlowResultType.CREATE_ENTRY
    assert loaded_entry.data["port"] == other.port
    assert not ir.async_get(home).issues


async def test_server_without_token_that_answers_is_not_moved(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    other: FakeConductor,
) -> None:
    await announce(home, other)
    assert loaded_entry.data["port"] == conductor.port
    assert not ir.async_get(home).issues


async def test_issue_is_deleted_when_server_answers_again(
    home: HomeAssistant, secured: MockConfigEntry, conductor: FakeConductor, other: FakeConductor
) -> None:
    await conductor.stop()
    await announce(home, other)
    assert ir.async_get(home).issues
    await conductor.start()
    await secured.runtime_data.coordinator.async_refresh()
    assert not ir.async_get(home).issues


async def test_ignored_server_stays_ignored(home: HomeAssistant, other: FakeConductor) -> None:
    ignored = MockConfigEntry(domain=DOMAIN, unique_id=UUID, source=SOURCE_IGNORE)
    ignored.add_to_hass(home)
    await announce(home, other)
    assert ignored.data == {}
    assert other.authorizations == []


async def test_app_with_proven_token_updates_address_and_token(
    home: HomeAssistant, secured: MockConfigEntry, conductor: FakeConductor, other: FakeConductor
) -> None:
    await conductor.stop()
    other.token = "the-new-token-of-the-app"
    done = await start_flow(home, SOURCE_HASSIO, hassio_info(other, token=other.token))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert (secured.data["port"], secured.data["token"]) == (other.port, other.token)


async def test_app_that_does_not_know_its_token_is_refused(
    home: HomeAssistant, secured: MockConfigEntry, other: FakeConductor
) -> None:
    other.proof_token = "another-token-than-announced"
    done = await start_flow(home, SOURCE_HASSIO, hassio_info(other, token=TOKEN))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "cannot_verify")
    assert set(other.authorizations) == {None}


async def test_discovered_server_gets_entered_token_only_after_proof(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    form = await start_flow(home, SOURCE_ZEROCONF, zeroconf_info(conductor))
    manager = home.config_entries.flow
    conductor.code, conductor.token = "123456", TOKEN
    form = await manager.async_configure(form["flow_id"], {})
    assert form["step_id"] == "pair"
    conductor.proof_token = "guessed-by-a-stranger"
    form = await manager.async_configure(form["flow_id"], {"token": TOKEN})
    assert form["errors"] == {"base": "cannot_verify"}
    assert set(conductor.authorizations) == {None}
    conductor.token = conductor.proof_token = TOKEN
    form = await manager.async_configure(form["flow_id"], {"token": TOKEN})
    assert form["step_id"] == "assistant"


async def test_announced_server_cannot_take_over_another_one(
    home: HomeAssistant, secured: MockConfigEntry, other: FakeConductor
) -> None:
    before = dict(secured.data)
    # Announced with an unknown uuid, it says later that it is the known server.
    form = await start_flow(home, SOURCE_ZEROCONF, zeroconf_info(other, uuid="unknown-uuid"))
    done = await home.config_entries.flow.async_configure(form["flow_id"], {})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "wrong_server")
    assert secured.data == before
