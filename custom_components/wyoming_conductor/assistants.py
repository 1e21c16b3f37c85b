"""The voice assistants of a config entry: created with it, moved to it, and removed with it."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.collection import CHANGE_REMOVED

from . import assist_pipeline
from .const import (
    CONF_MOVED,
    CONF_PIPELINE_ID,
    CONF_PREFERRED,
    CONF_PREVIOUS_PREFERRED,
    LOGGER,
)
from .engines import required_models
from .snapshot import Snapshot
from .wyoming import async_get_entities


async def async_create_new(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Create the pipelines of the subentries that have none yet.

    One that cannot be created gets an empty id, for which a repair issue offers to try again.
    """
    for subentry in assist_pipeline.pipeline_subentries(entry):
        if CONF_PIPELINE_ID in subentry.data:
            continue
        options = dict(subentry.data)
        preferred = options.pop(CONF_PREFERRED, False)
        options[CONF_PIPELINE_ID] = ""
        try:
            pipeline_id = await assist_pipeline.async_create(
                hass, subentry.title, entry.unique_id or "", options
            )
        except HomeAssistantError as err:
            LOGGER.warning("Could not create the assistant %s: %s", subentry.title, err)
        else:
            options[CONF_PIPELINE_ID] = pipeline_id
            if preferred:
                options[CONF_PREVIOUS_PREFERRED] = assist_pipeline.async_set_preferred(
                    hass, pipeline_id
                )
        hass.config_entries.async_update_subentry(entry, subentry, data=options)


@callback
def async_follow(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete an assistant on both sides when it is deleted on one, until the entry is unloaded."""
    known = _assistants(entry)

    async def handle_entry_update(hass: HomeAssistant, entry: ConfigEntry) -> None:
        nonlocal known
        removed = known.keys() - _assistants(entry).keys()
        previous, known = known, _assistants(entry)
        for subentry_id in removed:
            await _async_delete(hass, previous[subentry_id])

    @callback
    def handle_removed_pipeline(pipeline_id: str) -> None:
        for subentry in assist_pipeline.pipeline_subentries(entry):
            if subentry.data[CONF_PIPELINE_ID] == pipeline_id:
                hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)

    entry.async_on_unload(entry.add_update_listener(handle_entry_update))
    entry.async_on_unload(
        assist_pipeline.async_add_change_listener(hass, CHANGE_REMOVED, handle_removed_pipeline)
    )


async def async_remove_all(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete the assistants of a removed entry, and move those back that were moved to it."""
    # The last one first: the one before it may be what was preferred before.
    for data in reversed(_assistants(entry).values()):
        await _async_delete(hass, data)
    for pipeline_id, engines in entry.options.get(CONF_MOVED, {}).items():
        await assist_pipeline.async_set_engines(hass, pipeline_id, engines)


@callback
def async_needs(
    hass: HomeAssistant, entry: ConfigEntry, snapshot: Snapshot
) -> dict[str, list[str]]:
    """Return the models, voices and wake words of all pipelines that use a server."""
    registry = er.async_get(hass)
    own = er.async_entries_for_config_entry(registry, entry.entry_id)
    entities = {entity.entity_id for entity in own} | async_get_entities(hass, snapshot.info.uuid)
    found = [
        assist_pipeline.async_get(hass, it) for it in assist_pipeline.async_using(hass, entities)
    ]
    pipelines = [pipeline for pipeline in found if pipeline is not None]
    models = {name for pipeline in pipelines for name in required_models(snapshot, pipeline)}
    voices = {it.tts_voice for it in pipelines if it.tts_voice and it.tts_engine in entities}
    words = {
        it.wake_word_id for it in pipelines if it.wake_word_id and it.wake_word_entity in entities
    }
    return {"models": sorted(models), "voices": sorted(voices), "wake_words": sorted(words)}


@callback
def async_movable(hass: HomeAssistant, uuid: str) -> list[str]:
    """Return the pipelines that use a server through the Wyoming integration."""
    entities = async_get_entities(hass, uuid)
    return assist_pipeline.async_using(hass, entities) if entities else []


async def async_move(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Let these pipelines use the engines of this integration. Raises HomeAssistantError.

    What they used is stored, for the removal of the entry.
    """
    uuid = entry.unique_id or ""
    entities = async_get_entities(hass, uuid)
    moved: dict[str, Mapping[str, Any]] = dict(entry.options.get(CONF_MOVED, {}))
    try:
        for pipeline_id in async_movable(hass, uuid):
            before = await assist_pipeline.async_replace_engines(hass, pipeline_id, uuid, entities)
            moved.setdefault(pipeline_id, before)
    finally:
        options = {**entry.options, CONF_MOVED: moved}
        hass.config_entries.async_update_entry(entry, options=options)


def _assistants(entry: ConfigEntry) -> dict[str, Mapping[str, Any]]:
    return {
        subentry.subentry_id: subentry.data
        for subentry in assist_pipeline.pipeline_subentries(entry)
    }


async def _async_delete(hass: HomeAssistant, data: Mapping[str, Any]) -> None:
    await assist_pipeline.async_delete(
        hass, data.get(CONF_PIPELINE_ID, ""), data.get(CONF_PREVIOUS_PREFERRED)
    )
