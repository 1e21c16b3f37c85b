"""Names in the configuration that must exist: models, voices, wake words, languages."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final

from wyoming_servers.config.errors import ConfigProblem, nearest_match
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import Task
from wyoming_servers.data_dir.wake_word_files import (
    scan_wake_words,
    wake_words_folder,
)
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.text.locale import best_match, is_auto
from wyoming_servers.text.voice_expression import voice_names

_MAX_LISTED_NAMES: Final = 8
"""Names listed in a fault; a longer list is no help."""


def check_references(config: Config, catalog: Catalog) -> list[ConfigProblem]:
    """Return a fault for each name that leads nowhere; `data_dir` is searched for own words.

    Blocks on the disk for a moment.
    """
    faults: list[ConfigProblem] = []
    check = _checker(faults)
    asr = [entry.id for entry in catalog.of_kind(Task.ASR)]
    voices = [offer.name for entry in catalog.of_kind(Task.TTS) for offer in entry.offers]
    if config.asr.enabled:
        check("asr.model", config.asr.model, asr, "a speech-to-text model")
        for model in config.asr.extra_ports:
            check(f"asr.extra_ports.{model}", model, asr, "a speech-to-text model")
        _check_language(config, catalog, faults)
    if config.tts.enabled:
        for part in voice_names(config.tts.voice):
            check("tts.voice", part, voices, "a voice")
        for preset in config.tts.presets:
            for part in voice_names(preset):
                check("tts.presets", part, voices, "a voice")
    if config.wake.enabled:
        words = _wake_words(config, catalog, faults)
        for word in config.wake.words:
            check("wake.words", word, words, "a wake word")
        for word, settings in config.wake.word_settings.items():
            check(f"wake.word_settings.{word}", word, words, "a wake word")
            if settings.engine not in {"auto", *words.get(word, (settings.engine,))}:
                message = f"{settings.engine} has no word {word!r}."
                faults.append(
                    ConfigProblem(f"wake.word_settings.{word}.engine", message, words[word][0])
                )
    for model in config.preload if isinstance(config.preload, list) else ():
        check("preload", model, catalog.ids, "a model")
    for model in config.models:
        check(f"models.{model}", model, catalog.ids, "a model")
    return faults


def _checker(faults: list[ConfigProblem]) -> Callable[[str, str, Iterable[str], str], None]:
    def check(path: str, name: str, known: Iterable[str], noun: str) -> None:
        names = list(known)
        if name in names:
            return
        near = nearest_match(name, names)
        listed = "" if near or len(names) > _MAX_LISTED_NAMES else f" There are {', '.join(names)}."
        more = "" if near or listed else " `wyoming-conductor models list` shows them all."
        faults.append(ConfigProblem(path, f"{name!r} is not {noun}.{listed}{more}", near))

    return check


def _wake_words(
    config: Config, catalog: Catalog, faults: list[ConfigProblem]
) -> dict[str, list[str]]:
    """Return every wake word with the engines that hear it."""
    words: dict[str, list[str]] = {}
    for entry in catalog.of_kind(Task.WAKE):
        for offer in entry.offers:
            words.setdefault(offer.name, []).append(entry.engine)
    folder = wake_words_folder(config.data_dir, config.wake.models_dir)
    try:
        own = scan_wake_words(folder)
    except OSError as err:
        message = f"The folder {folder} cannot be read: {err.strerror or err}."
        faults.append(ConfigProblem("wake.models_dir", message))
        own = []
    for word in own:
        words.setdefault(word.name, []).append(word.engine)
    return words


def _check_language(config: Config, catalog: Catalog, faults: list[ConfigProblem]) -> None:
    if config.asr.model not in catalog:
        return
    known = catalog.get(config.asr.model).languages
    language = config.asr.language
    if not is_auto(language) and best_match(language, known) is None:
        message = f"{config.asr.model} does not understand {language!r}."
        faults.append(ConfigProblem("asr.language", message, nearest_match(language, known)))
    more = [catalog.get(model).languages for model in config.asr.extra_ports if model in catalog]
    anywhere = [*known, *chain.from_iterable(more)]
    for language in config.asr.languages:
        if best_match(language, anywhere) is None:
            message = f"No model with a port understands {language!r}."
            faults.append(
                ConfigProblem("asr.languages", message, nearest_match(language, anywhere))
            )
