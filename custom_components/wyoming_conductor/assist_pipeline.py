"""Assist pipelines ("voice assistants") that use the engines of a server.

Home Assistant lets integrations read and update pipelines. Creating, deleting and preferring one is
reserved for its own settings page, so these use the storage collection behind that page; no other
module accesses it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from homeassistant.components.assist_pipeline import (
    Pipeline,
    PipelineEventType,
    async_get_pipelines,
    async_update_pipeline,
)
from homeassistant.components.assist_pipeline.pipeline import (
    KEY_ASSIST_PIPELINE,
    PipelineStorageCollection,
)
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_LANGUAGE
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.collection import CollectionChange

from .const import (
    CONF_AGENT,
    CONF_PIPELINE_ID,
    CONF_PREFER_LOCAL,
    CONF_STT_MODEL,
    CONF_VOICE,
    CONF_WAKE_WORD,
    DOMAIN,
    HOME_AGENT,
    SUBENTRY_PIPELINE,
)
from .engines import (
    async_exists,
    async_stt_entity,
    async_tts_entity,
    async_wake_word_entity,
    check_options,
    model_for_language,
    stt_language,
    tts_language,
)
from .snapshot import Snapshot

ENGINE_FIELDS: Final = (
    *("stt_engine", "stt_language", "tts_engine", "tts_language", "tts_voice"),
    *("wake_word_entity", "wake_word_id"),
)
"""Fields of a pipeline that belong to its engines."""

_START_EVENTS: Final = {
    PipelineEventType.STT_START: "engine",
    PipelineEventType.WAKE_WORD_START: "entity_id",
}
"""Events with which a stage starts, and the field that has its entity."""


def pipeline_subentries(entry: ConfigEntry) -> list[ConfigSubentry]:
    """Return the subentries of the assistants that this integration manages."""
    return [
        subentry
        for subentry in entry.subentries.values()
        if subentry.subentry_type == SUBENTRY_PIPELINE
    ]


@callback
def async_get(hass: HomeAssistant, pipeline_id: str) -> Pipeline | None:
    """Return a pipeline; None if it does not exist."""
    return next((item for item in async_get_pipelines(hass) if item.id == pipeline_id), None)


async def async_create(
    hass: HomeAssistant, name: str, uuid: str, options: Mapping[str, Any]
) -> str:
    """Create a pipeline that uses the server's engines; return its id.

    Raises HomeAssistantError if the server is not loaded, or does not support the language.
    """
    pipeline = await _store(hass).async_create_item(_pipeline_data(hass, name, uuid, options))
    return pipeline.id


async def async_update(
    hass: HomeAssistant, pipeline_id: str, name: str, uuid: str, options: Mapping[str, Any]
) -> None:
    """Replace the settings of a pipeline. Raises HomeAssistantError like `async_create`."""
    await _store(hass).async_update_item(pipeline_id, _pipeline_data(hass, name, uuid, options))


async def async_set_voice(hass: HomeAssistant, pipeline_id: str, voice: str) -> None:
    """Change the voice of a managed pipeline.

    Raises HomeAssistantError if the server lacks the voice or the voice lacks the language.
    """
    pipeline, snapshot = async_get(hass, pipeline_id), _snapshot_of_pipeline(hass, pipeline_id)
    if pipeline is None or snapshot is None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")
    options = {CONF_LANGUAGE: pipeline.language, CONF_VOICE: voice}
    if (error := check_options(snapshot, options)) is not None:
        raise _error(error, pipeline.language, voice)
    await async_update_pipeline(
        hass,
        pipeline,
        tts_engine=async_tts_entity(hass, snapshot),
        tts_voice=voice,
        tts_language=tts_language(snapshot, pipeline.language, voice),
    )


async def async_set_stt_model(hass: HomeAssistant, pipeline_id: str, uuid: str, model: str) -> None:
    """Change the speech-to-text model of a pipeline. Raises HomeAssistantError."""
    pipeline, snapshot = async_get(hass, pipeline_id), _snapshot_of(hass, uuid)
    if pipeline is None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")
    language = stt_language(snapshot, pipeline.language, model)
    if language is None:
        raise _error("language_not_supported", pipeline.language, "")
    entity_id = async_stt_entity(hass, snapshot, model)
    await async_update_pipeline(hass, pipeline, stt_engine=entity_id, stt_language=language)


async def async_set_wake_word(
    hass: HomeAssistant, pipeline_id: str, uuid: str, wake_word: str | None
) -> None:
    """Change or remove the wake word of a pipeline. Raises HomeAssistantError."""
    pipeline = async_get(hass, pipeline_id)
    entity_id = async_wake_word_entity(hass, _snapshot_of(hass, uuid))
    if pipeline is None or entity_id is None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")
    await async_update_pipeline(
        hass,
        pipeline,
        wake_word_entity=entity_id if wake_word else None,
        wake_word_id=wake_word,
    )


@callback
def async_set_preferred(hass: HomeAssistant, pipeline_id: str) -> str:
    """Make a pipeline the preferred one; return the id of the one that was preferred before."""
    store = _store(hass)
    previous = store.async_get_preferred_item()
    store.async_set_preferred_item(pipeline_id)
    return previous


async def async_delete(
    hass: HomeAssistant, pipeline_id: str, previous_preferred: str | None = None
) -> None:
    """Delete a pipeline if it exists, unless it is the only one: Assist needs at least one.

    If it is preferred, `previous_preferred` becomes the preferred one, or the first of the others.
    """
    if KEY_ASSIST_PIPELINE not in hass.data or async_get(hass, pipeline_id) is None:
        return
    store = _store(hass)
    if store.async_get_preferred_item() == pipeline_id:
        others = [item.id for item in async_get_pipelines(hass) if item.id != pipeline_id]
        if not others:
            return
        others.sort(key=lambda other: other != previous_preferred)
        store.async_set_preferred_item(others[0])
    await store.async_delete_item(pipeline_id)


@callback
def async_add_listener(hass: HomeAssistant, listener: Callable[[], None]) -> CALLBACK_TYPE:
    """Call `listener` after each change of a pipeline."""

    async def handle_change(_: Iterable[CollectionChange]) -> None:
        listener()

    return _store(hass).async_add_change_set_listener(handle_change)


@callback
def async_add_change_listener(
    hass: HomeAssistant, change_type: str, listener: Callable[[str], None]
) -> CALLBACK_TYPE:
    """Call `listener` with the id of each pipeline that is changed in this way."""

    async def handle_change(kind: str, pipeline_id: str, _: Mapping[str, Any]) -> None:
        if kind == change_type:
            listener(pipeline_id)

    return _store(hass).async_add_listener(handle_change)


@callback
def async_using(hass: HomeAssistant, entities: Collection[str]) -> list[str]:
    """Return the ids of the pipelines that have one of these engines."""
    return [
        pipeline.id
        for pipeline in async_get_pipelines(hass)
        if not {pipeline.stt_engine, pipeline.tts_engine, pipeline.wake_word_entity}.isdisjoint(
            entities
        )
    ]


async def async_replace_engines(
    hass: HomeAssistant, pipeline_id: str, uuid: str, entities: Collection[str]
) -> dict[str, Any]:
    """Let a pipeline use the server's engines in place of `entities`; return what it used before.

    Raises HomeAssistantError if the server does not support its language.
    """
    pipeline, snapshot = async_get(hass, pipeline_id), _snapshot_of(hass, uuid)
    if pipeline is None:
        return {}
    before = {field: getattr(pipeline, field) for field in ENGINE_FIELDS}
    changes: dict[str, Any] = {}
    if pipeline.stt_engine in entities:
        language = pipeline.stt_language or pipeline.language
        model = model_for_language(snapshot, language)
        changes["stt_engine"] = async_stt_entity(hass, snapshot, model or "")
        changes["stt_language"] = stt_language(snapshot, language, model or "")
    if pipeline.tts_engine in entities:
        language = pipeline.tts_language or pipeline.language
        changes["tts_engine"] = async_tts_entity(hass, snapshot)
        changes["tts_language"] = tts_language(snapshot, language, pipeline.tts_voice)
    if pipeline.wake_word_entity in entities:
        changes["wake_word_entity"] = async_wake_word_entity(hass, snapshot)
    await async_update_pipeline(hass, pipeline, **changes)
    return before


async def async_set_engines(
    hass: HomeAssistant, pipeline_id: str, engines: Mapping[str, Any]
) -> None:
    """Let a pipeline use its earlier engines again, if it and they still exist."""
    pipeline, registry = async_get(hass, pipeline_id), er.async_get(hass)
    entities = [engines.get(field) for field in ("stt_engine", "tts_engine", "wake_word_entity")]
    exist = all(async_exists(hass, registry, item) for item in entities if "." in (item or ""))
    if pipeline is not None and exist:
        await async_update_pipeline(hass, pipeline, **engines)


@callback
def async_is_broken(hass: HomeAssistant, pipeline_id: str) -> bool:
    """Return whether a pipeline or one of its engines does not exist or is disabled.

    An engine whose integration is not set up yet has no state, but it exists.
    """
    pipeline = async_get(hass, pipeline_id)
    if pipeline is None:
        return True
    registry = er.async_get(hass)
    engines = (pipeline.stt_engine, pipeline.tts_engine, pipeline.wake_word_entity)
    return any(
        not async_exists(hass, registry, engine) for engine in engines if "." in (engine or "")
    )


@callback
def async_request_context(hass: HomeAssistant, entity_id: str) -> dict[str, str]:
    """Return the satellite and the assistant of the request that an engine gets now.

    Home Assistant does not pass them. Speech-to-text and wake word detection are called directly
    after the event that starts their stage, so the latest one belongs to the call. Text-to-speech
    has no such event; the assistant is named if only one is running.
    """
    if (data := hass.data.get(KEY_ASSIST_PIPELINE)) is None:
        return {}
    running = [
        (pipeline_id, run.events)
        for pipeline_id, runs in data.pipeline_debug.items()
        for run in runs.values()
        if run.events and run.events[-1].type is not PipelineEventType.RUN_END
    ]
    starting = [
        (events[-1].timestamp, pipeline_id, events)
        for pipeline_id, events in running
        if (field := _START_EVENTS.get(events[-1].type)) is not None
        and (events[-1].data or {}).get(field) == entity_id
    ]
    if starting:
        _, pipeline_id, events = max(starting, key=lambda item: item[0])
    else:
        using = [
            (pipeline_id, events)
            for pipeline_id, events in running
            if (pipeline := async_get(hass, pipeline_id)) and pipeline.tts_engine == entity_id
        ]
        if len(using) != 1:
            return {}
        pipeline_id, events = using[0]
    pipeline = async_get(hass, pipeline_id)
    satellite = (events[0].data or {}).get("satellite_id")
    names = {
        "assistant": pipeline.name if pipeline else None,
        "satellite": _satellite_name(hass, satellite) if satellite else None,
    }
    return {key: name for key, name in names.items() if name}


@callback
def async_last_stt_pipeline(hass: HomeAssistant) -> str | None:
    """Return the id of the pipeline that finished speech-to-text last."""
    finished = {
        run.timestamp: pipeline_id
        for pipeline_id, runs in hass.data[KEY_ASSIST_PIPELINE].pipeline_debug.items()
        for run in runs.values()
        if any(event.type is PipelineEventType.STT_END for event in run.events)
    }
    return finished[max(finished)] if finished else None


@callback
def async_get_diagnostics(hass: HomeAssistant, entry: ConfigEntry) -> list[Any]:
    """Return the settings of the managed pipelines without their names."""
    pipelines = []
    for subentry in pipeline_subentries(entry):
        pipeline = async_get(hass, subentry.data[CONF_PIPELINE_ID])
        fields = None if pipeline is None else pipeline.to_json()
        pipelines.append({"pipeline": fields and {**fields, "name": "**REDACTED**"}})
    return pipelines


def _pipeline_data(
    hass: HomeAssistant, name: str, uuid: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields of a pipeline. Raises HomeAssistantError if it would not work."""
    snapshot = _snapshot_of(hass, uuid)
    language, voice = options[CONF_LANGUAGE], options.get(CONF_VOICE) or None
    error = check_options(snapshot, options)
    model = options.get(CONF_STT_MODEL) or model_for_language(snapshot, language)
    wake_word = options.get(CONF_WAKE_WORD) or None
    tts_entity = async_tts_entity(hass, snapshot)
    if error is not None or model is None or tts_entity is None:
        raise _error(error, language, voice or "")
    return {
        "name": name,
        "language": language,
        "conversation_engine": options.get(CONF_AGENT) or HOME_AGENT,
        "conversation_language": language,
        "stt_engine": async_stt_entity(hass, snapshot, model),
        "stt_language": stt_language(snapshot, language, model),
        "tts_engine": tts_entity,
        "tts_language": tts_language(snapshot, language, voice),
        "tts_voice": voice,
        "wake_word_entity": async_wake_word_entity(hass, snapshot) if wake_word else None,
        "wake_word_id": wake_word,
        "prefer_local_intents": bool(options.get(CONF_PREFER_LOCAL)),
    }


