"""Panel: files, registration and websocket commands."""

import base64
import json
import re
from http import HTTPStatus
from typing import Any
from unittest.mock import Mock, patch

import pytest
from aiohttp import web
from fakes.conductor import FakeConductor
from homeassistant.components import frontend
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    MockHAClientWebSocket,
    WebSocketGenerator,
)

from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.panel import FOLDER, STATIC_URL, URL_PATH, async_show

PREFIX = "wyoming_conductor/panel"


@pytest.fixture
async def client(
    home: HomeAssistant, loaded_entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> MockHAClientWebSocket:
    """Websocket connection of an administrator."""
    return await hass_ws_client(home)


async def send_command(client: MockHAClientWebSocket, command: str, **data: Any) -> Any:
    """Send a command and return its response."""
    await client.send_json_auto_id({"type": f"{PREFIX}/{command}", **data})
    return await client.receive_json()


async def receive_until(client: MockHAClientWebSocket, kind: str) -> list[dict[str, Any]]:
    """Return the events of a stream up to the first of a type."""
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["type"] != kind:
        seen.append((await client.receive_json())["event"])
    return seen


async def test_servers_are_sent_now_and_after_changes(
    home: HomeAssistant, client: MockHAClientWebSocket, loaded_entry: MockConfigEntry
) -> None:
    answer = await send_command(client, "servers")
    assert answer["success"]
    server = {
        "entry_id": loaded_entry.entry_id,
        "title": "Attic",
        "state": "loaded",
        "reason": None,
        "scope": "operate",
    }
    assert (await client.receive_json())["event"] == {"servers": [server]}
    await home.config_entries.async_unload(loaded_entry.entry_id)
    states = []
    while "not_loaded" not in states:
        states.append((await client.receive_json())["event"]["servers"][0]["state"])
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": answer["id"]})


async def test_stream_sends_events_of_server(
    client: MockHAClientWebSocket, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    await send_command(client, "stream", entry_id=loaded_entry.entry_id, path="/events")
    assert await receive_until(client, "stream_opened") == [{"type": "stream_opened"}]
    await conductor.set_state("openwakeword", "loading")
    (event,) = await receive_until(client, "model_state_changed")
    assert (event["model"], event["state"]) == ("openwakeword", "loading")
    await conductor.stop()
    await receive_until(client, "stream_lost")


async def test_stream_survives_reload_of_entry(
    home: HomeAssistant,
    client: MockHAClientWebSocket,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
) -> None:
    await send_command(client, "stream", entry_id=loaded_entry.entry_id, path="/events")
    await receive_until(client, "stream_opened")
    await home.config_entries.async_reload(loaded_entry.entry_id)
    types = [event["type"] for event in await receive_until(client, "stream_opened")]
    assert types[0] == "stream_lost"
    await conductor.wait_for_stream()
    await loaded_entry.runtime_data.coordinator.async_refresh()
    await conductor.set_state("openwakeword", "loading")
    await receive_until(client, "model_state_changed")


async def test_stream_waits_for_server_that_is_down(
    home: HomeAssistant,
    entry: MockConfigEntry,
    conductor: FakeConductor,
    hass_ws_client: WebSocketGenerator,
) -> None:
    await conductor.stop()
    await home.config_entries.async_setup(entry.entry_id)
    client = await hass_ws_client(home)
    answer = await send_command(client, "stream", entry_id=entry.entry_id, path="/events")
    assert answer["success"]
    assert (await client.receive_json())["event"] == {"type": "stream_lost"}
    await conductor.start()
    await home.config_entries.async_reload(entry.entry_id)
    await receive_until(client, "stream_opened")
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": answer["id"]})
    assert (await client.receive_json())["success"]


async def test_stream_sends_lines_of_log(
    client: MockHAClientWebSocket, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    line = b'event: log_line\ndata: {"type": "log_line", "text": "Hello"}\n\n'
    conductor.responses["GET /logs/stream"] = web.Response(
        body=line, content_type="text/event-stream"
    )
    await send_command(client, "stream", entry_id=loaded_entry.entry_id, path="/logs/stream")
    assert (await receive_until(client, "log_line"))[-1]["text"] == "Hello"


@pytest.fixture
def token(home: HomeAssistant, conductor: FakeConductor, entry: MockConfigEntry) -> str:
    """Token that the server requires."""
    conductor.token = "secret-of-the-server"
    home.config_entries.async_update_entry(entry, data={**entry.data, "token": conductor.token})
    return conductor.token


async def test_request_is_forwarded_with_token_that_the_browser_does_not_get(
    token: str,
    client: MockHAClientWebSocket,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
) -> None:
    entry_id = loaded_entry.entry_id
    body = {"tts": {"speed": 1.2}}
    request = {"entry_id": entry_id, "method": "PATCH", "path": "/config", "body": body}
    answer = await send_command(client, "request", **request)
    assert answer["result"]["body"]["shadowed"] == {}
    assert conductor.requests == [("PATCH", "/config", body)]
    assert conductor.authorizations[-1] == f"Bearer {token}"
    answer = await send_command(client, "servers")
    assert token not in str(answer) + str(await client.receive_json())


async def test_request_carries_audio_both_ways(
    client: MockHAClientWebSocket, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    speech = {"entry_id": loaded_entry.entry_id, "method": "POST", "path": "/v1/audio/speech"}
    answer = await send_command(client, "request", **speech, body={"input": "Hello"})
    assert answer["result"]["content_type"] == "audio/pcm"
    assert base64.b64decode(answer["result"]["data"]) == b"\0\0" * 12_000
    file = {"name": "file", "value": base64.b64encode(b"RIFF").decode(), "filename": "a.wav"}
    form = [file, {"name": "model", "value": "whisper/base"}]
    answer = await send_command(
        client, "request", **{**speech, "path": "/v1/audio/transcriptions", "form": form}
    )
    assert answer["result"]["body"] == {"text": "Turn on the light."}
    assert conductor.recordings == [("whisper/base", b"RIFF")]


async def test_request_returns_error_of_server(
    client: MockHAClientWebSocket, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    request = {"entry_id": loaded_entry.entry_id, "method": "POST", "path": "/models/x/load"}
    answer = await send_command(client, "request", **request)
    assert answer["result"]["error"] == {
        "status": 400,
        "code": "MODEL_MISSING",
        "message": "Model 'x' does not exist.",
        "detail": "See the log.",
    }
    await conductor.stop()
    answer = await send_command(client, "request", **request)
    assert answer["result"]["error"]["code"] == "UNREACHABLE"


@pytest.mark.parametrize(
    "path",
    [
        *("/tokens", "/sessions", "/pair", "/v1/realtime", "/modelsx", "snapshot"),
        *("//other/snapshot", "http://other/snapshot"),
        *("/models/../tokens", "/models/%2e%2e/tokens"),
    ],
)
async def test_request_is_limited_to_paths_of_the_page(
    client: MockHAClientWebSocket,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    path: str,
) -> None:
    conductor.fetched_paths.clear()
    request = {"entry_id": loaded_entry.entry_id, "method": "GET", "path": path}
    answer = await send_command(client, "request", **request)
    assert answer["error"]["code"] == "invalid_format"
    assert conductor.fetched_paths == []


async def test_satellites_are_listed_with_their_entities(
    home: HomeAssistant, client: MockHAClientWebSocket, loaded_entry: MockConfigEntry
) -> None:
    other = MockConfigEntry(domain="test")
    other.add_to_hass(home)
    device = dr.async_get(home).async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("test", "kitchen")}
    )
    registry = er.async_get(home)
    for domain, key in (
        ("assist_satellite", "kitchen"),
        ("select", "pipeline"),
        ("select", "other"),
    ):
        registry.async_get_or_create(
            domain,
            "test",
            key,
            device_id=device.id,
            config_entry=other,
            translation_key=key,
            suggested_object_id=f"kitchen_{key}",
        )
    pipeline = Mock(stt_engine="stt.cloud")
    pipeline.name = "Office"
    with patch(
        "custom_components.wyoming_conductor.panel.async_get_pipeline", return_value=pipeline
    ):
        answer = await send_command(client, "satellites", entry_id=loaded_entry.entry_id)
    (satellite,) = answer["result"]["satellites"]
    assert satellite == {
        "entity_id": "assist_satellite.kitchen_kitchen",
        "device_id": device.id,
        "assistant": "Office",
        "uses_server": False,
        "last_heard": None,
        "settings": ["select.kitchen_pipeline"],
    }


COMMANDS: dict[str, dict[str, Any]] = {
    "servers": {},
    "stream": {"path": "/events"},
    "request": {"method": "POST", "path": "/restart"},
    "satellites": {},
}


@pytest.mark.parametrize("command", COMMANDS)
async def test_commands_require_administrator(
    home: HomeAssistant,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
    command: str,
) -> None:
    client = await hass_ws_client(home, hass_read_only_access_token)
    data = {} if command == "servers" else {"entry_id": loaded_entry.entry_id}
    answer = await send_command(client, command, **data, **COMMANDS[command])
    assert answer["error"]["code"] == "unauthorized"
    assert not conductor.requests


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "servers"])
async def test_command_rejects_unknown_server(client: MockHAClientWebSocket, command: str) -> None:
    answer = await send_command(client, command, entry_id="unknown", **COMMANDS[command])
    assert answer["error"]["translation_key"] == "not_loaded"


async def test_panel_exists_while_a_server_is_configured(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    home.config.components.add(frontend.DOMAIN)
    await conductor.stop()  # The panel says why the server cannot be used.
    assert not await home.config_entries.async_setup(entry.entry_id)
    panel = home.data[frontend.DATA_PANELS][URL_PATH]
    assert panel.require_admin
    assert panel.config_panel_domain == DOMAIN
    assert panel.sidebar_title == "Conductor"
    version = json.loads((FOLDER / "build.json").read_text())["files"]["panel.js"][:12]
    assert panel.config["_panel_custom"]["module_url"] == f"{STATIC_URL}/panel.js?v={version}"
    await async_show(home)  # a second server does not add it again
    assert home.data[frontend.DATA_PANELS][URL_PATH] is panel
    options = {**entry.options, "show_in_sidebar": False}
    home.config_entries.async_update_entry(entry, options=options)
    await async_show(home)
    assert home.data[frontend.DATA_PANELS][URL_PATH].sidebar_title is None
    await home.config_entries.async_remove(entry.entry_id)
    assert not frontend.async_panel_exists(home, URL_PATH)


async def test_panel_requires_frontend(home: HomeAssistant, loaded_entry: MockConfigEntry) -> None:
    assert not frontend.async_panel_exists(home, URL_PATH)


async def test_panel_files_are_served(
    home: HomeAssistant, loaded_entry: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    browser = await hass_client_no_auth()
    files = json.loads((FOLDER / "build.json").read_text())["files"]
    assert "panel.js" in files
    for name in files:
        answer = await browser.get(f"{STATIC_URL}/{name}")
        assert answer.status == HTTPStatus.OK, name


def test_panel_uses_no_external_resources() -> None:
    scripts = list(FOLDER.rglob("*.js"))
    assert scripts
    for script in scripts:
        found = set(re.findall(r"https?://[\w.-]+", script.read_text()))
        assert found <= {"http://www.w3.org"}, script.name  # names of XML, not addresses
