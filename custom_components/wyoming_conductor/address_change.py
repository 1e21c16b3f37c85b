"""Address changes of a configured server that discovery announces.

Anybody on the network can announce a server with a known uuid, so an announcement is only a hint:

1. An entry with HTTPS never moves to an address without HTTPS.
2. While the server answers at its old address, it has not moved.
3. The server at the new address must prove that it knows the token before it receives the token.
4. Otherwise a repair issue asks the user; nothing moves until it is confirmed.

The entries of the `wyoming` integration move with the config entry, when it is set up again.
"""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN
from homeassistant.core import HomeAssistant, callback

from . import issues
from .api import ConductorConnectionError, ConductorError, ConductorProofError
from .const import CONF_TLS, LOGGER
from .helpers import create_client

type Address = Mapping[str, Any]
"""Host, port and TLS of a server, as in the data of a config entry, perhaps with a new token."""

RETRYING = (ConfigEntryState.SETUP_RETRY, ConfigEntryState.SETUP_ERROR)


async def async_handle_announcement(
    hass: HomeAssistant, entry: ConfigEntry, announced: Address
) -> None:
    """Move a config entry to an announced address, or ask the user, or do nothing."""
    data = {**entry.data, **announced}
    if entry.data.get(CONF_TLS) and not announced[CONF_TLS]:  # 1
        LOGGER.debug("Ignoring the announcement of %s without HTTPS", entry.title)
        return
    if data == entry.data:
        if entry.state in RETRYING:
            hass.config_entries.async_schedule_reload(entry.entry_id)
        return
    has_moved = _location(data) != _location(entry.data)
    if has_moved and await _is_at_old_address(hass, entry):  # 2
        LOGGER.debug("%s still answers at its configured address", entry.title)
        return
    try:
        answer = await create_client(hass, data).request_proof()
        is_proven = answer.is_proven(data.get(CONF_TOKEN), entry.unique_id or "")
    except ConductorError as err:
        LOGGER.debug("No proof of %s at its announced address: %s", entry.title, err)
        is_proven = False
    if is_proven:  # 3
        _move(hass, entry, data)
    elif has_moved:  # 4
        issues.async_create_address_issue(hass, entry, _location(data))


async def async_confirm_move(
    hass: HomeAssistant, entry: ConfigEntry, announced: Address
) -> str | None:
    """Move a config entry to an address that the user has confirmed; return an error key.

    The user vouches for the address, which a server behind NAT cannot prove. A server that does not
    know the token is refused still.
    """
    data = {**entry.data, **announced}
    uuid = entry.unique_id or ""
    client = create_client(hass, {**data, CONF_TOKEN: None})
    try:
        if token := data.get(CONF_TOKEN):
            is_verified = (await client.request_proof()).knows_token(token, uuid)
        else:
            is_verified = (await client.info()).uuid == uuid
    except ConductorConnectionError:
        return "cannot_connect"
    except ConductorError:
        return "cannot_verify"
    if not is_verified:
        return "cannot_verify"
    _move(hass, entry, data)
    return None


async def _is_at_old_address(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Return whether the server answers at its configured address; no token is sent there."""
    try:
        answer = await create_client(hass, entry.data).request_proof()
    except ConductorConnectionError:
        return False
    except ConductorProofError:
        # It answers without a proof, for example because it requires no token.
        return True
    # After a change of addresses, another server may have the old one.
    return answer.uuid == entry.unique_id


@callback
def _move(hass: HomeAssistant, entry: ConfigEntry, data: Address) -> None:
    LOGGER.info("%s has moved to %s:%s", entry.title, data[CONF_HOST], data[CONF_PORT])
    issues.async_delete_address_issue(hass, entry)
    hass.config_entries.async_update_entry(entry, data=data)
    # The update listener of a loaded entry reloads it.
    if entry.state in RETRYING:
        hass.config_entries.async_schedule_reload(entry.entry_id)


def _location(data: Address) -> dict[str, Any]:
    return {key: data.get(key) for key in (CONF_HOST, CONF_PORT, CONF_TLS)}
