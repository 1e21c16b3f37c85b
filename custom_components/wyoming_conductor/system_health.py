"""System health: a line per server, for people who ask for help."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .coordinator import ConductorConfigEntry


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register what is shown."""
    register.async_register_info(_info)


async def _info(hass: HomeAssistant) -> dict[str, Any]:
    """Return what is shown of the first loaded server, and how many there are."""
    entries: list[ConductorConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    shown: dict[str, Any] = {"servers": len(entries)}
    if not entries:
        return shown
    coordinator = entries[0].runtime_data
    snapshot = coordinator.data
    heard = coordinator.last_event_at
    shown["can_reach_server"] = system_health.async_check_can_reach_url(
        hass, f"{coordinator.client.url}/health/live"
    )
    shown["version"] = snapshot.info.version
    shown["event_stream"] = "connected" if coordinator.is_streaming else "disconnected"
    if heard is not None:
        shown["last_event"] = f"{(dt_util.utcnow() - heard).total_seconds():.0f} s"
    shown["models"] = f"{snapshot.models_loaded} / {len(snapshot.status.models)}"
    for device in snapshot.status.devices.values():
        free, total = (f"{size / 2**30:.1f}" for size in (device.free_bytes, device.total_bytes))
        shown["gpu_memory_free" if device.is_gpu else "memory_free"] = f"{free} / {total} GiB"
    return shown
