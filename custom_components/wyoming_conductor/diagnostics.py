"""Diagnostics: all that helps to find a fault, nothing that tells who the user is."""

from dataclasses import asdict
from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_HOST, CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.util import dt as dt_util

from .assist import async_describe_pipelines
from .coordinator import ConductorConfigEntry
from .entity import model_identifier
from .vocabulary import async_vocabulary
from .wyoming import async_entries

REDACT = {CONF_HOST, CONF_TOKEN, "client", "title", "unique_id", "uuid", "text", "initial_prompt"}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: ConductorConfigEntry
) -> dict[str, Any]:
    """Return all about a server."""
    coordinator = entry.runtime_data
    snapshot = coordinator.data
    heard = coordinator.last_event_at
    names = async_vocabulary(hass)
    found: dict[str, Any] = {
        "entry": {"data": dict(entry.data), "options": dict(entry.options)},
        "info": asdict(snapshot.info),
        "status": asdict(snapshot.status),
        "config": snapshot.config.values if snapshot.config else None,
        "evictions": snapshot.evictions,
        "stream": {
            "connected": coordinator.is_streaming,
            "silent_seconds": (
                None if heard is None else round((dt_util.utcnow() - heard).total_seconds())
            ),
            "last_update_success": coordinator.last_update_success,
        },
        "events": [{"id": event.id, **event.data} for event in coordinator.recent],
        "wyoming": {
            service: {"state": wyoming.state.value, "data": dict(wyoming.data)}
            for service, wyoming in async_entries(hass, snapshot.info.uuid).items()
        },
        "assistants": async_describe_pipelines(hass, entry),
        # How many, never which: names of rooms and people say who lives here.
        "vocabulary": {kind: len(words) for kind, words in names.items()},
    }
    redacted: dict[str, Any] = async_redact_data(found, REDACT)
    return redacted


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: ConductorConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return all about one model, or about the server."""
    snapshot = entry.runtime_data.data
    for model in snapshot.status.models.values():
        if model_identifier(snapshot.info.uuid, model.id) in device.identifiers:
            return {
                "model": asdict(model),
                "events": [
                    async_redact_data(dict(event.data), REDACT)
                    for event in entry.runtime_data.recent
                    if event.data.get("model") == model.id
                ],
            }
    return await async_get_config_entry_diagnostics(hass, entry)
