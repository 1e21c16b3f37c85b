"""Config flow (user, discovery, pairing, reauthentication, reconfiguration) and options flow."""

from collections.abc import Mapping
from typing import Any, override

import probatio
from homeassistant.config_entries import (
    DISCOVERY_SOURCES,
    SOURCE_IGNORE,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryData,
    ConfigSubentryFlow,
    OptionsFlow,
)
from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PORT, CONF_TOKEN
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.helpers.typing import UNDEFINED, UndefinedType
from yarl import URL

from . import voice_samples
from .address_change import async_handle_announcement
from .api import (
    ConductorAuthError,
    ConductorCertificateError,
    ConductorClient,
    ConductorConnectionError,
    ConductorError,
    ConductorProofError,
    ConductorRequestError,
    ConductorResponseError,
    Info,
)
from .assistant_form import AssistantForm, async_fetch_snapshot
from .const import (
    API_VERSIONS,
    CONF_ADD_TO_ASSIST,
    CONF_CODE,
    CONF_CREATE_ASSISTANT,
    CONF_FINGERPRINT,
    CONF_SIDEBAR,
    CONF_TLS,
    CONF_VOCABULARY,
    DEFAULT_NAME,
    DEFAULT_PORT,
    DOMAIN,
    LOGGER,
    SUBENTRY_PIPELINE,
)
from .helpers import create_client
from .pipeline_flow import PipelineFlow
from .wyoming import DiscoveryDismisser

CODE_LENGTH = 6

PORT_SELECTOR = probatio.All(
    NumberSelector(NumberSelectorConfig(min=1, max=65_535, mode=NumberSelectorMode.BOX)),
    probatio.Coerce(int),
)
TOKEN_SELECTOR = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
)

TOKEN_SCHEMA = probatio.Schema({probatio.Optional(CONF_TOKEN): TOKEN_SELECTOR})

ADDRESS_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_HOST): TextSelector(),
        probatio.Required(CONF_PORT, default=DEFAULT_PORT): PORT_SELECTOR,
        probatio.Optional(CONF_TOKEN): TOKEN_SELECTOR,
        probatio.Required(CONF_TLS, default=False): BooleanSelector(),
    }
)

PAIR_SCHEMA = probatio.Schema(
    {probatio.Optional(CONF_CODE): TextSelector(), probatio.Optional(CONF_TOKEN): TOKEN_SELECTOR}
)

OPTIONS_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_ADD_TO_ASSIST, default=True): BooleanSelector(),
        probatio.Required(CONF_VOCABULARY, default=True): BooleanSelector(),
        probatio.Required(CONF_SIDEBAR, default=True): BooleanSelector(),
    }
)


