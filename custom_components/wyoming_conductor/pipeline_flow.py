"""Subentry flow that adds and changes a managed voice assistant."""

from typing import Any

import probatio
from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_LANGUAGE, CONF_NAME
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    BooleanSelector,
    ConversationAgentSelector,
    LanguageSelector,
    LanguageSelectorConfig,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)

from . import assist_pipeline
from .assist_pipeline import (
    CONF_AGENT,
    CONF_PREFER_LOCAL,
    CONF_VOICE,
    CONF_WAKE_WORD,
    HOME_AGENT,
)
from .const import CONF_KEEP_WARM, CONF_PIPELINE_ID
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .helpers import ASR_MODEL, async_set_config, supports_config

CONF_PREFERRED = "preferred"
CONF_STT_MODEL = "stt_model"


class PipelineFlow(ConfigSubentryFlow):
    """Adds or changes an assistant with one form."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add an assistant."""
        coordinator = self._get_coordinator()
        if coordinator is None:
            return self.async_abort(reason="not_loaded")
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            options = dict(user_input)
            name, preferred = options.pop(CONF_NAME), options.pop(CONF_PREFERRED)
            try:
                await _set_stt_model(coordinator, options.pop(CONF_STT_MODEL, None))
                options[CONF_PIPELINE_ID] = await assist_pipeline.async_create(
                    self.hass, name, coordinator.data.info.uuid, options
                )
            except HomeAssistantError as err:
                _set_error(err, errors, placeholders)
            else:
                if preferred:
                    await assist_pipeline.async_set_preferred(self.hass, options[CONF_PIPELINE_ID])
                return self.async_create_entry(title=name, data=options)
        suggested_values = user_input or {
            CONF_NAME: self._get_entry().title,
            CONF_LANGUAGE: self.hass.config.language,
            CONF_AGENT: HOME_AGENT,
            CONF_STT_MODEL: coordinator.data.get_saved_config(*ASR_MODEL),
        }
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(
                _create_schema(coordinator, is_new=True), suggested_values
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change an assistant."""
        coordinator = self._get_coordinator()
        if coordinator is None:
            return self.async_abort(reason="not_loaded")
        entry, subentry = self._get_entry(), self._get_reconfigure_subentry()
        pipeline_id = subentry.data[CONF_PIPELINE_ID]
        pipeline = assist_pipeline.async_get(self.hass, pipeline_id)
        if pipeline is None:
            return self.async_abort(reason="pipeline_gone")
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            options = dict(user_input)
            name = options.pop(CONF_NAME)
            try:
                await _set_stt_model(coordinator, options.pop(CONF_STT_MODEL, None))
                await assist_pipeline.async_update(
                    self.hass, pipeline_id, name, coordinator.data.info.uuid, options
                )
            except HomeAssistantError as err:
                _set_error(err, errors, placeholders)
            else:
                return self.async_update_and_abort(
                    entry, subentry, title=name, data={**options, CONF_PIPELINE_ID: pipeline_id}
                )
        # The pipeline may have been changed in Assist's settings since.
        current_values = {
            CONF_NAME: pipeline.name,
            **pipeline.to_json(),
            CONF_STT_MODEL: coordinator.data.get_saved_config(*ASR_MODEL),
            CONF_KEEP_WARM: subentry.data.get(CONF_KEEP_WARM, False),
        }
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                _create_schema(coordinator, is_new=False), user_input or current_values
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    def _get_coordinator(self) -> ConductorCoordinator | None:
        """Return the coordinator of the server; None if the server is not loaded."""
        entry: ConductorConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return None
        return entry.runtime_data.coordinator


def _set_error(
    err: HomeAssistantError, errors: dict[str, str], placeholders: dict[str, str]
) -> None:
    errors["base"] = err.translation_key or "unknown"
    placeholders.update(err.translation_placeholders or {})


async def _set_stt_model(coordinator: ConductorCoordinator, model: str | None) -> None:
    """Change the server's default speech-to-text model if another one was selected."""
    if model is not None and model != coordinator.data.get_saved_config(*ASR_MODEL):
        await async_set_config(coordinator, ASR_MODEL, model)
        # The languages of the new model are those that the assistant may have.
        entry: ConductorConfigEntry = coordinator.config_entry
        await entry.runtime_data.services.async_wait_for_updates()


def _create_schema(coordinator: ConductorCoordinator, *, is_new: bool) -> probatio.Schema:
    """Return the fields of the form, with the voices, wake words and models of the server."""

    def dropdown(options: list[str]) -> SelectSelector:
        return SelectSelector(
            SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN)
        )

    snapshot = coordinator.data
    fields: dict[Any, Any] = {
        probatio.Required(CONF_NAME): TextSelector(),
        probatio.Required(CONF_LANGUAGE): LanguageSelector(LanguageSelectorConfig()),
        probatio.Required(CONF_AGENT): ConversationAgentSelector(),
        probatio.Optional(CONF_VOICE): dropdown(snapshot.voices),
        probatio.Optional(CONF_WAKE_WORD): dropdown(snapshot.wake_words),
        probatio.Required(CONF_PREFER_LOCAL, default=False): BooleanSelector(),
    }
    if supports_config(coordinator):
        fields[probatio.Optional(CONF_STT_MODEL)] = dropdown(snapshot.asr_models)
        fields[probatio.Required(CONF_KEEP_WARM, default=False)] = BooleanSelector()
    if is_new:
        fields[probatio.Required(CONF_PREFERRED, default=True)] = BooleanSelector()
    return probatio.Schema(fields)
