"""Wyoming Conductor integration: monitors and controls a speech server.

`api` is the client of the server, `coordinator` keeps a `snapshot` of it, and entities, issues,
diagnostics and services read the snapshot. `stt`, `tts` and `wake_word` are the engines of voice
assistants, which `assistants` manages; `wyoming` keeps entries of the Wyoming integration current.
`vocabulary` and `reference` tell the server what this home needs.
"""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceEntry, DeviceEntryType
from homeassistant.helpers.typing import ConfigType

from . import assist_pipeline, assistants, issues, panel
from .const import CONF_KEEP_WARM, CONF_PIPELINE_ID, CONF_VOCABULARY, DOMAIN, MANUFACTURER
from .coordinator import ConductorCoordinator, UnsupportedVersionError
from .data import ConductorConfigEntry, ConductorRuntimeData
from .entity import (
    async_remove_voices,
    model_identifier,
    pipeline_identifier,
    server_identifier,
)
from .helpers import create_client
from .keep_warm import KeepWarmManager
from .reference import async_keep_reference, async_leave_server
from .services import async_setup_services
from .vocabulary import async_push_vocabulary
from .wyoming import ServiceWatcher, async_remove_services, async_update_addresses

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

ENGINE_PLATFORMS = [Platform.STT, Platform.TTS, Platform.WAKE_WORD]
"""Set up before the other platforms, because new assistants need their entities."""

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
    """Register the services and the panel's files and commands, which need no server."""
    async_setup_services(hass)
    panel.async_register_commands(hass)
    await panel.async_serve_files(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: ConductorConfigEntry) -> bool:
    """Set up a server."""
    # First: the panel says why a server cannot be set up.
    await panel.async_show(hass)
    coordinator = ConductorCoordinator(hass, entry, create_client(hass, entry.data))
    try:
        await coordinator.async_config_entry_first_refresh()
    except UnsupportedVersionError as err:
        issues.async_create_version_issue(hass, entry, err.version)
        raise
    entry.runtime_data = ConductorRuntimeData(
        coordinator, KeepWarmManager(hass, coordinator), ServiceWatcher(hass, coordinator)
    )
    info = coordinator.data.info
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={server_identifier(info.uuid)},
        manufacturer=MANUFACTURER,
        model=info.name,
        name=entry.title,
        sw_version=info.version,
        entry_type=DeviceEntryType.SERVICE,
        configuration_url=f"homeassistant://{panel.URL_PATH}?config_entry={entry.entry_id}",
    )
    _async_update_devices(hass, entry)
    await async_update_addresses(hass, info.uuid, entry.data[CONF_HOST], info.ports)
    await hass.config_entries.async_forward_entry_setups(entry, ENGINE_PLATFORMS)
    await assistants.async_create_new(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    _async_update_issues(hass, entry)
    if entry.options.get(CONF_VOCABULARY, True):
        async_push_vocabulary(hass, coordinator)
    async_keep_reference(hass, coordinator)
    assistants.async_follow(hass, entry)
    entry.runtime_data.services.async_start()
    entry.runtime_data.keep_warm.async_start()
    _async_reload_on_change(hass, entry)
    coordinator.async_start_event_stream()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ConductorConfigEntry) -> bool:
    """Unload a server; Home Assistant cancels the background tasks of the config entry."""
    return await hass.config_entries.async_unload_platforms(entry, [*ENGINE_PLATFORMS, *PLATFORMS])


async def async_remove_entry(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Remove everything that was created for the server, and the panel with the last server."""
    issues.async_delete_issues(hass, entry)
    await assistants.async_remove_all(hass, entry)
    await async_remove_services(hass, entry.unique_id or "")
    await async_leave_server(hass, entry)
    if not hass.config_entries.async_entries(DOMAIN, include_ignore=False):
        panel.async_hide(hass)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: ConductorConfigEntry, device: DeviceEntry
) -> bool:
    """Allow deleting the device of a model or assistant that no longer exists."""
    if entry.state is not ConfigEntryState.LOADED:
        return False
    return not device.identifiers & _current_identifiers(entry)


@callback
def _async_reload_on_change(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Reload the config entry when its data, options or assistants change."""
    before = _reload_relevant_state(entry)

    async def handle_update(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
        # Before the reload: only this manager knows the models of a deleted assistant.
        await entry.runtime_data.keep_warm.async_update()
        entry.runtime_data.coordinator.async_update_listeners()
        if _reload_relevant_state(entry) != before:
            hass.config_entries.async_schedule_reload(entry.entry_id)

    entry.async_on_unload(entry.add_update_listener(handle_update))


def _reload_relevant_state(entry: ConductorConfigEntry) -> list[Any]:
    """Return all parts of a config entry that its setup depends on."""
    subentries = [
        (subentry.subentry_id, subentry.title, {**subentry.data, CONF_KEEP_WARM: None})
        for subentry in entry.subentries.values()
    ]
    return [entry.title, dict(entry.data), dict(entry.options), subentries]


def _current_identifiers(entry: ConductorConfigEntry) -> set[tuple[str, str]]:
    """Return the identifiers of all devices that should exist."""
    snapshot = entry.runtime_data.coordinator.data
    uuid = snapshot.info.uuid
    return {
        server_identifier(uuid),
        *(model_identifier(uuid, model) for model in snapshot.status.models.values()),
        *(pipeline_identifier(uuid, subentry_id) for subentry_id in entry.subentries),
    }


@callback
def _async_update_devices(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Remove devices and entities of removed models, update the server's version, now and later."""
    registry = dr.async_get(hass)
    coordinator = entry.runtime_data.coordinator
    version = coordinator.data.info.version

    @callback
    def handle_update() -> None:
        nonlocal version
        async_remove_voices(coordinator)
        current = _current_identifiers(entry)
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
            if not device.identifiers & current:
                registry.async_remove_device(device.id)
        if coordinator.data.info.version != version:
            version = coordinator.data.info.version
            server = registry.async_get_device_by_identifier(
                server_identifier(coordinator.data.info.uuid), entry.entry_id
            )
            if server is not None:
                registry.async_update_device(server.id, sw_version=version)

    handle_update()
    entry.async_on_unload(coordinator.async_add_listener(handle_update))


@callback
def _async_update_issues(hass: HomeAssistant, entry: ConductorConfigEntry) -> None:
    """Update the issues after each change of the snapshot or of a pipeline."""
    coordinator = entry.runtime_data.coordinator

    @callback
    def handle_update() -> None:
        if coordinator.last_update_success:
            issues.async_delete_version_issues(hass, entry)
            issues.async_delete_address_issue(hass, entry)
            issues.async_update_issues(hass, entry, coordinator.data)
        elif isinstance(coordinator.last_exception, UnsupportedVersionError):
            issues.async_create_version_issue(hass, entry, coordinator.last_exception.version)

    @callback
    def handle_pipeline_change(_: Any = None) -> None:
        for subentry in assist_pipeline.pipeline_subentries(entry):
            broken = assist_pipeline.async_is_broken(hass, subentry.data[CONF_PIPELINE_ID])
            issues.async_update_pipeline_issue(hass, entry, subentry.subentry_id, broken=broken)
        movable = assistants.async_movable(hass, entry.unique_id or "")
        issues.async_update_movable_issue(hass, entry, len(movable))

    handle_update()
    handle_pipeline_change()
    entry.async_on_unload(coordinator.async_add_listener(handle_update))
    entry.async_on_unload(assist_pipeline.async_add_listener(hass, handle_pipeline_change))
    # An engine may be removed or disabled, or come back.
    entry.async_on_unload(
        hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, handle_pipeline_change)
    )
