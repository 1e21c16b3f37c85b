"""Panel of administrators, opened from the config entry and, unless switched off, the sidebar.

The page in `frontend` is built from the repository's folder of this name, and uses no external
resources. It sends its requests to the websocket commands of this module, which forward them to the
server with the token of the config entry: a browser never gets the token.
"""

import asyncio
import base64
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import probatio
from aiohttp import ClientTimeout, FormData
from homeassistant.components import frontend, panel_custom
from homeassistant.components.assist_satellite import DOMAIN as ASSIST_SATELLITE
from homeassistant.components.http.server import StaticPathConfig
from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import (
    async_response,
    require_admin,
    websocket_command,
)
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from .api import (
    ConductorAuthError,
    ConductorConnectionError,
    ConductorError,
    ConductorRequestError,
    ServerEvent,
)
from .api.client import parse_events
from .const import CONF_SIDEBAR, DOMAIN
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .satellites import async_get_pipeline, async_is_stt_of

URL_PATH: Final = "wyoming-conductor"
STATIC_URL: Final = "/wyoming_conductor_static"
ELEMENT: Final = "wyoming-conductor-panel"
COMMAND_PREFIX: Final = f"{DOMAIN}/panel"

FOLDER: Final = Path(__file__).parent / "frontend"

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

ALLOWED_PATH: Final = re.compile(
    r"/(?:cache|catalog|config|history|lexicon|models|pause|requests|restart|resume|snapshot|traces"
    r"|v1/audio|vocabulary|voices)(?:[/?](?!.*(?:\.|%2e)(?:\.|%2e)).*)?$",
    re.IGNORECASE,
)
"""Paths of the server that the page uses; none of them returns a token."""

STREAMS: Final = ("/events", "/logs/stream")

SATELLITE_SETTINGS: Final = frozenset(
    {"pipeline", "vad_sensitivity", "wake_word", "wake_word_2", "wake_word_sensitivity"}
)
"""Keys of the entities with which satellites of all kinds are set up."""

REQUEST_SECONDS: Final = 180.0
"""A change of a model's settings is answered when its new worker has loaded."""

MAX_BODY_BYTES: Final = 20 * 2**20
"""Far above the audio of a request; bounds the memory that one command can take."""


async def async_serve_files(hass: HomeAssistant) -> None:
    """Serve the files of the page; they are public and contain no data of this home."""
    # The page's other files have names that contain a hash of their content.
    config = StaticPathConfig(STATIC_URL, str(FOLDER), cache_headers=True)
    await hass.http.async_register_static_paths([config])


async def async_show(hass: HomeAssistant) -> None:
    """Add the panel, or update whether it is in the sidebar; nothing without a frontend."""
    if frontend.DOMAIN not in hass.config.components:
        return
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    in_sidebar = any(entry.options.get(CONF_SIDEBAR, True) for entry in entries)
    title = "Conductor" if in_sidebar else None
    if (panel := hass.data.get(frontend.DATA_PANELS, {}).get(URL_PATH)) is not None:
        if panel.sidebar_title == title:
            return
        async_hide(hass)
    version = await hass.async_add_executor_job(_read_version)
    await panel_custom.async_register_panel(
        hass,
        frontend_url_path=URL_PATH,
        webcomponent_name=ELEMENT,
        module_url=f"{STATIC_URL}/panel.js?v={version}",
        sidebar_title=title,
        sidebar_icon="mdi:account-voice" if in_sidebar else None,
        require_admin=True,
        config_panel_domain=DOMAIN,
    )


@callback
def async_hide(hass: HomeAssistant) -> None:
    """Remove the panel."""
    frontend.async_remove_panel(hass, URL_PATH, warn_if_unknown=False)


@callback
def async_register_commands(hass: HomeAssistant) -> None:
    """Register the websocket commands."""
    for command in (subscribe_servers, subscribe_stream, send_request, list_satellites):
        async_register_command(hass, command)


