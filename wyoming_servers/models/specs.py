"""Installed models as the coordinator and the workers want them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wyoming_servers.config.custom_wake_words import wake_words_folder
from wyoming_servers.config.schema import Config, ModelSection, WakeWordSection
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
    model_service_name,
)
from wyoming_servers.models.catalog import (
    Catalog,
    ModelEntry,
)
from wyoming_servers.models.requirements import RequirementChecker
from wyoming_servers.models.store import ModelStore
from wyoming_servers.text.voice_expression import voice_names

_AUTO: Final = "auto"
_CPU: Final = "cpu"

GPU_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    # What fits first; on a card that is nearly full the smaller one does.
    "faster-whisper": ("float16", "int8_float16"),
    "piper": ("default",),
    "kokoro": ("float16", "float32"),
}
"""Number formats on a GPU, best first, for the engines that can use one."""

CPU_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "faster-whisper": ("int8", "int8_float32", "int16", "float32", "default", "auto"),
    "kokoro": ("float32",),
}
"""Number formats a CPU is good at, best first; float16 there is slower than float32."""

PREFERS_GPU: Final = frozenset({"faster-whisper", "kokoro"})
"""Engines that `device: auto` puts on a GPU. Piper answers in 50 ms on a CPU, where it takes
no memory from models that need the card."""


def model_specs(
    config: Config, store: ModelStore, gpus: Sequence[str] = ()
) -> dict[str, ModelSpec]:
    """Return every installed model with its settings; `gpus` are devices such as `cuda:0`.

    The user's own wake words are not among a model's offers, because they come and go while the
    server runs: `own_words` has them.
    """
    needs = RequirementChecker()
    return {
        entry.id: model_spec(entry, config, store, gpus, needs)
        for entry in store.entries()
        if store.installed(entry.id)
    }


def model_spec(
    entry: ModelEntry,
    config: Config,
    store: ModelStore,
    gpus: Sequence[str] = (),
    needs: RequirementChecker | None = None,
) -> ModelSpec:
    """Return one model with its settings. Raises ModelMissingError if it is not installed.

    Of its voices those are offered that can be played with what is installed now. Blocks on the
    disk.
    """
    needs = needs or RequirementChecker()
    settings = config.models.get(entry.id, ModelSection())
    files = store.files(entry.id)
    if entry.kind is Task.WAKE:
        files["models_dir"] = str(wake_words_folder(config))
        files["cache_dir"] = str(config.data_dir / "cache" / "wake")
    ways = placements(entry.engine, settings, gpus)
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
        offers=tuple(
            offer.to_offer()
            for offer in entry.offers
            if not needs.missing(entry.engine, offer.needs)
        ),
        placements=ways,
        memory_bytes=entry.memory_bytes(ways[0].compute_type),
        keep_alive=config.keep_alive if settings.keep_alive is None else settings.keep_alive,
        pinned=settings.pinned,
        options=options,
    )


def placements(
    engine: str, settings: ModelSection, gpus: Sequence[str] = ()
) -> tuple[Placement, ...]:
    """Return where a model may run, best first.

    1. A GPU is used if it is asked for, or if the engine gains by it and one is there.
    2. One that is asked for but not there is left out if the CPU may serve instead.
    3. A number format that is asked for is the only one tried, except on a CPU that has no
       use for it.
    """
    wished = _requested_gpu(engine, settings, gpus)  # 1
    if wished and wished not in gpus and settings.cpu_fallback:  # 2
        wished = ""
    chosen: list[Placement] = []
    if wished:
        types = GPU_TYPES[engine]
        if settings.compute_type != _AUTO:  # 3
            types = (settings.compute_type,)
        chosen += [Placement(wished, compute_type) for compute_type in types]
    if not wished or settings.cpu_fallback:
        usable = CPU_TYPES.get(engine, ("default",))
        asked = settings.compute_type
        chosen.append(Placement(_CPU, asked if asked in usable and asked != _AUTO else usable[0]))
    return tuple(chosen)


def served_models(config: Config, catalog: Catalog) -> dict[str, str]:
    """Return the model each enabled server needs to answer a client that names none.

    The keys are the services' names: `asr`, `tts`, `wake`, and `asr:<model>` for a port of its own.
    Names that the catalog does not have are left out; `references.check_references` names them.
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


def _default_wake_model(config: Config, catalog: Catalog) -> str | None:
    """Return the model that hears the first configured word; of several, the one asked for."""
    models = catalog.of_kind(Task.WAKE)
    for word in config.wake.models[:1]:
        wanted = config.wake.words.get(word, WakeWordSection()).engine
        knowing = [entry for entry in models if word in {offer.name for offer in entry.offers}]
        models = [entry for entry in knowing if entry.engine == wanted] or knowing or models
    return models[0].id if models else None


def _requested_gpu(engine: str, settings: ModelSection, gpus: Sequence[str]) -> str:
    if engine not in GPU_TYPES or settings.device == _CPU:
        return ""
    if settings.device == _AUTO:
        return gpus[0] if gpus and engine in PREFERS_GPU else ""
    return "cuda:0" if settings.device == "cuda" else settings.device
