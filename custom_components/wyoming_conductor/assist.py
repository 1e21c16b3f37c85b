"""Voice assistants (Assist pipelines) made of our servers: the only file that touches their store.

Home Assistant offers reading and updating to integrations; creating and preferring a pipeline it
keeps to its own settings page, so those go through the same store that page uses.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

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
from homeassistant.const import CONF_LANGUAGE
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.collection import CollectionChange
from homeassistant.util import language as language_util

from .const import CONF_PIPELINE_ID, DOMAIN
from .snapshot import Snapshot
from .wyoming import async_entity

if TYPE_CHECKING:
    from .coordinator import ConductorConfigEntry

CONF_AGENT = "conversation_engine"
CONF_VOICE = "tts_voice"
CONF_WAKE_WORD = "wake_word_id"
CONF_PREFER_LOCAL = "prefer_local_intents"

HOME_AGENT = "conversation.home_assistant"


@callback
def async_get(hass: HomeAssistant, pipeline_id: str) -> Pipeline | None:
    """Return a pipeline, if Assist still has it."""
    return next((item for item in async_get_pipelines(hass) if item.id == pipeline_id), None)


async def async_create(hass: HomeAssistant, name: str, uuid: str, wishes: dict[str, Any]) -> str:
    """Make a pipeline of our servers; return its id.

    Raises HomeAssistantError if the servers are not in Assist or do not know the language.
    """
    pipeline = await _store(hass).async_create_item(_settings(hass, name, uuid, wishes))
    return pipeline.id


async def async_update(
    hass: HomeAssistant, pipeline_id: str, name: str, uuid: str, wishes: dict[str, Any]
) -> None:
    """Make a pipeline be what is wished. Raises as `async_create`."""
    await _store(hass).async_update_item(pipeline_id, _settings(hass, name, uuid, wishes))


async def async_speak_with(hass: HomeAssistant, pipeline_id: str, voice: str) -> None:
    """Give a pipeline another voice. Raises HomeAssistantError if its engine lacks it."""
    pipeline = async_get(hass, pipeline_id)
    speaker = get_engine_instance(hass, (pipeline and pipeline.tts_engine) or "")
    if pipeline is None or (language := _spoken(speaker, "", voice)) is None:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="voice_missing",
            translation_placeholders={"voice": voice},
        )
    await async_update_pipeline(hass, pipeline, tts_voice=voice, tts_language=language)


async def async_listen_for(
    hass: HomeAssistant, pipeline_id: str, uuid: str, word: str | None
) -> None:
    """Give a pipeline another wake word, or none. Raises HomeAssistantError."""
    pipeline = async_get(hass, pipeline_id)
    entity = async_entity(hass, uuid, "wake")
    if pipeline is None or entity is None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")
    await async_update_pipeline(
        hass, pipeline, wake_word_entity=entity if word else None, wake_word_id=word
    )


async def async_prefer(hass: HomeAssistant, pipeline_id: str) -> None:
    """Make it the one that devices use which name none."""
    _store(hass).async_set_preferred_item(pipeline_id)


async def async_delete(hass: HomeAssistant, pipeline_id: str) -> None:
    """Delete a pipeline if Assist has it; the last one stays, because Assist needs one."""
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
def async_listen(hass: HomeAssistant, listener: Callable[[], None]) -> CALLBACK_TYPE:
    """Call `listener` after any pipeline has changed."""

    async def changed(_: Iterable[CollectionChange]) -> None:
        listener()

    return _store(hass).async_add_change_set_listener(changed)


@callback
def async_is_broken(hass: HomeAssistant, pipeline_id: str) -> bool:
    """Return whether the pipeline is gone, or refers to an engine that is."""
    pipeline = async_get(hass, pipeline_id)
    if pipeline is None:
        return True
    engines = (pipeline.stt_engine, pipeline.tts_engine, pipeline.wake_word_entity)
    # An engine that is unavailable for now has a state; one that was removed has none.
    return any(
        "." in (engine or "") and hass.states.get(engine or "") is None for engine in engines
    )


@callback
def async_heard_last(hass: HomeAssistant) -> str | None:
    """Return which pipeline has heard somebody last."""
    found = {
        run.timestamp: pipeline_id
        for pipeline_id, runs in hass.data[KEY_ASSIST_PIPELINE].pipeline_debug.items()
        for run in runs.values()
        if any(event.type is PipelineEventType.STT_END for event in run.events)
    }
    return found[max(found)] if found else None


def ears_of(snapshot: Snapshot, pipeline: Pipeline, default: str | None = None) -> str | None:
    """Return the model that hears for an assistant.

    As the server chooses: its default, which `default` may be in future, or the first that knows
    the language if that does not.
    """
    models = [model for model in snapshot.status.models.values() if model.kind == "asr"]
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


def models_of(snapshot: Snapshot, pipeline: Pipeline) -> list[str]:
    """Return the models that an assistant needs, those that can be told."""
    models = snapshot.status.models.values()
    ears = ears_of(snapshot, pipeline)
    found = [ears] if ears else []
    voices = [model for model in models if model.kind == "tts"]
    if pipeline.tts_voice is None and len(voices) == 1:
        found.append(voices[0].id)
    for name in (pipeline.tts_voice, pipeline.wake_word_id):
        # A preset (`name@slow`) or a mix (`one*0.7+other`) needs the model of its first voice.
        plain = re.split(r"[@*+]", name or "")[0]
        found += [model.id for model in models if any(o.name == plain for o in model.offers)]
    return list(dict.fromkeys(found))


@callback
def async_describe_pipelines(hass: HomeAssistant, entry: ConductorConfigEntry) -> list[Any]:
    """Return the managed assistants, for diagnostics."""
    found = []
    for subentry in entry.subentries.values():
        pipeline = async_get(hass, subentry.data[CONF_PIPELINE_ID])
        fields = None if pipeline is None else pipeline.to_json()
        found.append({"pipeline": fields and {**fields, "name": "**REDACTED**"}})
    return found


def _settings(hass: HomeAssistant, name: str, uuid: str, wishes: dict[str, Any]) -> dict[str, Any]:
    """Return a pipeline's fields. Raises HomeAssistantError if it cannot be made."""
    language = wishes[CONF_LANGUAGE]
    ears, voice = async_entity(hass, uuid, "asr"), async_entity(hass, uuid, "tts")
    if ears is None or voice is None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")
    listener = stt.async_get_speech_to_text_engine(hass, ears)
    heard = language_util.matches(language, listener.supported_languages) if listener else []
    speaker = get_engine_instance(hass, voice)
    spoken = _spoken(speaker, language, wishes.get(CONF_VOICE))
    if not heard or spoken is None:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="language_not_supported",
            translation_placeholders={"language": language},
        )
    return {
        "name": name,
        "language": language,
        "conversation_engine": wishes.get(CONF_AGENT) or HOME_AGENT,
        "conversation_language": language,
        "stt_engine": ears,
        "stt_language": heard[0],
        "tts_engine": voice,
        "tts_language": spoken,
        "tts_voice": wishes.get(CONF_VOICE) or None,
        "wake_word_entity": (
            async_entity(hass, uuid, "wake") if wishes.get(CONF_WAKE_WORD) else None
        ),
        "wake_word_id": wishes.get(CONF_WAKE_WORD) or None,
        "prefer_local_intents": bool(wishes.get(CONF_PREFER_LOCAL)),
    }


def _spoken(speaker: Any, language: str, voice: str | None) -> str | None:
    """Return the name of the language that the engine speaks, with the voice if one is named."""
    if not isinstance(speaker, tts.TextToSpeechEntity):
        return None
    if voice is None:
        return next(iter(language_util.matches(language, speaker.supported_languages)), None)
    for candidate in speaker.supported_languages:
        voices = speaker.async_get_supported_voices(candidate) or []
        if any(one.voice_id == voice for one in voices):
            return candidate
    return None


def _store(hass: HomeAssistant) -> PipelineStorageCollection:
    return hass.data[KEY_ASSIST_PIPELINE].pipeline_store
