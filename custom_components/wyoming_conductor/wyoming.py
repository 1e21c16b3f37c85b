"""Config entries of Home Assistant's `wyoming` integration for the services of a server.

An entry belongs to a service if its unique id is the one that discovery assigns
(`wyoming-conductor-<service>-<uuid>`) or if it has the service's address. The unique id allows the
address to be updated and prevents duplicates by a later discovery. Entries that this integration
added carry an option that says so and are removed with the server; entries that the user added are
kept.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from homeassistant.components.wyoming import DOMAIN as WYOMING
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN, LOGGER
from .coordinator import ConductorCoordinator
from .helpers import ASR_MODEL
from .snapshot import Snapshot

type Address = Mapping[str, str | int]

SERVICES: Final = {"asr": "stt", "tts": "tts", "wake": "wake_word"}
"""Service of the server and entity domain in Home Assistant."""

ADDED_BY: Final = "added_by_wyoming_conductor"
"""Option of entries that this integration added; its value is the server's uuid."""


@callback
def async_missing_services(hass: HomeAssistant, uuid: str, ports: Mapping[str, int]) -> list[str]:
    """Return the services that have no entry."""
    return [service for service in _services(ports) if _find_entry(hass, uuid, service) is None]


async def async_add_services(
    hass: HomeAssistant, uuid: str, host: str, ports: Mapping[str, int]
) -> list[str]:
    """Add missing entries and update the address of existing ones.

    Returns the services that could not be added because they did not answer.
    """
    failed = []
    for service in _services(ports):
        address: Address = {CONF_HOST: host, CONF_PORT: ports[service]}
        entry = _find_entry(hass, uuid, service) or _find_entry_at(hass, address)
        options: Mapping[str, str] = {}
        if entry is None:
            entry = await _async_add_entry(hass, uuid, service, address)
            options = {ADDED_BY: uuid}
        if entry is None:
            failed.append(service)
            continue
        _claim(hass, entry, uuid, service, options)
        _update_address(hass, entry, address)
    return failed


async def async_update_addresses(
    hass: HomeAssistant, uuid: str, host: str, ports: Mapping[str, int]
) -> None:
    """Update the addresses of existing entries."""
    for service in _services(ports):
        address: Address = {CONF_HOST: host, CONF_PORT: ports[service]}
        if (entry := _find_entry(hass, uuid, service)) is not None:
            _update_address(hass, entry, address)
        elif (entry := _find_entry_at(hass, address)) is not None:
            _claim(hass, entry, uuid, service)


async def async_reload_service(hass: HomeAssistant, uuid: str, service: str) -> None:
    """Set up the entry of a service again, so that it asks the service what it offers."""
    entry = _find_entry(hass, uuid, service)
    if entry is not None and entry.state is ConfigEntryState.LOADED:
        await hass.config_entries.async_reload(entry.entry_id)


async def async_remove_services(hass: HomeAssistant, uuid: str) -> None:
    """Remove the entries that this integration added for a server."""
    for entry in _wyoming_entries(hass):
        if entry.options.get(ADDED_BY) == uuid:
            await hass.config_entries.async_remove(entry.entry_id)


@callback
def async_get_entities(hass: HomeAssistant, uuid: str) -> set[str]:
    """Return the entities of all services, such as `stt.speech_to_text`."""
    registry = er.async_get(hass)
    return {
        entity.entity_id
        for entry in async_get_entries(hass, uuid).values()
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
    }


@callback
def async_get_entries(hass: HomeAssistant, uuid: str) -> dict[str, ConfigEntry]:
    """Return the existing entries by service."""
    entries = {service: _find_entry(hass, uuid, service) for service in SERVICES}
    return {service: entry for service, entry in entries.items() if entry is not None}


def _services(ports: Mapping[str, int]) -> Iterator[str]:
    return (service for service in SERVICES if ports.get(service))


def _unique_id_prefix(uuid: str, service: str) -> str:
    return f"wyoming-conductor-{service}-{uuid.replace('-', '')[:8]}."


def _wyoming_entries(hass: HomeAssistant) -> list[ConfigEntry]:
    entries = hass.config_entries.async_entries(WYOMING)
    return [entry for entry in entries if entry.source != SOURCE_IGNORE]


def _find_entry(hass: HomeAssistant, uuid: str, service: str) -> ConfigEntry | None:
    prefix = _unique_id_prefix(uuid, service)
    return next(
        (entry for entry in _wyoming_entries(hass) if (entry.unique_id or "").startswith(prefix)),
        None,
    )


def _find_entry_at(hass: HomeAssistant, address: Address) -> ConfigEntry | None:
    return next(
        (entry for entry in _wyoming_entries(hass) if dict(entry.data) == dict(address)), None
    )


async def _async_add_entry(
    hass: HomeAssistant, uuid: str, service: str, address: Address
) -> ConfigEntry | None:
    """Confirm the discovery flow of a service if there is one, otherwise start a user flow."""
    result: ConfigFlowResult
    for flow in hass.config_entries.flow.async_progress_by_handler(WYOMING):
        if str(flow["context"].get("unique_id")).startswith(_unique_id_prefix(uuid, service)):
            result = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
            break
    else:
        result = await hass.config_entries.flow.async_init(
            WYOMING, context={"source": SOURCE_USER}, data=dict(address)
        )
    if result["type"] is FlowResultType.CREATE_ENTRY:
        return result["result"]
    if result["type"] is FlowResultType.FORM:
        try:
            hass.config_entries.flow.async_abort(result["flow_id"])
        except UnknownFlow:
            LOGGER.debug("The flow for %s has already ended", service)
    return None


