"""Services: for automations and scripts, with answers."""

from datetime import timedelta
from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_LANGUAGE, CONF_NAME
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import service
from homeassistant.util import dt as dt_util

from . import assist, benchmark, metrics, model_services
from .api import Feature
from .const import CONF_PIPELINE_ID, DOMAIN, SUBENTRY_PIPELINE
from .entity import ask
from .service_fields import (
    ATTR_CACHE,
    ATTR_MODEL,
    ATTR_PIPELINE,
    ATTR_PREFERRED,
    ATTR_RUNS,
    ATTR_TEXT,
    ATTR_VOICE,
    ATTR_WINDOW,
    BENCHMARK_SCHEMA,
    CACHE_SCHEMA,
    CACHES,
    DELETE_SCHEMA,
    ENTRY_SCHEMA,
    LOAD_SCHEMA,
    METRICS_SCHEMA,
    MODEL_SCHEMA,
    PIPELINE_SCHEMA,
    WARM_SCHEMA,
    require,
    server_of,
)
from .views import device_view, model_view


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the services; those that delete or fetch files are for administrators."""
    register, guarded = hass.services.async_register, service.async_register_admin_service
    optional, only = SupportsResponse.OPTIONAL, SupportsResponse.ONLY
    register(DOMAIN, "load_model", model_services.load, LOAD_SCHEMA, optional)
    register(DOMAIN, "unload_model", model_services.unload, MODEL_SCHEMA)
    guarded(hass, DOMAIN, "download_model", model_services.download, MODEL_SCHEMA, optional)
    guarded(hass, DOMAIN, "delete_model", model_services.delete, DELETE_SCHEMA, optional)
    register(DOMAIN, "warm_up", _warm_up, WARM_SCHEMA)
    register(DOMAIN, "create_pipeline", _create_pipeline, PIPELINE_SCHEMA, optional)
    register(DOMAIN, "get_status", _status, ENTRY_SCHEMA, only)
    register(DOMAIN, "get_metrics", _metrics, METRICS_SCHEMA, only)
    register(DOMAIN, "benchmark", _benchmark, BENCHMARK_SCHEMA, only)
    guarded(hass, DOMAIN, "clear_cache", _clear, CACHE_SCHEMA, optional)


async def _warm_up(call: ServiceCall) -> None:
    """Load all that an assistant needs, managed here or not."""
    coordinator = server_of(call)
    wanted: str = call.data[ATTR_PIPELINE]
    entry = coordinator.config_entry
    if (subentry := entry.subentries.get(wanted)) is not None:
        wanted = subentry.data[CONF_PIPELINE_ID]
    pipeline = assist.async_get(call.hass, wanted)
    if pipeline is None:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_pipeline",
            translation_placeholders={"pipeline": wanted},
        )
    for model in assist.models_of(coordinator.data, pipeline):
        await ask(coordinator, coordinator.client.load(model))


async def _create_pipeline(call: ServiceCall) -> ServiceResponse:
    """Make an assistant that is managed here, as the form does. Raises HomeAssistantError."""
    coordinator = server_of(call)
    fields = (assist.CONF_VOICE, assist.CONF_WAKE_WORD)
    wishes = {
        CONF_LANGUAGE: call.data.get(CONF_LANGUAGE, call.hass.config.language),
        assist.CONF_AGENT: call.data.get(assist.CONF_AGENT, assist.HOME_AGENT),
        assist.CONF_PREFER_LOCAL: call.data[assist.CONF_PREFER_LOCAL],
        **{field: call.data[field] for field in fields if field in call.data},
    }
    name: str = call.data[CONF_NAME]
    pipeline = await assist.async_create(call.hass, name, coordinator.data.info.uuid, wishes)
    if call.data[ATTR_PREFERRED]:
        await assist.async_prefer(call.hass, pipeline)
    subentry = ConfigSubentry(
        data=MappingProxyType({**wishes, CONF_PIPELINE_ID: pipeline}),
        subentry_type=SUBENTRY_PIPELINE,
        title=name,
        unique_id=None,
    )
    call.hass.config_entries.async_add_subentry(coordinator.config_entry, subentry)
    return {"pipeline_id": pipeline}


async def _status(call: ServiceCall) -> ServiceResponse:
    """Return the state of everything."""
    snapshot = server_of(call).data
    status = snapshot.status
    return {
        "version": snapshot.info.version,
        "ready": status.ready,
        "reasons": list(status.reasons),
        "accepting": status.accepting,
        "queue_depth": status.queue_depth,
        "active_requests": snapshot.active_requests,
        "disk_free_bytes": snapshot.disk_free,
        "models": [model_view(model) for model in status.models.values()],
        "devices": [device_view(device) for device in status.devices.values()],
    }


async def _metrics(call: ServiceCall) -> ServiceResponse:
    """Return how quick each model has been of late."""
    coordinator = server_of(call)
    window: timedelta = call.data[ATTR_WINDOW]
    traces = await ask(coordinator, coordinator.client.traces())
    since = dt_util.utcnow() - window
    return {
        "since": since.isoformat(timespec="seconds"),
        "window_seconds": window.total_seconds(),
        "models": metrics.by_model(traces, since),
    }


async def _benchmark(call: ServiceCall) -> ServiceResponse:
    """Speak a text and have it transcribed, and tell how long that takes."""
    coordinator = server_of(call)
    require(coordinator, Feature.JOBS)
    if ATTR_MODEL in call.data:
        model_services.model_of(coordinator, call)
    request = benchmark.measure(
        coordinator.client,
        call.data[ATTR_RUNS],
        words=call.data[ATTR_TEXT],
        voice=call.data.get(ATTR_VOICE),
        model=call.data.get(ATTR_MODEL),
    )
    return await ask(coordinator, request)


async def _clear(call: ServiceCall) -> ServiceResponse:
    """Delete what is cached on the server."""
    coordinator = server_of(call)
    require(coordinator, CACHES[call.data[ATTR_CACHE]])
    freed = await ask(coordinator, coordinator.client.clear_cache(call.data[ATTR_CACHE]))
    return {"freed_bytes": freed}