class ConductorConfigFlow(ConfigFlow, domain=DOMAIN):
    """Adds and changes the config entry of a server."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Start without an address."""
        self._address: dict[str, Any] = {}
        self._name = ""
        self._info: Info | None = None
        self._form: AssistantForm | None = None
        self._samples_key: str | None = None
        self._dismisser: DiscoveryDismisser | None = None

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the options flow."""
        return ConductorOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the flow that adds a voice assistant to a server."""
        return {SUBENTRY_PIPELINE: PipelineFlow}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the address."""
        errors: dict[str, str] = {}
        if user_input is not None:
            self._address = user_input
            if normalize_host(self._address, errors):
                if await self._connect(errors):
                    return await self._async_finish()
                if not self._address.get(CONF_TOKEN) and _can_pair(errors):
                    return await self.async_step_pair()
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(ADDRESS_SCHEMA, user_input),
            errors=errors,
        )

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Handle a server discovered by zeroconf."""
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
        self.context["configuration_url"] = create_client(self.hass, self._address).url
        self._dismisser = DiscoveryDismisser(self.hass, uuid)
        return self._show_discovery()

    @override
    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """Handle the Home Assistant app announced by the Supervisor, which brings its token."""
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
        if not await self._connect(errors, verify=True) or self._info is None:
            return self.async_abort(reason=errors["base"])
        await self._abort_if_known(self._info.uuid)
        self.context["title_placeholders"] = {"name": self._name}
        self.context["configuration_url"] = (
            f"homeassistant://hassio/addon/{discovery_info.slug}/info"
        )
        return self._show_discovery()

    async def async_step_discovery_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Continue when the user opens the discovered server, which runs this step once more."""
        errors: dict[str, str] = {}
        if await self._connect(errors, verify=True):
            return await self._async_finish()
        if _can_pair(errors) and CONF_TOKEN not in self._address:
            return await self.async_step_pair()
        return self._show_discovery(errors)

    async def async_step_pair(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Exchange the six digits that the server shows for a token, or ask for a token."""
        errors: dict[str, str] = {}
        if user_input is None:
            await self._request_code(errors)
        else:
            code = "".join(user_input.get(CONF_CODE, "").split())
            token = user_input.get(CONF_TOKEN, "").strip()
            address = dict(self._address)
            if token or await self._pair(code, errors):
                if token:
                    self._address[CONF_TOKEN] = token
                is_discovered = self.source in DISCOVERY_SOURCES
                if await self._connect(errors, verify=bool(token) and is_discovered):
                    return await self._async_finish()
                self._address = address
        fingerprint = self._address.get(CONF_FINGERPRINT)
        return self.async_show_form(
            step_id="pair",
            data_schema=PAIR_SCHEMA,
            description_placeholders={
                "name": self._name or DEFAULT_NAME,
                "url": create_client(self.hass, self._address).url,
                "fingerprint": f"SHA-256: `{fingerprint}`" if fingerprint else "",
            },
            errors=errors,
        )

    async def async_step_assistant(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the voice assistant, which is created with the config entry."""
        client = create_client(self.hass, self._address)
        if self._form is None or user_input is None:
            snapshot = await async_fetch_snapshot(client)
            self._form = await AssistantForm.async_create(self.hass, client, snapshot)
        form = self._form
        if form.language is None:
            # No model or no voice is installed yet; an assistant can be added later.
            return self._create_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            options = dict(user_input)
            if not options.pop(CONF_CREATE_ASSISTANT):
                return self._create_entry()
            if not (errors := form.errors(options)):
                return self._create_entry(options)
        if self._samples_key is None:
            self._samples_key = voice_samples.async_open(self.hass, client)
        schema = form.schema(is_new=True).extend(
            {probatio.Required(CONF_CREATE_ASSISTANT, default=True): BooleanSelector()}
        )
        name = self._name or DEFAULT_NAME
        return self.async_show_form(
            step_id="assistant",
            data_schema=self.add_suggested_values_to_schema(
                schema, user_input or form.suggested_values(name)
            ),
            description_placeholders={
                "name": name,
                "samples": form.samples(self.hass, self._samples_key),
            },
            errors=errors,
        )

    @override
    def async_remove(self) -> None:
        """Clean up when the flow ends."""
        voice_samples.async_close(self.hass, self._samples_key)
        if self._dismisser is not None:
            self._dismisser.async_stop()

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Handle a rejected token."""
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
                return self._update_entry(entry)
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=TOKEN_SCHEMA,
            description_placeholders={"name": entry.title},
            errors=errors,
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change the address or the token."""
        errors: dict[str, str] = {}
        entry = self._get_reconfigure_entry()
        if user_input is not None:
            self._address = user_input
            connected = normalize_host(self._address, errors) and await self._connect(errors)
            if connected and self._info is not None:
                await self.async_set_unique_id(self._info.uuid)
                self._abort_if_unique_id_mismatch(reason="wrong_server")
                return self._update_entry(entry)
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                ADDRESS_SCHEMA, user_input or entry.data
            ),
            errors=errors,
        )

    def _show_discovery(self, errors: dict[str, str] | None = None) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="discovery_confirm",
            data_schema=probatio.Schema({}),
            description_placeholders={"name": self._name, "host": self._address[CONF_HOST]},
            errors=errors,
        )

    async def _async_finish(self) -> ConfigFlowResult:
        """Continue with the assistant, unless the connected server is configured already."""
        if self._info is None:
            return self.async_abort(reason="unknown")
        if self.source in DISCOVERY_SOURCES:
            if self._info.uuid != self.unique_id:
                return self.async_abort(reason="wrong_server")
            self._abort_if_unique_id_configured()
        else:
            # Takes precedence over a pending discovery of the same server.
            entry = await self.async_set_unique_id(self._info.uuid, raise_on_progress=False)
            if entry is not None and entry.source != SOURCE_IGNORE:
                return self._update_entry(entry, reason="already_configured")
        try:
            return await self.async_step_assistant()
        except ConductorError as err:
            LOGGER.debug("No assistant is offered: %s", err)
            return self._create_entry()

    def _create_entry(self, assistant: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Create the config entry; its set-up creates the assistant."""
        subentries = []
        if assistant is not None:
            data = dict(assistant)
            subentries.append(
                ConfigSubentryData(
                    data=data,
                    subentry_type=SUBENTRY_PIPELINE,
                    title=data.pop(CONF_NAME),
                    unique_id=None,
                )
            )
        return self.async_create_entry(
            title=self._name or DEFAULT_NAME,
            data=self._address,
            options={
                CONF_ADD_TO_ASSIST: False,
                CONF_VOCABULARY: True,
                CONF_SIDEBAR: True,
            },
            subentries=subentries,
            description="assistant" if assistant else None,
            description_placeholders=(
                {"talk": self._form.talk_link()} if assistant and self._form else None
            ),
        )

    async def _request_code(self, errors: dict[str, str]) -> None:
        """Let the server show six digits."""
        client = create_client(self.hass, self._address)
        try:
            try:
                await client.request_pairing_code()
            except ConductorCertificateError:
                # Shown to the user, who compares it with that of the server.
                self._address[CONF_FINGERPRINT] = await client.fetch_fingerprint()
                await create_client(self.hass, self._address).request_pairing_code()
        except ConductorConnectionError:
            errors["base"] = "cannot_connect"
        except ConductorError as err:
            LOGGER.debug("%s shows no pairing code: %s", client.url, err)
            errors["base"] = "cannot_pair"

    async def _pair(self, code: str, errors: dict[str, str]) -> bool:
        """Exchange the six digits for a token; return False and set an error on failure."""
        if len(code) != CODE_LENGTH or not code.isdecimal():
            errors[CONF_CODE] = "invalid_code"
            return False
        client = create_client(self.hass, self._address)
        try:
            token = await client.pair(code, self.hass.config.location_name)
        except ConductorAuthError, ConductorRequestError:
            errors[CONF_CODE] = "wrong_code"
        except ConductorError:
            errors["base"] = "cannot_connect"
        else:
            self._address[CONF_TOKEN] = token
        return not errors

    async def _abort_if_known(self, uuid: str) -> None:
        """Abort if an announced server is configured or ignored; its address may have changed."""
        entry = await self.async_set_unique_id(uuid)
        if entry is not None and entry.source != SOURCE_IGNORE:
            await async_handle_announcement(self.hass, entry, self._address)
        self._abort_if_unique_id_configured()

    def _update_entry(
        self, entry: ConfigEntry, reason: str | UndefinedType = UNDEFINED
    ) -> ConfigFlowResult:
        """Store the address in the config entry, and reload it."""
        # The update listener of a loaded entry reloads it, but only if the data changes.
        needs_reload = (
            entry.state is not ConfigEntryState.LOADED or dict(entry.data) == self._address
        )
        result = self.async_update_and_abort(entry, data=self._address, reason=reason)
        if needs_reload:
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return result

    async def _connect(self, errors: dict[str, str], *, verify: bool = False) -> bool:
        """Fetch the server's identity; return False and set an error on failure.

        With `verify`, the server must first prove that it knows the token: its address comes from
        an announcement, which anybody on the network can send.
        """
        client = create_client(self.hass, self._address)
        token = self._address.get(CONF_TOKEN)
        try:
            try:
                if verify and token:
                    await self._verify(self._address)
                self._info = await client.info()
            except ConductorCertificateError:
                if not token:
                    errors["base"] = "certificate_not_trusted"
                    return False
                client = await self._pin_certificate(client)
                self._info = await client.info()
        except ConductorProofError:
            errors["base"] = "cannot_verify"
        except ConductorAuthError:
            errors["base"] = "invalid_auth"
        except ConductorConnectionError:
            errors["base"] = "cannot_connect"
        except ConductorResponseError:
            errors["base"] = "not_conductor"
        except ConductorError as err:
            LOGGER.debug("Rejected by %s: %s", client.url, err)
            errors["base"] = "unknown"
        else:
            if self._info.api_version not in API_VERSIONS:
                errors["base"] = "unsupported_version"
            elif self._info.scope in ("read", "use"):
                errors["base"] = "insufficient_scope"
        return not errors

    async def _pin_certificate(self, client: ConductorClient) -> ConductorClient:
        """Trust a certificate of the server's own, once it is proved; return a client that does."""
        fingerprint = await client.fetch_fingerprint()
        address = {**self._address, CONF_FINGERPRINT: fingerprint}
        await self._verify(address)
        self._address = address
        return create_client(self.hass, address)

    async def _verify(self, address: dict[str, Any]) -> None:
        """Let the server prove that it knows the token. Raises ConductorProofError."""
        answer = await create_client(self.hass, address).request_proof()
        if not answer.knows_token(address[CONF_TOKEN], answer.uuid):
            raise ConductorProofError("the proof is not valid")


class ConductorOptionsFlow(OptionsFlow):
    """Changes the options; the update listener reloads the config entry."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the form and store the options."""
        if user_input is not None:
            return self.async_create_entry(data={**self.config_entry.options, **user_input})
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                OPTIONS_SCHEMA, self.config_entry.options
            ),
        )


def _can_pair(errors: Mapping[str, str]) -> bool:
    """Return whether a connection failed only because there is no token yet."""
    return errors.get("base") in ("invalid_auth", "certificate_not_trusted")


def normalize_host(address: dict[str, Any], errors: dict[str, str]) -> bool:
    """Replace a pasted URL by host, port and TLS; return False and set an error if invalid."""
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
