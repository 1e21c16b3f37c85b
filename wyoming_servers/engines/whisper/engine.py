"""The engine for Whisper models on CTranslate2 (faster-whisper)."""

import ctypes
import json
import logging
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from wyoming_servers.audio.pcm import from_s16
from wyoming_servers.core.domain import SPEECH_FORMAT, ModelSpec, Placement
from wyoming_servers.core.errors import BadRequestError, LoadFailedError
from wyoming_servers.engines.base import (
    FinishedRun,
    Output,
    ReportProgress,
    Session,
    release_free_memory,
)
from wyoming_servers.engines.preparation import CACHE_DIR
from wyoming_servers.engines.whisper import thread_tuning
from wyoming_servers.engines.whisper.decoder import (
    WhisperDecoder,
    WhisperRequest,
    WhisperUtterance,
)
from wyoming_servers.engines.whisper.prompt import VOCABULARY_TOKENS, PromptBuilder
from wyoming_servers.engines.whisper.short_window import ShortWindow

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

MAX_SECONDS: Final = 600.0
"""Longest audio of one run: the features of ten minutes take 200 MB while they are computed."""

BATCH_CPU: Final = 2
BATCH_GPU: Final = 8
"""Maximum utterances decoded in one batch. Each takes 57 MB meanwhile (base, float32), and the
first waits for the last; on a CPU two are a tenth more efficient, and four little more."""

_REQUIRED_FILES: Final = ("model.bin", "config.json", "tokenizer.json")
"""Without the last one faster-whisper would download it."""

_CUBLAS_LIBRARIES: Final = ("libcublasLt.so.12", "libcublas.so.12")
"""In the order of their dependencies."""

_LOGGER: Final = logging.getLogger(__name__)


