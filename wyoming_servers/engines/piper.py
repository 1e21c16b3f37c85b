"""Piper: a VITS voice in ONNX, phonemes by espeak-ng. GPL-3, so it lives in the worker alone."""

import json
import math
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wyoming_servers.audio.fade import trim
from wyoming_servers.audio.pcm import Samples, to_s16
from wyoming_servers.domain import ModelSpec, Placement
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.errors import BadRequestError, LoadFailedError
from wyoming_servers.text.locale import canonical
from wyoming_servers.text.plain import speakable

if TYPE_CHECKING:
    from piper import PiperVoice, SynthesisConfig

MAX_PHONEMES: Final = 800
"""Of one inference: about a minute of speech. The network's memory grows with their square."""

_SAMPLE_TEXT: Final = "1, 2, 3, 4, 5."
"""Read in every language; warms the network up and tells how loud the voice is."""

_LOUDNESS: Final = -18.0
"""RMS level of speech without its pauses, in dBFS, that every voice is brought to; with it the
peaks come near full scale."""

_MAX_GAIN: Final = 4.0
_KNEE: Final = 0.8
"""Peaks above this are rounded off instead of clipped."""

_LEAD: Final = 0.02
"""Seconds of silence left before speech."""

_TAILS: Final[Mapping[str, float]] = {",": 0.15, ";": 0.2, ":": 0.2, "，": 0.15, "、": 0.1}
"""Seconds of silence left behind a clause, by its last character, where the voice made as much."""

_TAIL: Final = 0.04
"""The same behind anything else: a sentence's pause is the caller's, a word's is none."""


