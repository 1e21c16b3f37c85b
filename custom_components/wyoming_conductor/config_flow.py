"""Adding a server, finding it again, letting it in again, and what can be chosen about it."""

from collections.abc import Mapping
from typing import Any, override

import probatio
from homeassistant.config_entries import (
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    OptionsFlow,
)
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
)
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from . import make_client
from .address import ADDRESS_SCHEMA, TOKEN_SCHEMA, understand_url
from .api import (
    ConductorAuthError,
    ConductorConnectionError,
    ConductorError,
    ConductorResponseError,
    Info,
)
from .const import (
    API_VERSIONS,
    CONF_ADD_SERVERS,
    CONF_INTERVAL,
    CONF_MAKE_ASSISTANT,
    CONF_TLS,
    CONF_VOCABULARY,
    DEFAULT_INTERVAL,
    DOMAIN,
    LOGGER,
    SUBENTRY_PIPELINE,
)
from .coordinator import ConductorConfigEntry
from .options_flow import ConductorOptionsFlow
from .pipeline_flow import PipelineFlow
from .wyoming import async_add_servers

ASSIST_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_ADD_SERVERS, default=True): BooleanSelector(),
        probatio.Required(CONF_MAKE_ASSISTANT, default=True): BooleanSelector(),
    }
)


