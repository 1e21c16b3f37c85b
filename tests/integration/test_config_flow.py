"""Config flow and options flow, including the recovery from errors."""

import re
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fakes.certificate import load_certificate, make_certificate
from fakes.conductor import UUID, FakeConductor, model, offer
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.config_entries import (
    SOURCE_HASSIO,
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.wyoming_conductor import assist_pipeline
from custom_components.wyoming_conductor.const import DOMAIN

ASSISTANT = {
    "name": "Attic",
    "language": "en",
    "tts_voice": "en_US-joe-medium",
    "conversation_engine": "conversation.home_assistant",
    "prefer_local_intents": False,
    "keep_warm": False,
    "preferred": True,
    "create_assistant": True,
}
WITHOUT_ASSIST = {**ASSISTANT, "create_assistant": False}


def zeroconf_info(conductor: FakeConductor, **properties: str) -> ZeroconfServiceInfo:
    """Return the zeroconf announcement of the server."""
    return ZeroconfServiceInfo(
        ip_address=ip_address(conductor.host),
        ip_addresses=[ip_address(conductor.host)],
        port=conductor.port,
        hostname="attic.local.",
        type="_wyconductor._tcp.local.",
        name="wyoming-conductor-0b7ef1c5._wyconductor._tcp.local.",
        properties={"uuid": UUID, "name": "Attic", "tls": "0", **properties},
    )


def hassio_info(conductor: FakeConductor, **config: Any) -> HassioServiceInfo:
    """Return the Supervisor announcement of the server."""
    return HassioServiceInfo(
        config={"host": conductor.host, "port": conductor.port, **config},
        name="Wyoming Conductor",
        slug="wyoming_conductor",
        uuid="of-the-app",
    )


def inject_error(conductor: FakeConductor, error: str) -> None:
    """Make the server cause an error in a form."""
    match error:
        case "invalid_auth":
            conductor.token = "secret"
        case "not_conductor":
            conductor.responses["GET /info"] = web.Response(text="<html>A router.</html>")
        case "unknown":
            problem = {"error": "No.", "code": "BUSY"}
            conductor.responses["GET /info"] = web.json_response(problem, status=503)
        case "unsupported_version":
            conductor.info["api_version"] = "9"
        case "insufficient_scope":
            conductor.info["scope"] = "use"


def remove_error(conductor: FakeConductor) -> None:
    """Undo `inject_error`, except for the token."""
    conductor.responses.clear()
    conductor.info |= {"api_version": "1", "scope": "operate"}


async def start_flow(home: HomeAssistant, source: str, data: Any = None) -> ConfigFlowResult:
    """Start a config flow."""
    return await home.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=data)


async def submit(
    home: HomeAssistant, flow: ConfigFlowResult, user_input: dict[str, Any]
) -> ConfigFlowResult:
    """Submit a form."""
    return await home.config_entries.flow.async_configure(flow["flow_id"], user_input)


