"""The form that asks for a server's address and token, and what people paste into it."""

from typing import Any

import probatio
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from yarl import URL

from .const import CONF_TLS, DEFAULT_PORT

PORT = probatio.All(
    NumberSelector(NumberSelectorConfig(min=1, max=65_535, mode=NumberSelectorMode.BOX)),
    probatio.Coerce(int),
)
SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))

TOKEN_SCHEMA = probatio.Schema({probatio.Optional(CONF_TOKEN): SECRET})

ADDRESS_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_HOST): TextSelector(),
        probatio.Required(CONF_PORT, default=DEFAULT_PORT): PORT,
        probatio.Optional(CONF_TOKEN): SECRET,
        probatio.Required(CONF_TLS, default=False): BooleanSelector(),
    }
)


def understand_url(address: dict[str, Any], errors: dict[str, str]) -> bool:
    """Take a pasted web address apart, in place; False with an error if it is no host."""
    host = str(address[CONF_HOST]).strip()
    if "://" in host:
        url = URL(host)
        host = url.host or ""
        address[CONF_TLS] = url.scheme == "https"
        address[CONF_PORT] = url.explicit_port or address[CONF_PORT]
    address[CONF_HOST] = host
    try:
        is_host = bool(host) and URL.build(scheme="http", host=host).host == host
    except ValueError:
        is_host = False
    if not is_host:
        errors[CONF_HOST] = "invalid_host"
    return is_host