class ConductorConfigFlow(ConfigFlow, domain=DOMAIN):
    """Makes and changes the entry of one server."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Begin without an address."""
        self._address: dict[str, Any] = {}
        self._name = ""
        self._info: Info | None = None
        self._wants_assistant = False

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the flow of the options."""
        return ConductorOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Voice assistants can be added to a server."""
        return {SUBENTRY_PIPELINE: PipelineFlow}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the address."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._address = user_input
            if understand_url(self._address, errors) and await self._connect(errors):
                # A discovery of the same server may be waiting; this one goes first.
                return await self._accept(raise_on_progress=False)
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(ADDRESS_SCHEMA, user_input),
            errors=errors,
        )

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """A server announces itself."""
        properties = discovery_info.properties
        uuid = properties.get("uuid")
        if not uuid or discovery_info.port is None:
            return self.async_abort(reason="not_conductor")
        self._address = {
            CONF_HOST: discovery_info.host,
            CONF_PORT: discovery_info.port,
            CONF_TLS: properties.get("tls") == "1",
        }
        self._name = properties.get("name") or discovery_info.host
        await self._abort_if_known(uuid)
        self.context["title_placeholders"] = {"name": self._name}
        self.context["configuration_url"] = f"http://{self._address[CONF_HOST]}"
        return await self.async_step_discovery_confirm()

    @override
    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """The Supervisor's app announces itself, with its token."""
        config = discovery_info.config
        self._address = {
            CONF_HOST: config[CONF_HOST],
            CONF_PORT: int(config[CONF_PORT]),
            CONF_TLS: False,
        }
        if token := config.get(CONF_TOKEN):
            self._address[CONF_TOKEN] = token
        self._name = discovery_info.name
        errors: dict[str, str] = {}
        if not await self._connect(errors) or self._info is None:
            return self.async_abort(reason=errors["base"])
        await self._abort_if_known(self._info.uuid)
        self.context["title_placeholders"] = {"name": self._name}
        self.context["configuration_url"] = (
            f"homeassistant://hassio/addon/{discovery_info.slug}/info"
        )
        return await self.async_step_discovery_confirm()

    async def async_step_discovery_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether to add what was found, and for its token unless it came along."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._address |= user_input
            if await self._connect(errors):
                return await self._accept(raise_on_progress=True)
        has_token = CONF_TOKEN in self._address and user_input is None
        return self.async_show_form(
            step_id="discovery_confirm",
            data_schema=probatio.Schema({}) if has_token else TOKEN_SCHEMA,
            description_placeholders={"name": self._name, "host": self._address[CONF_HOST]},
            errors=errors,
        )

    async def async_step_assist(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to do with the server in Assist."""
        if user_input is None:
            return self.async_show_form(step_id="assist", data_schema=ASSIST_SCHEMA)
        self._wants_assistant = user_input[CONF_ADD_SERVERS] and user_input[CONF_MAKE_ASSISTANT]
        return self.async_create_entry(
            title=self._name or "Wyoming Conductor",
            data=self._address,
            options={
                CONF_ADD_SERVERS: user_input[CONF_ADD_SERVERS],
                CONF_VOCABULARY: True,
                CONF_INTERVAL: DEFAULT_INTERVAL,
            },
        )

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Add the servers to Assist, and lead on to making an assistant of them."""
        entry = result["result"]
        if not entry.options[CONF_ADD_SERVERS] or self._info is None:
            return result
        host = self._address[CONF_HOST]
        failed = await async_add_servers(self.hass, self._info.uuid, host, self._info.ports)
        if failed:
            # A repair offers to try it again.
            LOGGER.warning("Could not add %s to Assist", ", ".join(failed))
        elif self._wants_assistant:
            flow = await self.hass.config_entries.subentries.async_init(
                (entry.entry_id, SUBENTRY_PIPELINE), context={"source": SOURCE_USER}
            )
            result["next_flow"] = (FlowType.CONFIG_SUBENTRIES_FLOW, flow["flow_id"])
        return result

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """The server no longer takes the token."""
        self._address = dict(entry_data)
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the new token."""
        errors: dict[str, str] = {}
        entry = self._get_reauth_entry()
        if user_input is not None:
            self._address[CONF_TOKEN] = user_input.get(CONF_TOKEN)
            if await self._connect(errors) and self._info is not None:
                await self.async_set_unique_id(self._info.uuid)
                self._abort_if_unique_id_mismatch(reason="wrong_server")
                return self._update(entry)
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=TOKEN_SCHEMA,
            description_placeholders={"name": entry.title},
            errors=errors,
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """The user moves the server, or changes its token."""
        errors: dict[str, str] = {}
        entry = self._get_reconfigure_entry()
        if user_input is not None:
            self._address = user_input
            connected = understand_url(self._address, errors) and await self._connect(errors)
            if connected and self._info is not None:
                await self.async_set_unique_id(self._info.uuid)
                self._abort_if_unique_id_mismatch(reason="wrong_server")
                return self._update(entry)
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                ADDRESS_SCHEMA, user_input or entry.data
            ),
            errors=errors,
        )

    async def _abort_if_known(self, uuid: str, *, raise_on_progress: bool = True) -> None:
        """End the flow if the server is set up already; it takes the address that was found."""
        entry = await self.async_set_unique_id(uuid, raise_on_progress=raise_on_progress)
        if entry is not None:
            data = {**entry.data, **self._address}
            self.hass.config_entries.async_update_entry(entry, data=data)
            if entry.state is ConfigEntryState.SETUP_RETRY:
                # It waits for the server at the old address: no need to wait any longer. A
                # loaded entry is reloaded by its update listener.
                self.hass.config_entries.async_schedule_reload(entry.entry_id)
        self._abort_if_unique_id_configured()

    def _update(self, entry: ConductorConfigEntry) -> ConfigFlowResult:
        """Write the address into the entry, which then is set up anew."""
        # The update listener of a loaded entry reloads it, if something has changed.
        is_left_alone = (
            entry.state is not ConfigEntryState.LOADED or dict(entry.data) == self._address
        )
        result = self.async_update_and_abort(entry, data=self._address)
        if is_left_alone:
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return result

    async def _connect(self, errors: dict[str, str]) -> bool:
        """Ask the server who it is, and whether it lets us in."""
        client = make_client(self.hass, self._address)
        try:
            self._info = await client.info()
        except ConductorAuthError:
            errors["base"] = "invalid_auth"
        except ConductorConnectionError:
            errors["base"] = "cannot_connect"
        except ConductorResponseError:
            errors["base"] = "not_conductor"
        except ConductorError as err:
            LOGGER.debug("Refused by %s: %s", client.url, err)
            errors["base"] = "unknown"
        else:
            if self._info.api_version not in API_VERSIONS:
                errors["base"] = "unsupported_version"
        return not errors

    async def _accept(self, *, raise_on_progress: bool) -> ConfigFlowResult:
        """Go on with a server that answered, unless it is there already."""
        assert self._info is not None  # noqa: S101  (_connect has succeeded)
        await self._abort_if_known(self._info.uuid, raise_on_progress=raise_on_progress)
        return await self.async_step_assist()
