"""Making and changing a voice assistant that is managed here."""

from typing import Any

import probatio
from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
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

from . import assist
from .assist import CONF_AGENT, CONF_PREFER_LOCAL, CONF_VOICE, CONF_WAKE_WORD, HOME_AGENT
from .assistant_selects import asr_models, offers
from .const import CONF_KEEP_WARM, CONF_PIPELINE_ID
from .coordinator import ConductorConfigEntry, ConductorCoordinator
from .settings import can_be_set, read, write

CONF_PREFERRED = "preferred"
CONF_STT_MODEL = "stt_model"

ASR_MODEL = ("asr", "model")
"""Where the server's settings name the model that hears."""


class PipelineFlow(ConfigSubentryFlow):
    """One form, for a new assistant and for one that is there."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Make an assistant."""
        coordinator = self._coordinator()
        if coordinator is None:
            return self.async_abort(reason="not_loaded")
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            wishes = dict(user_input)
            name, preferred = wishes.pop(CONF_NAME), wishes.pop(CONF_PREFERRED)
            try:
                await _choose_ears(coordinator, wishes.pop(CONF_STT_MODEL, None))
                wishes[CONF_PIPELINE_ID] = await assist.async_create(
                    self.hass, name, coordinator.data.info.uuid, wishes
                )
            except HomeAssistantError as err:
                _explain(err, errors, placeholders)
            else:
                if preferred:
                    await assist.async_prefer(self.hass, wishes[CONF_PIPELINE_ID])
                return self.async_create_entry(title=name, data=wishes)
        suggested = user_input or {
            CONF_NAME: self._get_entry().title,
            CONF_LANGUAGE: self.hass.config.language,
            CONF_AGENT: HOME_AGENT,
            CONF_STT_MODEL: read(coordinator.data, ASR_MODEL),
        }
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(
                _schema(coordinator, is_new=True), suggested
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Change an assistant."""
        coordinator = self._coordinator()
        if coordinator is None:
            return self.async_abort(reason="not_loaded")
        entry, subentry = self._get_entry(), self._get_reconfigure_subentry()
        pipeline_id = subentry.data[CONF_PIPELINE_ID]
        pipeline = assist.async_get(self.hass, pipeline_id)
        if pipeline is None:
            return self.async_abort(reason="pipeline_gone")
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            wishes = dict(user_input)
            name = wishes.pop(CONF_NAME)
            try:
                await _choose_ears(coordinator, wishes.pop(CONF_STT_MODEL, None))
                await assist.async_update(
                    self.hass, pipeline_id, name, coordinator.data.info.uuid, wishes
                )
            except HomeAssistantError as err:
                _explain(err, errors, placeholders)
            else:
                return self.async_update_and_abort(
                    entry, subentry, title=name, data={**wishes, CONF_PIPELINE_ID: pipeline_id}
                )
        # Assist's own settings page may have changed it since.
        now = {
            CONF_NAME: pipeline.name,
            **pipeline.to_json(),
            CONF_STT_MODEL: read(coordinator.data, ASR_MODEL),
            CONF_KEEP_WARM: subentry.data.get(CONF_KEEP_WARM, False),
        }
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                _schema(coordinator, is_new=False), user_input or now
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    def _coordinator(self) -> ConductorCoordinator | None:
        entry: ConductorConfigEntry = self._get_entry()
        return getattr(entry, "runtime_data", None)


def _explain(err: HomeAssistantError, errors: dict[str, str], placeholders: dict[str, str]) -> None:
    errors["base"] = err.translation_key or "unknown"
    placeholders.update(err.translation_placeholders or {})


async def _choose_ears(coordinator: ConductorCoordinator, model: str | None) -> None:
    """Have the server hear with this model, if another was chosen. Raises HomeAssistantError."""
    if model is not None and model != read(coordinator.data, ASR_MODEL):
        await write(coordinator, ASR_MODEL, model)


def _schema(coordinator: ConductorCoordinator, *, is_new: bool) -> probatio.Schema:
    """Return the form, with what the server offers."""

    def choice(options: list[str]) -> SelectSelector:
        return SelectSelector(
            SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN)
        )

    snapshot = coordinator.data
    fields: dict[Any, Any] = {
        probatio.Required(CONF_NAME): TextSelector(),
        probatio.Required(CONF_LANGUAGE): LanguageSelector(LanguageSelectorConfig()),
        probatio.Required(CONF_AGENT): ConversationAgentSelector(),
        probatio.Optional(CONF_VOICE): choice(offers(snapshot, "tts")),
        probatio.Optional(CONF_WAKE_WORD): choice(offers(snapshot, "wake")),
        probatio.Required(CONF_PREFER_LOCAL, default=False): BooleanSelector(),
    }
    if can_be_set(coordinator):
        fields[probatio.Optional(CONF_STT_MODEL)] = choice(asr_models(snapshot))
        fields[probatio.Required(CONF_KEEP_WARM, default=False)] = BooleanSelector()
    if is_new:
        fields[probatio.Required(CONF_PREFERRED, default=True)] = BooleanSelector()
    return probatio.Schema(fields)
