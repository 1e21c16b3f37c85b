"""Form of a voice assistant: what the server can serve, with names, figures and voice samples."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final, Self

import probatio
from homeassistant.const import CONF_LANGUAGE, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    BooleanSelector,
    ConversationAgentSelector,
    LanguageSelector,
    LanguageSelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import language as language_util

from .api import ConductorClient, ConductorError, Feature, Model, Voice
from .const import (
    CONF_AGENT,
    CONF_KEEP_WARM,
    CONF_PREFER_LOCAL,
    CONF_PREFERRED,
    CONF_STT_MODEL,
    CONF_VOICE,
    CONF_WAKE_WORD,
    DOMAIN,
    HOME_AGENT,
)
from .engines import check_options, model_for_language
from .snapshot import Snapshot
from .voice_samples import async_sample_url

MAX_SAMPLES: Final = 6
"""Voices that can be heard in the form; more would hide its fields."""

GRADES: Final = ("fast", "balanced", "accurate")


class AssistantForm:
    """The fields of an assistant that one server can serve."""

    def __init__(
        self,
        snapshot: Snapshot,
        voices: Sequence[Voice],
        sizes: Mapping[str, int],
        texts: Mapping[str, str],
        language: str,
    ) -> None:
        """`voices` describe those of the snapshot, `sizes` are bytes of its models.

        `texts` are in `language`, that of Home Assistant.
        """
        self.snapshot = snapshot
        self._sizes = sizes
        self._voices = {voice.name: voice for voice in voices}
        self._texts = texts
        self.languages = _languages(snapshot)
        matches = language_util.matches(language, self.languages)
        self.language = next(iter(matches or self.languages), None)
        """The suggested language; None if the server cannot serve an assistant."""

    @classmethod
    async def async_create(
        cls, hass: HomeAssistant, client: ConductorClient, snapshot: Snapshot
    ) -> Self:
        """Return the form for a server."""
        try:
            voices = await client.voices()
        except ConductorError:
            voices = []  # The form then shows their names alone.
        try:
            sizes = await client.model_sizes()
        except ConductorError:
            sizes = {}
        texts = await async_get_translations(
            hass, hass.config.language, "selector", {DOMAIN}, config_flow=False
        )
        return cls(snapshot, voices, sizes, texts, hass.config.language)

    def schema(self, *, is_new: bool, current_language: str | None = None) -> probatio.Schema:
        """Return the fields; `current_language` can be kept even if it is not served."""
        snapshot = self.snapshot
        languages = {*self.languages, *([current_language] if current_language else [])}
        fields: dict[Any, Any] = {
            probatio.Required(CONF_NAME): TextSelector(),
            probatio.Required(CONF_LANGUAGE): LanguageSelector(
                LanguageSelectorConfig(languages=sorted(languages))
            ),
            probatio.Optional(CONF_VOICE): _dropdown(self._voice_options()),
        }
        if len(models := self._models()) > 1:
            fields[probatio.Optional(CONF_STT_MODEL)] = SelectSelector(
                SelectSelectorConfig(options=models, mode=SelectSelectorMode.LIST)
            )
        fields |= {
            probatio.Optional(CONF_WAKE_WORD): _dropdown(
                [
                    SelectOptionDict(value=offer.name, label=offer.description or offer.name)
                    for offer in snapshot.wake_word_offers
                ]
            ),
            probatio.Required(CONF_AGENT): ConversationAgentSelector(),
            probatio.Required(CONF_PREFER_LOCAL, default=False): BooleanSelector(),
        }
        if snapshot.config is not None:
            fields[probatio.Required(CONF_KEEP_WARM, default=False)] = BooleanSelector()
        if is_new:
            fields[probatio.Required(CONF_PREFERRED, default=True)] = BooleanSelector()
        return probatio.Schema(fields)

    def suggested_values(self, name: str) -> dict[str, Any]:
        """Return the values of a new assistant in the suggested language."""
        language = self.language or ""
        return {
            CONF_NAME: name,
            CONF_LANGUAGE: language,
            CONF_AGENT: HOME_AGENT,
            CONF_VOICE: next(iter(self._voices_for(language)), None),
            CONF_STT_MODEL: model_for_language(self.snapshot, language),
        }

    def errors(self, user_input: Mapping[str, Any]) -> dict[str, str]:
        """Return the errors of a filled form by field."""
        fields = {"voice_missing": CONF_VOICE, "voice_language": CONF_VOICE}
        key = check_options(self.snapshot, user_input)
        return {fields.get(key, CONF_LANGUAGE): key} if key else {}

    def samples(self, hass: HomeAssistant, client_key: str) -> str:
        """Return the first voices of the suggested language with players, in Markdown."""
        names = self._voices_for(self.language or "")[:MAX_SAMPLES]
        return "".join(
            f"\n\n{escape(self._voice_label(name))}\n\n"
            f'<audio controls preload="none" src="{async_sample_url(hass, client_key, name)}">'
            "</audio>"
            for name in names
        )

    def talk_link(self) -> str:
        """Return a link to Home Assistant's dialog for talking to the preferred assistant.

        With a target the page is loaded anew, without which the dialog is closed with the form's.
        """
        text = self._text("talk", "talk")
        return f'<a href="/home/overview?conversation=1" target="_self">{escape(text)}</a>'

    def _text(self, selector: str, option: str) -> str:
        return self._texts.get(f"component.{DOMAIN}.selector.{selector}.options.{option}", option)

    def _voice_options(self) -> list[SelectOptionDict]:
        first = self._voices_for(self.language or "")
        others = [offer.name for offer in self.snapshot.voice_offers if offer.name not in first]
        others.sort(key=lambda name: (self._languages_of(name), name))
        return [
            SelectOptionDict(value=name, label=self._voice_label(name)) for name in first + others
        ]

    def _voices_for(self, language: str) -> list[str]:
        """Return the voices for a language: the default voice, the best match, then by name."""
        default = self.snapshot.default_voice
        ranked = []
        for offer in self.snapshot.voice_offers:
            tags = language_util.matches(language, offer.languages)
            if tags:
                is_exact = tags[0].replace("_", "-").casefold() == language.casefold()
                ranked.append((offer.name != default, not is_exact, offer.name))
        return [name for *_, name in sorted(ranked)]

    def _languages_of(self, name: str) -> tuple[str, ...]:
        offers = self.snapshot.voice_offers
        return next((offer.languages for offer in offers if offer.name == name), ())

    def _voice_label(self, name: str) -> str:
        """Return such as `Joe · en_US · medium · MIT`."""
        offer = next(offer for offer in self.snapshot.voice_offers if offer.name == name)
        parts = [offer.label, *offer.languages[:1]]
        if (voice := self._voices.get(name)) is not None:
            parts += [voice.quality, voice.license]
        return " · ".join(part for part in parts if part)

    def _models(self) -> list[SelectOptionDict]:
        """Return the speech-to-text models from the fastest to the most accurate one."""
        models = [self.snapshot.status.models[name] for name in self.snapshot.asr_models]
        models.sort(key=lambda it: (self._sizes.get(it.id, it.memory_bytes), it.id))
        return [
            SelectOptionDict(value=model.id, label=self._model_label(model, index, len(models)))
            for index, model in enumerate(models)
        ]

    def _model_label(self, model: Model, index: int, count: int) -> str:
        """Return such as `Fast · Whisper tiny · 0.3 s`, with the last response time if known."""
        grade = GRADES[0] if index == 0 else GRADES[2] if index == count - 1 else GRADES[1]
        text = self._text("listening", grade)
        seconds = [] if model.last_seconds is None else [f"{model.last_seconds:.1f} s"]
        return " · ".join([text, model.description or model.id, *seconds])


def _languages(snapshot: Snapshot) -> list[str]:
    """Return the languages that a model understands and a voice speaks, without regions."""
    models = (snapshot.status.models[name] for name in snapshot.asr_models)
    understood = {_base(tag) for model in models for tag in model.languages}
    spoken = {_base(tag) for offer in snapshot.voice_offers for tag in offer.languages}
    return sorted(understood & spoken)


def _base(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0].lower()


def _dropdown(options: list[SelectOptionDict]) -> SelectSelector:
    return SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN))


async def async_fetch_snapshot(client: ConductorClient) -> Snapshot:
    """Return the snapshot of a server without a config entry. Raises ConductorError."""
    info = await client.info()
    status = await client.status()
    config = await client.config() if Feature.CONFIG in info.features else None
    return Snapshot(info=info, status=status, config=config)
