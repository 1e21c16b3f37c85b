"""Whisper on CTranslate2: audio in, words out, by the shortest window that can be trusted."""

import logging
import os
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wyoming_servers.audio.pcm import Samples, from_s16
from wyoming_servers.domain import SPEECH_FORMAT, ModelSpec, Placement
from wyoming_servers.engines import cublas
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.engines.whisper_request import WhisperRequest
from wyoming_servers.engines.whisper_window import (
    LEAD,
    NO_SPEECH,
    SILENT_LOGPROB,
    Decoded,
    ShortWindow,
    compression,
)
from wyoming_servers.errors import BadRequestError, LoadFailedError
from wyoming_servers.text.plain import speakable

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import Segment

MAX_SECONDS: Final = 600.0
"""Longest audio of one run: the features of ten minutes take 200 MB while they are computed."""

MIN_SECONDS: Final = 0.1
"""Audio shorter than this holds no word."""

WINDOW_SECONDS: Final = 30.0

MAX_TOKENS: Final = 220
"""Of one window: half of Whisper's context, whose other half is the prompt."""

TEMPERATURES: Final = (0.0, 0.4, 0.8)
"""Two more tries where the first is repetitive or improbable; Whisper's own five take seconds."""

MAX_COMPRESSION: Final = 2.4
"""OpenAI's; what is more repetitive even after all tries was not said."""

_PHANTOMS: Final = frozenset(
    {
        "you",
        "bye",
        "thank you",
        "thanks for watching",
        "thank you for watching",
        "please subscribe",
        "vielen dank",
        "untertitel der amara org community",
        "sous titres réalisés para la communauté d amara org",
        "subtítulos realizados por la comunidad de amara org",
    }
)
"""What Whisper says to music and noise, as subtitles do; believed only if speech is likely."""

_NEEDED: Final = ("model.bin", "config.json", "tokenizer.json")
"""Without the last one faster-whisper would download it."""

_log = logging.getLogger(__name__)


