"""Names that several files share."""

import logging
from typing import Final

DOMAIN: Final = "wyoming_conductor"
LOGGER: Final = logging.getLogger(__package__)

MANUFACTURER: Final = "Wyoming Conductor"
DEFAULT_PORT: Final = 10_380

API_VERSIONS: Final = ("1",)
"""Versions of the HTTP API that this integration speaks, oldest first."""

CONF_TLS: Final = "tls"
CONF_ADD_SERVERS: Final = "add_servers"
CONF_MAKE_ASSISTANT: Final = "make_assistant"
CONF_VOCABULARY: Final = "push_vocabulary"
CONF_INTERVAL: Final = "gauge_interval"

DEFAULT_INTERVAL: Final = 60
"""Seconds between two readings of the gauges; everything else is pushed."""

SUBENTRY_PIPELINE: Final = "pipeline"
CONF_PIPELINE_ID: Final = "pipeline_id"
CONF_KEEP_WARM: Final = "keep_warm"

EVENT_ACTIVITY: Final = f"{DOMAIN}_activity"
"""Fired on the bus for each activity; device triggers listen to it."""

ACTIVITIES: Final = (
    "model_loaded",
    "model_unloaded",
    "model_evicted",
    "load_failed",
    "out_of_memory",
    "fell_back",
    "request_failed",
)
"""What an automation can react to."""

ATTR_ACTIVITY: Final = "type"
ATTR_MODEL: Final = "model"
ATTR_MODEL_DEVICE_ID: Final = "model_device_id"
