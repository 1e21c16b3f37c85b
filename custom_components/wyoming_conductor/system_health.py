"""System health of the first connected server."""

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
    """Return the number of servers and the state of the first one."""
    entries: list[ConductorConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    info: dict[str, Any] = {"servers": len(entries)}
    if not entries:
        return info
    coordinator = entries[0].runtime_data.coordinator
    snapshot = coordinator.data
    info["can_reach_server"] = system_health.async_check_can_reach_url(
        hass, f"{coordinator.client.url}/health/live"
    )
    info["version"] = snapshot.info.version
    info["event_stream"] = "connected" if coordinator.is_streaming else "disconnected"
    if coordinator.last_event_at is not None:
        age = dt_util.utcnow() - coordinator.last_event_at
        info["last_event"] = f"{age.total_seconds():.0f} s"
    info["models"] = f"{snapshot.models_loaded} / {len(snapshot.status.models)}"
    for device in snapshot.status.devices.values():
        free, total = (f"{size / 2**30:.1f}" for size in (device.free_bytes, device.total_bytes))
        info["gpu_memory_free" if device.is_gpu else "memory_free"] = f"{free} / {total} GiB"
    return info