class FasterWhisperEngine:
    """One Whisper model.

    Options: `cpu_threads` (0: up to 4), `num_workers`, `short_window` (True), `max_seconds`.
    """

    def __init__(self) -> None:
        self._model: WhisperModel | None = None
        self._window: ShortWindow | None = None
        self._languages: list[str] = []
        self._options: Mapping[str, Any] = {}

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load the CTranslate2 model in the folder `files["directory"]`.

        Reports {languages: [Whisper's codes], compute_type: as chosen}.
        """
        folder = Path(spec.files["directory"])
        if missing := [name for name in _NEEDED if not (folder / name).is_file()]:
            raise LoadFailedError(
                f"The model's folder {folder} lacks {', '.join(missing)}.",
                hint="`wyoming-conductor models pull` gets the files anew.",
            )
        device, _, index = placement.device.partition(":")
        if device == "cuda":
            cublas.preload()
        from faster_whisper import WhisperModel

        progress("load", -1)
        self._options = spec.options
        self._model = WhisperModel(
            str(folder),
            device=device,
            device_index=int(index or 0),
            compute_type=_compute_type(placement),
            cpu_threads=int(spec.options.get("cpu_threads") or min(4, os.cpu_count() or 1)),
            num_workers=int(spec.options.get("num_workers") or 1),
            local_files_only=True,
        )
        # The library lists all languages of the largest model; the tokenizer knows better.
        known = self._model.hf_tokenizer.token_to_id
        self._languages = [
            code
            for code in self._model.supported_languages
            if len(self._model.supported_languages) == 1 or known(f"<|{code}|>") is not None
        ]
        return {
            "languages": self._languages,
            "compute_type": self._model.model.compute_type,
        }

    def warm_up(self) -> None:
        """Encode 30 s of silence and transcribe half a second of hiss.

        So kernels for both lengths of window are compiled, and the short one has its silence.
        """
        hiss = np.random.default_rng(0).normal(0.0, 0.01, 8_000).astype(np.float32)
        request = WhisperRequest.parse({"language": self._languages[0]}, self._languages)
        self._short(hiss, request, self._languages[0])

    def open(self, request: Mapping[str, Any]) -> "WhisperSession":
        """Begin to listen. Raises UnsupportedLanguageError, or BadRequestError for other faults."""
        self._loaded()
        limit = float(self._options.get("max_seconds") or MAX_SECONDS)
        return WhisperSession(self, WhisperRequest.parse(request, self._languages), limit)

    def close(self) -> None:
        """Let the model go."""
        self._window = None
        self._model = None

    def transcribe(
        self, audio: Samples, request: WhisperRequest
    ) -> Generator[Output, None, Mapping[str, Any]]:
        """Yield each segment, return the result.

        1. Too short for a word: nothing was said.
        2. No language named: detect it.
        3. A short command: the short window, if the result can be trusted.
        4. All else, and what cannot be trusted: windows of 30 s.
        """
        seconds = len(audio) / SPEECH_FORMAT.rate
        heard = _Heard(seconds)
        if seconds < MIN_SECONDS:  # 1
            return heard.result(request.language)
        language, probability = request.language, 1.0
        if language is None:  # 2
            language, probability = self._detect(audio, request.among)
        heard.language_probability = probability
        if self._is_short(seconds) and not request.word_timestamps:  # 3
            decoded = self._short(audio, request, language)
            if not decoded.doubt or decoded.silent:
                yield from heard.decoded(decoded)
                return heard.result(language)
            _log.debug("short window of %.1f s not trusted: %s", seconds, decoded.doubt)
        for segment in self._segments(audio, request, language):  # 4
            yield from heard.segment(segment)
        return heard.result(language)

    def _short(self, audio: Samples, request: WhisperRequest, language: str) -> Decoded:
        window = self._short_window()
        return window.decode(
            window.encode(audio),
            self._tokenizer(language, request.task),
            request.initial_prompt,
            request.beam_size,
            len(audio) / SPEECH_FORMAT.rate,
        )

    def _detect(self, audio: Samples, among: Sequence[str]) -> tuple[str, float]:
        """Return the language of the beginning of the audio and its probability."""
        window = self._short_window()
        start = audio[: int(WINDOW_SECONDS * SPEECH_FORMAT.rate)]
        return window.detect(window.encode(start), among)

    def _segments(
        self, audio: Samples, request: WhisperRequest, language: str
    ) -> Iterable["Segment"]:
        """Transcribe over windows of 30 s, one segment at a time; lazy. Times begin at -LEAD."""
        lead = np.zeros(int(LEAD * SPEECH_FORMAT.rate), np.float32)
        seconds = (len(lead) + len(audio)) / SPEECH_FORMAT.rate
        segments, _ = self._loaded().transcribe(
            np.concatenate([lead, audio]),
            language=language,
            task=request.task,
            beam_size=request.beam_size,
            best_of=3,
            temperature=TEMPERATURES,
            compression_ratio_threshold=MAX_COMPRESSION,
            log_prob_threshold=SILENT_LOGPROB,
            no_speech_threshold=NO_SPEECH,
            # The last window's words as prompt of the next make loops that last for minutes.
            condition_on_previous_text=False,
            initial_prompt=request.initial_prompt,
            # Time stamps cost 20 ms of decoding; one window is one segment anyway.
            without_timestamps=seconds <= WINDOW_SECONDS and not request.word_timestamps,
            word_timestamps=request.word_timestamps,
            # Runaway decoding of a short command must not take as long as a speech.
            max_new_tokens=min(MAX_TOKENS, int(seconds * 30) + 32),
            vad_filter=False,
        )
        return segments  # type: ignore[no-any-return]

    def _tokenizer(self, language: str, task: str) -> "Tokenizer":
        from faster_whisper.tokenizer import Tokenizer

        model = self._loaded()
        return Tokenizer(
            model.hf_tokenizer, model.model.is_multilingual, task=task, language=language
        )

    def _is_short(self, seconds: float) -> bool:
        return bool(self._options.get("short_window", True)) and self._short_window().fits(seconds)

    def _short_window(self) -> ShortWindow:
        if self._window is None:
            self._window = ShortWindow(self._loaded())
        return self._window

    def _loaded(self) -> "WhisperModel":
        if self._model is None:
            raise LoadFailedError("No model is loaded.")
        return self._model


class WhisperSession:
    """One utterance: audio comes in pieces, the words leave at its end."""

    def __init__(
        self, engine: FasterWhisperEngine, request: WhisperRequest, max_seconds: float
    ) -> None:
        self._engine = engine
        self._request = request
        self._limit = SPEECH_FORMAT.bytes_for(max_seconds)
        self._audio = bytearray()

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Keep the audio. Raises BadRequestError when it is longer than `max_seconds`."""
        self._audio += payload
        if len(self._audio) > self._limit:
            raise BadRequestError(
                f"The audio is longer than {SPEECH_FORMAT.seconds(self._limit):g} s.",
                hint="Send it in parts, cut at pauses.",
            )
        return ()

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Transcribe. Each segment is an output; a cancelled run stops between two of them."""
        whole = len(self._audio) - len(self._audio) % SPEECH_FORMAT.frame_bytes
        audio = from_s16(memoryview(self._audio)[:whole])
        self._audio = bytearray()
        return self._engine.transcribe(audio, self._request)

    def close(self) -> None:
        """Drop the audio."""
        self._audio = bytearray()


class _Heard:
    """Collects what was heard into the run's result."""

    def __init__(self, seconds: float) -> None:
        self.language_probability = 1.0
        self._seconds = seconds
        self._texts: list[str] = []
        self._logprobs: list[tuple[float, float]] = []
        """Mean log-probability of a segment, with its weight in seconds."""
        self._no_speech = 0.0

    def decoded(self, decoded: Decoded) -> Iterable[Output]:
        """Take the short window's words."""
        self._no_speech = decoded.no_speech_prob
        if decoded.silent or not speakable(decoded.text):
            return
        self._logprobs.append((decoded.avg_logprob, self._seconds))
        yield from self._add(0.0, self._seconds, decoded.text, {})

    def segment(self, segment: "Segment") -> Iterable[Output]:
        """Take a segment of a long window, unless it is a loop or signs alone."""
        self._no_speech = max(self._no_speech, float(segment.no_speech_prob))
        if compression(segment.text) > MAX_COMPRESSION or not speakable(segment.text):
            return
        if segment.no_speech_prob > NO_SPEECH and _words(segment.text) in _PHANTOMS:
            return
        start, end = self._time(segment.start), self._time(segment.end)
        self._logprobs.append((float(segment.avg_logprob), max(end - start, 0.01)))
        words = [
            {
                "word": word.word.strip(),
                "start": self._time(word.start),
                "end": self._time(word.end),
                "probability": round(float(word.probability), 4),
            }
            for word in segment.words or ()
        ]
        yield from self._add(start, end, segment.text, {"words": words} if words else {})

    def result(self, language: str | None) -> Mapping[str, Any]:
        """Return the run's result."""
        weight = sum(weight for _, weight in self._logprobs)
        mean = sum(value * weight for value, weight in self._logprobs) / weight if weight else None
        return {
            # A segment brings its own space where its language puts one.
            "text": " ".join("".join(self._texts).split()),
            "language": language,
            "language_probability": round(self.language_probability, 4),
            "duration": round(self._seconds, 3),
            "avg_logprob": None if mean is None else round(mean, 4),
            "no_speech_prob": round(self._no_speech, 4),
        }

    def _time(self, seconds: float) -> float:
        """Turn a time of a long window into one of the audio, which begins `LEAD` later."""
        return round(min(max(float(seconds) - LEAD, 0.0), self._seconds), 3)

    def _add(
        self, start: float, end: float, text: str, more: Mapping[str, Any]
    ) -> Iterable[Output]:
        self._texts.append(text)
        yield Output({"start": round(start, 3), "end": round(end, 3), "text": text.strip(), **more})


def _words(text: str) -> str:
    """Return a text in lower case without marks."""
    return " ".join(re.sub(r"[\W_]+", " ", text.lower()).split())


def _compute_type(placement: Placement) -> str:
    """Return CTranslate2's number format; where none is asked for, the fast one of the device."""
    if placement.compute_type not in ("default", "auto", ""):
        return placement.compute_type
    return "float16" if placement.device.startswith("cuda") else "int8"
