"""Voice samples for forms: signed addresses, by which the browser plays them without a token."""

from datetime import timedelta
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from aiohttp import web
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.util.hass_dict import HassKey

from .api import ConductorClient, ConductorError
from .const import DOMAIN, LOGGER

URL: Final = f"/api/{DOMAIN}/voice_sample"

VALID_FOR: Final = timedelta(hours=1)
"""Lifetime of an address; a form that is open longer must be opened again."""

_CLIENTS: HassKey[dict[str, ConductorClient]] = HassKey(f"{DOMAIN}_voice_samples")
"""Clients of the servers whose forms are open, by a random key."""


@callback
def async_open(hass: HomeAssistant, client: ConductorClient) -> str:
    """Serve the samples of a server until `async_close`; return the key."""
    if _CLIENTS not in hass.data:
        # A form comes before the set-up of the first server.
        hass.data[_CLIENTS] = {}
        hass.http.register_view(VoiceSampleView())
    key = uuid4().hex
    hass.data[_CLIENTS][key] = client
    return key


@callback
def async_close(hass: HomeAssistant, key: str | None) -> None:
    """Stop serving the samples of a server."""
    if key is not None:
        hass.data[_CLIENTS].pop(key, None)


@callback
def async_sample_url(hass: HomeAssistant, key: str, voice: str) -> str:
    """Return the signed address of a voice's sample."""
    return async_sign_path(hass, f"{URL}/{key}/{quote(voice, safe='')}", VALID_FOR)


class VoiceSampleView(HomeAssistantView):
    """Passes on a sample of the server, which keeps the token here."""

    url = f"{URL}/{{key}}/{{voice}}"
    name = f"api:{DOMAIN}:voice_sample"

    async def get(self, request: web.Request, key: str, voice: str) -> web.Response:
        """Return a WAV file."""
        client = request.app[KEY_HASS].data[_CLIENTS].get(key)
        if client is None:
            return web.Response(status=404)
        try:
            sample = await client.voice_sample(voice)
        except ConductorError as err:
            LOGGER.debug("No sample of %s: %s", voice, err)
            return web.Response(status=502)
        return web.Response(body=sample, content_type="audio/wav")
