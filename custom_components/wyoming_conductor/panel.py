"""A page in the sidebar: models, memory, what waits, and where the time of the last requests went.

The page itself is in `frontend`: plain modules without a build step, from this machine alone. What
it shows comes over the websocket, see `websocket`.
"""

from pathlib import Path
from typing import Final

from homeassistant.components import frontend, panel_custom
from homeassistant.components.http.server import StaticPathConfig
from homeassistant.core import HomeAssistant, callback

URL_PATH: Final = "wyoming-conductor"
STATIC_URL: Final = "/wyoming_conductor_static"
ELEMENT: Final = "wyoming-conductor-panel"

FOLDER: Final = Path(__file__).parent / "frontend"


async def async_serve_files(hass: HomeAssistant) -> None:
    """Serve the page's files; they are public and hold nothing about this home."""
    # Not kept by browsers for a month, as others are: an update must not meet old modules.
    config = StaticPathConfig(STATIC_URL, str(FOLDER), cache_headers=False)
    await hass.http.async_register_static_paths([config])


async def async_show(hass: HomeAssistant) -> None:
    """Put the page into the sidebar of administrators, unless it is there or nothing shows it."""
    if frontend.DOMAIN not in hass.config.components:
        return
    if frontend.async_panel_exists(hass, URL_PATH):
        return
    await panel_custom.async_register_panel(
        hass,
        frontend_url_path=URL_PATH,
        webcomponent_name=ELEMENT,
        module_url=f"{STATIC_URL}/panel.js",
        sidebar_title="Conductor",
        sidebar_icon="mdi:account-voice",
        require_admin=True,
    )


@callback
def async_hide(hass: HomeAssistant) -> None:
    """Take it away again, with the last server."""
    frontend.async_remove_panel(hass, URL_PATH, warn_if_unknown=False)
