"""Sidebar panel of administrators: models, memory, queue and the timing of recent requests.

The page is in `frontend`: plain JavaScript modules without a build step and without external
resources. Its data comes from the websocket commands of this module.
"""

from pathlib import Path
from typing import Any, Final

import probatio
from homeassistant.components import frontend, panel_custom
from homeassistant.components.http.server import StaticPathConfig
from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import (
    async_response,
    require_admin,
    websocket_command,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError

from .api import Trace
from .const import DOMAIN
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .helpers import async_call_server

URL_PATH: Final = "wyoming-conductor"
STATIC_URL: Final = "/wyoming_conductor_static"
ELEMENT: Final = "wyoming-conductor-panel"
COMMAND_PREFIX: Final = f"{DOMAIN}/panel"

FOLDER: Final = Path(__file__).parent / "frontend"


async def async_serve_files(hass: HomeAssistant) -> None:
    """Serve the files of the page; they are public and contain no data of this home."""
    # Without cache headers: after an update a browser must not combine old and new modules.
    config = StaticPathConfig(STATIC_URL, str(FOLDER), cache_headers=False)
    await hass.http.async_register_static_paths([config])


async def async_show(hass: HomeAssistant) -> None:
    """Add the panel to the sidebar unless it is there already or there is no frontend."""
    if frontend.DOMAIN not in hass.config.components:
        return
    if frontend.async_panel_exists(hass, URL_PATH):
        return
    await panel_custom.async_register_panel(
        hass,
        frontend_url_path=URL_PATH,
        webcomponent_name=ELEMENT,
        module_url=f"{STATIC_URL}/panel.js",
        sidebar_title="Conductor",
        sidebar_icon="mdi:account-voice",
        require_admin=True,
    )


@callback
def async_hide(hass: HomeAssistant) -> None:
    """Remove the panel from the sidebar."""
    frontend.async_remove_panel(hass, URL_PATH, warn_if_unknown=False)


@callback
def async_register_commands(hass: HomeAssistant) -> None:
    """Register the websocket commands."""
    for command in (list_servers, subscribe, list_traces, load_model, unload_model):
        async_register_command(hass, command)


@websocket_command({probatio.Required("type"): f"{COMMAND_PREFIX}/servers"})
@require_admin
@callback
def list_servers(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Send all configured servers, connected or not."""
    servers = [
        {
            "entry_id": entry.entry_id,
            "title": entry.title,
            "loaded": entry.state is ConfigEntryState.LOADED,
        }
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    ]
    connection.send_result(msg["id"], {"servers": servers})


@websocket_command(
    {probatio.Required("type"): f"{COMMAND_PREFIX}/subscribe", probatio.Required("entry_id"): str}
)
@require_admin
@callback
def subscribe(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Send the status of a server now and after each change, across reloads of its entry.

    While the entry is not loaded, only its title and `available: false` are sent.
    """
    entry = _get_entry(hass, msg)
    remove_coordinator_listener: CALLBACK_TYPE | None = None

    @callback
    def send_status() -> None:
        if entry.state is ConfigEntryState.LOADED:
            status = _status_as_dict(entry.runtime_data.coordinator)
        else:
            status = {"available": False, "title": entry.title}
        connection.send_event(msg["id"], status)

    @callback
    def remove_listener() -> None:
        nonlocal remove_coordinator_listener
        if remove_coordinator_listener is not None:
            remove_coordinator_listener()
            remove_coordinator_listener = None

    @callback
    def handle_state() -> None:
        # Each load of the entry has a coordinator of its own.
        nonlocal remove_coordinator_listener
        remove_listener()
        if entry.state is ConfigEntryState.LOADED:
            coordinator = entry.runtime_data.coordinator
            remove_coordinator_listener = coordinator.async_add_listener(send_status)
        send_status()

    remove_state_listener = entry.async_on_state_change(handle_state)

    @callback
    def unsubscribe() -> None:
        remove_state_listener()
        remove_listener()

    connection.subscriptions[msg["id"]] = unsubscribe
    connection.send_result(msg["id"])
    handle_state()


@websocket_command(
    {
        probatio.Required("type"): f"{COMMAND_PREFIX}/traces",
        probatio.Required("entry_id"): str,
        probatio.Optional("limit", default=30): probatio.All(int, probatio.Range(min=1, max=500)),
    }
)
@require_admin
@async_response
async def list_traces(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Send the most recent requests, newest first."""
    coordinator = _get_coordinator(hass, msg)
    traces = await async_call_server(coordinator, coordinator.client.traces(msg["limit"]))
    connection.send_result(msg["id"], {"traces": [_trace_as_dict(trace) for trace in traces]})


@websocket_command(
    {
        probatio.Required("type"): f"{COMMAND_PREFIX}/load",
        probatio.Required("entry_id"): str,
        probatio.Required("model"): str,
    }
)
@require_admin
@async_response
async def load_model(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Start loading a model; subscribers receive its state."""
    coordinator = _get_coordinator(hass, msg)
    is_ready = await async_call_server(coordinator, coordinator.client.load_model(msg["model"]))
    connection.send_result(msg["id"], {"ready": is_ready})


@websocket_command(
    {
        probatio.Required("type"): f"{COMMAND_PREFIX}/unload",
        probatio.Required("entry_id"): str,
        probatio.Required("model"): str,
    }
)
@require_admin
@async_response
async def unload_model(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Unload a model when its running requests have finished."""
    coordinator = _get_coordinator(hass, msg)
    await async_call_server(coordinator, coordinator.client.unload_model(msg["model"]))
    connection.send_result(msg["id"])


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


def _status_as_dict(coordinator: ConductorCoordinator) -> dict[str, Any]:
    snapshot = coordinator.data
    return {
        **snapshot.as_dict(),
        "available": coordinator.last_update_success,
        "title": coordinator.config_entry.title,
        "requests": snapshot.requests,
        # A server that cannot be paused always accepts requests.
        "accepting": snapshot.status.accepting is not False,
    }


def _trace_as_dict(trace: Trace) -> dict[str, Any]:
    return {
        "kind": trace.kind,
        "model": trace.model,
        "device": trace.device,
        "client": trace.client,
        "ended_at": trace.ended_at.isoformat(),
        "seconds": trace.seconds,
        "code": trace.code,
        "message": trace.message,
        # A JSON object keeps the order in which the stages ended.
        "stages": dict(trace.stages),
    }
