"""Fix flows of the repair issues."""

from abc import ABC, abstractmethod
from typing import Any, cast, override

import probatio
from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig

from . import assist_pipeline, assistants, issues
from .address_change import async_confirm_move
from .api import ConductorError, ConductorRequestError
from .const import CONF_PIPELINE_ID, CONF_TLS, DOMAIN
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .services import CACHES
from .wyoming import async_add_services

CONF_UNLOAD = "unload"


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the fix flow of an issue."""
    entry = hass.config_entries.async_get_entry(str((data or {}).get("entry_id")))
    for key, flow in FIX_FLOWS.items():
        if entry is not None and issue_id.startswith(key):
            return flow(entry, data or {})
    # The config entry was removed in the meantime.
    return ConfirmRepairFlow()


class ConductorRepairFlow(RepairsFlow, ABC):
    """A form with one step; the issue is solved when `async_fix` succeeds."""

    needs_server = True
    """Whether the issue can only be fixed while the config entry is loaded."""

    def __init__(
        self, entry: ConductorConfigEntry, data: dict[str, str | int | float | None]
    ) -> None:
        """Fix an issue of `entry`."""
        self.entry = entry
        self.issue_data = data
        self.model = str(data.get("model"))
        self.subentry_id = str(data.get("subentry_id"))

    @property
    def coordinator(self) -> ConductorCoordinator:
        """Coordinator of the server; only while the config entry is loaded."""
        return self.entry.runtime_data.coordinator

    def get_schema(self) -> probatio.Schema:
        """Return the fields of the form; only called while the config entry is loaded."""
        return probatio.Schema({})

    @abstractmethod
    async def async_fix(self, user_input: dict[str, Any]) -> str | None:
        """Fix the issue; return the key of an error on failure."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Start the flow."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Show the form and fix the issue."""
        errors = {}
        is_loaded = self.entry.state is ConfigEntryState.LOADED
        if user_input is not None:
            can_fix = is_loaded or not self.needs_server
            error = await self.async_fix(user_input) if can_fix else "cannot_connect"
            if error is None:
                return self.async_create_entry(data={})
            errors["base"] = error
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            data_schema=self.get_schema() if is_loaded else probatio.Schema({}),
            description_placeholders=cast(
                "dict[str, str] | None", issue and issue.translation_placeholders
            ),
            errors=errors,
        )


class RetryLoadFlow(ConductorRepairFlow):
    """Loads a model again."""

    @override
    async def async_fix(self, user_input: dict[str, Any]) -> str | None:
        """Start loading; the issue is created again if that fails."""
        try:
            await self.coordinator.client.load_model(self.model)
        except ConductorError:
            return "cannot_connect"
        return None


class FreeMemoryFlow(ConductorRepairFlow):
    """Unloads a model that the user selects, then loads the one that did not fit."""

    @override
    def get_schema(self) -> probatio.Schema:
        """Offer the other loaded models."""
        models = self.coordinator.data.status.models.values()
        loaded = [model.id for model in models if model.is_loaded and model.id != self.model]
        selector = SelectSelector(SelectSelectorConfig(options=loaded))
        return probatio.Schema({probatio.Optional(CONF_UNLOAD): selector})

    @override
    async def async_fix(self, user_input: dict[str, Any]) -> str | None:
        """Unload, then load."""
        client = self.coordinator.client
        try:
            if model := user_input.get(CONF_UNLOAD):
                await client.unload_model(model)
            await client.load_model(self.model)
        except ConductorError:
            return "cannot_connect"
        return None


class FreeDiskFlow(ConductorRepairFlow):
    """Deletes unused models and cached speech on the server."""

    @override
    async def async_fix(self, user_input: dict[str, Any]) -> str | None:
        """Clear the caches; the issue remains if that does not free enough space."""
        coordinator = self.coordinator
        features = coordinator.data.info.features
        caches = [cache for cache, feature in CACHES.items() if feature in features]
        if not caches:
            return "cannot_clear"
        try:
            for cache in caches:
                await coordinator.client.clear_cache(cache)
        except ConductorError:
            return "cannot_connect"
        await coordinator.async_request_refresh()
        return None


class AddToAssistFlow(ConductorRepairFlow):
    """Adds missing services to Home Assistant's Wyoming integration."""

    @override
    async def async_fix(self, user_input: dict[str, Any]) -> str | None:
        """Add the services."""
        info = self.coordinator.data.info
        host = self.entry.data[CONF_HOST]
        failed = await async_add_services(self.hass, info.uuid, host, info.ports)
        return "cannot_connect" if failed else None


class MoveAssistantsFlow(ConductorRepairFlow):
    """Lets assistants use the entities of this integration."""

    @override
    async def async_fix(self, user_input: dict[str, Any]) -> str | None:
        """Move all assistants that can be moved."""
        try:
            await assistants.async_move(self.hass, self.entry)
        except HomeAssistantError:
            return "cannot_move"
        return None


class RebuildPipelineFlow(ConductorRepairFlow):
    """Restores a managed assistant from its subentry."""

    @override
    async def async_fix(self, user_input: dict[str, Any]) -> str | None:
        """Update the pipeline, or create it again if it was deleted."""
        subentry = self.entry.subentries.get(self.subentry_id)
        if subentry is None:
            return None
        uuid = self.coordinator.data.info.uuid
        pipeline_id = subentry.data[CONF_PIPELINE_ID]
        options = dict(subentry.data)
        try:
            if assist_pipeline.async_get(self.hass, pipeline_id) is not None:
                await assist_pipeline.async_update(
                    self.hass, pipeline_id, subentry.title, uuid, options
                )
                self.hass.config_entries.async_schedule_reload(self.entry.entry_id)
            else:
                new_id = await assist_pipeline.async_create(
                    self.hass, subentry.title, uuid, options
                )
                self.hass.config_entries.async_update_subentry(
                    self.entry, subentry, data={**subentry.data, CONF_PIPELINE_ID: new_id}
                )
        except HomeAssistantError:
            return "cannot_rebuild"
        return None


class RestartFlow(ConductorRepairFlow):
    """Restarts the server, so that changed settings take effect."""

    @override
    async def async_fix(self, user_input: dict[str, Any]) -> str | None:
        """Restart; the event stream breaks and is opened again when the server is back."""
        try:
            await self.coordinator.client.restart()
        except ConductorError as err:
            is_forbidden = isinstance(err, ConductorRequestError) and err.code == "FORBIDDEN"
            return "insufficient_scope" if is_forbidden else "cannot_connect"
        return None


class MoveFlow(ConductorRepairFlow):
    """Moves the config entry to the announced address."""

    needs_server = False

    @override
    async def async_fix(self, user_input: dict[str, Any]) -> str | None:
        """Move, unless the server there does not know the token."""
        announced = {key: self.issue_data[key] for key in (CONF_HOST, CONF_PORT, CONF_TLS)}
        return await async_confirm_move(self.hass, self.entry, announced)


FIX_FLOWS: dict[str, type[ConductorRepairFlow]] = {
    issues.LOAD_FAILED: RetryLoadFlow,
    issues.OUT_OF_MEMORY: FreeMemoryFlow,
    issues.DISK_FULL: FreeDiskFlow,
    issues.NOT_IN_ASSIST: AddToAssistFlow,
    issues.ASSISTANTS_MOVABLE: MoveAssistantsFlow,
    issues.PIPELINE_BROKEN: RebuildPipelineFlow,
    issues.RESTART_OFFERED: RestartFlow,
    issues.ADDRESS_CHANGED: MoveFlow,
}
