"""Checks that the models, voices, wake words and languages in the configuration exist."""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Final

from wyoming_servers.config.errors import ConfigProblem, nearest_match
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.schema import AUTO_MODEL, NO_TURN_MODEL, Config
from wyoming_servers.core.domain import Task
from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.data_dir.wake_word_files import (
    scan_wake_words,
    wake_words_folder,
)
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.text.locale import best_match, is_auto
from wyoming_servers.text.voice_expression import voice_names

_TYPE_NAMES: Final[Mapping[type, str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
}

_MAX_LISTED_NAMES: Final = 8
"""Names in an error message; a longer list is omitted."""


def check_references(config: Config, catalog: Catalog) -> list[ConfigProblem]:
    """Return a problem for each unknown name. Reads the folder of custom wake words."""
    problems: list[ConfigProblem] = []
    check = _checker(problems)
    asr = [entry.id for entry in catalog.of_task(Task.ASR)]
    voices = [offer.name for entry in catalog.of_task(Task.TTS) for offer in entry.offers]
    if config.asr.enabled:
        check("asr.model", config.asr.model, [*asr, AUTO_MODEL], "a speech-to-text model")
        for model in config.asr.extra_ports:
            check(f"asr.extra_ports.{model}", model, asr, "a speech-to-text model")
        if turn := [entry.id for entry in catalog.of_task(Task.TURN)]:
            valid = [*turn, NO_TURN_MODEL]
            check("asr.turn_model", config.asr.turn_model, valid, "a model of turns")
        _check_language(config, catalog, problems)
    if config.tts.enabled:
        for part in voice_names(config.tts.voice):
            check("tts.voice", part, voices, "a voice")
        for preset in config.tts.presets:
            for part in voice_names(preset):
                check("tts.presets", part, voices, "a voice")
    if config.wake.enabled:
        words = _wake_words(config, catalog, problems)
        for word in config.wake.words:
            check("wake.words", word, words, "a wake word")
        for word, settings in config.wake.word_settings.items():
            check(f"wake.word_settings.{word}", word, words, "a wake word")
            if settings.engine not in {"auto", *words.get(word, (settings.engine,))}:
                message = f"{settings.engine} has no wake word {word!r}."
                problems.append(
                    ConfigProblem(f"wake.word_settings.{word}.engine", message, words[word][0])
                )
    if config.speakers.enabled:
        embedders = [entry.id for entry in catalog.of_task(Task.SPEAKER)]
        check("speakers.model", config.speakers.model, embedders, "a speaker model")
    for model in config.preload if isinstance(config.preload, list) else ():
        check("preload", model, catalog.ids, "a model")
    for model in config.models:
        check(f"models.{model}", model, catalog.ids, "a model")
        if model in catalog:
            _check_options(config.models[model].options, catalog.get(model), problems)
    return problems


def leave_out_unknown_names(loaded: LoadedConfig, catalog: Catalog) -> LoadedConfig:
    """Return the configuration with defaults in place of names that do not exist.

    Raises ConfigError if a default is not safe, or if the configuration was loaded strictly. Blocks
    on the disk.
    """
    while problems := check_references(loaded.config, catalog):
        loaded = loaded.without(problems)
    return loaded


def _checker(problems: list[ConfigProblem]) -> Callable[[str, str, Iterable[str], str], None]:
    def check(path: str, name: str, valid: Iterable[str], noun: str) -> None:
        names = list(valid)
        if name in names:
            return
        near = nearest_match(name, names)
        is_listed = not near and len(names) <= _MAX_LISTED_NAMES
        choices = f" Choose one of {', '.join(names)}." if is_listed else ""
        hint = "" if near or choices else " `wyoming-conductor models list` shows all of them."
        problems.append(ConfigProblem(path, f"{name!r} is not {noun}.{choices}{hint}", near))

    return check


def _check_options(
    options: Mapping[str, object], entry: ModelEntry, problems: list[ConfigProblem]
) -> None:
    engine = find_engine(entry.engine)
    if engine is None or engine.options is None:
        return
    for name, value in options.items():
        path, kind = f"models.{entry.id}.options.{name}", engine.options.get(name)
        if kind is None:
            known = ", ".join(engine.options) or "none"
            message = f"{engine.name} has no option {name!r}. Its options: {known}."
            problems.append(ConfigProblem(path, message, nearest_match(name, engine.options)))
        elif not _has_type(value, kind):
            message = f"{name} must be {_TYPE_NAMES[kind]}, not {value!r}."
            problems.append(ConfigProblem(path, message))


def _has_type(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _wake_words(
    config: Config, catalog: Catalog, problems: list[ConfigProblem]
) -> dict[str, list[str]]:
    """Return every wake word with the engines that detect it."""
    words: dict[str, list[str]] = {}
    for entry in catalog.of_task(Task.WAKE):
        for offer in entry.offers:
            words.setdefault(offer.name, []).append(entry.engine)
    folder = wake_words_folder(config.data_dir, config.wake.models_dir)
    try:
        custom = scan_wake_words(folder)
    except OSError as err:
        message = f"The folder {folder} cannot be read: {err.strerror or err}."
        problems.append(ConfigProblem("wake.models_dir", message))
        custom = []
    for word in custom:
        words.setdefault(word.name, []).append(word.engine)
    return words


def _check_language(config: Config, catalog: Catalog, problems: list[ConfigProblem]) -> None:
    if config.asr.model not in catalog:
        return
    supported = catalog.get(config.asr.model).languages
    language = config.asr.language
    if not is_auto(language) and best_match(language, supported) is None:
        message = f"{config.asr.model} does not support the language {language!r}."
        problems.append(ConfigProblem("asr.language", message, nearest_match(language, supported)))
    others = [catalog.get(model).languages for model in config.asr.extra_ports if model in catalog]
    supported_anywhere = [*supported, *chain.from_iterable(others)]
    for language in config.asr.languages:
        if best_match(language, supported_anywhere) is None:
            message = f"No model with a port supports the language {language!r}."
            problems.append(
                ConfigProblem("asr.languages", message, nearest_match(language, supported_anywhere))
            )
