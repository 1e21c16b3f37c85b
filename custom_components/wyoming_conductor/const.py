"""Constants of the Wyoming Conductor integration."""

import logging
from typing import Final

DOMAIN: Final = "wyoming_conductor"
LOGGER: Final = logging.getLogger(__package__)

MANUFACTURER: Final = "Wyoming Conductor"
DEFAULT_NAME: Final = "Wyoming Conductor"
DEFAULT_PORT: Final = 10_380

API_VERSIONS: Final = ("1",)
"""Supported versions of the HTTP API, oldest first."""

CONF_TLS: Final = "tls"
CONF_FINGERPRINT: Final = "fingerprint"
"""SHA-256 of the server's certificate, hexadecimal, if no authority has verified it."""
CONF_ADD_TO_ASSIST: Final = "add_to_assist"
CONF_CREATE_ASSISTANT: Final = "create_assistant"
CONF_VOCABULARY: Final = "push_vocabulary"
CONF_POLL_INTERVAL: Final = "poll_interval"

DEFAULT_POLL_INTERVAL: Final = 60
"""Seconds between two polls of memory and sensor readings; states are pushed."""

SUBENTRY_PIPELINE: Final = "pipeline"
CONF_PIPELINE_ID: Final = "pipeline_id"
CONF_KEEP_WARM: Final = "keep_warm"

EVENT_ACTIVITY: Final = f"{DOMAIN}_activity"
"""Event on Home Assistant's bus for each activity; the device triggers listen for it."""

ACTIVITIES: Final = (
    "model_loaded",
    "model_unloaded",
    "model_evicted",
    "load_failed",
    "out_of_memory",
    "fell_back",
    "request_failed",
)
"""Types of activity that can trigger an automation."""

ATTR_ACTIVITY: Final = "type"
ATTR_MODEL: Final = "model"
ATTR_MODEL_DEVICE_ID: Final = "model_device_id"

ATTR_PENDING: Final = "pending"
"""Attribute of settings: the saved value that is not in effect yet."""
