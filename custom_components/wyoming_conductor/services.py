"""Services (actions) of the integration."""

import asyncio
import time
from datetime import timedelta
from types import MappingProxyType

import probatio
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, CONF_LANGUAGE, CONF_NAME
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service
from homeassistant.util import dt as dt_util

from . import assist_pipeline, performance
from .api import Feature, ModelState, ServerEvent
from .const import (
    ATTR_MODEL,
    CONF_AGENT,
    CONF_PIPELINE_ID,
    CONF_PREFER_LOCAL,
    CONF_PREVIOUS_PREFERRED,
    CONF_VOICE,
    CONF_WAKE_WORD,
    DOMAIN,
    HOME_AGENT,
    SUBENTRY_PIPELINE,
)
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .engines import required_models
from .helpers import async_call_server

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
"""Caches that can be cleared, and the feature that a server needs for each."""

LOAD_TIMEOUT = 180.0
"""Seconds; a large model on a slow disk takes a minute, and the server gives up after two."""

_ENTRY = {probatio.Required(ATTR_CONFIG_ENTRY_ID): cv.string}
_MODEL = {**_ENTRY, probatio.Required(ATTR_MODEL): cv.string}

ENTRY_SCHEMA = probatio.Schema(_ENTRY)
MODEL_SCHEMA = probatio.Schema(_MODEL)
LOAD_SCHEMA = probatio.Schema({**_MODEL, probatio.Optional(ATTR_WAIT, default=True): cv.boolean})
DELETE_SCHEMA = probatio.Schema(
    {**_MODEL, probatio.Optional(ATTR_FORCE, default=False): cv.boolean}
)
CACHE_SCHEMA = probatio.Schema({**_ENTRY, probatio.Required(ATTR_CACHE): probatio.In(CACHES)})
WARM_UP_SCHEMA = probatio.Schema({**_ENTRY, probatio.Required(ATTR_PIPELINE): cv.string})
METRICS_SCHEMA = probatio.Schema(
    {**_ENTRY, probatio.Optional(ATTR_WINDOW, default={"hours": 24}): cv.positive_time_period}
)
BENCHMARK_SCHEMA = probatio.Schema(
    {
        **_ENTRY,
        probatio.Optional(ATTR_RUNS, default=3): probatio.All(
            probatio.Coerce(int), probatio.Range(min=1, max=20)
        ),
        probatio.Optional(ATTR_TEXT, default=performance.BENCHMARK_TEXT): probatio.All(
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


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the services.

    Loading and unloading require permission to control an entity of this integration, as the
    buttons do. What changes files, assistants or the load of the server for minutes requires an
    administrator.
    """
    register, register_admin = hass.services.async_register, service.async_register_admin_service
    control = service.verify_domain_control(DOMAIN)
    optional, only = SupportsResponse.OPTIONAL, SupportsResponse.ONLY
    register(DOMAIN, "load_model", control(_load_model), LOAD_SCHEMA, optional)
    register(DOMAIN, "unload_model", control(_unload_model), MODEL_SCHEMA)
    register_admin(hass, DOMAIN, "download_model", _download_model, MODEL_SCHEMA, optional)
    register_admin(hass, DOMAIN, "delete_model", _delete_model, DELETE_SCHEMA, optional)
    register_admin(hass, DOMAIN, "clear_cache", _clear_cache, CACHE_SCHEMA, optional)
    register(DOMAIN, "warm_up", control(_warm_up), WARM_UP_SCHEMA)
    register_admin(hass, DOMAIN, "create_pipeline", _create_pipeline, PIPELINE_SCHEMA, optional)
    register(DOMAIN, "get_status", _get_status, ENTRY_SCHEMA, only)
    register(DOMAIN, "get_metrics", _get_metrics, METRICS_SCHEMA, only)
    register_admin(hass, DOMAIN, "benchmark", _benchmark, BENCHMARK_SCHEMA, only)


async def _load_model(call: ServiceCall) -> ServiceResponse:
    """Load a model, and wait until it is ready if requested."""
    coordinator = _get_coordinator(call)
    model = _get_model(coordinator, call)
    started = time.monotonic()
    is_ready = await async_call_server(coordinator, coordinator.client.load_model(model))
    if call.data[ATTR_WAIT] and not is_ready:
        await _wait_until_ready(coordinator, model)
    status = coordinator.data.status.models[model]
    return {
        "model": model,
        "state": ModelState.READY.value if is_ready else status.state.value,
        "seconds": round(time.monotonic() - started, 2),
        "memory_bytes": status.memory_bytes,
    }


async def _unload_model(call: ServiceCall) -> None:
    """Unload a model when its running requests have finished."""
    coordinator = _get_coordinator(call)
    model = _get_model(coordinator, call)
    await async_call_server(coordinator, coordinator.client.unload_model(model))


async def _download_model(call: ServiceCall) -> ServiceResponse:
    """Start downloading a model; its state shows the progress."""
    coordinator = _get_coordinator(call)
    _require_feature(coordinator, Feature.LIBRARY)
    model: str = call.data[ATTR_MODEL]
    is_installed = await async_call_server(coordinator, coordinator.client.download_model(model))
    return {"model": model, "installed": is_installed}


async def _delete_model(call: ServiceCall) -> ServiceResponse:
    """Delete the files of a model."""
    coordinator = _get_coordinator(call)
    _require_feature(coordinator, Feature.LIBRARY)
    model = _get_model(coordinator, call)
    request = coordinator.client.delete_model(model, force=call.data[ATTR_FORCE])
    return {"model": model, "freed_bytes": await async_call_server(coordinator, request)}


async def _clear_cache(call: ServiceCall) -> ServiceResponse:
    """Delete cached speech or unused models."""
    coordinator = _get_coordinator(call)
    cache: str = call.data[ATTR_CACHE]
    _require_feature(coordinator, CACHES[cache])
    freed = await async_call_server(coordinator, coordinator.client.clear_cache(cache))
    return {"freed_bytes": freed}


async def _warm_up(call: ServiceCall) -> None:
    """Load all models of an assistant, whether it is managed by this integration or not."""
    coordinator = _get_coordinator(call)
    pipeline_id: str = call.data[ATTR_PIPELINE]
    if (subentry := coordinator.config_entry.subentries.get(pipeline_id)) is not None:
        pipeline_id = subentry.data[CONF_PIPELINE_ID]
    pipeline = assist_pipeline.async_get(call.hass, pipeline_id)
    if pipeline is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_pipeline",
            translation_placeholders={"pipeline": pipeline_id},
        )
    for model in required_models(coordinator.data, pipeline):
        await async_call_server(coordinator, coordinator.client.load_model(model))


async def _create_pipeline(call: ServiceCall) -> ServiceResponse:
    """Create a managed assistant, as the form does."""
    coordinator = _get_coordinator(call)
    optional_fields = (CONF_VOICE, CONF_WAKE_WORD)
    options = {
        CONF_LANGUAGE: call.data.get(CONF_LANGUAGE, call.hass.config.language),
        CONF_AGENT: call.data.get(CONF_AGENT, HOME_AGENT),
        CONF_PREFER_LOCAL: call.data[CONF_PREFER_LOCAL],
        **{field: call.data[field] for field in optional_fields if field in call.data},
    }
    name: str = call.data[CONF_NAME]
    uuid = coordinator.data.info.uuid
    pipeline_id = await assist_pipeline.async_create(call.hass, name, uuid, options)
    previous = None
    if call.data[ATTR_PREFERRED]:
        previous = assist_pipeline.async_set_preferred(call.hass, pipeline_id)
        options[CONF_PREVIOUS_PREFERRED] = previous
    subentry = ConfigSubentry(
        data=MappingProxyType({**options, CONF_PIPELINE_ID: pipeline_id}),
        subentry_type=SUBENTRY_PIPELINE,
        title=name,
        unique_id=None,
    )
    try:
        call.hass.config_entries.async_add_subentry(coordinator.config_entry, subentry)
    except Exception:
        # The server may have been removed meanwhile; do not leave a pipeline that nobody manages.
        await assist_pipeline.async_delete(call.hass, pipeline_id, previous)
        raise
    return {"pipeline_id": pipeline_id}


async def _get_status(call: ServiceCall) -> ServiceResponse:
    """Return the state of the server, its models and its devices."""
    return _get_coordinator(call).data.as_dict()


async def _get_metrics(call: ServiceCall) -> ServiceResponse:
    """Return request statistics of each model."""
    coordinator = _get_coordinator(call)
    window: timedelta = call.data[ATTR_WINDOW]
    traces = await async_call_server(coordinator, coordinator.client.traces())
    since = dt_util.utcnow() - window
    return {
        "since": since.isoformat(timespec="seconds"),
        "window_seconds": window.total_seconds(),
        "models": performance.statistics_by_model(traces, since),
    }


async def _benchmark(call: ServiceCall) -> ServiceResponse:
    """Measure how long synthesizing a text and transcribing it again takes."""
    coordinator = _get_coordinator(call)
    _require_feature(coordinator, Feature.JOBS)
    if ATTR_MODEL in call.data:
        _get_model(coordinator, call)
    request = performance.run_benchmark(
        coordinator.client,
        call.data[ATTR_RUNS],
        text=call.data[ATTR_TEXT],
        voice=call.data.get(ATTR_VOICE),
        model=call.data.get(ATTR_MODEL),
    )
    return await async_call_server(coordinator, request)


def _get_coordinator(call: ServiceCall) -> ConductorCoordinator:
    """Return the server of a call. Raises ServiceValidationError."""
    entry: ConductorConfigEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY_ID]
    )
    return entry.runtime_data.coordinator


def _get_model(coordinator: ConductorCoordinator, call: ServiceCall) -> str:
    """Return the model of a call. Raises ServiceValidationError if the server does not have it."""
    model: str = call.data[ATTR_MODEL]
    if model not in coordinator.data.status.models:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_model",
            translation_placeholders={
                "model": model,
                "models": ", ".join(sorted(coordinator.data.status.models)),
            },
        )
    return model


def _require_feature(coordinator: ConductorCoordinator, feature: Feature) -> None:
    """Raise ServiceValidationError if the server does not have a feature."""
    if feature not in coordinator.data.info.features:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_supported")


async def _wait_until_ready(coordinator: ConductorCoordinator, model: str) -> None:
    """Wait until a model is ready. Raises HomeAssistantError if it fails or does not finish."""
    finished = asyncio.Event()
    failure: str | None = None

    @callback
    def handle_event(event: ServerEvent) -> None:
        nonlocal failure
        if event.data.get("model") != model:
            return
        if event.type == "model_failed" and event.data.get("retry_seconds") is None:
            failure = str(event.data.get("message"))
            finished.set()
        elif event.type == "model_ready":
            finished.set()

    remove_listener = coordinator.async_add_event_listener(handle_event)
    try:
        async with asyncio.timeout(LOAD_TIMEOUT):
            # The model may have become ready before the listener was added.
            await coordinator.async_refresh()
            if not coordinator.data.status.models[model].is_loaded:
                await finished.wait()
                await coordinator.async_refresh()
    except TimeoutError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="load_timeout",
            translation_placeholders={"model": model},
        ) from err
    finally:
        remove_listener()
    if failure is not None:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="load_failed",
            translation_placeholders={"model": model, "reason": failure},
        )
