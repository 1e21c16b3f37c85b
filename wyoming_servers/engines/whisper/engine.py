"""Whisper on CTranslate2: loads a model, warms it up, and gives each client a session."""

import json
import logging
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.base import FinishedRun, Output, ReportProgress, Session
from wyoming_servers.engines.memory import release_free_memory
from wyoming_servers.engines.whisper import (
    cublas,
    thread_tuning,
)
from wyoming_servers.engines.whisper.decoder import (
    WhisperDecoder,
    WhisperUtterance,
)
from wyoming_servers.engines.whisper.prompt import (
    VOCABULARY_TOKENS,
    PromptBuilder,
)
from wyoming_servers.engines.whisper.request import WhisperRequest
from wyoming_servers.engines.whisper.session import WhisperSession
from wyoming_servers.engines.whisper.short_window import ShortWindow

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

MAX_SECONDS: Final = 600.0
"""Longest audio of one run: the features of ten minutes take 200 MB while they are computed."""

BATCH_CPU: Final = 2
BATCH_GPU: Final = 8
"""Utterances that are decoded in one step, at most. Each holds 57 MB (base, float32) meanwhile,
and the first waits for the last; a CPU gains a tenth by two and little more by four."""

_REQUIRED_FILES: Final = ("model.bin", "config.json", "tokenizer.json")
"""Without the last one faster-whisper would download it."""

_LOGGER = logging.getLogger(__name__)


