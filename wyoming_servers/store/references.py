"""Names in the configuration that must exist: models, voices, wake words, languages."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final

from wyoming_servers.config.faults import Fault
from wyoming_servers.config.schema import Config
from wyoming_servers.config.suggest import nearest
from wyoming_servers.domain import Kind
from wyoming_servers.store.catalog import Catalog
from wyoming_servers.store.own_words import own_words, words_folder
from wyoming_servers.text.locale import is_auto, matches
from wyoming_servers.text.mix import voices_of

_SHOWN: Final = 8
"""Names listed in a fault; a longer list is no help."""


def check_references(config: Config, catalog: Catalog) -> list[Fault]:
    """Return a fault for each name that leads nowhere; `data_dir` is searched for own words.

    Blocks on the disk for a moment.
    """
    faults: list[Fault] = []
    check = _checker(faults)
    asr = [entry.id for entry in catalog.of_kind(Kind.ASR)]
    voices = [offer.name for entry in catalog.of_kind(Kind.TTS) for offer in entry.offers]
    if config.asr.enabled:
        check("asr.model", config.asr.model, asr, "a speech-to-text model")
        for model in config.asr.extra_ports:
            check(f"asr.extra_ports.{model}", model, asr, "a speech-to-text model")
        _check_language(config, catalog, faults)
    if config.tts.enabled:
        for part in voices_of(config.tts.voice):
            check("tts.voice", part, voices, "a voice")
        for preset in config.tts.presets:
            for part in voices_of(preset):
                check("tts.presets", part, voices, "a voice")
    if config.wake.enabled:
        words = _words(config, catalog, faults)
        for word in config.wake.models:
            check("wake.models", word, words, "a wake word")
        for word, settings in config.wake.words.items():
            check(f"wake.words.{word}", word, words, "a wake word")
            if settings.engine not in {"auto", *words.get(word, (settings.engine,))}:
                message = f"{settings.engine} has no word {word!r}."
                faults.append(Fault(f"wake.words.{word}.engine", message, words[word][0]))
    for model in config.preload if isinstance(config.preload, list) else ():
        check("preload", model, catalog.ids, "a model")
    for model in config.models:
        check(f"models.{model}", model, catalog.ids, "a model")
    return faults


def _checker(faults: list[Fault]) -> Callable[[str, str, Iterable[str], str], None]:
    def check(path: str, name: str, known: Iterable[str], noun: str) -> None:
        names = list(known)
        if name in names:
            return
        near = nearest(name, names)
        listed = "" if near or len(names) > _SHOWN else f" There are {', '.join(names)}."
        more = "" if near or listed else " `wyoming-conductor models list` shows them all."
        faults.append(Fault(path, f"{name!r} is not {noun}.{listed}{more}", near))

    return check


def _words(config: Config, catalog: Catalog, faults: list[Fault]) -> dict[str, list[str]]:
    """Return every wake word with the engines that hear it."""
    words: dict[str, list[str]] = {}
    for entry in catalog.of_kind(Kind.WAKE):
        for offer in entry.offers:
            words.setdefault(offer.name, []).append(entry.engine)
    folder = words_folder(config)
    try:
        own = own_words(folder)
    except OSError as err:
        message = f"The folder {folder} cannot be read: {err.strerror or err}."
        faults.append(Fault("wake.models_dir", message))
        own = []
    for word in own:
        words.setdefault(word.name, []).append(word.engine)
    return words


def _check_language(config: Config, catalog: Catalog, faults: list[Fault]) -> None:
    if config.asr.model not in catalog:
        return
    known = catalog.get(config.asr.model).languages
    language = config.asr.language
    if not is_auto(language) and matches(language, known) is None:
        message = f"{config.asr.model} does not understand {language!r}."
        faults.append(Fault("asr.language", message, nearest(language, known)))
    more = [catalog.get(model).languages for model in config.asr.extra_ports if model in catalog]
    anywhere = [*known, *chain.from_iterable(more)]
    for language in config.asr.languages:
        if matches(language, anywhere) is None:
            message = f"No model with a port understands {language!r}."
            faults.append(Fault("asr.languages", message, nearest(language, anywhere)))
