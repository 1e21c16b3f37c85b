"""Pairing by six digits, one card for one server, and what is left on the server."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import web
from fakes.certificate import load_certificate, make_certificate
from fakes.conductor import UUID, FakeConductor
from fakes.wyoming import FakeWyoming
from homeassistant.config_entries import (
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.wyoming_conductor.const import DOMAIN

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]

TOKEN = "a-token-that-nobody-types"

ASSISTANT = {
    "name": "Attic",
    "language": "en",
    "conversation_engine": "conversation.home_assistant",
    "prefer_local_intents": False,
    "keep_warm": False,
    "preferred": False,
    "create_assistant": True,
}


def announcement(conductor: FakeConductor, kind: str, name: str, port: int) -> ZeroconfServiceInfo:
    """Return an announcement of the server or one of its services."""
    return ZeroconfServiceInfo(
        ip_address=ip_address(conductor.host),
        ip_addresses=[ip_address(conductor.host)],
        port=port,
        hostname="attic.local.",
        type=f"{kind}._tcp.local.",
        name=f"{name}.{kind}._tcp.local.",
        properties={"uuid": UUID, "name": "Attic", "tls": "0"},
    )


async def discover(home: HomeAssistant, conductor: FakeConductor) -> ConfigFlowResult:
    """Start the flow of the discovered server, and open it as its card does."""
    info = announcement(conductor, "_wyconductor", "wyoming-conductor-0b7ef1c5", conductor.port)
    flow = await home.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_ZEROCONF}, data=info
    )
    return await home.config_entries.flow.async_configure(flow["flow_id"])


async def submit(
    home: HomeAssistant, flow: ConfigFlowResult, user_input: dict[str, Any]
) -> ConfigFlowResult:
    """Submit a form."""
    return await home.config_entries.flow.async_configure(flow["flow_id"], user_input)


async def test_discovered_server_is_paired_by_digits(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    conductor.token, conductor.code = TOKEN, "123456"
    form = await discover(home, conductor)
    assert form["step_id"] == "pair"
    assert ("POST", "/pair/code", None) not in conductor.requests  # needs no token
    form = await submit(home, form, {"code": "12345"})
    assert form["errors"] == {"code": "invalid_code"}
    form = await submit(home, form, {"code": "654321"})
    assert form["errors"] == {"code": "wrong_code"}
    form = await submit(home, form, {"code": "123 456"})
    assert form["step_id"] == "assistant"
    done = await submit(home, form, ASSISTANT)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["data"]["token"] == TOKEN
    assert done["result"].state is ConfigEntryState.LOADED


async def test_pairing_that_is_locked_says_so(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    conductor.token = TOKEN
    conductor.code = "123456"
    problem = {"error": "Pairing is locked.", "code": "BUSY"}
    with patch.object(conductor, "code", None):
        form = await discover(home, conductor)
        assert form["errors"] == {"base": "cannot_pair"}
    conductor.responses["POST /pair"] = web.json_response(problem, status=503)
    await conductor.stop()
    form = await submit(home, form, {"code": "123456"})
    assert form["errors"] == {"base": "cannot_connect"}
    form = await submit(home, form, {})
    assert form["errors"] == {"code": "invalid_code"}
    await conductor.start()
    form = await submit(home, form, {"token": TOKEN})
    assert form["step_id"] == "assistant"


async def test_address_without_token_continues_with_digits(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    conductor.token, conductor.code = TOKEN, "123456"
    flow = await home.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    address = {"host": "127.0.0.1", "port": conductor.port, "tls": False}
    form = await submit(home, flow, address)
    assert form["step_id"] == "pair"
    assert (await submit(home, form, {"code": "123456"}))["step_id"] == "assistant"


async def test_pairing_shows_certificate_of_server(
    home: HomeAssistant, conductor: FakeConductor, tmp_path: Path
) -> None:
    report = home.loop.get_exception_handler()
    assert report is not None
    home.loop.set_exception_handler(
        lambda loop, context: (
            None if "transport creation" in context["message"] else report(loop, context)
        )
    )
    await conductor.stop()
    pem = tmp_path / "certificate.pem"
    conductor.fingerprint = await home.async_add_executor_job(make_certificate, pem)
    conductor.tls = await home.async_add_executor_job(load_certificate, pem)
    conductor.token, conductor.code = TOKEN, "123456"
    await conductor.start()
    flow = await home.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    address = {"host": "127.0.0.1", "port": conductor.port, "tls": True}
    form = await submit(home, flow, address)
    assert form["step_id"] == "pair"
    assert conductor.fingerprint in form["description_placeholders"]["fingerprint"]
    form = await submit(home, form, {"code": "123456"})
    done = await submit(home, form, {**ASSISTANT, "create_assistant": False})
    assert done["data"]["fingerprint"] == conductor.fingerprint


async def test_server_is_one_card(
    home: HomeAssistant, conductor: FakeConductor, wyoming: dict[str, FakeWyoming]
) -> None:
    flows = home.config_entries.flow

    async def announce(service: str) -> None:
        info = announcement(
            conductor, "_wyoming", f"wyoming-conductor-{service}-0b7ef1c5", wyoming[service].port
        )
        await flows.async_init("wyoming", context={"source": SOURCE_ZEROCONF}, data=info)

    await announce("asr")
    assert len(flows.async_progress_by_handler("wyoming")) == 1
    card = await discover(home, conductor)
    assert flows.async_progress_by_handler("wyoming") == []
    await announce("tts")
    await home.async_block_till_done()
    assert flows.async_progress_by_handler("wyoming") == []
    flows.async_abort(card["flow_id"])
    await announce("wake")
    assert len(flows.async_progress_by_handler("wyoming")) == 1


async def test_server_knows_what_the_home_needs_until_the_entry_is_removed(
    home: HomeAssistant, conductor: FakeConductor, wait_until: WaitUntil
) -> None:
    owner = "/references/home-assistant."

    def references() -> list[tuple[str, str, Any]]:
        return [it for it in conductor.requests if it[1].startswith(owner)]

    with patch("custom_components.wyoming_conductor.reference.PUSH_COOLDOWN", 0.01):
        form = await discover(home, conductor)
        done = await submit(
            home, form, {**ASSISTANT, "tts_voice": "en_US-amy-low", "wake_word_id": "hey_jarvis"}
        )
        entry: MockConfigEntry = done["result"]
        await wait_until(references)
        method, path, body = references()[-1]
        assert (method, path) == ("PUT", f"{owner}{entry.entry_id}")
        assert body == {
            "models": ["openwakeword", "piper/en_US-joe-medium", "whisper/base"],
            "voices": ["en_US-amy-low"],
            "wake_words": ["hey_jarvis"],
            "announce_wyoming": False,
            "expires_in": 1_209_600.0,
        }
        count = len(references())
        await entry.runtime_data.coordinator.async_refresh()
        await home.async_block_till_done()
        assert len(references()) == count  # nothing has changed
        await home.config_entries.async_remove(entry.entry_id)
    left = [(method, path) for method, path, _ in conductor.requests[-3:]]
    assert left == [
        ("DELETE", "/vocabulary"),
        ("DELETE", f"{owner}{entry.entry_id}"),
        ("DELETE", "/pair"),
    ]


async def test_unreachable_server_can_be_removed(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await conductor.stop()
    await home.config_entries.async_remove(loaded_entry.entry_id)
    assert home.config_entries.async_entries(DOMAIN) == []


@pytest.mark.parametrize("code", ["", "12345a"])
async def test_digits_are_checked_before_they_are_sent(
    home: HomeAssistant, conductor: FakeConductor, code: str
) -> None:
    conductor.token, conductor.code = TOKEN, "123456"
    form = await discover(home, conductor)
    form = await submit(home, form, {"code": code})
    assert form["errors"] == {"code": "invalid_code"}
    assert ("POST", "/pair", {"code": code}) not in conductor.requests
