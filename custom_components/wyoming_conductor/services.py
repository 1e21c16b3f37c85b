"""Services: for automations and scripts, with answers."""

import asyncio
import time
from dataclasses import asdict
from typing import Any

import probatio
from homeassistant.const import ATTR_CONFIG_ENTRY_ID
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

from . import assist
from .api import Feature, ModelState
from .const import CONF_PIPELINE_ID, DOMAIN
from .coordinator import ConductorConfigEntry, ConductorCoordinator
from .entity import ask

ATTR_MODEL = "model"
ATTR_WAIT = "wait"
ATTR_CACHE = "cache"
ATTR_PIPELINE = "pipeline"

CACHES = {"phrases": Feature.PHRASES, "models": Feature.LIBRARY}

WAIT_SECONDS = 180.0
"""A large model on a slow disk takes a minute; a load that hangs is ended by the server at two."""

_ENTRY = {probatio.Required(ATTR_CONFIG_ENTRY_ID): cv.string}
_MODEL = {**_ENTRY, probatio.Required(ATTR_MODEL): cv.string}

LOAD_SCHEMA = probatio.Schema({**_MODEL, probatio.Optional(ATTR_WAIT, default=True): cv.boolean})
MODEL_SCHEMA = probatio.Schema(_MODEL)
ENTRY_SCHEMA = probatio.Schema(_ENTRY)
CACHE_SCHEMA = probatio.Schema({**_ENTRY, probatio.Required(ATTR_CACHE): probatio.In(CACHES)})
WARM_SCHEMA = probatio.Schema({**_ENTRY, probatio.Required(ATTR_PIPELINE): cv.string})


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the services."""
    register = hass.services.async_register
    optional, only = SupportsResponse.OPTIONAL, SupportsResponse.ONLY
    register(DOMAIN, "load_model", _load, LOAD_SCHEMA, optional)
    register(DOMAIN, "unload_model", _unload, MODEL_SCHEMA)
    register(DOMAIN, "warm_up", _warm_up, WARM_SCHEMA)
    register(DOMAIN, "get_status", _status, ENTRY_SCHEMA, only)
    service.async_register_admin_service(hass, DOMAIN, "clear_cache", _clear, CACHE_SCHEMA)


def _coordinator(call: ServiceCall) -> ConductorCoordinator:
    """Return the server that is meant. Raises ServiceValidationError."""
    entry: ConductorConfigEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY_ID]
    )
    return entry.runtime_data


def _model(coordinator: ConductorCoordinator, call: ServiceCall) -> str:
    """Return the model that is meant. Raises ServiceValidationError."""
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


async def _load(call: ServiceCall) -> ServiceResponse:
    """Load a model; if asked to wait, until it is ready."""
    coordinator = _coordinator(call)
    model = _model(coordinator, call)
    began = time.monotonic()
    is_ready = await ask(coordinator, coordinator.client.load(model))
    if call.data[ATTR_WAIT] and not is_ready:
        await _ready(coordinator, model)
    now = coordinator.data.status.models[model]
    return {
        "model": model,
        "state": ModelState.READY.value if is_ready else now.state.value,
        "seconds": round(time.monotonic() - began, 2),
        "memory_bytes": now.memory_bytes,
    }


async def _ready(coordinator: ConductorCoordinator, model: str) -> None:
    """Wait until a model that is being loaded is ready. Raises HomeAssistantError."""
    done = asyncio.Event()
    failure: str | None = None

    @callback
    def look(event: Any) -> None:
        nonlocal failure
        if event.data.get("model") != model:
            return
        if event.type == "model_failed" and event.data.get("retry_seconds") is None:
            failure = str(event.data.get("message"))
            done.set()
        elif event.type == "model_ready":
            done.set()

    stop = coordinator.async_listen_events(look)
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            # It may have become ready between the answer and our listening.
            await coordinator.async_refresh()
            if not coordinator.data.status.models[model].is_loaded:
                await done.wait()
                await coordinator.async_refresh()
    except TimeoutError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="load_timeout",
            translation_placeholders={"model": model},
        ) from err
    finally:
        stop()
    if failure is not None:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="load_failed",
            translation_placeholders={"model": model, "reason": failure},
        )


async def _unload(call: ServiceCall) -> None:
    """Unload a model once nobody uses it."""
    coordinator = _coordinator(call)
    await ask(coordinator, coordinator.client.unload(_model(coordinator, call)))


async def _warm_up(call: ServiceCall) -> None:
    """Load all that an assistant needs, managed here or not."""
    coordinator = _coordinator(call)
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


async def _status(call: ServiceCall) -> ServiceResponse:
    """Return the state of everything."""
    snapshot = _coordinator(call).data
    return {
        "version": snapshot.info.version,
        "ready": snapshot.status.ready,
        "reasons": list(snapshot.status.reasons),
        "queue_depth": snapshot.status.queue_depth,
        "active_requests": snapshot.active_requests,
        "models": [
            {
                "id": model.id,
                "kind": model.kind,
                "state": model.state.value,
                "device": model.device,
                "memory_bytes": model.memory_bytes if model.is_loaded else 0,
                "last_used": model.last_used.isoformat() if model.last_used else None,
                **asdict(snapshot.tally(model.id)),
            }
            for model in snapshot.status.models.values()
        ],
        "devices": [asdict(device) for device in snapshot.status.devices.values()],
    }


async def _clear(call: ServiceCall) -> None:
    """Delete what is cached on the server."""
    coordinator = _coordinator(call)
    if CACHES[call.data[ATTR_CACHE]] not in coordinator.data.info.features:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_cache")
    await ask(coordinator, coordinator.client.clear_cache(call.data[ATTR_CACHE]))
