"""Device triggers for the activities of a server and its models."""

from typing import Any

import probatio
from homeassistant.components.device_automation import DEVICE_TRIGGER_BASE_SCHEMA
from homeassistant.components.homeassistant.triggers import event as event_trigger
from homeassistant.const import (
    ATTR_DEVICE_ID,
    CONF_DEVICE_ID,
    CONF_DOMAIN,
    CONF_EVENT,
    CONF_EVENT_DATA,
    CONF_PLATFORM,
    CONF_TYPE,
)
from homeassistant.core import CALLBACK_TYPE, HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.trigger import TriggerActionType, TriggerInfo
from homeassistant.helpers.typing import ConfigType

from .const import ACTIVITIES, ATTR_ACTIVITY, ATTR_MODEL_DEVICE_ID, DOMAIN, EVENT_ACTIVITY

TRIGGER_SCHEMA = DEVICE_TRIGGER_BASE_SCHEMA.extend(
    {probatio.Required(CONF_TYPE): probatio.In(ACTIVITIES)}
)


async def async_get_triggers(hass: HomeAssistant, device_id: str) -> list[dict[str, Any]]:
    """Return the triggers of a server or a model; an assistant has none."""
    device = dr.async_get(hass).async_get(device_id)
    if device is None or any("_pipeline_" in name for _, name in device.identifiers):
        return []
    return [
        {
            CONF_PLATFORM: "device",
            CONF_DOMAIN: DOMAIN,
            CONF_DEVICE_ID: device_id,
            CONF_TYPE: activity,
        }
        for activity in ACTIVITIES
    ]


async def async_attach_trigger(
    hass: HomeAssistant,
    config: ConfigType,
    action: TriggerActionType,
    trigger_info: TriggerInfo,
) -> CALLBACK_TYPE:
    """Listen for the activity event of the device."""
    device = dr.async_get(hass).async_get(config[CONF_DEVICE_ID])
    is_model = device is not None and getattr(device, "via_device_id", None) is not None
    event_config = event_trigger.TRIGGER_SCHEMA(
        {
            CONF_PLATFORM: CONF_EVENT,
            event_trigger.CONF_EVENT_TYPE: EVENT_ACTIVITY,
            CONF_EVENT_DATA: {
                ATTR_MODEL_DEVICE_ID if is_model else ATTR_DEVICE_ID: config[CONF_DEVICE_ID],
                ATTR_ACTIVITY: config[CONF_TYPE],
            },
        }
    )
    return await event_trigger.async_attach_trigger(
        hass, event_config, action, trigger_info, platform_type="device"
    )
