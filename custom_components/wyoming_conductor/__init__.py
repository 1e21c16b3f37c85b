"""Wyoming Conductor in Home Assistant: see and steer the machine that hears and speaks.

`api` talks to the server, `coordinator` keeps one `snapshot` of it, and everything else reads that:
the entities, repairs, diagnostics and services. `wyoming` and `assist` make the servers usable in
Assist, `vocabulary` tells them what things are called in this home.
"""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.device_registry import DeviceEntry, DeviceEntryType
from homeassistant.helpers.typing import ConfigType

from . import activity, assist, issues, panel, websocket
from .api import ConductorClient
from .const import (
    CONF_KEEP_WARM,
    CONF_PIPELINE_ID,
    CONF_TLS,
    CONF_VOCABULARY,
    DOMAIN,
    MANUFACTURER,
)
from .coordinator import ConductorConfigEntry, ConductorCoordinator
from .entity import model_identifier, pipeline_identifier, pipelines, server_identifier
from .services import async_setup_services
from .vocabulary import async_push_vocabulary
from .warmth import Warmth
from .wyoming import async_move_servers, async_remove_servers

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register what is there even while no server answers: services, and the panel's commands."""
    async_setup_services(hass)
    websocket.async_register(hass)
    await panel.async_serve_files(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ConductorConfigEntry) -> bool:
    """Set up one server."""
    coordinator = ConductorCoordinator(hass, entry, make_client(hass, entry.data))
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator
    coordinator.warmth = Warmth(hass, entry)
    info = coordinator.data.info
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={server_identifier(info.uuid)},
        manufacturer=MANUFACTURER,
        model=info.name,
        name=entry.title,
        sw_version=info.version,
        entry_type=DeviceEntryType.SERVICE,
        configuration_url=f"{coordinator.client.url}/docs",
    )
    _async_keep_devices(hass, entry)
    await async_move_servers(hass, info.uuid, entry.data[CONF_HOST], info.ports)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    activity.async_watch(hass, entry)
    _async_keep_issues(hass, entry)
    if entry.options.get(CONF_VOCABULARY, True):
        async_push_vocabulary(hass, entry)
    coordinator.warmth.async_watch()
    _async_keep_current(hass, entry)
    coordinator.async_follow()
    await panel.async_show(hass)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ConductorConfigEntry) -> bool:
    """Unload one server; its background tasks end with the entry."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Leave nothing behind that was made with the entry, and no panel without a server."""
    issues.async_clear(hass, entry)
    for subentry in pipelines(entry):
        await assist.async_delete(hass, subentry.data[CONF_PIPELINE_ID])
    await async_remove_servers(hass, entry.unique_id or "")
    if not hass.config_entries.async_entries(DOMAIN):
        panel.async_hide(hass)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: ConductorConfigEntry, device: DeviceEntry
) -> bool:
    """Let the user delete the device of what the server no longer has."""
    if entry.state is not ConfigEntryState.LOADED:
        return False
    return not device.identifiers & _present(entry)


def make_client(
    hass: HomeAssistant, data: Mapping[str, str | int | bool | None]
) -> ConductorClient:
    """Return a client for what a config entry or a form says."""
    token = data.get(CONF_TOKEN)
    return ConductorClient(
        async_get_clientsession(hass),
        str(data[CONF_HOST]),
        int(data[CONF_PORT] or 0),
        token=str(token) if token else None,
        tls=bool(data.get(CONF_TLS)),
    )


@callback
def _async_keep_current(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Set the entry up anew when an address, an option or an assistant has changed."""
    before = _shape(entry)

    async def changed(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
        # What a deleted assistant kept warm is let go by those who know of it.
        await entry.runtime_data.warmth.async_settle()
        entry.runtime_data.async_update_listeners()
        if _shape(entry) != before:
            hass.config_entries.async_schedule_reload(entry.entry_id)

    entry.async_on_unload(entry.add_update_listener(changed))


def _shape(entry: ConductorConfigEntry) -> list[Any]:
    """Return all of an entry that its set-up depends on."""
    assistants = [
        (item.subentry_id, item.title, {**item.data, CONF_KEEP_WARM: None})
        for item in entry.subentries.values()
    ]
    return [entry.title, dict(entry.data), dict(entry.options), assistants]


def _present(entry: ConductorConfigEntry) -> set[tuple[str, str]]:
    """Return the identifiers of the devices that belong to what is there now."""
    snapshot = entry.runtime_data.data
    uuid = snapshot.info.uuid
    return {
        server_identifier(uuid),
        *(model_identifier(uuid, model) for model in snapshot.status.models),
        *(pipeline_identifier(uuid, subentry) for subentry in entry.subentries),
    }


@callback
def _async_keep_devices(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Remove the device of a model that the server no longer has, now and later."""
    registry = dr.async_get(hass)
    coordinator = entry.runtime_data
    version = coordinator.data.info.version

    @callback
    def look() -> None:
        nonlocal version
        present = _present(entry)
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
            if not device.identifiers & present:
                registry.async_remove_device(device.id)
        if coordinator.data.info.version != version:
            version = coordinator.data.info.version
            server = registry.async_get_device_by_identifier(
                server_identifier(coordinator.data.info.uuid), entry.entry_id
            )
            if server is not None:
                registry.async_update_device(server.id, sw_version=version)

    look()
    entry.async_on_unload(coordinator.async_add_listener(look))


@callback
def _async_keep_issues(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Let the repairs follow the snapshot, and those of assistants follow Assist."""
    coordinator = entry.runtime_data

    @callback
    def look() -> None:
        if coordinator.last_update_success:
            issues.async_sync(hass, entry, coordinator.data)

    @callback
    def look_at_assistants() -> None:
        for subentry in pipelines(entry):
            broken = assist.async_is_broken(hass, subentry.data[CONF_PIPELINE_ID])
            issues.async_mark_pipeline(hass, entry, subentry.subentry_id, broken=broken)

    look()
    look_at_assistants()
    entry.async_on_unload(coordinator.async_add_listener(look))
    entry.async_on_unload(assist.async_listen(hass, look_at_assistants))
