"""Repairs that the user can run from Settings."""

from abc import ABC, abstractmethod
from typing import Any, cast, override

import probatio
from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig

from . import assist, issues
from .api import ConductorError
from .const import CONF_PIPELINE_ID, DOMAIN
from .coordinator import ConductorConfigEntry
from .service_fields import CACHES
from .wyoming import async_add_servers

CONF_VICTIM = "unload"


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that repairs an issue."""
    entry = hass.config_entries.async_get_entry(str((data or {}).get("entry_id")))
    for key, flow in FLOWS.items():
        if entry is not None and issue_id.startswith(key):
            return flow(entry, data or {})
    # Its server was removed in the meantime: there is nothing left to repair.
    return ConfirmRepairFlow()


class ConductorRepairFlow(RepairsFlow, ABC):
    """One form; what `repair` does decides whether the issue is solved."""

    def __init__(
        self, entry: ConductorConfigEntry, data: dict[str, str | int | float | None]
    ) -> None:
        """Repair something of `entry`."""
        self.entry = entry
        self.model = str(data.get("model"))
        self.subentry_id = str(data.get("subentry_id"))

    def schema(self) -> probatio.Schema:
        """Return what the form asks."""
        return probatio.Schema({})

    @abstractmethod
    async def repair(self, answers: dict[str, Any]) -> str | None:
        """Do it; return the key of an error if it did not work."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Ask, and repair."""
        errors = {}
        if user_input is not None:
            if not hasattr(self.entry, "runtime_data"):
                error: str | None = "cannot_connect"
            else:
                error = await self.repair(user_input)
            if error is None:
                return self.async_create_entry(data={})
            errors["base"] = error
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            data_schema=self.schema(),
            description_placeholders=cast(
                "dict[str, str] | None", issue and issue.translation_placeholders
            ),
            errors=errors,
        )


class RetryLoad(ConductorRepairFlow):
    """Loads a model that failed once more."""

    @override
    async def repair(self, answers: dict[str, Any]) -> str | None:
        """Ask for the load; whether it works the issue itself will tell."""
        try:
            await self.entry.runtime_data.client.load(self.model)
        except ConductorError:
            return "cannot_connect"
        return None


class MakeRoom(ConductorRepairFlow):
    """Unloads a model that the user names, and loads the one that had no room."""

    @override
    def schema(self) -> probatio.Schema:
        """Ask which of the loaded models can go."""
        models = self.entry.runtime_data.data.status.models.values()
        loaded = [model.id for model in models if model.is_loaded and model.id != self.model]
        selector = SelectSelector(SelectSelectorConfig(options=loaded))
        return probatio.Schema({probatio.Optional(CONF_VICTIM): selector})

    @override
    async def repair(self, answers: dict[str, Any]) -> str | None:
        """Unload, then load."""
        client = self.entry.runtime_data.client
        try:
            if victim := answers.get(CONF_VICTIM):
                await client.unload(victim)
            await client.load(self.model)
        except ConductorError:
            return "cannot_connect"
        return None


class FreeDisk(ConductorRepairFlow):
    """Deletes on the server what it can do without: unused models, and spoken sentences."""

    @override
    async def repair(self, answers: dict[str, Any]) -> str | None:
        """Delete it; whether that was enough the issue itself will tell."""
        coordinator = self.entry.runtime_data
        kinds = [name for name, need in CACHES.items() if need in coordinator.data.info.features]
        if not kinds:
            return "cannot_clear"
        try:
            for kind in kinds:
                await coordinator.client.clear_cache(kind)
        except ConductorError:
            return "cannot_connect"
        await coordinator.async_request_refresh()
        return None


class AddServers(ConductorRepairFlow):
    """Adds what is missing to Home Assistant's own Wyoming integration."""

    @override
    async def repair(self, answers: dict[str, Any]) -> str | None:
        """Add it."""
        info = self.entry.runtime_data.data.info
        host = self.entry.data[CONF_HOST]
        failed = await async_add_servers(self.hass, info.uuid, host, info.ports)
        return "cannot_connect" if failed else None


class RebuildPipeline(ConductorRepairFlow):
    """Makes a managed assistant anew from what was chosen for it."""

    @override
    async def repair(self, answers: dict[str, Any]) -> str | None:
        """Write it again, or make another if it is gone."""
        subentry = self.entry.subentries.get(self.subentry_id)
        if subentry is None:
            return None
        uuid = self.entry.runtime_data.data.info.uuid
        pipeline_id = subentry.data[CONF_PIPELINE_ID]
        wishes = dict(subentry.data)
        try:
            if assist.async_get(self.hass, pipeline_id) is not None:
                await assist.async_update(self.hass, pipeline_id, subentry.title, uuid, wishes)
                self.hass.config_entries.async_schedule_reload(self.entry.entry_id)
            else:
                new = await assist.async_create(self.hass, subentry.title, uuid, wishes)
                self.hass.config_entries.async_update_subentry(
                    self.entry, subentry, data={**subentry.data, CONF_PIPELINE_ID: new}
                )
        except HomeAssistantError:
            return "cannot_rebuild"
        return None


FLOWS: dict[str, type[ConductorRepairFlow]] = {
    issues.LOAD_FAILED: RetryLoad,
    issues.OUT_OF_MEMORY: MakeRoom,
    issues.DISK_FULL: FreeDisk,
    issues.NOT_IN_ASSIST: AddServers,
    issues.PIPELINE_BROKEN: RebuildPipeline,
}