class FasterWhisperEngine:
    """One Whisper model; `engines.base` says what a request can ask for.

    Options: `cpu_threads` (of one utterance; 0: measured), `num_workers` (utterances at the same
    time on a CPU; 0: as many as have threads), `short_window` (True), `batch` (utterances in one
    step, where they are not worked on at the same time: 2, on a GPU 8; 1: one), `vocabulary_tokens`
    (120; 0: no vocabulary), `max_seconds` (600).
    """

    def __init__(self) -> None:
        self._model: WhisperModel | None = None
        self._decoder: WhisperDecoder | None = None
        self._languages: list[str] = []
        self._options: Mapping[str, Any] = {}
        self._folder = Path()
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

        Reports {languages: [Whisper's codes], compute_type: as chosen}.
        """
        folder = Path(spec.files["directory"])
        if missing := [name for name in _REQUIRED_FILES if not (folder / name).is_file()]:
            raise LoadFailedError(
                f"The model's folder {folder} lacks {', '.join(missing)}.",
                hint="`wyoming-conductor models pull` gets the files anew.",
            )
        if placement.device.startswith("cuda"):
            cublas.preload_cublas()
        progress("load", -1)
        self._options, self._folder, self._placement = spec.options, folder, placement
        self._is_distilled = is_distilled(spec.id, folder)
        kept = (
            None
            if self._on_gpu
            else thread_tuning.load_tuned_threads(folder, _compute_type(placement))
        )
        guess = thread_tuning.initial_threads(thread_tuning.usable_cores())
        began = perf_counter()
        model = self._load_model(self._configured_threads or kept or guess)
        self._load_seconds = perf_counter() - began
        # The library lists all languages of the largest model; the tokenizer knows better.
        known = model.hf_tokenizer.token_to_id
        self._languages = [
            code
            for code in model.supported_languages
            if len(model.supported_languages) == 1 or known(f"<|{code}|>") is not None
        ]
        self._threads_known = self._on_gpu or bool(self._configured_threads or kept)
        return {"languages": self._languages, "compute_type": model.model.compute_type}

    def warm_up(self) -> None:
        """Find the number of threads, encode 30 s of silence, transcribe half a second of hiss.

        So kernels for both lengths of window are compiled, and the short one has its silence.
        """
        if not self._threads_known:
            self._tune_threads()
            self._threads_known = True
        ear = self._require_decoder()
        # What loading and the long window took goes back, before the usual work takes its own.
        release_free_memory()
        hiss = np.random.default_rng(0).normal(0.0, 0.01, 8_000).astype(np.float32)
        request = WhisperRequest.parse({"language": self._languages[0]}, self._languages)
        ear.decode([WhisperUtterance(hiss, request)])

    def open(self, request: Mapping[str, Any]) -> WhisperSession:
        """Begin to listen. Raises UnsupportedLanguageError, or BadRequestError for other faults."""
        ear = self._require_decoder()
        limit = float(self._options.get("max_seconds") or MAX_SECONDS)
        return WhisperSession(ear.transcribe, WhisperRequest.parse(request, self._languages), limit)

    @property
    def parallel_runs(self) -> int:
        """Utterances that are transcribed at the same time, at most."""
        return self._workers

    @property
    def finish_limit(self) -> int:
        """Utterances that are decoded in one step, at most.

        Where a core is left for a second one it is better off there: two at once on two cores are
        twice as many as one, two in one step a tenth more.
        """
        if self._workers > 1:
            return 1
        usual = BATCH_GPU if self._on_gpu else BATCH_CPU
        return max(1, int(self._options.get("batch") or usual))

    def finish_batch(self, sessions: Sequence[Session]) -> Sequence[FinishedRun | Exception]:
        """Decode several utterances in one step; then those alone that were not to be trusted."""
        ear = self._require_decoder()
        many = [cast("WhisperSession", session).take_utterance() for session in sessions]
        ear.decode(many)
        return [_run_to_end(ear.transcribe(said)) for said in many]

    def close(self) -> None:
        """Let the model go."""
        self._decoder = None
        self._model = None

    @property
    def _on_gpu(self) -> bool:
        return self._placement.device.startswith("cuda")

    @property
    def _configured_threads(self) -> int:
        """As configured; 0 if they are to be measured."""
        return int(self._options.get("cpu_threads") or 0)

    def _load_model(self, threads: int) -> "WhisperModel":
        """Load the model anew, with so many threads; the one before goes first."""
        from faster_whisper import WhisperModel

        self.close()
        device, _, index = self._placement.device.partition(":")
        self._threads = threads
        self._workers = self._worker_count(threads)
        self._model = WhisperModel(
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
        """Return how many utterances are transcribed at once, if each has so many threads."""
        if self._on_gpu:
            return 1
        wanted = int(self._options.get("num_workers") or 0)
        return wanted or thread_tuning.worker_count(thread_tuning.usable_cores(), threads)

    def _tune_threads(self) -> None:
        """Have the model loaded with the number of threads that suits it."""
        cores = thread_tuning.usable_cores()
        others = thread_tuning.candidates(cores, thread_tuning.physical_cores())
        if not others:
            return
        found = thread_tuning.tune_threads(
            self._threads, others, self._time_inference, reload_seconds=self._load_seconds
        )
        if found.threads != self._threads:
            self._load_model(found.threads)
        # Where there was no time to compare, a quieter moment may have it.
        if found.measured:
            thread_tuning.save_tuned_threads(
                self._folder, _compute_type(self._placement), found.threads
            )

    def _time_inference(self, threads: int) -> float:
        """Return the seconds of encoding two seconds and decoding eight tokens, at the best."""
        model = self._model
        if model is None or threads != self._threads:
            model = self._load_model(threads)
        features = model.feature_extractor(np.zeros(32_000, np.float32), padding=0)
        start = [model.hf_tokenizer.token_to_id("<|startoftranscript|>")]
        times = []
        for _ in range(3):
            began = perf_counter()
            states = model.encode(features)
            model.model.generate(states, [start], beam_size=5, max_length=9, suppress_blank=False)
            times.append(perf_counter() - began)
        return min(times)

    def _require_decoder(self) -> WhisperDecoder:
        if self._model is None:
            raise LoadFailedError("No model is loaded.")
        if self._decoder is None:
            tokenizer = self._model.hf_tokenizer
            budget = int(self._options.get("vocabulary_tokens", VOCABULARY_TOKENS))
            prompter = PromptBuilder(
                lambda text: tokenizer.encode(text, add_special_tokens=False).ids, budget=budget
            )
            self._decoder = WhisperDecoder(
                self._model,
                ShortWindow(self._model),
                None if self._is_distilled else prompter,
                short=bool(self._options.get("short_window", True)),
            )
        return self._decoder


def is_distilled(model: str, folder: Path) -> bool:
    """Whether a model is a distilled one, by its name, or by a decoder of two layers.

    Those were trained without text before the audio, and repeat a prompt instead of listening.
    """
    if "distil" in model.lower() or "distil" in folder.name.lower():
        return True
    try:
        heads = json.loads((folder / "config.json").read_text(encoding="utf-8"))["alignment_heads"]
        return bool(max(layer for layer, _ in heads) <= 1)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _run_to_end(run: Generator[Output, None, Mapping[str, Any]]) -> FinishedRun | Exception:
    """Bring a run to its end."""
    outputs: list[Output] = []
    try:
        while True:
            outputs.append(next(run))
    except StopIteration as end:
        return FinishedRun(end.value, outputs)
    except Exception as err:  # noqa: BLE001  (the worker tells the one whose run it is)
        return err


def _compute_type(placement: Placement) -> str:
    """Return CTranslate2's number format; where none is asked for, the fast one of the device."""
    if placement.compute_type not in ("default", "auto", ""):
        return placement.compute_type
    return "float16" if placement.device.startswith("cuda") else "int8"
