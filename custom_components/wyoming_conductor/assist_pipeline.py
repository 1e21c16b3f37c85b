"""Assist pipelines ("voice assistants") that use the services of a server.

Home Assistant lets integrations read and update pipelines. Creating, deleting and preferring one is
reserved for its own settings page, so these use the storage collection behind that page; no other
module accesses it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from homeassistant.components import stt, tts
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
from homeassistant.components.tts.helper import get_engine_instance
from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_LANGUAGE
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.collection import CollectionChange
from homeassistant.util import language as language_util

from .const import CONF_PIPELINE_ID, DOMAIN, SUBENTRY_PIPELINE
from .snapshot import Snapshot
from .wyoming import async_get_entity_id

CONF_AGENT = "conversation_engine"
CONF_VOICE = "tts_voice"
CONF_WAKE_WORD = "wake_word_id"
CONF_PREFER_LOCAL = "prefer_local_intents"

HOME_AGENT = "conversation.home_assistant"


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
    """Create a pipeline that uses the server's services; return its id.

    Raises HomeAssistantError if the services are not in Assist or do not support the language.
    """
    pipeline = await _store(hass).async_create_item(_pipeline_data(hass, name, uuid, options))
    return pipeline.id


async def async_update(
    hass: HomeAssistant, pipeline_id: str, name: str, uuid: str, options: Mapping[str, Any]
) -> None:
    """Replace the settings of a pipeline. Raises HomeAssistantError like `async_create`."""
    await _store(hass).async_update_item(pipeline_id, _pipeline_data(hass, name, uuid, options))


async def async_set_voice(hass: HomeAssistant, pipeline_id: str, voice: str) -> None:
    """Change the voice of a pipeline. Raises HomeAssistantError if its engine lacks the voice."""
    pipeline = async_get(hass, pipeline_id)
    engine = get_engine_instance(hass, (pipeline and pipeline.tts_engine) or "")
    if pipeline is None or (language := _tts_language(engine, "", voice)) is None:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="voice_missing",
            translation_placeholders={"voice": voice},
        )
    await async_update_pipeline(hass, pipeline, tts_voice=voice, tts_language=language)


async def async_set_wake_word(
    hass: HomeAssistant, pipeline_id: str, uuid: str, wake_word: str | None
) -> None:
    """Change or remove the wake word of a pipeline. Raises HomeAssistantError."""
    pipeline = async_get(hass, pipeline_id)
    entity_id = async_get_entity_id(hass, uuid, "wake")
    if pipeline is None or entity_id is None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")
    await async_update_pipeline(
        hass,
        pipeline,
        wake_word_entity=entity_id if wake_word else None,
        wake_word_id=wake_word,
    )


async def async_set_preferred(hass: HomeAssistant, pipeline_id: str) -> None:
    """Make a pipeline the preferred one."""
    _store(hass).async_set_preferred_item(pipeline_id)


async def async_delete(hass: HomeAssistant, pipeline_id: str) -> None:
    """Delete a pipeline if it exists, unless it is the only one: Assist needs at least one."""
    if KEY_ASSIST_PIPELINE not in hass.data or async_get(hass, pipeline_id) is None:
        return
    store = _store(hass)
    if store.async_get_preferred_item() == pipeline_id:
        others = [item.id for item in async_get_pipelines(hass) if item.id != pipeline_id]
        if not others:
            return
        store.async_set_preferred_item(others[0])
    await store.async_delete_item(pipeline_id)


@callback
def async_add_listener(hass: HomeAssistant, listener: Callable[[], None]) -> CALLBACK_TYPE:
    """Call `listener` after each change of a pipeline."""

    async def handle_change(_: Iterable[CollectionChange]) -> None:
        listener()

    return _store(hass).async_add_change_set_listener(handle_change)


@callback
def async_is_broken(hass: HomeAssistant, pipeline_id: str) -> bool:
    """Return whether a pipeline or one of its engines does not exist."""
    pipeline = async_get(hass, pipeline_id)
    if pipeline is None:
        return True
    engines = (pipeline.stt_engine, pipeline.tts_engine, pipeline.wake_word_entity)
    # An unavailable engine still has a state; a removed one does not.
    return any(
        "." in (engine or "") and hass.states.get(engine or "") is None for engine in engines
    )


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


def stt_model_for(snapshot: Snapshot, pipeline: Pipeline, default: str | None = None) -> str | None:
    """Return the speech-to-text model that the server uses for a pipeline.

    The server uses its default model, or the first model that supports the language if the default
    does not. `default` replaces the server's current default.
    """
    installed = (model for model in snapshot.status.models.values() if model.installed)
    models = [model for model in installed if model.kind == "asr"]
    models.sort(key=lambda model: model.id != (default or snapshot.status.default_asr))
    language = pipeline.stt_language
    return next(
        (
            model.id
            for model in models
            if language is None or language_util.matches(language, model.languages)
        ),
        None,
    )


def required_models(snapshot: Snapshot, pipeline: Pipeline) -> list[str]:
    """Return the models that a pipeline needs, as far as they can be determined."""
    models = [model for model in snapshot.status.models.values() if model.installed]
    stt_model = stt_model_for(snapshot, pipeline)
    required = [stt_model] if stt_model else []
    tts_models = [model for model in models if model.kind == "tts"]
    if pipeline.tts_voice is None and len(tts_models) == 1:
        required.append(tts_models[0].id)
    for name in (pipeline.tts_voice, pipeline.wake_word_id):
        # A preset (`name@slow`) or a mix (`one*0.7+other`) needs the model of its first voice.
        offer_name = re.split(r"[@*+]", name or "")[0]
        required += [
            model.id for model in models if any(offer.name == offer_name for offer in model.offers)
        ]
    return list(dict.fromkeys(required))


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
    language = options[CONF_LANGUAGE]
    stt_entity = async_get_entity_id(hass, uuid, "asr")
    tts_entity = async_get_entity_id(hass, uuid, "tts")
    if stt_entity is None or tts_entity is None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")
    stt_engine = stt.async_get_speech_to_text_engine(hass, stt_entity)
    stt_languages = (
        language_util.matches(language, stt_engine.supported_languages) if stt_engine else []
    )
    tts_engine = get_engine_instance(hass, tts_entity)
    tts_language = _tts_language(tts_engine, language, options.get(CONF_VOICE))
    if not stt_languages or tts_language is None:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="language_not_supported",
            translation_placeholders={"language": language},
        )
    return {
        "name": name,
        "language": language,
        "conversation_engine": options.get(CONF_AGENT) or HOME_AGENT,
        "conversation_language": language,
        "stt_engine": stt_entity,
        "stt_language": stt_languages[0],
        "tts_engine": tts_entity,
        "tts_language": tts_language,
        "tts_voice": options.get(CONF_VOICE) or None,
        "wake_word_entity": (
            async_get_entity_id(hass, uuid, "wake") if options.get(CONF_WAKE_WORD) else None
        ),
        "wake_word_id": options.get(CONF_WAKE_WORD) or None,
        "prefer_local_intents": bool(options.get(CONF_PREFER_LOCAL)),
    }


def _tts_language(engine: Any, language: str, voice: str | None) -> str | None:
    """Return the engine's name of a language, or of the language of a voice if one is given."""
    if not isinstance(engine, tts.TextToSpeechEntity):
        return None
    if voice is None:
        return next(iter(language_util.matches(language, engine.supported_languages)), None)
    for candidate in engine.supported_languages:
        voices = engine.async_get_supported_voices(candidate) or []
        if any(item.voice_id == voice for item in voices):
            return candidate
    return None


def _store(hass: HomeAssistant) -> PipelineStorageCollection:
    return hass.data[KEY_ASSIST_PIPELINE].pipeline_store
