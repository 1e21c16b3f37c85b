"""The panel: its files, its place in the sidebar, and the websocket commands behind it."""

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

Until = Callable[[Callable[[], Any]], Awaitable[None]]

PREFIX = "wyoming_conductor/panel"
COMMANDS = ("servers", "subscribe", "traces", "load", "unload")
STRINGS = {path.stem: json.loads(path.read_text()) for path in (FOLDER / "strings").glob("*.json")}


@pytest.fixture
async def client(
    home: HomeAssistant, loaded: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> MockHAClientWebSocket:
    """A browser of an administrator."""
    return await hass_ws_client(home)


async def ask(client: MockHAClientWebSocket, command: str, **data: Any) -> Any:
    """Send a command and return its answer."""
    await client.send_json_auto_id({"type": f"{PREFIX}/{command}", **data})
    return await client.receive_json()


async def test_servers_are_listed(client: MockHAClientWebSocket, loaded: MockConfigEntry) -> None:
    answer = await ask(client, "servers")
    server = {"entry_id": loaded.entry_id, "title": "Attic", "loaded": True}
    assert answer["result"] == {"servers": [server]}


async def test_everything_is_sent_now_and_whenever_it_changes(
    client: MockHAClientWebSocket,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    snapshot: SnapshotAssertion,
) -> None:
    answer = await ask(client, "subscribe", entry_id=loaded.entry_id)
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


async def test_the_last_requests_are_sent_with_their_stages(
    client: MockHAClientWebSocket, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.traces = [trace("asr", "whisper/base", 0.25), trace("tts", "piper", 0.5, code="OOM")]
    answer = await ask(client, "traces", entry_id=loaded.entry_id, limit=1)
    (only,) = answer["result"]["traces"]
    assert (only["model"], only["stages"]) == ("whisper/base", {"queue": 0.0, "inference": 0.25})


async def test_models_are_loaded_and_unloaded(
    client: MockHAClientWebSocket, loaded: MockConfigEntry, conductor: FakeConductor
) -> None:
    entry = loaded.entry_id
    answer = await ask(client, "load", entry_id=entry, model="openwakeword")
    assert answer["result"] == {"ready": False}
    assert (await ask(client, "unload", entry_id=entry, model="whisper/base"))["success"]
    assert conductor.asked == [
        ("POST", "/models/openwakeword/load", None),
        ("POST", "/models/whisper/base/unload", None),
    ]


async def test_a_refusal_of_the_server_is_told_in_words(
    client: MockHAClientWebSocket, loaded: MockConfigEntry
) -> None:
    answer = await ask(client, "load", entry_id=loaded.entry_id, model="nobody")
    assert "no model 'nobody' here" in answer["error"]["message"]
    assert answer["error"]["translation_key"] == "request_failed"


@pytest.mark.parametrize("command", ["subscribe", "traces"])
async def test_a_server_that_is_not_there_is_refused(
    client: MockHAClientWebSocket, command: str
) -> None:
    answer = await ask(client, command, entry_id="nobody")
    assert answer["error"]["translation_key"] == "not_loaded"


@pytest.mark.parametrize("command", COMMANDS)
async def test_only_administrators_may_ask(
    home: HomeAssistant,
    loaded: MockConfigEntry,
    conductor: FakeConductor,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
    command: str,
) -> None:
    client = await hass_ws_client(home, hass_read_only_access_token)
    data = {} if command == "servers" else {"entry_id": loaded.entry_id}
    if command in ("load", "unload"):
        data["model"] = "whisper/base"
    answer = await ask(client, command, **data)
    assert answer["error"]["code"] == "unauthorized"
    assert not conductor.asked


async def test_the_panel_comes_with_the_first_server_and_goes_with_the_last(
    home: HomeAssistant, entry: MockConfigEntry
) -> None:
    home.config.components.add(frontend.DOMAIN)
    assert await home.config_entries.async_setup(entry.entry_id)
    panel = home.data[frontend.DATA_PANELS][URL_PATH]
    assert panel.require_admin
    assert panel.config["_panel_custom"]["module_url"] == f"{STATIC_URL}/panel.js"
    await async_show(home)  # a second server changes nothing
    await home.config_entries.async_remove(entry.entry_id)
    assert not frontend.async_panel_exists(home, URL_PATH)


async def test_without_a_frontend_there_is_no_panel(
    home: HomeAssistant, loaded: MockConfigEntry
) -> None:
    assert not frontend.async_panel_exists(home, URL_PATH)


async def test_the_files_are_served(
    home: HomeAssistant, loaded: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    browser = await hass_client_no_auth()
    for name in ("panel.js", "view.js", "style.js", "strings/de.json"):
        answer = await browser.get(f"{STATIC_URL}/{name}")
        assert answer.status == HTTPStatus.OK, name
        assert await answer.text() == (FOLDER / name).read_text()


def leaves(tree: dict[str, Any], path: str = "") -> set[str]:
    """Return the path of every text."""
    found: set[str] = set()
    for key, value in tree.items():
        found |= leaves(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}"}
    return found


def test_the_panel_speaks_four_languages_completely() -> None:
    assert set(STRINGS) == {"de", "en", "es", "fr"}
    for texts in STRINGS.values():
        assert leaves(texts) == leaves(STRINGS["en"])


def test_every_text_of_the_panel_is_used_and_every_used_text_is_there() -> None:
    code = "".join(path.read_text() for path in FOLDER.glob("*.js"))
    used = set(re.findall(r"\btexts\.(\w+)", code)) | {"load", "unload"}
    assert used == set(STRINGS["en"])


@pytest.mark.parametrize("path", FOLDER.glob("*.js"), ids=lambda path: path.name)
def test_the_panel_needs_nothing_from_elsewhere_and_writes_no_markup(path: Path) -> None:
    code = path.read_text()
    assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write", code)
    for source in re.findall(r'from "([^"]+)"', code):
        assert (FOLDER / source).exists()
