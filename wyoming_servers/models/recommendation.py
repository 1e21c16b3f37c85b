"""Which speech-to-text model suits this machine: by what was measured here, else by a table.

`wyoming-conductor bench` measures and stores; `asr.model: auto` and `doctor` use it.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from wyoming_servers.config.schema import AUTO_MODEL, Config
from wyoming_servers.core.domain import Task
from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.core.files import atomic_write
from wyoming_servers.devices.probe import HOST, Device
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.store import ModelStore
from wyoming_servers.text.locale import best_match, is_auto

BENCHMARK_FILE: Final = "benchmark.json"
_VERSION: Final = 1

MAX_LATENCY_SECONDS: Final = 1.0
"""Longest transcription of a voice command that still feels like a conversation."""

FALLBACK_MODEL: Final = "whisper/base"
"""Installed without a download, and quick enough on every supported machine."""

_GIB: Final = 1024**3

_BY_ACCURACY: Final = (
    *("whisper/large-v3-turbo", "whisper/large-v3", "whisper/distil-large-v3"),
    *("whisper/medium.en", "whisper/medium", "whisper/distil-medium.en"),
    *("whisper/small.en", "whisper/small", "whisper/distil-small.en"),
    *("whisper/base.en", "whisper/base"),
    *("whisper/tiny.en", "whisper/tiny", "moonshine/tiny.en"),
)
"""Most accurate first; an English model before the one for all languages of the same size. Turbo
comes before the model that it was distilled from: about as accurate, and much faster."""

_CPU_SIZES: Final = ((16, "small"), (2, "base"), (0, "tiny"))
"""(processors, largest size of Whisper that answers a command in time on a CPU)."""

_GPU_SIZES: Final = ((4 * _GIB, "large"), (2 * _GIB, "small"), (0, "base"))
"""(memory of the GPU, largest size of Whisper that leaves room for a voice beside it)."""

_SIZES: Final = ("tiny", "base", "small", "medium", "large")


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a model needs on one device of this machine."""

    model: str
    task: str
    """`asr` or `tts`."""
    device: str
    compute_type: str
    load_seconds: float
    latency_seconds: float
    """Median; speech-to-text: of a whole short command; text-to-speech: to the first audio."""
    real_time_factor: float
    """Seconds of work for a second of audio."""
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What a recommendation depends on."""

    processors: int
    """Those that this process may use."""
    memory_bytes: int
    gpus: tuple[Device, ...] = ()

    @classmethod
    def of(cls, devices: Iterable[Device]) -> "Machine":
        """Describe this machine; `devices` come from a memory probe."""
        found = tuple(devices)
        host = next((device.total for device in found if device.id == HOST), 0)
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        return cls(
            processors or os.cpu_count() or 1,
            host or psutil.virtual_memory().total,
            tuple(device for device in found if device.id != HOST),
        )


def read_measurements(data_dir: Path) -> list[Measurement]:
    """Return what `bench` has stored; nothing if there is no file or it is damaged. Blocks."""
    try:
        content = json.loads((data_dir / BENCHMARK_FILE).read_text("utf-8"))
        if content["version"] != _VERSION:
            return []
        return [Measurement(**item) for item in content["measurements"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def write_measurements(data_dir: Path, measurements: Sequence[Measurement], when: str) -> Path:
    """Store measurements in place of earlier ones of the same model and device. Blocks."""
    new = {(item.model, item.device): item for item in measurements}
    old = [item for item in read_measurements(data_dir) if (item.model, item.device) not in new]
    content = {
        "version": _VERSION,
        "measured_at": when,
        "measurements": [asdict(item) for item in (*old, *new.values())],
    }
    path = data_dir / BENCHMARK_FILE
    atomic_write(path, json.dumps(content, indent=2) + "\n")
    return path


def recommend_asr_model(
    candidates: Iterable[ModelEntry],
    config: Config,
    machine: Machine,
    measurements: Sequence[Measurement] = (),
) -> str | None:
    """Return the most accurate candidate that answers in time, or None.

    1. It supports the configured languages.
    2. Measured here: a command takes at most MAX_LATENCY_SECONDS on the fastest device.
    3. Not measured: its size is in the table for this machine, and it fits into the memory.
    """
    by_id = {entry.id: entry for entry in candidates if _supports(entry, config)}  # 1
    for model in _BY_ACCURACY:
        entry = by_id.get(model)
        if entry is None:
            continue
        latencies = [item.latency_seconds for item in measurements if item.model == model]
        if latencies and min(latencies) <= MAX_LATENCY_SECONDS:  # 2
            return model
        if not latencies and _is_expected_to_suit(entry, machine):  # 3
            return model
    return None


@dataclass(frozen=True, slots=True)
class AutoModel:
    """Chooses the model that `asr.model: auto` means on this machine."""

    store: ModelStore
    machine: Machine

    def resolve(self, config: Config) -> Config:
        """Return the configuration with an installed model in place of `auto`. Blocks.

        Nothing is downloaded because of `auto`; without an installed model it is FALLBACK_MODEL.
        """
        if config.asr.model != AUTO_MODEL:
            return config
        store = self.store
        installed = [
            entry for entry in store.catalog.of_task(Task.ASR) if store.installed(entry.id)
        ]
        measurements = read_measurements(config.data_dir)
        able = [entry.id for entry in installed if _supports(entry, config)]
        quickest = [model for model in fastest(measurements) if model in able]
        model = recommend_asr_model(installed, config, self.machine, measurements) or next(
            iter([*quickest, *able]), FALLBACK_MODEL
        )
        return config.model_copy(update={"asr": config.asr.model_copy(update={"model": model})})


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation for this machine."""

    text: str
    command: str
    """Command that follows it."""


