"""Which speech-to-text model a request means, and in which language."""

from collections.abc import Mapping
from dataclasses import dataclass

from wyoming_servers.config.schema import AsrSection
from wyoming_servers.domain import Task, ModelSpec
from wyoming_servers.errors import ModelMissingError, UnsupportedLanguageError
from wyoming_servers.pipelines.clip import shorten, list_languages, list_names
from wyoming_servers.text.locale import is_auto, best_match


@dataclass(frozen=True, slots=True)
class AsrModelChoice:
    """A model with the language it is to hear."""

    spec: ModelSpec
    language: str | None
    """As the model names it; None to detect it."""


def select_asr_model(
    specs: Mapping[str, ModelSpec], asr: AsrSection, model: str | None, language: str | None
) -> AsrModelChoice:
    """Choose the model and the language.

    1. The model named, or the configured one, if it understands the language.
    2. None named, and the configured one does not: the first installed model that does.
    3. No language, or `auto`: the only one that the model knows, or knows of those configured;
       else it detects it.

    Raises ModelMissingError or UnsupportedLanguageError, naming what there is.
    """
    installed = [spec for spec in specs.values() if spec.task is Task.ASR]
    first = next((spec for spec in installed if spec.id == (model or asr.model)), None)
    if first is None:
        raise ModelMissingError(
            f"The speech-to-text model {shorten(model or asr.model)!r} is not installed; "
            f"{list_names([spec.id for spec in installed], 'model')}."
        )
    wanted = language or asr.language
    if is_auto(wanted):  # 3
        found = {best_match(code, first.languages) for code in asr.languages} - {None}
        known = [*(found or first.languages)]
        return AsrModelChoice(first, known[0] if len(known) == 1 else None)
    able = [first] if model else [first, *installed]
    for spec in able:  # 1, 2
        language = best_match(wanted, spec.languages)
        if language is not None:
            return AsrModelChoice(spec, language)
    heard = {code for spec in able for code in spec.languages}
    who = first.id if len({spec.id for spec in able}) == 1 else "No installed model"
    verb = "does not understand" if who == first.id else "understands"
    raise UnsupportedLanguageError(
        f"{who} {verb} {shorten(wanted)!r}.",
        hint=f"Understood: {list_languages(heard)}.",
    )
