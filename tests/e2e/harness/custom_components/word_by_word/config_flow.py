"""Config flow without a form."""

from typing import Any

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult


class WordByWordConfigFlow(ConfigFlow, domain="word_by_word"):
    """Creates the config entry immediately."""

    VERSION = 1

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Create the entry."""
        return self.async_create_entry(title="Word by word", data={})
