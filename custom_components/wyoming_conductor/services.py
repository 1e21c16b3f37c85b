"""Services (actions) of the integration."""

import asyncio
import time
from types import MappingProxyType

import probatio
from homeassistant.components.assist_pipeline import async_get_pipelines
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID, CONF_LANGUAGE, CONF_NAME
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import service
from homeassistant.util.json import JsonObjectType, JsonValueType

from . import assist_pipeline
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
from .entity import model_identifier
from .helpers import async_call_server

ATTR_WAIT = "wait"
ATTR_FORCE = "force"
ATTR_CACHE = "cache"
ATTR_PIPELINE = "pipeline"
ATTR_PREFERRED = "preferred"

CACHES = {"phrases": Feature.PHRASES, "models": Feature.LIBRARY}
"""Caches that can be cleared, and the feature that a server needs for each."""

LOAD_TIMEOUT = 180.0
"""Seconds; a large model on a slow disk takes a minute, and the server gives up after two."""

_ENTRY = {probatio.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}
_MODEL = {
    **_ENTRY,
    probatio.Optional(ATTR_DEVICE_ID): cv.string,
    probatio.Optional(ATTR_MODEL): cv.string,
}

ENTRY_SCHEMA = probatio.Schema(_ENTRY)
MODEL_SCHEMA = probatio.Schema(_MODEL)
DOWNLOAD_SCHEMA = probatio.Schema({**_ENTRY, probatio.Required(ATTR_MODEL): cv.string})
LOAD_SCHEMA = probatio.Schema({**_MODEL, probatio.Optional(ATTR_WAIT, default=True): cv.boolean})
DELETE_SCHEMA = probatio.Schema(
    {**_MODEL, probatio.Optional(ATTR_FORCE, default=False): cv.boolean}
)
CACHE_SCHEMA = probatio.Schema({**_ENTRY, probatio.Required(ATTR_CACHE): probatio.In(CACHES)})
WARM_UP_SCHEMA = probatio.Schema({**_ENTRY, probatio.Required(ATTR_PIPELINE): cv.string})
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
    register_admin(hass, DOMAIN, "download_model", _download_model, DOWNLOAD_SCHEMA, optional)
    register_admin(hass, DOMAIN, "delete_model", _delete_model, DELETE_SCHEMA, optional)
    register_admin(hass, DOMAIN, "clear_cache", _clear_cache, CACHE_SCHEMA, optional)
    register(DOMAIN, "warm_up", control(_warm_up), WARM_UP_SCHEMA)
    register_admin(hass, DOMAIN, "create_pipeline", _create_pipeline, PIPELINE_SCHEMA, optional)
    register(DOMAIN, "get_status", _get_status, ENTRY_SCHEMA, only)


async def _load_model(call: ServiceCall) -> ServiceResponse:
    """Load a model, and wait until it is ready if requested."""
    coordinator, models = _get_models(call)
    started = time.monotonic()
    for model in models:
        is_ready = await async_call_server(coordinator, coordinator.client.load_model(model))
        if call.data[ATTR_WAIT] and not is_ready:
            await _wait_until_ready(coordinator, model)
    loaded: list[JsonValueType] = [_describe_load(coordinator, model) for model in models]
    return {"models": loaded, "seconds": round(time.monotonic() - started, 2)}


def _describe_load(coordinator: ConductorCoordinator, model: str) -> JsonObjectType:
    status = coordinator.data.status.models.get(model)
    state = ModelState.UNLOADED if status is None else status.state
    if status is not None and state is ModelState.UNLOADED:
        state = ModelState.LOADING  # Requested, but the event has not arrived yet.
    return {
        "model": model,
        "state": state.value,
        "memory_bytes": 0 if status is None else status.memory_bytes,
    }


async def _unload_model(call: ServiceCall) -> None:
    """Unload a model when its running requests have finished."""
    coordinator, models = _get_models(call)
    for model in models:
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
    coordinator, models = _get_models(call)
    _require_feature(coordinator, Feature.LIBRARY)
    freed = 0
    for model in models:
        request = coordinator.client.delete_model(model, force=call.data[ATTR_FORCE])
        freed += await async_call_server(coordinator, request)
    return {"models": list[JsonValueType](models), "freed_bytes": freed}


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
        names = [one for one in async_get_pipelines(call.hass) if one.name == pipeline_id]
        pipeline = names[0] if len(names) == 1 else None
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


def _get_coordinator(call: ServiceCall) -> ConductorCoordinator:
    """Return the server of a call, or the only one. Raises ServiceValidationError."""
    entry: ConductorConfigEntry
    entry_id: str | None = call.data.get(ATTR_CONFIG_ENTRY_ID)
    if entry_id is None:
        entries = call.hass.config_entries.async_loaded_entries(DOMAIN)
        if not entries:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="not_loaded")
        if len(entries) > 1:
            raise ServiceValidationError(
                translation_domain=DOMAIN, translation_key="server_required"
            )
        (entry,) = entries
    else:
        entry = service.async_get_config_entry(call.hass, DOMAIN, entry_id)
    return entry.runtime_data.coordinator


def _get_models(call: ServiceCall) -> tuple[ConductorCoordinator, list[str]]:
    """Return the server and the models of a call: those of a device, or the one that it names.

    Raises ServiceValidationError if there is no such model.
    """
    if (device_id := call.data.get(ATTR_DEVICE_ID)) is not None:
        return _get_models_of_device(call.hass, device_id)
    coordinator = _get_coordinator(call)
    model: str | None = call.data.get(ATTR_MODEL)
    if model is None:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="model_required")
    if model not in coordinator.data.status.models:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_model",
            translation_placeholders={
                "model": model,
                "models": ", ".join(sorted(coordinator.data.status.models)),
            },
        )
    return coordinator, [model]


def _get_models_of_device(
    hass: HomeAssistant, device_id: str
) -> tuple[ConductorCoordinator, list[str]]:
    device = dr.async_get(hass).async_get(device_id)
    entry: ConductorConfigEntry
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        coordinator = entry.runtime_data.coordinator
        models = [
            model.id
            for model in coordinator.data.status.models.values()
            if device and model_identifier(coordinator.data.info.uuid, model) in device.identifiers
        ]
        if models:
            return coordinator, models
    raise ServiceValidationError(translation_domain=DOMAIN, translation_key="model_required")


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
            status = coordinator.data.status.models.get(model)
            if status is None:
                failure = "The model was removed."
            elif not status.is_loaded:
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
