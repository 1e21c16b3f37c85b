"""Subentry flow that adds and changes a managed voice assistant."""

from typing import Any, override

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigSubentryFlow,
    SubentryFlowResult,
)
from homeassistant.const import CONF_NAME
from homeassistant.exceptions import HomeAssistantError

from . import assist_pipeline, voice_samples
from .assistant_form import AssistantForm
from .const import (
    CONF_KEEP_WARM,
    CONF_PIPELINE_ID,
    CONF_PREFERRED,
    CONF_PREVIOUS_PREFERRED,
    CONF_STT_MODEL,
)
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .engines import stt_model_for


class PipelineFlow(ConfigSubentryFlow):
    """Adds or changes an assistant with one form."""

    def __init__(self) -> None:
        """Start without voice samples."""
        super().__init__()
        self._samples_key: str | None = None

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add an assistant."""
        coordinator = self._get_coordinator()
        if coordinator is None:
            return self.async_abort(reason="not_loaded")
        form = await AssistantForm.async_create(self.hass, coordinator.client, coordinator.data)
        if form.language is None:
            return self.async_abort(reason="no_language")
        errors: dict[str, str] = {}
        placeholders = {"samples": form.samples(self.hass, self._open_samples(coordinator))}
        if user_input is not None and not (errors := form.errors(user_input)):
            options = dict(user_input)
            name, preferred = options.pop(CONF_NAME), options.pop(CONF_PREFERRED)
            try:
                options[CONF_PIPELINE_ID] = await assist_pipeline.async_create(
                    self.hass, name, coordinator.data.info.uuid, options
                )
            except HomeAssistantError as err:
                _set_error(err, errors, placeholders)
            else:
                if preferred:
                    options[CONF_PREVIOUS_PREFERRED] = assist_pipeline.async_set_preferred(
                        self.hass, options[CONF_PIPELINE_ID]
                    )
                return self.async_create_entry(title=name, data=options)
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(
                form.schema(is_new=True),
                user_input or form.suggested_values(self._get_entry().title),
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
        form = await AssistantForm.async_create(self.hass, coordinator.client, coordinator.data)
        errors: dict[str, str] = {}
        placeholders = {"samples": form.samples(self.hass, self._open_samples(coordinator))}
        if user_input is not None and not (errors := form.errors(user_input)):
            options = dict(user_input)
            name = options.pop(CONF_NAME)
            try:
                await assist_pipeline.async_update(
                    self.hass, pipeline_id, name, coordinator.data.info.uuid, options
                )
            except HomeAssistantError as err:
                _set_error(err, errors, placeholders)
            else:
                kept = {
                    key: subentry.data[key]
                    for key in (CONF_PIPELINE_ID, CONF_PREVIOUS_PREFERRED)
                    if key in subentry.data
                }
                return self.async_update_and_abort(
                    entry, subentry, title=name, data={**options, **kept}
                )
        # The pipeline may have been changed in Assist's settings since.
        current_values = {
            **pipeline.to_json(),
            CONF_NAME: pipeline.name,
            CONF_STT_MODEL: stt_model_for(coordinator.data, pipeline),
            CONF_KEEP_WARM: subentry.data.get(CONF_KEEP_WARM, False),
        }
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                form.schema(is_new=False, current_language=pipeline.language),
                user_input or current_values,
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    @override
    def async_remove(self) -> None:
        """Stop serving voice samples when the dialog is closed."""
        voice_samples.async_close(self.hass, self._samples_key)

    def _open_samples(self, coordinator: ConductorCoordinator) -> str:
        if self._samples_key is None:
            self._samples_key = voice_samples.async_open(self.hass, coordinator.client)
        return self._samples_key

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
