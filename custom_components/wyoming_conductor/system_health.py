"""System health of all servers."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .data import ConductorConfigEntry


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register the callback."""
    register.async_register_info(_async_get_info)


async def _async_get_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return for each server whether it can be reached, and its state.

    The keys are titles of config entries, made unique.
    """
    entries: list[ConductorConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False
    )
    info: dict[str, Any] = {"servers": len(entries)}
    for entry in entries:
        title, number = entry.title, 1
        while title in info:
            number += 1
            title = f"{entry.title} ({number})"
        if entry not in hass.config_entries.async_loaded_entries(DOMAIN):
            info[title] = entry.state.value
            continue
        info[title] = _describe(entry)
        url = f"{entry.runtime_data.coordinator.client.url}/health/live"
        info[f"{title}: /health/live"] = system_health.async_check_can_reach_url(hass, url)
    return info


def _describe(entry: ConductorConfigEntry) -> str:
    """Return the version, the event stream, the models and the memory of a loaded server."""
    coordinator = entry.runtime_data.coordinator
    snapshot = coordinator.data
    parts = [
        snapshot.info.version,
        "connected" if coordinator.is_streaming else "disconnected",
        f"{snapshot.models_loaded}/{len(snapshot.status.models)} models loaded",
    ]
    if coordinator.last_event_at is not None:
        age = dt_util.utcnow() - coordinator.last_event_at
        parts.append(f"last event {age.total_seconds():.0f} s ago")
    for device in snapshot.status.devices.values():
        free, total = (f"{size / 2**30:.1f}" for size in (device.free_bytes, device.total_bytes))
        parts.append(f"{device.id} {free} of {total} GiB free")
    return ", ".join(parts)