@callback
def _claim(
    hass: HomeAssistant,
    entry: ConfigEntry,
    uuid: str,
    service: str,
    options: Mapping[str, str] | None = None,
) -> None:
    """Assign the unique id of discovery unless the entry has one, and add `options`.

    This is a single update because each update reloads a loaded entry.
    """
    unique_id = (
        entry.unique_id or f"{_unique_id_prefix(uuid, service)}_wyoming._tcp.local._{entry.title}"
    )
    hass.config_entries.async_update_entry(
        entry, unique_id=unique_id, options={**entry.options, **(options or {})}
    )


@callback
def _update_address(hass: HomeAssistant, entry: ConfigEntry, address: Address) -> None:
    """Update the address of an entry; the `wyoming` integration does not do so itself."""
    if dict(entry.data) == dict(address):
        return
    LOGGER.info("%s has moved to %s:%s", entry.title, *address.values())
    changed = hass.config_entries.async_update_entry(entry, data=dict(address))
    # The update listener of a loaded `wyoming` entry reloads it.
    if changed and entry.state is not ConfigEntryState.LOADED:
        hass.config_entries.async_schedule_reload(entry.entry_id)


class DiscoveryDismisser:
    """Dismisses what the `wyoming` integration discovers of a server that is discovered here.

    One server is one card: its services are announced until a client of its API uses it. They are
    discovered again if this integration is not set up.
    """

    def __init__(self, hass: HomeAssistant, uuid: str) -> None:
        """Dismiss now and until `async_stop`."""
        self._hass = hass
        self._prefixes = tuple(_unique_id_prefix(uuid, service) for service in SERVICES)
        self._remove_listener = hass.config_entries.flow.async_subscribe_flow(self._handle_flow)
        for flow in hass.config_entries.flow.async_progress_by_handler(WYOMING):
            self._dismiss(flow)

    @callback
    def async_stop(self) -> None:
        """Dismiss no more."""
        self._remove_listener()

    @callback
    def _handle_flow(self, change: str, flow_id: str) -> None:
        if change != "added":
            return
        for flow in self._hass.config_entries.flow.async_progress_by_handler(WYOMING):
            if flow["flow_id"] == flow_id:
                self._dismiss(flow)

    @callback
    def _dismiss(self, flow: ConfigFlowResult) -> None:
        is_discovered = flow["context"].get("source") == SOURCE_ZEROCONF
        if is_discovered and str(flow["context"].get("unique_id")).startswith(self._prefixes):
            self._hass.config_entries.flow.async_abort(flow["flow_id"])


class ServiceWatcher:
    """Keeps the entries up to date with a server whose settings change.

    The `wyoming` integration reads languages and turn detection of speech-to-text once, when its
    entry is set up, and never changes a port.
    """

    def __init__(self, hass: HomeAssistant, coordinator: ConductorCoordinator) -> None:
        """Start from the current snapshot, with which the entries were set up."""
        self._hass = hass
        self._coordinator = coordinator
        self._ports = dict(coordinator.data.info.ports)
        self._speech_to_text = _speech_to_text(coordinator.data)
        self._update: asyncio.Task[None] | None = None

    @callback
    def async_start(self) -> None:
        """Follow the snapshot until the config entry is unloaded."""
        entry = self._coordinator.config_entry
        entry.async_on_unload(self._coordinator.async_add_listener(self._handle_update))

    @callback
    def _handle_update(self) -> None:
        snapshot = self._coordinator.data
        ports, speech_to_text = dict(snapshot.info.ports), _speech_to_text(snapshot)
        if (ports, speech_to_text) == (self._ports, self._speech_to_text):
            return
        is_reload_needed = speech_to_text != self._speech_to_text
        self._ports, self._speech_to_text = ports, speech_to_text
        # Not a task of the config entry: if that is reloaded meanwhile, the other entries must not
        # be left half set up.
        self._update = self._hass.async_create_task(
            self._async_update(self._update, reload=is_reload_needed),
            name=f"{DOMAIN} services of {self._coordinator.name}",
        )

    async def _async_update(self, previous: asyncio.Task[None] | None, *, reload: bool) -> None:
        if previous is not None:
            await asyncio.wait([previous])
        info = self._coordinator.data.info
        host = self._coordinator.config_entry.data[CONF_HOST]
        await async_update_addresses(self._hass, info.uuid, host, info.ports)
        if reload:
            await async_reload_service(self._hass, info.uuid, "asr")


def _speech_to_text(snapshot: Snapshot) -> tuple[object, ...]:
    """Return what the `wyoming` integration caches of speech-to-text."""
    default = snapshot.get_config(*ASR_MODEL) or snapshot.status.default_asr
    model = snapshot.status.models.get(default)
    vad = [snapshot.get_config("asr", key) for key in ("turn_detection", "external_vad")]
    return (default, model and model.languages, *vad)
