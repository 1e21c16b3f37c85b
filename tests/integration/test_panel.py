"""Panel: files, sidebar entry and websocket commands."""

import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from fakes.conductor import FakeConductor, trace
from homeassistant.components import frontend
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import (
    ClientSessionGenerator,
    MockHAClientWebSocket,
    WebSocketGenerator,
)
from syrupy.assertion import SnapshotAssertion

from custom_components.wyoming_conductor.panel import FOLDER, STATIC_URL, URL_PATH, async_show

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]

PREFIX = "wyoming_conductor/panel"
COMMANDS = ("servers", "subscribe", "traces", "load", "unload")
STRINGS = {path.stem: json.loads(path.read_text()) for path in (FOLDER / "strings").glob("*.json")}


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


async def test_servers_command_lists_entries(
    client: MockHAClientWebSocket, loaded_entry: MockConfigEntry
) -> None:
    answer = await send_command(client, "servers")
    server = {"entry_id": loaded_entry.entry_id, "title": "Attic", "loaded": True}
    assert answer["result"] == {"servers": [server]}


async def test_subscribe_sends_status_and_updates(
    client: MockHAClientWebSocket,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
    snapshot: SnapshotAssertion,
) -> None:
    answer = await send_command(client, "subscribe", entry_id=loaded_entry.entry_id)
    assert answer["success"]
    first = (await client.receive_json())["event"]
    assert first == snapshot
    await conductor.set_state("openwakeword", "loading")
    later = (await client.receive_json())["event"]
    assert later["models"][2]["state"] == "loading"
    await conductor.stop()
    while (await client.receive_json())["event"]["available"]:
        pass
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": answer["id"]})


async def test_subscription_survives_reload_of_entry(
    home: HomeAssistant,
    client: MockHAClientWebSocket,
    loaded_entry: MockConfigEntry,
    conductor: FakeConductor,
) -> None:
    await send_command(client, "subscribe", entry_id=loaded_entry.entry_id)
    assert (await client.receive_json())["event"]["available"]
    await home.config_entries.async_reload(loaded_entry.entry_id)
    seen = []
    while not seen or not seen[-1]["available"]:
        seen.append((await client.receive_json())["event"])
    assert {"available": False, "title": "Attic"} in seen
    await conductor.wait_for_stream()
    await loaded_entry.runtime_data.coordinator.async_refresh()
    await conductor.set_state("openwakeword", "loading")
    while seen[-1]["models"][2]["state"] != "loading":
        seen.append((await client.receive_json())["event"])


async def test_subscription_waits_for_server_that_is_down(
    home: HomeAssistant,
    entry: MockConfigEntry,
    conductor: FakeConductor,
    hass_ws_client: WebSocketGenerator,
) -> None:
    await conductor.stop()
    await home.config_entries.async_setup(entry.entry_id)
    client = await hass_ws_client(home)
    answer = await send_command(client, "subscribe", entry_id=entry.entry_id)
    assert answer["success"]
    event = (await client.receive_json())["event"]
    assert event == {"available": False, "title": "Attic"}
    await conductor.start()
    await home.config_entries.async_reload(entry.entry_id)
    while not event["available"]:
        event = (await client.receive_json())["event"]
    assert event["models"]
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": answer["id"]})
    assert (await client.receive_json())["success"]


async def test_traces_command_returns_stages(
    client: MockHAClientWebSocket, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.traces = [trace("asr", "whisper/base", 0.25), trace("tts", "piper", 0.5, code="OOM")]
    answer = await send_command(client, "traces", entry_id=loaded_entry.entry_id, limit=1)
    (only,) = answer["result"]["traces"]
    assert (only["model"], only["stages"]) == ("whisper/base", {"queue": 0.0, "inference": 0.25})


async def test_commands_load_and_unload_models(
    client: MockHAClientWebSocket, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    entry = loaded_entry.entry_id
    answer = await send_command(client, "load", entry_id=entry, model="openwakeword")
    assert answer["result"] == {"ready": False}
    assert (await send_command(client, "unload", entry_id=entry, model="whisper/base"))["success"]
    assert conductor.requests == [
        ("POST", "/models/openwakeword/load", None),
        ("POST", "/models/whisper/base/unload", None),
    ]


async def test_command_returns_translated_error(
    client: MockHAClientWebSocket, loaded_entry: MockConfigEntry
) -> None:
    answer = await send_command(client, "load", entry_id=loaded_entry.entry_id, model="unknown")
    assert "'unknown' does not exist" in answer["error"]["message"]
    assert answer["error"]["translation_key"] == "request_failed"


@pytest.mark.parametrize("command", ["subscribe", "traces"])
async def test_command_rejects_unknown_server(client: MockHAClientWebSocket, command: str) -> None:
    answer = await send_command(client, command, entry_id="unknown")
    assert answer["error"]["translation_key"] == "not_loaded"


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
    if command in ("load", "unload"):
        data["model"] = "whisper/base"
    answer = await send_command(client, command, **data)
    assert answer["error"]["code"] == "unauthorized"
    assert not conductor.requests


async def test_panel_exists_while_a_server_is_configured(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    home.config.components.add(frontend.DOMAIN)
    assert await home.config_entries.async_setup(entry.entry_id)
    panel = home.data[frontend.DATA_PANELS][URL_PATH]
    assert panel.require_admin
    assert panel.config["_panel_custom"]["module_url"] == f"{STATIC_URL}/panel.js"
    await async_show(home)  # a second server does not add it again
    await home.config_entries.async_remove(entry.entry_id)
    assert not frontend.async_panel_exists(home, URL_PATH)


async def test_panel_requires_frontend(home: HomeAssistant, loaded_entry: MockConfigEntry) -> None:
    assert not frontend.async_panel_exists(home, URL_PATH)


async def test_panel_files_are_served(
    home: HomeAssistant, loaded_entry: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    browser = await hass_client_no_auth()
    for name in ("panel.js", "view.js", "style.js", "strings/de.json"):
        answer = await browser.get(f"{STATIC_URL}/{name}")
        assert answer.status == HTTPStatus.OK, name
        assert await answer.text() == (FOLDER / name).read_text()


def leaves(tree: dict[str, Any], path: str = "") -> set[str]:
    """Return the path of every string."""
    found: set[str] = set()
    for key, value in tree.items():
        found |= leaves(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}"}
    return found


def test_panel_strings_are_complete() -> None:
    assert len(STRINGS) > 1
    for texts in STRINGS.values():
        assert leaves(texts) == leaves(STRINGS["en"])


def test_panel_strings_match_code() -> None:
    code = "".join(path.read_text() for path in FOLDER.glob("*.js"))
    used = set(re.findall(r"\btexts\.(\w+)", code)) | {"load", "unload"}
    assert used == set(STRINGS["en"])


@pytest.mark.parametrize("path", FOLDER.glob("*.js"), ids=lambda path: path.name)
def test_panel_uses_no_external_resources_and_no_markup(path: Path) -> None:
    code = path.read_text()
    assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write", code)
    for source in re.findall(r'from "([^"]+)"', code):
        assert (FOLDER / source).exists()
