"""Websocket commands of the panel; all are for administrators only."""

from typing import Any

import probatio
from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import (
    async_response,
    require_admin,
    websocket_command,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError

from .const import DOMAIN
from .coordinator import ConductorConfigEntry, ConductorCoordinator
from .entity import ask
from .views import server_view, trace_view

PREFIX = f"{DOMAIN}/panel"


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the commands."""
    for command in (list_servers, subscribe, list_traces, load, unload):
        async_register_command(hass, command)


def _coordinator(hass: HomeAssistant, msg: dict[str, Any]) -> ConductorCoordinator:
    """Return the server that is meant. Raises ServiceValidationError."""
    entry: ConductorConfigEntry | None = hass.config_entries.async_get_entry(msg["entry_id"])
    if entry is None or entry.domain != DOMAIN or entry.state is not ConfigEntryState.LOADED:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_loaded")
    return entry.runtime_data


@websocket_command({probatio.Required("type"): f"{PREFIX}/servers"})
@require_admin
@callback
def list_servers(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Send the servers that are set up, whether they answer or not."""
    servers = [
        {
            "entry_id": entry.entry_id,
            "title": entry.title,
            "loaded": entry.state is ConfigEntryState.LOADED,
        }
        for entry in hass.config_entries.async_entries(DOMAIN)
    ]
    connection.send_result(msg["id"], {"servers": servers})


@websocket_command(
    {probatio.Required("type"): f"{PREFIX}/subscribe", probatio.Required("entry_id"): str}
)
@require_admin
@callback
def subscribe(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Send everything about a server, now and whenever it changes."""
    coordinator = _coordinator(hass, msg)

    @callback
    def send() -> None:
        connection.send_event(msg["id"], server_view(coordinator))

    connection.subscriptions[msg["id"]] = coordinator.async_add_listener(send)
    connection.send_result(msg["id"])
    send()


@websocket_command(
    {
        probatio.Required("type"): f"{PREFIX}/traces",
        probatio.Required("entry_id"): str,
        probatio.Optional("limit", default=30): probatio.All(int, probatio.Range(min=1, max=500)),
    }
)
@require_admin
@async_response
async def list_traces(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Send the last requests, the newest first."""
    coordinator = _coordinator(hass, msg)
    traces = await ask(coordinator, coordinator.client.traces(msg["limit"]))
    connection.send_result(msg["id"], {"traces": [trace_view(trace) for trace in traces]})


@websocket_command(
    {
        probatio.Required("type"): f"{PREFIX}/load",
        probatio.Required("entry_id"): str,
        probatio.Required("model"): str,
    }
)
@require_admin
@async_response
async def load(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Begin to load a model; its state follows by itself."""
    coordinator = _coordinator(hass, msg)
    is_ready = await ask(coordinator, coordinator.client.load(msg["model"]))
    connection.send_result(msg["id"], {"ready": is_ready})


@websocket_command(
    {
        probatio.Required("type"): f"{PREFIX}/unload",
        probatio.Required("entry_id"): str,
        probatio.Required("model"): str,
    }
)
@require_admin
@async_response
async def unload(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Unload a model once nobody uses it."""
    coordinator = _coordinator(hass, msg)
    await ask(coordinator, coordinator.client.unload(msg["model"]))
    connection.send_result(msg["id"])
