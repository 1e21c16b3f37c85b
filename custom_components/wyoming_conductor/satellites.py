"""Voice satellites whose assistant uses a server; they belong to other integrations."""

from collections.abc import Iterable

from homeassistant.components.assist_pipeline import Pipeline, async_get_pipelines
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.components.assist_satellite import DOMAIN as ASSIST_SATELLITE
from homeassistant.components.assist_satellite.const import DATA_COMPONENT
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_registry import RegistryEntry

from .coordinator import ConductorCoordinator
from .wyoming import async_get_entries


def get_satellites(coordinator: ConductorCoordinator) -> Iterable[tuple[str, RegistryEntry]]:
    """Return the satellites of a server by id, for `async_add_dynamic_entities`."""
    hass = coordinator.hass
    return [
        (entry.id, entry)
        for entry in er.async_get(hass).entities.values()
        if entry.domain == ASSIST_SATELLITE
        and entry.device_id is not None
        and (pipeline := async_get_pipeline(hass, entry.entity_id)) is not None
        and async_is_stt_of(coordinator, pipeline)
    ]


@callback
def async_get_pipeline(hass: HomeAssistant, satellite: str) -> Pipeline | None:
    """Return the pipeline of a satellite; None if the satellite is not loaded."""
    component = hass.data.get(DATA_COMPONENT)
    entity = component.get_entity(satellite) if component else None
    if entity is None or KEY_ASSIST_PIPELINE not in hass.data:
        return None
    pipelines = async_get_pipelines(hass)
    chosen = hass.states.get(entity.pipeline_entity_id or "")
    for pipeline in pipelines:
        if chosen is not None and pipeline.name == chosen.state:
            return pipeline
    preferred = hass.data[KEY_ASSIST_PIPELINE].pipeline_store.async_get_preferred_item()
    return next((pipeline for pipeline in pipelines if pipeline.id == preferred), None)


@callback
def async_is_stt_of(coordinator: ConductorCoordinator, pipeline: Pipeline) -> bool:
    """Return whether a pipeline uses the server's speech-to-text."""
    hass, uuid = coordinator.hass, coordinator.data.info.uuid
    entries = {entry.entry_id for entry in async_get_entries(hass, uuid).values()}
    engine = er.async_get(hass).async_get(pipeline.stt_engine or "")
    ours = {coordinator.config_entry.entry_id, *entries}
    return engine is not None and engine.config_entry_id in ours
