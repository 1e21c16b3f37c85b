"""Every way to add, find again and change a server, each recovering from its errors."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from aiohttp import web
from fakes.conductor import UUID, FakeConductor
from fakes.wyoming import FakeWyoming
from homeassistant.config_entries import (
    SOURCE_HASSIO,
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.wyoming_conductor.const import DOMAIN

NOTHING = {"add_servers": False, "make_assistant": False}


def found(conductor: FakeConductor, **properties: str) -> ZeroconfServiceInfo:
    """Return what discovery tells of the server."""
    return ZeroconfServiceInfo(
        ip_address=ip_address(conductor.host),
        ip_addresses=[ip_address(conductor.host)],
        port=conductor.port,
        hostname="attic.local.",
        type="_wyconductor._tcp.local.",
        name="wyoming-conductor-0b7ef1c5._wyconductor._tcp.local.",
        properties={"uuid": UUID, "name": "Attic", "tls": "0", **properties},
    )


def app(conductor: FakeConductor, **config: Any) -> HassioServiceInfo:
    """Return what the Supervisor tells of the server."""
    return HassioServiceInfo(
        config={"host": conductor.host, "port": conductor.port, **config},
        name="Wyoming Conductor",
        slug="wyoming_conductor",
        uuid="of-the-app",
    )


def break_it(conductor: FakeConductor, how: str) -> None:
    """Let the server answer in a way that a form has to explain."""
    match how:
        case "invalid_auth":
            conductor.token = "secret"
        case "not_conductor":
            conductor.answers["GET /info"] = web.Response(text="<html>A router.</html>")
        case "unknown":
            problem = {"error": "No.", "code": "BUSY"}
            conductor.answers["GET /info"] = web.json_response(problem, status=503)
        case "unsupported_version":
            conductor.info["api_version"] = "9"


def mend(conductor: FakeConductor) -> None:
    """Let the server be as it was, with its token."""
    conductor.answers.clear()
    conductor.info["api_version"] = "1"


async def begin(home: HomeAssistant, source: str, data: Any = None) -> ConfigFlowResult:
    """Begin a flow."""
    return await home.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=data)


async def answer(
    home: HomeAssistant, flow: ConfigFlowResult, answers: dict[str, Any]
) -> ConfigFlowResult:
    """Submit a form."""
    return await home.config_entries.flow.async_configure(flow["flow_id"], answers)


async def test_a_user_adds_a_server(home: HomeAssistant, conductor: FakeConductor) -> None:
    form = await begin(home, SOURCE_USER)
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "user")
    form = await answer(home, form, {"host": "127.0.0.1", "port": conductor.port, "tls": False})
    assert (form["step_id"], form["errors"]) == ("assist", None)
    done = await answer(home, form, NOTHING)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["title"] == "Wyoming Conductor"
    assert done["data"] == {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    entry = done["result"]
    assert entry.unique_id == UUID
    assert entry.options == {"add_servers": False, "push_vocabulary": True, "gauge_interval": 60}
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("how", ["invalid_auth", "not_conductor", "unknown", "unsupported_version"])
async def test_a_form_says_what_is_wrong_and_goes_on_when_it_is_right(
    home: HomeAssistant, conductor: FakeConductor, how: str
) -> None:
    address = {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    break_it(conductor, how)
    form = await answer(home, await begin(home, SOURCE_USER), address)
    assert form["errors"] == {"base": how}
    mend(conductor)
    form = await answer(home, form, {**address, "token": "secret"})
    assert (await answer(home, form, NOTHING))["type"] is FlowResultType.CREATE_ENTRY


async def test_a_form_says_that_nobody_answers(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    address = {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    await conductor.stop()
    form = await answer(home, await begin(home, SOURCE_USER), address)
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    form = await answer(home, form, address)
    assert (await answer(home, form, NOTHING))["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("host", ["", "http://", "two words", "a/path"])
async def test_a_form_refuses_what_is_no_host(
    home: HomeAssistant, conductor: FakeConductor, host: str
) -> None:
    form = await answer(
        home, await begin(home, SOURCE_USER), {"host": host, "port": conductor.port, "tls": False}
    )
    assert form["errors"] == {"host": "invalid_host"}
    form = await answer(home, form, {"host": "127.0.0.1", "port": conductor.port, "tls": False})
    assert (await answer(home, form, NOTHING))["type"] is FlowResultType.CREATE_ENTRY


async def test_a_pasted_web_address_is_understood(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    url = f" http://127.0.0.1:{conductor.port}/docs "
    form = await answer(home, await begin(home, SOURCE_USER), {"host": url, "port": 1, "tls": True})
    done = await answer(home, form, NOTHING)
    assert done["data"] == {"host": "127.0.0.1", "port": conductor.port, "tls": False}


async def test_a_server_is_added_once_and_its_new_address_taken(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    home.config_entries.async_update_entry(entry, data={**entry.data, "host": "192.0.2.1"})
    done = await answer(
        home,
        await begin(home, SOURCE_USER),
        {"host": "127.0.0.1", "port": conductor.port, "tls": False},
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert entry.data["host"] == "127.0.0.1"


async def test_after_adding_the_servers_are_in_assist_and_an_assistant_is_offered(
    home: HomeAssistant, conductor: FakeConductor, wyoming: dict[str, FakeWyoming]
) -> None:
    form = await answer(
        home,
        await begin(home, SOURCE_USER),
        {"host": "127.0.0.1", "port": conductor.port, "tls": False},
    )
    done = await answer(home, form, {"add_servers": True, "make_assistant": True})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    kind, flow_id = done["next_flow"]
    assert kind == "config_subentries_flow"
    assert home.config_entries.subentries.async_get(flow_id)["step_id"] == "user"
    assert len(home.config_entries.async_entries("wyoming")) == 3
    assert home.states.async_entity_ids(["stt", "tts", "wake_word"])


async def test_after_adding_a_port_that_is_dead_is_told_and_repaired_later(
    home: HomeAssistant,
    conductor: FakeConductor,
    wyoming: dict[str, FakeWyoming],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await wyoming["wake"].stop()
    form = await answer(
        home,
        await begin(home, SOURCE_USER),
        {"host": "127.0.0.1", "port": conductor.port, "tls": False},
    )
    done = await answer(home, form, {"add_servers": True, "make_assistant": True})
    assert "next_flow" not in done
    assert "Could not add wake to Assist" in caplog.text
    assert len(home.config_entries.async_entries("wyoming")) == 2


async def test_a_server_is_found_by_zeroconf(home: HomeAssistant, conductor: FakeConductor) -> None:
    form = await begin(home, SOURCE_ZEROCONF, found(conductor))
    assert form["step_id"] == "discovery_confirm"
    assert form["description_placeholders"] == {"name": "Attic", "host": "127.0.0.1"}
    conductor.token = "secret"
    form = await answer(home, form, {})
    assert form["errors"] == {"base": "invalid_auth"}
    form = await answer(home, form, {"token": "secret"})
    done = await answer(home, form, NOTHING)
    assert done["title"] == "Attic"
    assert done["data"]["token"] == "secret"
    assert done["result"].unique_id == UUID


async def test_a_server_that_is_found_elsewhere_has_moved(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    # Nobody listens there.
    home.config_entries.async_update_entry(entry, data={**entry.data, "port": 1})
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    done = await begin(home, SOURCE_ZEROCONF, found(conductor))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert entry.data["port"] == conductor.port
    await home.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(("uuid", "port"), [("", 1), (UUID, None)])
async def test_an_announcement_that_lacks_something_is_ignored(
    home: HomeAssistant, conductor: FakeConductor, uuid: str, port: int | None
) -> None:
    done = await begin(home, SOURCE_ZEROCONF, replace(found(conductor, uuid=uuid), port=port))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "not_conductor")


async def test_the_app_of_the_supervisor_brings_its_token(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    conductor.token = "secret"
    form = await begin(home, SOURCE_HASSIO, app(conductor, token="secret"))
    assert form["step_id"] == "discovery_confirm"
    assert not form["data_schema"].schema
    await conductor.stop()
    form = await answer(home, form, {})
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    form = await answer(home, form, {"token": "secret"})
    done = await answer(home, form, NOTHING)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["result"].unique_id == UUID


async def test_the_app_of_the_supervisor_without_a_token(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    form = await begin(home, SOURCE_HASSIO, app(conductor))
    form = await answer(home, form, {})
    assert (await answer(home, form, NOTHING))["type"] is FlowResultType.CREATE_ENTRY


async def test_an_app_that_does_not_answer_is_not_shown(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    await conductor.stop()
    done = await begin(home, SOURCE_HASSIO, app(conductor))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "cannot_connect")


async def test_a_new_token_lets_us_in_again(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.token = "new"
    form = await entry.start_reauth_flow(home)
    assert form["step_id"] == "reauth_confirm"
    form = await answer(home, form, {"token": "old"})
    assert form["errors"] == {"base": "invalid_auth"}
    done = await answer(home, form, {"token": "new"})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data["token"] == "new"
    await home.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_a_token_of_another_server_is_refused(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    form = await entry.start_reauth_flow(home)
    conductor.info["uuid"] = "somebody-else"
    done = await answer(home, form, {"token": "x"})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "wrong_server")


async def test_a_server_can_be_moved_by_hand(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    form = await loaded.start_reconfigure_flow(home)
    assert form["step_id"] == "reconfigure"
    assert await home.config_entries.async_unload(loaded.entry_id)
    form = await answer(home, form, {"host": "no host", "port": conductor.port, "tls": False})
    assert form["errors"] == {"host": "invalid_host"}
    form = await answer(home, form, {"host": "127.0.0.1", "port": 1, "tls": False})
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.stop()
    conductor.port = 0
    await conductor.start()
    done = await answer(home, form, {"host": "127.0.0.1", "port": conductor.port, "tls": False})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert loaded.data["port"] == conductor.port
    await home.async_block_till_done()
    assert loaded.state is ConfigEntryState.LOADED


async def test_moving_a_server_to_where_it_is_tries_it_again(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    form = await entry.start_reconfigure_flow(home)
    done = await answer(home, form, dict(entry.data))
    assert done["reason"] == "reconfigure_successful"
    await home.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_a_server_cannot_become_another(
    home: HomeAssistant, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    form = await loaded.start_reconfigure_flow(home)
    conductor.info["uuid"] = "somebody-else"
    done = await answer(home, form, dict(loaded.data))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "wrong_server")


async def test_options_are_kept_and_used(home: HomeAssistant, loaded: MockConfigEntry) -> None:
    form = await home.config_entries.options.async_init(loaded.entry_id)
    assert form["step_id"] == "init"
    chosen = {"add_servers": False, "push_vocabulary": False, "gauge_interval": 30}
    done = await home.config_entries.options.async_configure(form["flow_id"], chosen)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert loaded.options == chosen
    await home.async_block_till_done()
    assert loaded.runtime_data.update_interval.total_seconds() == 30