@websocket_command({probatio.Required("type"): f"{COMMAND_PREFIX}/servers"})
@require_admin
@callback
def subscribe_servers(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Send all configured servers now, and after each change of a config entry."""
    sent: list[dict[str, Any]] | None = None

    @callback
    def send_servers(*_: Any) -> None:
        nonlocal sent
        entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        if (servers := [_server_as_dict(entry) for entry in entries]) != sent:
            sent = servers
            connection.send_event(msg["id"], {"servers": servers})

    connection.subscriptions[msg["id"]] = async_dispatcher_connect(
        hass, SIGNAL_CONFIG_ENTRY_CHANGED, send_servers
    )
    connection.send_result(msg["id"])
    send_servers()


@websocket_command(
    {
        probatio.Required("type"): f"{COMMAND_PREFIX}/stream",
        probatio.Required("entry_id"): str,
        probatio.Required("path"): probatio.In(STREAMS),
    }
)
@require_admin
@callback
def subscribe_stream(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Send the events of a server, or the lines of its log, across reloads of its config entry.

    The event `stream_opened` says that the server is connected, `stream_lost` that it is not.
    """
    entry = _get_entry(hass, msg)
    remove_listeners: list[CALLBACK_TYPE] = []
    was_connected: bool | None = None

    @callback
    def send(event: Mapping[str, Any]) -> None:
        connection.send_event(msg["id"], dict(event))

    @callback
    def send_connected() -> None:
        nonlocal was_connected
        is_connected = _is_connected(entry)
        if is_connected != was_connected:
            was_connected = is_connected
            send({"type": "stream_opened" if is_connected else "stream_lost"})

    @callback
    def stop() -> None:
        while remove_listeners:
            remove_listeners.pop()()

    @callback
    def start() -> None:
        # Each load of the entry has a coordinator of its own.
        stop()
        if entry.state is ConfigEntryState.LOADED:
            coordinator = entry.runtime_data.coordinator
            remove_listeners.append(coordinator.async_add_listener(send_connected))
            if msg["path"] == "/events":
                follow: Callable[[ServerEvent], None] = lambda event: send(event.data)  # noqa: E731
                remove_listeners.append(coordinator.async_add_event_listener(follow))
            else:
                task = entry.async_create_background_task(
                    hass, _follow_stream(coordinator, msg["path"], send), name=f"{DOMAIN} log"
                )
                remove_listeners.append(partial(_cancel, task))
        send_connected()

    remove_state_listener = entry.async_on_state_change(start)

    @callback
    def unsubscribe() -> None:
        remove_state_listener()
        stop()

    connection.subscriptions[msg["id"]] = unsubscribe
    connection.send_result(msg["id"])
    start()


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


async def _follow_stream(
    coordinator: ConductorCoordinator, path: str, send: Callable[[Mapping[str, Any]], None]
) -> None:
    """Pass on the events of one of the server's streams until it breaks."""
    timeout = ClientTimeout(total=None, sock_connect=REQUEST_SECONDS)
    try:
        async with coordinator.client.request("GET", path, timeout=timeout) as response:
            async for event in parse_events(response.content.iter_any()):
                send(event.data)
    except ConductorError as err:
        coordinator.logger.debug("The stream %s broke: %s", path, err)


@websocket_command(
    {
        probatio.Required("type"): f"{COMMAND_PREFIX}/request",
        probatio.Required("entry_id"): str,
        probatio.Required("method"): probatio.In(METHODS),
        probatio.Required("path"): probatio.Match(ALLOWED_PATH),
        probatio.Optional("body"): probatio.Any(dict, list),
        probatio.Optional("form"): [
            {
                probatio.Required("name"): str,
                probatio.Required("value"): str,
                probatio.Optional("filename"): str,
                probatio.Optional("content_type"): str,
            }
        ],
    }
)
@require_admin
@async_response
async def send_request(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Send a request to a server and return its response, or the error of the server.

    JSON is returned as it is, everything else in base64. A field of a form with a file name is a
    file in base64.
    """
    coordinator = _get_coordinator(hass, msg)
    try:
        answer = await _forward(coordinator, msg)
    except ConductorAuthError as err:
        coordinator.config_entry.async_start_reauth(hass)
        answer = {"error": {"status": 401, "code": "UNAUTHORIZED", "message": str(err)}}
    except ConductorRequestError as err:
        error = {"status": 400, "code": err.code, "message": err.message, "detail": err.detail}
        answer = {"error": error}
    except ConductorConnectionError:
        answer = {"error": {"status": 0, "code": "UNREACHABLE", "message": ""}}
    except ConductorError as err:
        answer = {"error": {"status": 500, "code": "", "message": str(err)}}
    connection.send_result(msg["id"], answer)


async def _forward(coordinator: ConductorCoordinator, msg: Mapping[str, Any]) -> dict[str, Any]:
    form: FormData | None = None
    if "form" in msg:
        form = FormData()
        for field in msg["form"]:
            is_file = "filename" in field
            value = base64.b64decode(field["value"]) if is_file else field["value"]
            options = {name: field[name] for name in ("filename", "content_type") if name in field}
            form.add_field(field["name"], value, **options)
    async with coordinator.client.request(
        msg["method"],
        msg["path"],
        timeout=ClientTimeout(total=REQUEST_SECONDS),
        json=msg.get("body"),
        data=form,
    ) as response:
        content = await response.content.read(MAX_BODY_BYTES)
        while chunk := await response.content.read(MAX_BODY_BYTES):
            content += chunk
            if len(content) > MAX_BODY_BYTES:
                return {"error": {"status": 500, "code": "", "message": "Response too long."}}
        if response.content_type == "application/json":
            return {"body": json.loads(content)}
        data = base64.b64encode(content).decode()
        return {"data": data, "content_type": response.content_type}


@websocket_command(
    {
        probatio.Required("type"): f"{COMMAND_PREFIX}/satellites",
        probatio.Required("entry_id"): str,
    }
)
@require_admin
@callback
def list_satellites(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Send all voice satellites: their assistant, and the entities that belong to them."""
    coordinator = _get_coordinator(hass, msg)
    satellites = [
        _satellite_as_dict(coordinator, entity)
        for entity in er.async_get(hass).entities.values()
        if entity.domain == ASSIST_SATELLITE and entity.disabled_by is None
    ]
    connection.send_result(msg["id"], {"satellites": satellites})


def _satellite_as_dict(
    coordinator: ConductorCoordinator, satellite: er.RegistryEntry
) -> dict[str, Any]:
    hass = coordinator.hass
    pipeline = async_get_pipeline(hass, satellite.entity_id)
    siblings = er.async_entries_for_device(er.async_get(hass), satellite.device_id or "")
    return {
        "entity_id": satellite.entity_id,
        "device_id": satellite.device_id,
        "assistant": pipeline and pipeline.name,
        "uses_server": pipeline is not None and async_is_stt_of(coordinator, pipeline),
        "last_heard": next(
            (
                entity.entity_id
                for entity in siblings
                if (entity.platform, entity.translation_key) == (DOMAIN, "last_heard")
            ),
            None,
        ),
        "settings": [
            entity.entity_id
            for entity in siblings
            if entity.domain in ("select", "number")
            and entity.disabled_by is None
            and entity.translation_key in SATELLITE_SETTINGS
        ],
    }


def _get_entry(hass: HomeAssistant, msg: dict[str, Any]) -> ConductorConfigEntry:
    """Return the config entry of a command. Raises ServiceValidationError if there is none."""
    entry: ConductorConfigEntry | None = hass.config_entries.async_get_entry(msg["entry_id"])
    if entry is None or entry.domain != DOMAIN:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_loaded")
    return entry


def _get_coordinator(hass: HomeAssistant, msg: dict[str, Any]) -> ConductorCoordinator:
    """Return the server of a command. Raises ServiceValidationError if it is not loaded."""
    entry = _get_entry(hass, msg)
    if entry.state is not ConfigEntryState.LOADED:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_loaded")
    return entry.runtime_data.coordinator


def _is_connected(entry: ConductorConfigEntry) -> bool:
    is_loaded = entry.state is ConfigEntryState.LOADED
    return is_loaded and entry.runtime_data.coordinator.last_update_success


def _server_as_dict(entry: ConductorConfigEntry) -> dict[str, Any]:
    is_loaded = entry.state is ConfigEntryState.LOADED
    scope = entry.runtime_data.coordinator.data.info.scope if is_loaded else None
    return {
        "entry_id": entry.entry_id,
        "title": entry.title,
        "state": entry.state.value,
        "reason": entry.reason,
        # A server that does not say so restricts nothing.
        "scope": scope or "operate",
    }


def _read_version() -> str:
    """Return a short text that changes with the files of the page."""
    record = json.loads((FOLDER / "build.json").read_text())
    return str(record["files"]["panel.js"])[:12]
