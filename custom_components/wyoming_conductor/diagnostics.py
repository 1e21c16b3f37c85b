"""Diagnostics of a server or a model, without personal data.

Redaction has three layers: named fields are replaced, the server's configuration shows only values
that are known to be harmless, and all remaining texts are searched for addresses and home folders.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any, Final

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST, CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.util import dt as dt_util

from .api import Model
from .assist_pipeline import async_get_diagnostics
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .entity import model_identifier
from .snapshot import Snapshot
from .vocabulary import async_get_vocabulary
from .wyoming import async_get_entries

REDACTED_FIELDS: Final = {
    CONF_HOST,
    CONF_TOKEN,
    "client",
    "title",
    "unique_id",
    "uuid",
    "text",
    "initial_prompt",
}

HARMLESS_TEXT: Final = re.compile(
    r"auto|cpu|cuda:\d+|(?:b?float|int)\d+(?:_\w+)?|token|none|public|debug|info|warning|error"
    r"|text|json|openwakeword|microwakeword|\d+(?:\.\d+)?\s?(?:%|[KMGT]i?B|B|ms|s|m|h|d)"
)
"""Texts of the configuration that cannot identify anybody: choices, sizes and times."""

URL_AUTHORITY: Final = re.compile(r"(?<=://)[^\s/\"']+")
IPV4_ADDRESS: Final = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
COLON_SEPARATED: Final = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]+")
USER_FOLDER: Final = re.compile(r"((?:/home|/Users|\\Users)[/\\])[^/\\\s\"']+")


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: ConductorConfigEntry
) -> dict[str, Any]:
    """Return the diagnostics of a server."""
    diagnostics: dict[str, Any] = {
        "entry": {
            "state": entry.state.value,
            "data": dict(entry.data),
            "options": dict(entry.options),
        }
    }
    if entry.state is ConfigEntryState.LOADED:
        diagnostics |= _server_diagnostics(hass, entry, entry.runtime_data.coordinator)
    return _redact(diagnostics)


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: ConductorConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return the diagnostics of a model, or of the server for any other device."""
    if entry.state is ConfigEntryState.LOADED:
        coordinator = entry.runtime_data.coordinator
        uuid = coordinator.data.info.uuid
        models = [
            model
            for model in coordinator.data.status.models.values()
            if model_identifier(uuid, model) in device.identifiers
        ]
        if models:
            return _redact(_model_diagnostics(coordinator, models))
    return await async_get_config_entry_diagnostics(hass, entry)


def _server_diagnostics(
    hass: HomeAssistant, entry: ConductorConfigEntry, coordinator: ConductorCoordinator
) -> dict[str, Any]:
    snapshot = coordinator.data
    last_event_at = coordinator.last_event_at
    vocabulary = async_get_vocabulary(hass)
    return {
        "info": asdict(snapshot.info),
        "status": asdict(snapshot.status),
        "config": _redact_config(snapshot),
        "pending": sorted(snapshot.config.pending) if snapshot.config else None,
        "restart_needed": list(snapshot.config.restart_needed) if snapshot.config else None,
        "evictions": snapshot.evictions,
        "event_stream": {
            "connected": coordinator.is_streaming,
            "seconds_since_last_event": (
                None
                if last_event_at is None
                else round((dt_util.utcnow() - last_event_at).total_seconds())
            ),
            "last_update_success": coordinator.last_update_success,
        },
        "events": [{"id": event.id, **event.data} for event in coordinator.recent_events],
        "wyoming": {
            service: {"state": wyoming.state.value, "data": dict(wyoming.data)}
            for service, wyoming in async_get_entries(hass, snapshot.info.uuid).items()
        },
        "assistants": async_get_diagnostics(hass, entry),
        # Only the number of names: names of rooms and people identify the household.
        "vocabulary": {kind: len(names) for kind, names in vocabulary.items()},
    }


def _model_diagnostics(
    coordinator: ConductorCoordinator, models: Sequence[Model]
) -> dict[str, Any]:
    names = {model.id for model in models}
    return {
        "models": [asdict(model) for model in models],
        "events": [
            dict(event.data)
            for event in coordinator.recent_events
            if event.data.get("model") in names
        ],
    }


def _redact_config(snapshot: Snapshot) -> Any:
    """Return the configuration with every text redacted that is not known to be harmless."""
    if snapshot.config is None:
        return None
    models = snapshot.status.models.values()
    known = {model.id for model in models}
    known |= {offer.name for model in models for offer in model.offers}
    known |= {language for model in models for language in model.languages}

    def redact(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: redact(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [redact(item) for item in value]
        if isinstance(value, str) and value:
            return value if value in known or HARMLESS_TEXT.fullmatch(value) else REDACTED
        return value

    return redact(snapshot.config.effective)


def _redact(diagnostics: dict[str, Any]) -> dict[str, Any]:
    """Redact the named fields, then addresses and home folders in all remaining texts."""

    def scrub(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: scrub(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [scrub(item) for item in value]
        return _scrub_text(value) if isinstance(value, str) else value

    redacted: dict[str, Any] = scrub(async_redact_data(diagnostics, REDACTED_FIELDS))
    return redacted


def _scrub_text(text: str) -> str:
    """Redact the hosts of URLs, IP addresses and the names of home folders."""
    text = URL_AUTHORITY.sub(REDACTED, text)
    text = IPV4_ADDRESS.sub(REDACTED, text)
    text = COLON_SEPARATED.sub(_redact_ipv6, text)
    return USER_FOLDER.sub(rf"\1{REDACTED}", text)


def _redact_ipv6(match: re.Match[str]) -> str:
    try:
        ip_address(match[0])
    except ValueError:
        return match[0]  # A time, for example.
    return REDACTED
