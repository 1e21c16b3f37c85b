"""Announces a server as zeroconf does, because nothing may leave the loopback interface."""

from ipaddress import ip_address

from homeassistant.config_entries import SOURCE_ZEROCONF
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.helpers.typing import ConfigType

DOMAIN = "announcer"


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the service `announce`: integration, kind, name, port and properties."""

    async def announce(call: ServiceCall) -> None:
        kind = f"{call.data['kind']}._tcp.local."
        info = ZeroconfServiceInfo(
            ip_address=ip_address("127.0.0.1"),
            ip_addresses=[ip_address("127.0.0.1")],
            port=call.data["port"],
            hostname="attic.local.",
            type=kind,
            name=f"{call.data['name']}.{kind}",
            properties=call.data.get("properties", {}),
        )
        await hass.config_entries.flow.async_init(
            call.data["integration"], context={"source": SOURCE_ZEROCONF}, data=info
        )

    hass.services.async_register(DOMAIN, "announce", announce)
    return True