def _error(key: str | None, language: str, voice: str) -> HomeAssistantError:
    """Return the error for a result of `check_options`."""
    placeholders = {"language": language, "voice": voice}
    match key:
        case "voice_missing":
            return HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="voice_missing",
                translation_placeholders=placeholders,
            )
        case "voice_language":
            return HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="voice_language",
                translation_placeholders=placeholders,
            )
        case "language_not_supported":
            return HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="language_not_supported",
                translation_placeholders=placeholders,
            )
        case _:
            return HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")


@callback
def _snapshot_of(hass: HomeAssistant, uuid: str) -> Snapshot:
    """Return the snapshot of a server. Raises HomeAssistantError if it is not loaded."""
    entry = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, uuid)
    if entry is None or not hasattr(entry, "runtime_data"):
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")
    snapshot: Snapshot = entry.runtime_data.coordinator.data
    return snapshot


@callback
def _snapshot_of_pipeline(hass: HomeAssistant, pipeline_id: str) -> Snapshot | None:
    """Return the snapshot of the server that manages a pipeline; None if it is not loaded."""
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        for subentry in pipeline_subentries(entry):
            if subentry.data[CONF_PIPELINE_ID] == pipeline_id:
                snapshot: Snapshot = entry.runtime_data.coordinator.data
                return snapshot
    return None


@callback
def _satellite_name(hass: HomeAssistant, entity_id: str) -> str | None:
    """Return the name of the device of a satellite, or of its entity."""
    entity = er.async_get(hass).async_get(entity_id)
    device = dr.async_get(hass).async_get(entity.device_id or "") if entity else None
    if device is not None and (name := device.name_by_user or device.name):
        return name
    state = hass.states.get(entity_id)
    return state.name if state else None


def _store(hass: HomeAssistant) -> PipelineStorageCollection:
    return hass.data[KEY_ASSIST_PIPELINE].pipeline_store
