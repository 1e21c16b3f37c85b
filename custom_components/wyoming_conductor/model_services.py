"""Services about one model: load, unload, download, delete."""

import asyncio
import time
from typing import Any

from homeassistant.core import ServiceCall, ServiceResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .api import Feature, ModelState
from .const import DOMAIN
from .coordinator import ConductorCoordinator
from .entity import ask
from .service_fields import ATTR_FORCE, ATTR_MODEL, ATTR_WAIT, require, server_of

WAIT_SECONDS = 180.0
"""A large model on a slow disk takes a minute; a load that hangs is ended by the server at two."""


def model_of(coordinator: ConductorCoordinator, call: ServiceCall) -> str:
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


async def load(call: ServiceCall) -> ServiceResponse:
    """Load a model; if asked to wait, until it is ready."""
    coordinator = server_of(call)
    model = model_of(coordinator, call)
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


async def unload(call: ServiceCall) -> None:
    """Unload a model once nobody uses it."""
    coordinator = server_of(call)
    await ask(coordinator, coordinator.client.unload(model_of(coordinator, call)))


async def download(call: ServiceCall) -> ServiceResponse:
    """Begin to bring a model to the server's disk; its state and events tell how far it is."""
    coordinator = server_of(call)
    require(coordinator, Feature.LIBRARY)
    is_here = await ask(coordinator, coordinator.client.download(call.data[ATTR_MODEL]))
    return {"model": call.data[ATTR_MODEL], "installed": is_here}


async def delete(call: ServiceCall) -> ServiceResponse:
    """Delete a model's files from the server's disk."""
    coordinator = server_of(call)
    require(coordinator, Feature.LIBRARY)
    model = model_of(coordinator, call)
    request = coordinator.client.delete(model, force=call.data[ATTR_FORCE])
    return {"model": model, "freed_bytes": await ask(coordinator, request)}


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
