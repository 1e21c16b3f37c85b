"""Engine descriptors: everything that code outside an engine knows about it.

An engine runs the models of one library (faster-whisper, Piper). The server, the worker processes
and the command line read its descriptor, so this module imports nothing of the engine. Another
Python package adds an engine with an entry point in the group `wyoming_conductor.engines` whose
object is an `EngineInfo`; see docs/engines.md.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

_LOGGER: Final = logging.getLogger(__name__)

ENTRY_POINT_GROUP: Final = "wyoming_conductor.engines"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """One engine."""

    name: str
    """The name in manifests (`engine: piper`), in the API and in the log."""
    module: str = ""
    """The class that implements `engines.base.Engine`, as `package.module:Class`. Only worker
    processes import it."""
    extra: str = ""
    """The extra of wyoming-conductor that installs the engine; empty for a package of its own."""
    requirements: tuple[str, ...] = ()
    """Python distributions that the engine imports, the library itself first. For the syntax see
    `models.python_packages`."""
    gpu_compute_types: tuple[str, ...] = ()
    """Number formats on a GPU, best first; empty if the engine runs on the CPU only."""
    cpu_compute_types: tuple[str, ...] = ("default",)
    """Number formats on the CPU, best first."""
    prefers_gpu: bool = False
    """Whether `device: auto` chooses a GPU where there is one."""
    streams_audio: bool = False
    """Whether a voice sends the audio of a sentence before the whole sentence is synthesized.
    Applies to the CPU."""
    supports_parallel_runs: bool = False
    """Whether the engine may work on several requests in several threads."""
    supports_prompt: bool = False
    """Whether speech-to-text takes an initial prompt and a vocabulary."""
    wake_word_suffixes: tuple[str, ...] = ()
    """Suffixes of the files of custom wake words that the engine loads."""
    prepare: str = ""
    """The function that derives files from a model when it is installed, as
    `package.module:function`; it takes the model's files by role, with the folder `cache_dir`. Runs
    in a process of its own (`engines.preparation`)."""
    options: Mapping[str, type] | None = None
    """Load options that `models.<id>.options` may set, with their types: `int`, `float`, `bool` or
    `str`. None: any, the engine checks them itself."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of its worker processes."""
    manifests: Path | None = None
    """Folder of the manifests (`*.yaml`) of the models that come with the engine's package."""

    @property
    def compute_types(self) -> tuple[str, ...]:
        """Every value of `models.<id>.compute_type` besides `auto`."""
        return tuple(dict.fromkeys((*self.gpu_compute_types, *self.cpu_compute_types)))

    @property
    def install_command(self) -> str:
        """The shell command that installs the engine."""
        if self.extra:
            return f"pip install 'wyoming-conductor[{self.extra}]'"
        packages = [item.split(" or ")[0].partition(":")[0] for item in self.requirements]
        return f"pip install {' '.join(packages) or self.name}"


_ONNX_OPTIONS: Final[Mapping[str, type]] = {"spinning": bool, "threads": int}

