"""The engine for Moonshine models in ONNX Runtime's format."""

import math
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.audio.pcm import from_s16
from wyoming_servers.core.domain import SPEECH_FORMAT, ModelSpec, Placement
from wyoming_servers.core.errors import BadRequestError, LoadFailedError
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.engines.moonshine.tokens import END, START, TokenTable
from wyoming_servers.engines.onnx_session import LOAD_ERRORS, open_session

MAX_SECONDS: Final = 60.0
"""Longest audio of one run; the model was trained with 30 s at most."""

TOKENS_PER_SECOND: Final = 6.5
"""Most tokens of natural speech, in the authors' words; beyond it the decoder repeats itself."""

MIN_SAMPLES: Final = 4_000
"""Shorter audio is padded: the convolutions of the encoder need some frames."""

_PAST: Final = "past_key_values"

FloatArray = NDArray[np.float32]


class MoonshineEngine:
    """One Moonshine model; `engines.base` describes the requests.

    Files: `encoder`, `decoder` (with and without a cache in one graph), `tokenizer`. Options:
    `threads` (2). Prompts, vocabulary and beams are ignored: the model takes none.
    """

    def __init__(self) -> None:
        self._encoder: Any = None
        self._decoder: Any = None
        self._tokens = TokenTable([])
        self._empty_cache: dict[str, FloatArray] = {}
        self._languages: tuple[str, ...] = ()

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load both graphs. Reports {languages: [codes]}."""
        progress("load", -1)
        try:
            self._encoder = open_session(spec.files["encoder"], spec.options, placement)
            self._decoder = open_session(spec.files["decoder"], spec.options, placement)
        except LOAD_ERRORS as err:
            raise LoadFailedError(f"{spec.id} cannot be loaded: {err}") from err
        self._tokens = TokenTable.read(Path(spec.files["tokenizer"]))
        self._languages = spec.languages
        self._empty_cache = {
            each.name: np.zeros((1, each.shape[1], 0, each.shape[3]), np.float32)
            for each in self._decoder.get_inputs()
            if each.name.startswith(_PAST)
        }
        return {"languages": list(spec.languages)}

    def warm_up(self) -> None:
        """Transcribe half a second of noise."""
        noise = np.random.default_rng(0).normal(0.0, 0.01, 8_000).astype(np.float32)
        self.transcribe(noise)

    def open(self, request: Mapping[str, Any]) -> "MoonshineSession":
        """Begin a run."""
        if self._encoder is None:
            raise LoadFailedError("No model is loaded.")
        return MoonshineSession(self.transcribe, self._languages[0] if self._languages else "en")

    def transcribe(self, audio: FloatArray) -> tuple[str, float | None]:
        """Return the text of 16 kHz audio and the mean log-probability of its tokens.

        The decoding is greedy. None without a token.
        """
        limit = math.ceil(len(audio) / SPEECH_FORMAT.rate * TOKENS_PER_SECOND) + 1
        if len(audio) < MIN_SAMPLES:
            audio = np.pad(audio, (0, MIN_SAMPLES - len(audio)))
        mask = np.ones((1, len(audio)), np.int64)
        states = self._encoder.run(None, {"input_values": audio[None], "attention_mask": mask})[0]
        outputs = [each.name for each in self._decoder.get_outputs()]
        cache = dict(self._empty_cache)
        ids: list[int] = []
        logprobs: list[float] = []
        for step in range(limit):
            inputs = {
                "input_ids": np.array([[ids[-1] if ids else START]], np.int64),
                "encoder_hidden_states": states,
                "encoder_attention_mask": mask,
                "use_cache_branch": np.array([step > 0]),
                **cache,
            }
            results = dict(zip(outputs, self._decoder.run(None, inputs), strict=True))
            logits = results.pop("logits")[0, -1]
            token = int(logits.argmax())
            logprobs.append(float(logits[token] - _log_sum(logits)))
            if token == END:
                break
            ids.append(token)
            for name, value in results.items():
                # The encoder's part of the cache comes from the first step only.
                if step == 0 or ".decoder." in name:
                    cache[name.replace("present", _PAST, 1)] = value
        text = self._tokens.text(ids)
        return text, float(np.mean(logprobs)) if text else None

    def close(self) -> None:
        self._encoder = self._decoder = None


def _log_sum(logits: FloatArray) -> float:
    peak = float(logits.max())
    return peak + math.log(float(np.exp(logits - peak).sum()))


class MoonshineSession:
    """Collects the audio of one run, at most `MAX_SECONDS` of it."""

    def __init__(
        self, transcribe: Callable[[FloatArray], tuple[str, float | None]], language: str
    ) -> None:
        self._transcribe = transcribe
        self._language = language
        self._audio = bytearray()

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Append audio. Raises BadRequestError when it is too long."""
        self._audio += payload
        if len(self._audio) > SPEECH_FORMAT.bytes_for(MAX_SECONDS):
            raise BadRequestError(
                f"The audio is longer than {MAX_SECONDS:g} s.",
                hint="Send it in parts, cut at pauses.",
            )
        return ()

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Transcribe; one segment, if there is a text."""
        whole = len(self._audio) - len(self._audio) % SPEECH_FORMAT.frame_bytes
        audio = from_s16(memoryview(self._audio)[:whole])
        seconds = SPEECH_FORMAT.seconds(whole)
        text, logprob = self._transcribe(audio) if whole else ("", None)
        if text:
            yield Output({"start": 0.0, "end": seconds, "text": text})
        result = {"text": text, "language": self._language, "duration": seconds}
        return result if logprob is None else result | {"avg_logprob": logprob}

    def close(self) -> None:
        """Forget the audio."""
        self._audio = bytearray()
