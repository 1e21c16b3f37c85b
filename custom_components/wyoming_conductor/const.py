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
CONF_CODE: Final = "code"
"""The six digits of the server, which are exchanged for a token."""
CONF_FINGERPRINT: Final = "fingerprint"
"""SHA-256 of the server's certificate, hexadecimal, if no authority has verified it."""
CONF_ADD_TO_ASSIST: Final = "add_to_assist"
CONF_CREATE_ASSISTANT: Final = "create_assistant"
CONF_VOCABULARY: Final = "push_vocabulary"
CONF_SIDEBAR: Final = "show_in_sidebar"
"""Option: whether the sidebar has an entry for the panel."""

POLL_INTERVAL: Final = 60
"""Seconds between two polls of memory and sensor readings; states are pushed."""

SUBENTRY_PIPELINE: Final = "pipeline"
CONF_PIPELINE_ID: Final = "pipeline_id"
CONF_KEEP_WARM: Final = "keep_warm"
CONF_STT_MODEL: Final = "stt_model"
CONF_AGENT: Final = "conversation_engine"
CONF_VOICE: Final = "tts_voice"
CONF_WAKE_WORD: Final = "wake_word_id"
CONF_PREFER_LOCAL: Final = "prefer_local_intents"
HOME_AGENT: Final = "conversation.home_assistant"
CONF_PREFERRED: Final = "preferred"
CONF_PREVIOUS_PREFERRED: Final = "previous_preferred"
"""The assistant that was preferred before this one; preferred again when this one is removed."""
CONF_MOVED: Final = "moved"
"""Option: engines of the assistants that were moved to this integration, by id of the assistant."""

ANSWER_TIMEOUT: Final = 300.0
"""Seconds without an event of the server; as long as a run of an assistant may take."""

AUDIO_FORMAT: Final = {"rate": 16_000, "width": 2, "channels": 1}
"""Format of the audio that Home Assistant sends: 16-bit mono."""

ACTIVITIES: Final = (
    "model_loaded",
    "model_unloaded",
    "model_evicted",
    "load_failed",
    "out_of_memory",
    "fell_back",
    "request_failed",
)
"""Types of activity that the event entity reports."""

ATTR_MODEL: Final = "model"

ATTR_PENDING: Final = "pending"
"""Attribute of settings: the saved value that is not in effect yet."""
