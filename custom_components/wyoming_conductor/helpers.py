"""Requests to the server on behalf of entities, services and forms."""

from collections.abc import Awaitable, Mapping
from typing import Any

from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .api import ConductorAuthError, ConductorClient, ConductorError, ConductorRequestError
from .const import CONF_FINGERPRINT, CONF_TLS, DOMAIN
from .coordinator import ConductorCoordinator

type ConfigPath = tuple[str, ...]
"""Path of a key in the server's configuration, such as `("asr", "language")`."""

ASR_MODEL: ConfigPath = ("asr", "model")
"""The default speech-to-text model."""


def create_client(
    hass: HomeAssistant, data: Mapping[str, str | int | bool | None]
) -> ConductorClient:
    """Return a client for the data of a config entry or a form."""
    token, fingerprint = data.get(CONF_TOKEN), data.get(CONF_FINGERPRINT)
    return ConductorClient(
        async_get_clientsession(hass),
        str(data[CONF_HOST]),
        int(data[CONF_PORT] or 0),
        token=str(token) if token else None,
        tls=bool(data.get(CONF_TLS)),
        fingerprint=str(fingerprint) if fingerprint else None,
    )


async def async_call_server[ResultT](
    coordinator: ConductorCoordinator, request: Awaitable[ResultT]
) -> ResultT:
    """Await a request to the server.

    Raises HomeAssistantError with a translated message; starts a reauthentication if the server
    rejects the token.
    """
    try:
        return await request
    except ConductorAuthError as err:
        coordinator.config_entry.async_start_reauth(coordinator.hass)
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="invalid_auth") from err
    except ConductorError as err:
        if isinstance(err, ConductorRequestError) and err.code == "FORBIDDEN":
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="insufficient_scope"
            ) from err
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="request_failed",
            translation_placeholders={"error": str(err)},
        ) from err


def supports_config(coordinator: ConductorCoordinator) -> bool:
    """Return whether the server's configuration can be changed over HTTP."""
    return coordinator.data.config is not None


async def async_set_config(coordinator: ConductorCoordinator, path: ConfigPath, value: Any) -> None:
    """Set a key of the server's configuration and refresh. Raises HomeAssistantError."""
    await async_call_server(coordinator, coordinator.client.set_config(path, value))
    await coordinator.async_refresh_config()
    await coordinator.async_request_refresh()