BUILTIN_ENGINES: Final = (
    EngineInfo(
        name="faster-whisper",
        module="wyoming_servers.engines.whisper.engine:FasterWhisperEngine",
        extra="faster-whisper",
        requirements=("faster-whisper",),
        # int8_float16 fits on a card that is nearly full.
        gpu_compute_types=("float16", "int8_float16"),
        # float16 on a CPU is slower than float32.
        cpu_compute_types=("int8", "int8_float32", "int16", "float32", "default", "auto"),
        prefers_gpu=True,
        supports_parallel_runs=True,
        supports_prompt=True,
        options={
            "batch": int,
            "cpu_threads": int,
            "max_seconds": float,
            "num_workers": int,
            "short_window": bool,
            "vocabulary_tokens": int,
        },
        environment={
            # CTranslate2 allocates and frees tens of MB for every layer. With glibc's defaults
            # each of these blocks is mapped and unmapped, at a million page faults an utterance;
            # from one arena that is kept they cost nothing (encoding takes 0.65 to 0.7 of the
            # time, for 8 to 35 MB more). One arena, because secondary arenas map large blocks
            # whatever the threshold.
            "MALLOC_ARENA_MAX": "1",
            "MALLOC_MMAP_MAX_": "0",
            "MALLOC_TRIM_THRESHOLD_": "8000000000",
            "MALLOC_TOP_PAD_": "268435456",
            # numpy's only matrix product here is that of the features, a small one: with several
            # BLAS threads it takes 14 ms of CPU time for two seconds of audio, with one thread
            # half a millisecond.
            "OPENBLAS_NUM_THREADS": "1",
        },
    ),
    EngineInfo(
        name="moonshine",
        module="wyoming_servers.engines.moonshine.engine:MoonshineEngine",
        extra="moonshine",
        requirements=("onnxruntime or onnxruntime-gpu",),
        options={**_ONNX_OPTIONS},
    ),
    EngineInfo(
        name="piper",
        module="wyoming_servers.engines.piper.engine:PiperEngine",
        extra="piper",
        requirements=("piper-tts",),
        gpu_compute_types=("default",),
        # Not `prefers_gpu`: Piper answers in 50 ms on a CPU, where it takes no memory from models
        # that need the card.
        streams_audio=True,
        supports_parallel_runs=True,
        options={
            **_ONNX_OPTIONS,
            "length_scale": float,
            "noise_scale": float,
            "noise_w": float,
            "volume": float,
        },
        prepare="wyoming_servers.engines.piper.prepared_voice:prepare_voice",
    ),
    EngineInfo(
        name="kokoro",
        module="wyoming_servers.engines.kokoro.engine:KokoroEngine",
        extra="kokoro",
        requirements=("kokoro", "torch", "espeakng-loader"),
        gpu_compute_types=("float16", "float32"),
        cpu_compute_types=("float32",),
        prefers_gpu=True,
        options={"length_scale": float, "mixes": bool, "volume": float},
    ),
    EngineInfo(
        name="kokoro-onnx",
        module="wyoming_servers.engines.kokoro.engine:KokoroOnnxEngine",
        extra="kokoro-onnx",
        requirements=("onnxruntime or onnxruntime-gpu", "espeakng-loader"),
        options={**_ONNX_OPTIONS, "length_scale": float, "mixes": bool, "volume": float},
    ),
    EngineInfo(
        name="openwakeword",
        module="wyoming_servers.engines.wake.openwakeword:OpenWakeWordEngine",
        extra="wake",
        requirements=("pyopen-wakeword", "onnxruntime or onnxruntime-gpu"),
        wake_word_suffixes=(".onnx", ".tflite"),
        options={"threads": int},
        prepare="wyoming_servers.engines.wake.openwakeword:prepare_wake_words",
    ),
    EngineInfo(
        name="microwakeword",
        module="wyoming_servers.engines.wake.microwakeword:MicroWakeWordEngine",
        extra="wake",
        requirements=("pymicro-wakeword",),
        wake_word_suffixes=(".json",),
        options={},
    ),
    EngineInfo(
        name="smart-turn",
        module="wyoming_servers.engines.turn.engine:SmartTurnEngine",
        extra="turn",
        requirements=("onnxruntime or onnxruntime-gpu",),
        options={"threads": int},
        # Its features are one small matrix product, which several BLAS threads slow down.
        environment={"OPENBLAS_NUM_THREADS": "1"},
    ),
    EngineInfo(
        name="speaker",
        module="wyoming_servers.engines.speaker.engine:SpeakerEngine",
        extra="speaker",
        requirements=("onnxruntime or onnxruntime-gpu",),
        options={"threads": int, "threshold": float},
    ),
    EngineInfo(name="fake", module="wyoming_servers.engines.fake:FakeEngine"),
)
"""The engines of this package; `fake` has no model and is for tests."""

_BUILTIN: Final[Mapping[str, EngineInfo]] = {info.name: info for info in BUILTIN_ENGINES}


def find_engine(name: str) -> EngineInfo | None:
    """Return the descriptor of an engine, or None. May read the disk, once for each process."""
    return _BUILTIN.get(name) or _installed_engines().get(name)


def all_engines() -> tuple[EngineInfo, ...]:
    """Return every engine: those of this package, then those of others. May read the disk."""
    return (*BUILTIN_ENGINES, *_installed_engines().values())


@cache
def _installed_engines() -> Mapping[str, EngineInfo]:
    """Return the engines of other packages; a broken package is reported and left out."""
    found: dict[str, EngineInfo] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            info = point.load()
        except Exception:
            _LOGGER.exception("Cannot load the engine %s (%s)", point.name, point.value)
            continue
        if not isinstance(info, EngineInfo):
            _LOGGER.error("The engine %s (%s) is not an EngineInfo", point.name, point.value)
        elif info.name in _BUILTIN or info.name in found:
            _LOGGER.error("The engine %s (%s) exists already", info.name, point.value)
        else:
            found[info.name] = info
    return found