class FasterWhisperEngine:
    """One Whisper model; `engines.base` describes the requests.

    Options: `cpu_threads` (of one utterance; 0: measured), `num_workers` (utterances at the same
    time on a CPU; 0: as many as have threads), `short_window` (True), `batch` (utterances in one
    batch, where they are not computed at the same time: 2, on a GPU 8; 1: no batches),
    `vocabulary_tokens` (120; 0: no vocabulary), `max_seconds` (600).
    """

    def __init__(self) -> None:
        self._model: WhisperModel | None = None
        self._decoder: WhisperDecoder | None = None
        self._languages: list[str] = []
        self._options: Mapping[str, Any] = {}
        self._folder = Path()
        self._cache: Path | None = None
        self._is_distilled = False
        self._placement = Placement()
        self._threads = 1
        """Of one utterance."""
        self._workers = 1
        """Utterances at the same time."""
        self._load_seconds = 0.0
        self._threads_known = False

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load the CTranslate2 model in the folder `files["directory"]`.

        `files["cache_dir"]` is the folder of measured thread numbers. Reports
        {languages: [Whisper's codes], compute_type: str}.
        """
        folder = Path(spec.files["directory"])
        if missing := [name for name in _REQUIRED_FILES if not (folder / name).is_file()]:
            raise LoadFailedError(
                f"The model's folder {folder} lacks {', '.join(missing)}.",
                hint="`wyoming-conductor models pull` downloads the files again.",
            )
        if placement.device.startswith("cuda"):
            preload_cublas()
        progress("load", -1)
        cache = spec.files.get(CACHE_DIR)
        self._cache = Path(cache) if cache else None
        self._options, self._folder, self._placement = spec.options, folder, placement
        self._is_distilled = is_distilled(spec.id, folder)
        tuned = None
        if self._cache is not None and not self._on_gpu:
            tuned = thread_tuning.load_tuned_threads(self._cache, _compute_type(placement))
        initial = thread_tuning.initial_threads(thread_tuning.usable_cores())
        started = perf_counter()
        model = self._load_model(self._configured_threads or tuned or initial)
        self._load_seconds = perf_counter() - started
        # The library lists all languages of the largest model; the tokenizer has this model's.
        token_id = model.hf_tokenizer.token_to_id
        self._languages = [
            code
            for code in model.supported_languages
            if len(model.supported_languages) == 1 or token_id(f"<|{code}|>") is not None
        ]
        self._threads_known = self._on_gpu or bool(self._configured_threads or tuned)
        return {"languages": self._languages, "compute_type": model.model.compute_type}

    def warm_up(self) -> None:
        """Measure the number of threads, encode 30 s of silence, transcribe half a second of noise.

        This compiles kernels for both window lengths and computes the short window's silence.
        """
        if not self._threads_known:
            self._tune_threads()
            self._threads_known = True
        decoder = self._require_decoder()
        # Returns the memory of loading and of the long window before the usual work takes its own.
        release_free_memory()
        noise = np.random.default_rng(0).normal(0.0, 0.01, 8_000).astype(np.float32)
        request = WhisperRequest.parse({"language": self._languages[0]}, self._languages)
        decoder.decode([WhisperUtterance(noise, request)])

    def open(self, request: Mapping[str, Any]) -> "WhisperSession":
        """Begin a run. Raises UnsupportedLanguageError, or BadRequestError for other faults."""
        decoder = self._require_decoder()
        limit = float(self._options.get("max_seconds") or MAX_SECONDS)
        parsed = WhisperRequest.parse(request, self._languages)
        return WhisperSession(decoder.transcribe, parsed, limit)

    @property
    def parallel_runs(self) -> int:
        """Maximum number of utterances transcribed at the same time."""
        return self._workers

    @property
    def finish_limit(self) -> int:
        """Maximum number of utterances decoded in one batch.

        One where utterances are transcribed at the same time: two at once on two cores are twice
        as many as one, two in a batch a tenth more.
        """
        if self._workers > 1:
            return 1
        usual = BATCH_GPU if self._on_gpu else BATCH_CPU
        return max(1, int(self._options.get("batch") or usual))

    def finish_batch(self, sessions: Sequence[Session]) -> Sequence[FinishedRun | Exception]:
        """Decode several utterances in one batch; those not trusted are then decoded alone."""
        decoder = self._require_decoder()
        utterances = [cast("WhisperSession", session).take_utterance() for session in sessions]
        decoder.decode(utterances)
        return [_run_to_end(decoder.transcribe(utterance)) for utterance in utterances]

    def close(self) -> None:
        """Release the model."""
        self._decoder = None
        self._model = None

    @property
    def _on_gpu(self) -> bool:
        return self._placement.device.startswith("cuda")

    @property
    def _configured_threads(self) -> int:
        """The option `cpu_threads`; 0 if the number is measured."""
        return int(self._options.get("cpu_threads") or 0)

    def _load_model(self, threads: int) -> "WhisperModel":
        """Load the model with so many threads, after releasing the one before."""
        from wyoming_servers.engines.whisper.repeatable_model import RepeatableWhisperModel

        self.close()
        device, _, index = self._placement.device.partition(":")
        self._threads = threads
        self._workers = self._worker_count(threads)
        self._model = RepeatableWhisperModel(
            str(self._folder),
            device=device,
            device_index=int(index or 0),
            compute_type=_compute_type(self._placement),
            cpu_threads=threads,
            num_workers=self._workers,
            local_files_only=True,
        )
        return self._model

    def _worker_count(self, threads: int) -> int:
        """Return how many utterances are transcribed at once, with so many threads each."""
        if self._on_gpu:
            return 1
        configured = int(self._options.get("num_workers") or 0)
        return configured or thread_tuning.worker_count(thread_tuning.usable_cores(), threads)

    def _tune_threads(self) -> None:
        """Load the model with the best number of threads, and save that number."""
        cores = thread_tuning.usable_cores()
        others = thread_tuning.candidates(cores, thread_tuning.physical_cores())
        if not others:
            return
        result = thread_tuning.tune_threads(
            self._threads, others, self._time_inference, reload_seconds=self._load_seconds
        )
        if result.threads != self._threads:
            self._load_model(result.threads)
        # Without a comparison, the next load measures again.
        if result.measured and self._cache is not None:
            compute_type = _compute_type(self._placement)
            thread_tuning.save_tuned_threads(self._cache, compute_type, result.threads)

    def _time_inference(self, threads: int) -> float:
        """Return the best time for encoding two seconds and decoding eight tokens, in seconds."""
        model = self._model
        if model is None or threads != self._threads:
            model = self._load_model(threads)
        features = model.feature_extractor(np.zeros(32_000, np.float32), padding=0)
        prompt = [model.hf_tokenizer.token_to_id("<|startoftranscript|>")]
        times = []
        for _ in range(3):
            started = perf_counter()
            states = model.encode(features)
            model.model.generate(states, [prompt], beam_size=5, max_length=9, suppress_blank=False)
            times.append(perf_counter() - started)
        return min(times)

    def _require_decoder(self) -> WhisperDecoder:
        if self._model is None:
            raise LoadFailedError("No model is loaded.")
        if self._decoder is None:
            tokenizer = self._model.hf_tokenizer
            budget = int(self._options.get("vocabulary_tokens", VOCABULARY_TOKENS))
            prompt_builder = PromptBuilder(
                lambda text: tokenizer.encode(text, add_special_tokens=False).ids, budget=budget
            )
            self._decoder = WhisperDecoder(
                self._model,
                ShortWindow(self._model),
                None if self._is_distilled else prompt_builder,
                short=bool(self._options.get("short_window", True)),
            )
        return self._decoder


Transcribe = Callable[[WhisperUtterance], Generator[Output, None, Mapping[str, Any]]]


class WhisperSession:
    """Collects the audio of one run, at most `max_seconds` of it.

    Features are computed at the end, all at once: for two seconds of audio that takes half a
    millisecond (with one BLAS thread), less than the transport of a chunk.
    """

    def __init__(self, transcribe: Transcribe, request: WhisperRequest, max_seconds: float) -> None:
        self._transcribe = transcribe
        self._request = request
        self._max_bytes = SPEECH_FORMAT.bytes_for(max_seconds)
        self._audio = bytearray()

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Append audio. Raises BadRequestError when it is longer than `max_seconds`."""
        self._audio += payload
        if len(self._audio) > self._max_bytes:
            raise BadRequestError(
                f"The audio is longer than {SPEECH_FORMAT.seconds(self._max_bytes):g} s.",
                hint="Send it in parts, cut at pauses.",
            )
        return ()

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Transcribe. Each segment is an output; a cancelled run stops between two of them."""
        return self._transcribe(self.take_utterance())

    def take_utterance(self) -> WhisperUtterance:
        """Return the audio and forget it; half a sample at its end is dropped."""
        whole = len(self._audio) - len(self._audio) % SPEECH_FORMAT.frame_bytes
        audio = from_s16(memoryview(self._audio)[:whole])
        self._audio = bytearray()
        return WhisperUtterance(audio, self._request)

    def close(self) -> None:
        """Forget the audio."""
        self._audio = bytearray()


def is_distilled(model: str, folder: Path) -> bool:
    """Whether a model is distilled, by its name or by a decoder of two layers.

    Distilled models were trained without text before the audio, and repeat a prompt.
    """
    if "distil" in model.lower() or "distil" in folder.name.lower():
        return True
    try:
        heads = json.loads((folder / "config.json").read_text(encoding="utf-8"))["alignment_heads"]
        return bool(max(layer for layer, _ in heads) <= 1)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def preload_cublas() -> list[str]:
    """Load cuBLAS from the package nvidia-cublas-cu12, if installed; return the paths.

    CTranslate2 opens `libcublas.so.12` by name at the first multiplication. The package's folder is
    not on the loader's path, but a library that is already in the process is found by its name.
    Without the package nothing is loaded: the system may have its own cuBLAS.
    """
    folder = _cublas_folder()
    loaded = []
    for name in _CUBLAS_LIBRARIES:
        path = folder / name if folder is not None else None
        if path is None or not path.is_file():
            continue
        try:
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        except OSError as err:
            # The load that follows fails with CTranslate2's own message; this is the reason.
            _LOGGER.warning("could not load %s: %s", path, err)
            break
        loaded.append(str(path))
    return loaded


def _cublas_folder() -> Path | None:
    try:
        spec = find_spec("nvidia.cublas")
    except ModuleNotFoundError:
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "lib"


def _run_to_end(run: Generator[Output, None, Mapping[str, Any]]) -> FinishedRun | Exception:
    outputs: list[Output] = []
    try:
        while True:
            outputs.append(next(run))
    except StopIteration as end:
        return FinishedRun(end.value, outputs)
    except Exception as err:  # noqa: BLE001  (the worker reports it to the client of the run)
        return err


def _compute_type(placement: Placement) -> str:
    """Return CTranslate2's number format; by default the fastest of the device."""
    if placement.compute_type not in ("default", "auto", ""):
        return placement.compute_type
    return "float16" if placement.device.startswith("cuda") else "int8"
