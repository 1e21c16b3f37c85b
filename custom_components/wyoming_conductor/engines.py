"""The engines of a server for Assist: which model, voice and entity serve a language.

An engine is an entity of this integration: a speech-to-text model, text-to-speech or wake words.
"""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.assist_pipeline import Pipeline
from homeassistant.const import CONF_LANGUAGE, Platform
from homeassistant.core import HomeAssistant, async_get_hass, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import language as language_util

from .api import Model
from .const import CONF_STT_MODEL, CONF_VOICE, DOMAIN
from .snapshot import Snapshot, base_voice


def stt_model_for(snapshot: Snapshot, pipeline: Pipeline, default: str | None = None) -> str | None:
    """Return the speech-to-text model that the server uses for a pipeline; None if it uses none.

    An engine of this integration is one model. For the Wyoming integration, the server uses its
    default model, or the first model that supports the language if the default does not.
    `default` replaces the server's current default.
    """
    engine = er.async_get(async_get_hass()).async_get(pipeline.stt_engine or "")
    if engine is not None and engine.platform == DOMAIN:
        names = {_stt_unique_id(snapshot, name): name for name in snapshot.status.models}
        return names.get(engine.unique_id)
    return model_for_language(snapshot, pipeline.stt_language, default)


def required_models(snapshot: Snapshot, pipeline: Pipeline) -> list[str]:
    """Return the models that a pipeline needs, as far as they can be determined."""
    models = [model for model in snapshot.status.models.values() if model.installed]
    stt_model = stt_model_for(snapshot, pipeline)
    required = [stt_model] if stt_model else []
    tts_models = [model for model in models if model.kind == "tts"]
    voice = pipeline.tts_voice or snapshot.default_voice
    if voice is None and len(tts_models) == 1:
        required.append(tts_models[0].id)
    for name in (voice, pipeline.wake_word_id):
        offer_name = base_voice(name or "")
        required += [
            model.id for model in models if any(offer.name == offer_name for offer in model.offers)
        ]
    return list(dict.fromkeys(required))


def check_options(snapshot: Snapshot, options: Mapping[str, Any]) -> str | None:
    """Return the key of the error of a pipeline with these options; None if it works."""
    language, voice = options[CONF_LANGUAGE], options.get(CONF_VOICE) or None
    model = options.get(CONF_STT_MODEL) or model_for_language(snapshot, language)
    if model is None or stt_language(snapshot, language, model) is None:
        return "language_not_supported"
    if voice is not None and not any(offer.name == voice for offer in snapshot.voice_offers):
        return "voice_missing"
    if tts_language(snapshot, language, voice) is None:
        return "voice_language" if voice else "language_not_supported"
    return None


def model_for_language(
    snapshot: Snapshot, language: str | None, default: str | None = None
) -> str | None:
    """Return the default model, or the first installed one that supports a language."""
    models = [snapshot.status.models[name] for name in snapshot.asr_models]
    models.sort(key=lambda model: model.id != (default or snapshot.status.default_asr))
    return next((model.id for model in models if _supports(model, language)), None)


def _supports(model: Model, language: str | None) -> bool:
    return language is None or bool(language_util.matches(language, model.languages))


def stt_language(snapshot: Snapshot, language: str, model: str) -> str | None:
    """Return a model's name of a language; None if it does not support it."""
    found = snapshot.status.models.get(model)
    matches = language_util.matches(language, found.languages) if found else []
    return matches[0] if matches else None


def tts_language(snapshot: Snapshot, language: str, voice: str | None) -> str | None:
    """Return the name of a language of a voice, or of any voice; None if it does not speak it."""
    languages = {
        tag
        for offer in snapshot.voice_offers
        if voice in (None, offer.name)
        for tag in offer.languages
    }
    return next(iter(language_util.matches(language, languages)), None)


def _stt_unique_id(snapshot: Snapshot, model: str) -> str:
    return f"{snapshot.info.uuid}_{model}_stt"


@callback
def async_stt_entity(hass: HomeAssistant, snapshot: Snapshot, model: str) -> str:
    """Return the entity of a model, and enable it. Raises HomeAssistantError if there is none."""
    registry = er.async_get(hass)
    unique_id = _stt_unique_id(snapshot, model)
    entity_id = registry.async_get_entity_id(Platform.STT, DOMAIN, unique_id)
    entity = registry.async_get(entity_id or "")
    if entity is None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_in_assist")
    if entity.disabled_by is not None:
        registry.async_update_entity(entity.entity_id, disabled_by=None)
    return entity.entity_id


@callback
def async_tts_entity(hass: HomeAssistant, snapshot: Snapshot) -> str | None:
    unique_id = f"{snapshot.info.uuid}_tts"
    return er.async_get(hass).async_get_entity_id(Platform.TTS, DOMAIN, unique_id)


@callback
def async_wake_word_entity(hass: HomeAssistant, snapshot: Snapshot) -> str | None:
    unique_id = f"{snapshot.info.uuid}_wake_word"
    return er.async_get(hass).async_get_entity_id(Platform.WAKE_WORD, DOMAIN, unique_id)


@callback
def async_exists(hass: HomeAssistant, registry: er.EntityRegistry, entity_id: str | None) -> bool:
    entity = registry.async_get(entity_id or "")
    if entity is None:
        return hass.states.get(entity_id or "") is not None
    return entity.disabled_by is None
