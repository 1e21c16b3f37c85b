"""What can be chosen about a server; the entry's update listener sets it up anew."""

from typing import Any

import probatio
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
)

from .const import CONF_ADD_SERVERS, CONF_INTERVAL, CONF_VOCABULARY, DEFAULT_INTERVAL

OPTIONS_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_ADD_SERVERS, default=True): BooleanSelector(),
        probatio.Required(CONF_VOCABULARY, default=True): BooleanSelector(),
        probatio.Required(CONF_INTERVAL, default=DEFAULT_INTERVAL): probatio.All(
            NumberSelector(
                NumberSelectorConfig(
                    min=10, max=3600, unit_of_measurement="s", mode=NumberSelectorMode.BOX
                )
            ),
            probatio.Coerce(int),
        ),
    }
)


class ConductorOptionsFlow(OptionsFlow):
    """One form."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                OPTIONS_SCHEMA, self.config_entry.options
            ),
        )