@pytest.mark.quality_scale("config-flow")
async def test_user_flow_adds_server(home: HomeAssistant, conductor: FakeConductor) -> None:
    form = await start_flow(home, SOURCE_USER)
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "user")
    form = await submit(home, form, {"host": "127.0.0.1", "port": conductor.port, "tls": False})
    assert (form["step_id"], form["errors"]) == ("assistant", {})
    done = await submit(home, form, WITHOUT_ASSIST)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["title"] == "Wyoming Conductor"
    assert done["data"] == {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    entry = done["result"]
    assert entry.unique_id == UUID
    options = {"add_to_assist": False, "push_vocabulary": True, "show_in_sidebar": True}
    assert entry.options == options
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.quality_scale("config-flow-test-coverage")
@pytest.mark.parametrize(
    "error",
    ["invalid_auth", "not_conductor", "unknown", "unsupported_version", "insufficient_scope"],
)
async def test_user_flow_recovers_from_error(
    home: HomeAssistant, conductor: FakeConductor, error: str
) -> None:
    address = {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    inject_error(conductor, error)
    wrong = {**address, "token": "wrong"} if error == "invalid_auth" else address
    form = await submit(home, await start_flow(home, SOURCE_USER), wrong)
    assert form["errors"] == {"base": error}
    remove_error(conductor)
    form = await submit(home, form, {**address, "token": "secret"})
    assert (await submit(home, form, WITHOUT_ASSIST))["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.quality_scale("test-before-configure")
async def test_user_flow_recovers_from_connection_error(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    address = {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    await conductor.stop()
    form = await submit(home, await start_flow(home, SOURCE_USER), address)
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    form = await submit(home, form, address)
    assert (await submit(home, form, WITHOUT_ASSIST))["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("host", ["", "http://", "two words", "a/path"])
async def test_user_flow_rejects_invalid_host(
    home: HomeAssistant, conductor: FakeConductor, host: str
) -> None:
    form = await submit(
        home,
        await start_flow(home, SOURCE_USER),
        {"host": host, "port": conductor.port, "tls": False},
    )
    assert form["errors"] == {"host": "invalid_host"}
    form = await submit(home, form, {"host": "127.0.0.1", "port": conductor.port, "tls": False})
    assert (await submit(home, form, WITHOUT_ASSIST))["type"] is FlowResultType.CREATE_ENTRY


async def test_user_flow_accepts_url(home: HomeAssistant, conductor: FakeConductor) -> None:
    url = f" http://127.0.0.1:{conductor.port}/docs "
    form = await submit(
        home, await start_flow(home, SOURCE_USER), {"host": url, "port": 1, "tls": True}
    )
    done = await submit(home, form, WITHOUT_ASSIST)
    assert done["data"] == {"host": "127.0.0.1", "port": conductor.port, "tls": False}


@pytest.fixture
async def with_tls(conductor: FakeConductor, tmp_path: Path, home: HomeAssistant) -> FakeConductor:
    """The server with a certificate that no authority has verified."""
    report = home.loop.get_exception_handler()
    assert report is not None

    def without_refused_handshakes(loop: Any, context: dict[str, Any]) -> None:
        """The server in this process reports clients that do not trust its certificate."""
        if "transport creation" not in context["message"]:
            report(loop, context)

    home.loop.set_exception_handler(without_refused_handshakes)
    await conductor.stop()
    pem = tmp_path / "certificate.pem"
    conductor.fingerprint = await home.async_add_executor_job(make_certificate, pem)
    conductor.tls = await home.async_add_executor_job(load_certificate, pem)
    conductor.token = "correct-horse-battery-staple"
    await conductor.start()
    return conductor


async def test_user_flow_pins_certificate_that_the_server_proves(
    home: HomeAssistant, with_tls: FakeConductor
) -> None:
    address = {"host": "127.0.0.1", "port": with_tls.port, "tls": True}
    address["token"] = "another-token-of-enough-letters"
    form = await submit(home, await start_flow(home, SOURCE_USER), address)
    assert form["errors"] == {"base": "cannot_verify"}
    assert set(with_tls.authorizations) <= {None}
    form = await submit(home, form, {**address, "token": with_tls.token})
    done = await submit(home, form, WITHOUT_ASSIST)
    assert done["data"]["fingerprint"] == with_tls.fingerprint
    await home.async_block_till_done()
    assert done["result"].state is ConfigEntryState.LOADED


async def test_relayed_certificate_gets_no_token(
    home: HomeAssistant, with_tls: FakeConductor
) -> None:
    with_tls.fingerprint = "ab" * 32  # the real server proves its own certificate, not this one
    address = {"host": "127.0.0.1", "port": with_tls.port, "tls": True, "token": with_tls.token}
    form = await submit(home, await start_flow(home, SOURCE_USER), address)
    assert form["errors"] == {"base": "cannot_verify"}
    assert set(with_tls.authorizations) == {None}


async def test_changed_certificate_is_refused_until_reconfigured(
    home: HomeAssistant, with_tls: FakeConductor
) -> None:
    data = {"host": "127.0.0.1", "port": with_tls.port, "tls": True, "token": with_tls.token}
    entry = MockConfigEntry(domain=DOMAIN, unique_id=UUID, data={**data, "fingerprint": "ab" * 32})
    entry.add_to_hass(home)
    await home.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert with_tls.authorizations == []
    done = await submit(home, await entry.start_reconfigure_flow(home), data)
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    await home.async_block_till_done()
    assert entry.data["fingerprint"] == with_tls.fingerprint
    assert entry.state is ConfigEntryState.LOADED


async def test_certificate_is_not_trusted_without_token(
    home: HomeAssistant, entry: MockConfigEntry, with_tls: FakeConductor
) -> None:
    form = await entry.start_reconfigure_flow(home)
    form = await submit(home, form, {"host": "127.0.0.1", "port": with_tls.port, "tls": True})
    assert form["errors"] == {"base": "certificate_not_trusted"}


@pytest.mark.quality_scale("unique-config-entry")
async def test_user_flow_aborts_for_known_server_and_updates_address(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    home.config_entries.async_update_entry(entry, data={**entry.data, "host": "192.0.2.1"})
    done = await submit(
        home,
        await start_flow(home, SOURCE_USER),
        {"host": "127.0.0.1", "port": conductor.port, "tls": False},
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert entry.data["host"] == "127.0.0.1"


async def test_config_flow_creates_preferred_assistant(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    store = home.data[KEY_ASSIST_PIPELINE].pipeline_store
    before = store.async_get_preferred_item()
    conductor.models[1]["offers"].append(offer("de_A", "de_DE"))
    form = await submit(
        home,
        await start_flow(home, SOURCE_USER),
        {"host": "127.0.0.1", "port": conductor.port, "tls": False},
    )
    form = await submit(home, form, {**ASSISTANT, "language": "de"})
    assert form["errors"] == {"tts_voice": "voice_language"}
    done = await submit(home, form, ASSISTANT)
    assert (done["type"], done["description"]) == (FlowResultType.CREATE_ENTRY, "assistant")
    entry = done["result"]
    assert entry.state is ConfigEntryState.LOADED
    (subentry,) = entry.subentries.values()
    created = assist_pipeline.async_get(home, subentry.data["pipeline_id"])
    assert created is not None
    assert (created.name, created.stt_engine) == ("Attic", "stt.whisper_base")
    assert created.tts_engine == "tts.wyoming_conductor_text_to_speech"
    assert store.async_get_preferred_item() == created.id
    assert not ir.async_get(home).issues
    assert home.config_entries.async_entries("wyoming") == []

    await home.config_entries.async_remove(entry.entry_id)

    assert store.async_get_preferred_item() == before
    assert assist_pipeline.async_get(home, created.id) is None


async def test_assistant_that_cannot_be_created_has_a_repair(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    address = {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    form = await submit(home, await start_flow(home, SOURCE_USER), address)
    conductor.models[1]["offers"] = []  # removed meanwhile
    done = await submit(home, form, ASSISTANT)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert [it.translation_key for it in ir.async_get(home).issues.values()] == ["pipeline_broken"]


async def test_assistant_form_offers_what_the_server_can_serve(
    home: HomeAssistant, conductor: FakeConductor, hass_client: ClientSessionGenerator
) -> None:
    conductor.models.append(model("whisper/tiny", "asr", languages=["it"], memory_bytes=1))
    conductor.models[1]["offers"].append(offer("de_A", "de_DE"))
    address = {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    form = await submit(home, await start_flow(home, SOURCE_USER), address)
    fields = {str(key): field for key, field in form["data_schema"].schema.items()}
    assert fields["language"].config["languages"] == ["de", "en"]
    labels = {item["value"]: item["label"] for item in fields["tts_voice"].config["options"]}
    assert labels["de_A"] == "de A · de_DE · medium · MIT"
    assert [item["label"] for item in fields["stt_model"].config["options"]] == [
        "Fast · Whisper/Tiny",
        "Accurate · Whisper/Base · 0.3 s",
    ]
    samples = form["description_placeholders"]["samples"]
    (first, _) = re.findall(r'src="([^"]+)"', samples)
    assert "joe" in first
    client = await hass_client()
    answer = await client.get(first)
    assert await answer.read() == b"sample of en_US-joe-medium"
    home.config_entries.flow.async_abort(form["flow_id"])
    assert (await client.get(first)).status == 404


async def test_server_without_voice_is_added_without_assistant(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    conductor.models[1]["offers"] = []
    address = {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    done = await submit(home, await start_flow(home, SOURCE_USER), address)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert not done["result"].subentries
    flow = await home.config_entries.subentries.async_init(
        (done["result"].entry_id, "pipeline"), context={"source": SOURCE_USER}
    )
    assert flow["reason"] == "no_language"


@pytest.mark.quality_scale("discovery")
async def test_zeroconf_flow_adds_server(home: HomeAssistant, conductor: FakeConductor) -> None:
    form = await start_flow(home, SOURCE_ZEROCONF, zeroconf_info(conductor))
    assert form["step_id"] == "discovery_confirm"
    assert form["description_placeholders"] == {"name": "Attic", "host": "127.0.0.1"}
    assert conductor.fetched_paths == []
    form = await submit(home, form, {})
    assert form["step_id"] == "assistant"
    done = await submit(home, form, WITHOUT_ASSIST)
    assert done["title"] == "Attic"
    assert done["result"].unique_id == UUID


@pytest.mark.parametrize(("uuid", "port"), [("", 1), (UUID, None)])
async def test_zeroconf_ignores_incomplete_announcement(
    home: HomeAssistant, conductor: FakeConductor, uuid: str, port: int | None
) -> None:
    done = await start_flow(
        home, SOURCE_ZEROCONF, replace(zeroconf_info(conductor, uuid=uuid), port=port)
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "not_conductor")


async def test_hassio_flow_uses_token_of_app(home: HomeAssistant, conductor: FakeConductor) -> None:
    conductor.token = "secret"
    form = await start_flow(home, SOURCE_HASSIO, hassio_info(conductor, token="secret"))
    assert form["step_id"] == "discovery_confirm"
    assert not form["data_schema"].schema
    await conductor.stop()
    form = await submit(home, form, {})
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.start()
    form = await submit(home, form, {})
    done = await submit(home, form, WITHOUT_ASSIST)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["result"].unique_id == UUID


async def test_hassio_flow_works_without_token(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    form = await start_flow(home, SOURCE_HASSIO, hassio_info(conductor))
    form = await submit(home, form, {})
    assert (await submit(home, form, WITHOUT_ASSIST))["type"] is FlowResultType.CREATE_ENTRY


async def test_hassio_flow_aborts_if_app_does_not_respond(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    await conductor.stop()
    done = await start_flow(home, SOURCE_HASSIO, hassio_info(conductor))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "cannot_connect")


@pytest.mark.quality_scale("reauthentication-flow")
async def test_reauth_flow_stores_new_token(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.token = "new"
    form = await entry.start_reauth_flow(home)
    assert form["step_id"] == "reauth_confirm"
    form = await submit(home, form, {"token": "old"})
    assert form["errors"] == {"base": "invalid_auth"}
    done = await submit(home, form, {"token": "new"})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data["token"] == "new"
    await home.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_reauth_flow_rejects_other_server(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    form = await entry.start_reauth_flow(home)
    conductor.info["uuid"] = "other-uuid"
    done = await submit(home, form, {"token": "x"})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "wrong_server")


@pytest.mark.quality_scale("reconfiguration-flow")
async def test_reconfigure_flow_changes_address(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    form = await loaded_entry.start_reconfigure_flow(home)
    assert form["step_id"] == "reconfigure"
    assert await home.config_entries.async_unload(loaded_entry.entry_id)
    form = await submit(home, form, {"host": "no host", "port": conductor.port, "tls": False})
    assert form["errors"] == {"host": "invalid_host"}
    form = await submit(home, form, {"host": "127.0.0.1", "port": 1, "tls": False})
    assert form["errors"] == {"base": "cannot_connect"}
    await conductor.stop()
    conductor.port = 0
    await conductor.start()
    done = await submit(home, form, {"host": "127.0.0.1", "port": conductor.port, "tls": False})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert loaded_entry.data["port"] == conductor.port
    await home.async_block_till_done()
    assert loaded_entry.state is ConfigEntryState.LOADED


async def test_reconfigure_flow_without_change_reloads_entry(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    form = await entry.start_reconfigure_flow(home)
    done = await submit(home, form, dict(entry.data))
    assert done["reason"] == "reconfigure_successful"
    await home.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_reconfigure_flow_rejects_other_server(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    form = await loaded_entry.start_reconfigure_flow(home)
    conductor.info["uuid"] = "other-uuid"
    done = await submit(home, form, dict(loaded_entry.data))
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "wrong_server")


async def test_options_flow_changes_options(
    home: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    form = await home.config_entries.options.async_init(loaded_entry.entry_id)
    assert form["step_id"] == "init"
    chosen = {"add_to_assist": False, "push_vocabulary": False, "show_in_sidebar": False}
    done = await home.config_entries.options.async_configure(form["flow_id"], chosen)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert loaded_entry.options == chosen