def recommendations(config: Config, store: ModelStore, machine: Machine) -> list[Advice]:
    """Return what would make the server more accurate or quicker on this machine. Blocks."""
    measurements = read_measurements(config.data_dir)
    quickest = fastest(measurements)
    auto = config.model_copy(update={"asr": config.asr.model_copy(update={"model": AUTO_MODEL})})
    installed = AutoModel(store, machine).resolve(auto).asr.model
    candidates = store.catalog.of_task(Task.ASR)
    best = recommend_asr_model(candidates, config, machine, measurements) or installed
    found = []
    if config.asr.enabled and config.asr.model not in (AUTO_MODEL, installed):
        found.append(
            Advice(
                f"{installed} suits this machine better than {config.asr.model}",
                "wyoming-conductor config set asr.model=auto",
            )
        )
    if config.asr.enabled and best != installed:
        found.append(
            Advice(
                f"{best} is more accurate than {installed} and should be quick enough here",
                f"wyoming-conductor models pull {best} && wyoming-conductor bench {best}",
            )
        )
    found += [
        Advice(
            f"{item.model} is quicker on the CPU than on {item.device}",
            f"wyoming-conductor config set models.{item.model}.device=cpu",
        )
        for item in measurements
        if item.device != HOST and quickest[item.model].device == HOST
    ]
    return found


def fastest(measurements: Sequence[Measurement]) -> Mapping[str, Measurement]:
    """Return the measurement with the lowest latency of each model, quickest model first."""
    found: dict[str, Measurement] = {}
    for item in sorted(measurements, key=lambda item: item.latency_seconds):
        found.setdefault(item.model, item)
    return found


def _supports(entry: ModelEntry, config: Config) -> bool:
    asr = config.asr
    wanted = asr.languages if is_auto(asr.language) else [asr.language]
    if not wanted:
        return len(entry.languages) > 1  # any language may be spoken
    return all(best_match(language, entry.languages) is not None for language in wanted)


def _is_expected_to_suit(entry: ModelEntry, machine: Machine) -> bool:
    size = next((size for size in _SIZES if size in entry.id.partition("/")[2]), "")
    if not size:
        return False
    engine = find_engine(entry.engine)
    fits: list[str] = []
    if machine.gpus and engine is not None and engine.gpu_compute_types:
        memory = max(gpu.total for gpu in machine.gpus)
        fits.append(next(largest for least, largest in _GPU_SIZES if memory >= least))
    if entry.memory_bytes("int8") <= machine.memory_bytes // 2:
        fits.append(next(largest for least, largest in _CPU_SIZES if machine.processors >= least))
    return any(_SIZES.index(size) <= _SIZES.index(largest) for largest in fits)