class PiperEngine:
    """One voice. Options: `threads` (0: choose), `spinning` (burn CPU to be a little faster)."""

    def __init__(self) -> None:
        self._voice: PiperVoice | None = None
        self._gain = 1.0

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load `files["model"]` (.onnx) and `files["config"]` (.onnx.json, beside it if not named).

        Reports {sample_rate: Hz, speakers: [name], languages: [BCP 47]}.
        """
        import onnxruntime
        from piper import PiperVoice
        from piper.config import PiperConfig

        progress("load", -1)
        model = spec.files["model"]
        settings = json.loads(
            Path(spec.files.get("config", f"{model}.json")).read_text(encoding="utf-8")
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads(spec.options)
        options.inter_op_num_threads = 1
        # Threads that spin while they wait take the cores from other models on a small machine:
        # under load it was 1.5 times slower than without.
        spinning = "1" if spec.options.get("spinning") else "0"
        options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
        # PiperVoice.load takes no session options, so the voice is put together here.
        self._voice = PiperVoice(
            config=PiperConfig.from_dict(settings),
            session=onnxruntime.InferenceSession(
                model, sess_options=options, providers=_providers(placement)
            ),
        )
        return {
            "sample_rate": self._voice.config.sample_rate,
            "speakers": list(self._voice.config.speaker_id_map),
            "languages": _languages(settings),
        }

    def warm_up(self) -> None:
        """Speak a few numbers and learn from them how loud the voice is.

        Piper's own normalisation scales each sentence by its peak, so that a clause and the next
        differ by up to 5 dB; one gain for all keeps the voice's own dynamics.
        """
        from piper import SynthesisConfig

        self._gain = 1.0
        voice = self._loaded()
        pieces = [_run(voice, block, SynthesisConfig()) for block in _blocks(voice, _SAMPLE_TEXT)]
        samples = np.concatenate(pieces) if pieces else np.zeros(1, np.float32)
        # Without its pauses, which say nothing about how loud a voice is.
        loud = samples[np.abs(samples) > 0.01]
        if loud.size:
            power = float(np.dot(loud, loud)) / loud.size
            gain = 10.0 ** (_LOUDNESS / 20.0) / math.sqrt(power)
            self._gain = min(max(gain, 1.0 / _MAX_GAIN), _MAX_GAIN)

    def open(self, request: Mapping[str, Any]) -> "PiperSession":
        """Begin to speak. Raises BadRequestError for a speaker or a number it does not know."""
        from piper import SynthesisConfig

        voice = self._loaded()
        text = request.get("text")
        if not isinstance(text, str):
            raise BadRequestError("The request has no text.")
        speed = _number(request, "speed", 0.1, 10.0)
        volume = _number(request, "volume", 0.0, 4.0)
        settings = SynthesisConfig(
            speaker_id=_speaker(voice, request.get("speaker")),
            length_scale=voice.config.length_scale / (1.0 if speed is None else speed),
            noise_scale=_number(request, "noise_scale", 0.0, 2.0),
            noise_w_scale=_number(request, "noise_w", 0.0, 2.0),
        )
        gain = self._gain * (1.0 if volume is None else volume)
        return PiperSession(voice, settings, text, gain)

    def close(self) -> None:
        """Let the voice go."""
        self._voice = None

    def _loaded(self) -> "PiperVoice":
        if self._voice is None:
            raise LoadFailedError("No voice is loaded.")
        return self._voice


class PiperSession:
    """One text on its way to audio: a sentence is one output."""

    def __init__(
        self, voice: "PiperVoice", settings: "SynthesisConfig", text: str, gain: float
    ) -> None:
        self._voice = voice
        self._settings = settings
        self._text = text
        self._gain = gain

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """There is no input but the request's text."""
        raise BadRequestError("Text to speech takes no audio.")

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Speak. A text without letters and numbers gives no audio."""
        rate = self._voice.config.sample_rate
        blocks = list(_blocks(self._voice, self._text)) if speakable(self._text) else []
        total = 0
        for number, block in enumerate(blocks):
            samples = _run(self._voice, block, self._settings)
            pcm = to_s16(_limit(samples * self._gain))
            # Between two sentences of one text the voice's own pause stays.
            if number == 0:
                pcm = trim(pcm, rate, keep=_LEAD, end=False)
            if number == len(blocks) - 1:
                pcm = trim(pcm, rate, keep=_TAILS.get(self._text.rstrip()[-1], _TAIL), begin=False)
            total += len(pcm) // 2
            if pcm:
                yield Output(payload=pcm)
        return {"samples": total}

    def close(self) -> None:
        """Nothing is held."""


def _blocks(voice: "PiperVoice", text: str) -> Iterator[Sequence[str]]:
    """Yield the phonemes of each sentence; of a very long one, in parts cut at spaces."""
    for sentence in voice.phonemize(text):
        start = 0
        while len(sentence) - start > MAX_PHONEMES:
            spaces = [
                index for index in range(start + 1, start + MAX_PHONEMES) if sentence[index] == " "
            ]
            cut = spaces[-1] if spaces else start + MAX_PHONEMES
            yield sentence[start:cut]
            start = cut
        if len(sentence) > start:
            yield sentence[start:]


def _run(voice: "PiperVoice", phonemes: Sequence[str], settings: "SynthesisConfig") -> Samples:
    """One inference: phonemes to samples, as loud as the network made them."""
    audio = voice.phoneme_ids_to_audio(voice.phonemes_to_ids(list(phonemes)), settings)
    return np.atleast_1d(np.asarray(audio, np.float32))


def _limit(samples: Samples) -> Samples:
    """Round off peaks above the knee, so that none is cut flat."""
    over = np.abs(samples) > _KNEE
    if not over.any():
        return samples
    room = 1.0 - _KNEE
    soft = np.sign(samples) * (_KNEE + room * np.tanh((np.abs(samples) - _KNEE) / room))
    limited: Samples = np.where(over, soft, samples).astype(np.float32)
    return limited


def _speaker(voice: "PiperVoice", wanted: Any) -> int | None:
    """Return the number of a speaker by name or by number; None for the voice's own choice."""
    if wanted is None or wanted == "":
        return None
    known = voice.config.speaker_id_map
    if str(wanted) in known:
        return known[str(wanted)]
    for number in range(voice.config.num_speakers):
        if str(wanted) == str(number):
            return number
    names = ", ".join(list(known)[:20]) or "none: the voice has one speaker"
    raise BadRequestError(
        f"The voice has no speaker {str(wanted)[:60]!r}.", hint=f"Known speakers: {names}."
    )


def _number(request: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """Return a number of the request, None if it is not given. Raises BadRequestError."""
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadRequestError(
            f"The request's {name} is not possible: {str(value)[:40]!r}.",
            hint=f"Choose a number from {low:g} to {high:g}.",
        )
    return float(value)


def _threads(options: Mapping[str, Any]) -> int:
    """Threads of the network: two are nearly twice as fast as one, more gain little."""
    return int(options.get("threads") or min(2, os.cpu_count() or 1))


def _providers(placement: Placement) -> list[Any]:
    """Return what onnxruntime runs on. Raises LoadFailedError if its build has no CUDA."""
    import onnxruntime

    kind, _, index = placement.device.partition(":")
    if kind != "cuda":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise LoadFailedError(
            "This onnxruntime has no CUDA.",
            hint="Install onnxruntime-gpu in its place, or set device: cpu, which is faster"
            " for one sentence.",
        )
    settings = {"device_id": int(index or 0), "cudnn_conv_algo_search": "HEURISTIC"}
    return [("CUDAExecutionProvider", settings), "CPUExecutionProvider"]


def _languages(settings: Mapping[str, Any]) -> list[str]:
    """Return the languages a voice's configuration names."""
    code = settings.get("language", {}).get("code") or settings["espeak"]["voice"]
    return [canonical(code)]
