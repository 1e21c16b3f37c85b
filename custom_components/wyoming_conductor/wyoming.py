"""Our servers as entries of Home Assistant's own `wyoming` integration, which speaks to them.

An entry is ours if its unique id is the one that its discovery would give it
(`wyoming-conductor-<service>-<uuid>`), or if it has our address. So an address that moves is
found again, and a discovery that comes later adds nothing twice. Those that we added ourselves say
so in their options, because they leave with our own entry; what the user added stays.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from homeassistant.components.wyoming import DOMAIN as WYOMING
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowResult,
)
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow
from homeassistant.helpers import entity_registry as er

from .const import LOGGER

type Address = Mapping[str, str | int]

SERVICES: Final = {"asr": "stt", "tts": "tts", "wake": "wake_word"}
"""The server's name of a service, and the domain of its entity."""

ADDED_BY: Final = "added_by_wyoming_conductor"
"""Option of the entries that we added: the server's uuid."""


@callback
def async_missing_servers(hass: HomeAssistant, uuid: str, ports: Mapping[str, int]) -> list[str]:
    """Return the services that Assist cannot use yet."""
    return [service for service in _offered(ports) if _known(hass, uuid, service) is None]


async def async_add_servers(
    hass: HomeAssistant, uuid: str, host: str, ports: Mapping[str, int]
) -> list[str]:
    """Add each service that is missing and move those whose address changed.

    Returns the services that could not be added: nothing answered there.
    """
    failed = []
    for service in _offered(ports):
        address: Address = {CONF_HOST: host, CONF_PORT: ports[service]}
        entry = _known(hass, uuid, service) or _at(hass, address)
        mark: Mapping[str, str] = {}
        if entry is None:
            entry = await _add(hass, uuid, service, address)
            mark = {ADDED_BY: uuid}
        if entry is None:
            failed.append(service)
            continue
        _adopt(hass, entry, uuid, service, mark)
        _move(hass, entry, address)
    return failed


async def async_move_servers(
    hass: HomeAssistant, uuid: str, host: str, ports: Mapping[str, int]
) -> None:
    """Give the entries that are there the server's present address."""
    for service in _offered(ports):
        address: Address = {CONF_HOST: host, CONF_PORT: ports[service]}
        if (entry := _known(hass, uuid, service)) is not None:
            _move(hass, entry, address)
        elif (entry := _at(hass, address)) is not None:
            _adopt(hass, entry, uuid, service)


async def async_remove_servers(hass: HomeAssistant, uuid: str) -> None:
    """Remove the entries that we added for a server."""
    for entry in _all(hass):
        if entry.options.get(ADDED_BY) == uuid:
            await hass.config_entries.async_remove(entry.entry_id)


@callback
def async_entity(hass: HomeAssistant, uuid: str, service: str) -> str | None:
    """Return the entity that a service has in Assist, such as `stt.faster_whisper`."""
    entry = _known(hass, uuid, service)
    if entry is None:
        return None
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        if entity.domain == SERVICES[service] and entity.disabled_by is None:
            return entity.entity_id
    return None


@callback
def async_entries(hass: HomeAssistant, uuid: str) -> dict[str, ConfigEntry]:
    """Return the entries of our services, for diagnostics."""
    found = {service: _known(hass, uuid, service) for service in SERVICES}
    return {service: entry for service, entry in found.items() if entry is not None}


def _offered(ports: Mapping[str, int]) -> Iterator[str]:
    return (service for service in SERVICES if ports.get(service))


def _prefix(uuid: str, service: str) -> str:
    """Return how the unique id begins that discovery gives the service."""
    return f"wyoming-conductor-{service}-{uuid.replace('-', '')[:8]}."


def _all(hass: HomeAssistant) -> list[ConfigEntry]:
    entries = hass.config_entries.async_entries(WYOMING)
    return [entry for entry in entries if entry.source != SOURCE_IGNORE]


def _known(hass: HomeAssistant, uuid: str, service: str) -> ConfigEntry | None:
    prefix = _prefix(uuid, service)
    return next((e for e in _all(hass) if (e.unique_id or "").startswith(prefix)), None)


def _at(hass: HomeAssistant, address: Address) -> ConfigEntry | None:
    return next((e for e in _all(hass) if dict(e.data) == dict(address)), None)


async def _add(
    hass: HomeAssistant, uuid: str, service: str, address: Address
) -> ConfigEntry | None:
    """Add a service: confirm its discovery if it is waiting, else as a user would."""
    result: ConfigFlowResult
    for flow in hass.config_entries.flow.async_progress_by_handler(WYOMING):
        if str(flow["context"].get("unique_id")).startswith(_prefix(uuid, service)):
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
            LOGGER.debug("The flow for %s has ended by itself", service)
    return None


@callback
def _adopt(
    hass: HomeAssistant,
    entry: ConfigEntry,
    uuid: str,
    service: str,
    mark: Mapping[str, str] | None = None,
) -> None:
    """Give an entry the unique id that its discovery would, so that it is not found again.

    `mark` is added to its options. One update for both: each makes a loaded entry reload.
    """
    name = entry.unique_id or f"{_prefix(uuid, service)}_wyoming._tcp.local._{entry.title}"
    options = {**entry.options, **(mark or {})}
    hass.config_entries.async_update_entry(entry, unique_id=name, options=options)


@callback
def _move(hass: HomeAssistant, entry: ConfigEntry, address: Address) -> None:
    """Give an entry its present address; the core integration never does."""
    if dict(entry.data) == dict(address):
        return
    LOGGER.info("%s has moved to %s:%s", entry.title, *address.values())
    changed = hass.config_entries.async_update_entry(entry, data=dict(address))
    # A loaded entry of the core integration reloads by itself when it is updated.
    if changed and entry.state is not ConfigEntryState.LOADED:
        hass.config_entries.async_schedule_reload(entry.entry_id)
