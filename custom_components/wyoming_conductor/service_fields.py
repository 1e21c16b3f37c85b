"""What services are called with, and the server that is meant."""

import probatio
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, CONF_LANGUAGE, CONF_NAME
from homeassistant.core import ServiceCall
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service

from .api import Feature
from .assist import CONF_AGENT, CONF_PREFER_LOCAL, CONF_VOICE, CONF_WAKE_WORD
from .benchmark import TEXT
from .const import DOMAIN
from .coordinator import ConductorConfigEntry, ConductorCoordinator

ATTR_MODEL = "model"
ATTR_WAIT = "wait"
ATTR_FORCE = "force"
ATTR_CACHE = "cache"
ATTR_PIPELINE = "pipeline"
ATTR_WINDOW = "window"
ATTR_RUNS = "runs"
ATTR_TEXT = "text"
ATTR_VOICE = "voice"
ATTR_PREFERRED = "preferred"

CACHES = {"phrases": Feature.PHRASES, "models": Feature.LIBRARY}

_ENTRY = {probatio.Required(ATTR_CONFIG_ENTRY_ID): cv.string}
_MODEL = {**_ENTRY, probatio.Required(ATTR_MODEL): cv.string}

ENTRY_SCHEMA = probatio.Schema(_ENTRY)
MODEL_SCHEMA = probatio.Schema(_MODEL)
LOAD_SCHEMA = probatio.Schema({**_MODEL, probatio.Optional(ATTR_WAIT, default=True): cv.boolean})
DELETE_SCHEMA = probatio.Schema(
    {**_MODEL, probatio.Optional(ATTR_FORCE, default=False): cv.boolean}
)
CACHE_SCHEMA = probatio.Schema({**_ENTRY, probatio.Required(ATTR_CACHE): probatio.In(CACHES)})
WARM_SCHEMA = probatio.Schema({**_ENTRY, probatio.Required(ATTR_PIPELINE): cv.string})
METRICS_SCHEMA = probatio.Schema(
    {**_ENTRY, probatio.Optional(ATTR_WINDOW, default={"hours": 24}): cv.positive_time_period}
)
BENCHMARK_SCHEMA = probatio.Schema(
    {
        **_ENTRY,
        probatio.Optional(ATTR_RUNS, default=3): probatio.All(
            probatio.Coerce(int), probatio.Range(min=1, max=20)
        ),
        probatio.Optional(ATTR_TEXT, default=TEXT): probatio.All(
            cv.string, probatio.Length(min=1, max=500)
        ),
        probatio.Optional(ATTR_VOICE): cv.string,
        probatio.Optional(ATTR_MODEL): cv.string,
    }
)
PIPELINE_SCHEMA = probatio.Schema(
    {
        **_ENTRY,
        probatio.Required(CONF_NAME): cv.string,
        probatio.Optional(CONF_LANGUAGE): cv.string,
        probatio.Optional(CONF_AGENT): cv.string,
        probatio.Optional(CONF_VOICE): cv.string,
        probatio.Optional(CONF_WAKE_WORD): cv.string,
        probatio.Optional(CONF_PREFER_LOCAL, default=False): cv.boolean,
        probatio.Optional(ATTR_PREFERRED, default=False): cv.boolean,
    }
)


def server_of(call: ServiceCall) -> ConductorCoordinator:
    """Return the server that is meant. Raises ServiceValidationError."""
    entry: ConductorConfigEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY_ID]
    )
    return entry.runtime_data


def require(coordinator: ConductorCoordinator, *features: Feature) -> None:
    """Raise ServiceValidationError if the server lacks what the service needs."""
    if not coordinator.data.info.features.issuperset(features):
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_supported")
