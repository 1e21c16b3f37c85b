"""Builds the `ModelSpec` of installed models from the catalog, the configuration and the store."""

from collections.abc import Sequence
from typing import Any, Final

from wyoming_servers.config.schema import Config, ModelSection, WakeWordSection
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
    model_service_name,
)
from wyoming_servers.core.engine_info import EngineInfo, find_engine
from wyoming_servers.data_dir.wake_word_files import wake_words_folder
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.python_packages import RequirementChecker
from wyoming_servers.models.store import ModelStore
from wyoming_servers.text.voice_expression import voice_names

_AUTO: Final = "auto"
_CPU: Final = "cpu"

_AUTO_KEEP_ALIVE: Final = 300.0
"""Seconds that an idle model stays loaded with `keep_alive: auto` where memory is scarce."""


def model_specs(
    config: Config, store: ModelStore, gpus: Sequence[str] = ()
) -> dict[str, ModelSpec]:
    """Return every installed model with its settings; `gpus` are devices such as `cuda:0`.

    Custom wake words are not among a model's wake words, because they come and go while the server
    runs; `speech.wake.registry` has them.
    """
    checker = RequirementChecker()
    return {
        entry.id: model_spec(entry, config, store, gpus, checker)
        for entry in store.entries()
        if store.installed(entry.id)
    }


def model_spec(
    entry: ModelEntry,
    config: Config,
    store: ModelStore,
    gpus: Sequence[str] = (),
    checker: RequirementChecker | None = None,
) -> ModelSpec:
    """Return one model with its settings. Raises ModelMissingError if it is not installed.

    A voice is offered only if everything it requires is installed. Blocks on the disk.
    """
    checker = checker or RequirementChecker()
    engine = find_engine(entry.engine) or EngineInfo(entry.engine)
    settings = config.models.get(entry.id, ModelSection())
    files = store.files(entry.id)
    files["cache_dir"] = str(store.layout.cache(entry.id, entry.version))
    if entry.kind is Task.WAKE:
        files["models_dir"] = str(wake_words_folder(config.data_dir, config.wake.models_dir))
    places = placements(engine, settings, gpus)
    keep_alive = config.keep_alive if settings.keep_alive is None else settings.keep_alive
    options: dict[str, Any] = {**entry.options, **settings.options}
    return ModelSpec(
        id=entry.id,
        task=entry.kind,
        engine=entry.engine,
        files=files,
        description=entry.title,
        version=entry.version,
        attribution=(entry.attribution.name, entry.attribution.url),
        languages=entry.languages,
        voices=tuple(
            offer.to_voice()
            for offer in entry.offers
            if entry.kind is Task.TTS and not checker.missing(entry.engine, offer.needs)
        ),
        wake_words=tuple(offer.to_wake_word() for offer in entry.offers if entry.kind is Task.WAKE),
        placements=places,
        memory_bytes=entry.memory_bytes(places[0].compute_type),
        keep_alive=_AUTO_KEEP_ALIVE if keep_alive == _AUTO else keep_alive,
        keep_warm=keep_alive == _AUTO,
        pinned=settings.pinned,
        options=options,
        streams_audio=engine.streams_audio and places[0].device == _CPU,
    )


def placements(
    engine: EngineInfo, settings: ModelSection, gpus: Sequence[str] = ()
) -> tuple[Placement, ...]:
    """Return where a model may run, best first.

    1. A GPU is used if it is configured, or if the engine prefers one and the machine has one.
    2. A configured GPU that does not exist is left out if the CPU may serve instead.
    3. A configured compute type is the only one tried, except on a CPU that does not support it.
    """
    gpu = _requested_gpu(engine, settings, gpus)  # 1
    if gpu and gpu not in gpus and settings.cpu_fallback:  # 2
        gpu = ""
    requested = settings.compute_type
    found: list[Placement] = []
    if gpu:
        types = engine.gpu_compute_types if requested == _AUTO else (requested,)  # 3
        found += [Placement(gpu, compute_type) for compute_type in types]
    if not gpu or settings.cpu_fallback:
        supported = engine.cpu_compute_types
        usable = requested in supported and requested != _AUTO
        found.append(Placement(_CPU, requested if usable else supported[0]))
    return tuple(found)


def served_models(config: Config, catalog: Catalog) -> dict[str, str]:
    """Return the default model of each enabled service.

    The keys are the names of the services: `asr`, `tts`, `wake`, and `asr:<model>` for the port of
    one model. Names that are not in the catalog are left out; `check_references` reports them.
    """
    served: dict[str, str] = {}
    if config.asr.enabled and config.asr.model in catalog:
        served[Task.ASR] = config.asr.model
    default = voice_names(config.tts.voice)[0]
    if config.tts.enabled and (voice := catalog.find_by_offer(Task.TTS, default)) is not None:
        served[Task.TTS] = voice.id
    if config.wake.enabled and (model := _default_wake_model(config, catalog)) is not None:
        served[Task.WAKE] = model
    if config.asr.enabled:
        served |= {model_service_name(key): key for key in config.asr.extra_ports if key in catalog}
    return served


def turn_model(config: Config, catalog: Catalog) -> str | None:
    """Return the model that hears the end of a turn, if one is used.

    It is no model of a service: speech-to-text is ready without it.
    """
    wanted = config.asr.enabled and config.asr.turn_detection
    return config.asr.turn_model if wanted and config.asr.turn_model in catalog else None


def _default_wake_model(config: Config, catalog: Catalog) -> str | None:
    """Return the model that detects the first configured word, of the configured engine if any."""
    models = catalog.of_task(Task.WAKE)
    for word in config.wake.words[:1]:
        engine = config.wake.word_settings.get(word, WakeWordSection()).engine
        able = [entry for entry in models if word in {offer.name for offer in entry.offers}]
        models = [entry for entry in able if entry.engine == engine] or able or models
    return models[0].id if models else None


def _requested_gpu(engine: EngineInfo, settings: ModelSection, gpus: Sequence[str]) -> str:
    if not engine.gpu_compute_types or settings.device == _CPU:
        return ""
    if settings.device == _AUTO:
        return gpus[0] if gpus and engine.prefers_gpu else ""
    return "cuda:0" if settings.device == "cuda" else settings.device
