"""Piper: a VITS voice in ONNX, phonemes by espeak-ng. GPL-3, so it lives in the worker alone."""

import json
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wyoming_servers.audio.fade import Trimmer
from wyoming_servers.audio.pcm import to_s16
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
)
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.engines.memory import release_free_memory
from wyoming_servers.engines.piper.voice import ParallelVoice
from wyoming_servers.engines.tts_common import (
    LEADING_SILENCE,
    SAMPLE_TEXT,
    loudness_gain,
    request_number,
    soft_limit,
    trailing_silence,
)
from wyoming_servers.text.locale import canonical_tag
from wyoming_servers.text.speakable import is_speakable

if TYPE_CHECKING:
    from piper import SynthesisConfig
    from piper.config import PiperConfig


class PiperEngine:
    """One voice.

    Options: `threads` (0: choose), `spinning` (whether threads spin while they wait for each other:
    True).
    """

    def __init__(self) -> None:
        self._voice: ParallelVoice | None = None
        self._gain = 1.0

    @property
    def parallel_runs(self) -> int:
        """Most texts that are spoken at the same time."""
        return 1 if self._voice is None else self._voice.parallel_runs

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load `files["model"]` (.onnx) and `files["config"]` (.onnx.json, beside it if not named).

        Reports {sample_rate: Hz, speakers: [name], languages: [BCP 47], parallel_runs: texts at
        once, streams_audio: whether a sentence is yielded in chunks}.
        """
        from piper.config import PiperConfig

        progress("load", -1)
        model = spec.files["model"]
        settings = json.loads(
            Path(spec.files.get("config", f"{model}.json")).read_text(encoding="utf-8")
        )
        config = PiperConfig.from_dict(settings)
        self._voice = ParallelVoice(config, model, spec.options, placement)
        release_free_memory()
        return {
            "sample_rate": config.sample_rate,
            "speakers": list(config.speaker_id_map),
            "languages": _languages(settings),
            "parallel_runs": self.parallel_runs,
            "streams_audio": self._voice.streams_audio,
        }

    def warm_up(self) -> None:
        """Speak a few numbers and learn from them how loud the voice is.

        Piper's own normalisation scales each sentence by its peak; `speaking.gain` tells why not.
        """
        from piper import SynthesisConfig

        self._gain = 1.0
        choir = self._require_voice()
        blocks = choir.phonemize(SAMPLE_TEXT)
        pieces = [piece for block in blocks for piece in choir.synthesize(block, SynthesisConfig())]
        self._gain = loudness_gain(np.concatenate(pieces)) if pieces else 1.0

    def open(self, request: Mapping[str, Any]) -> "PiperSession":
        """Begin to speak. Raises BadRequestError for a speaker or a number it does not know."""
        from piper import SynthesisConfig

        choir = self._require_voice()
        text = request.get("text")
        if not isinstance(text, str):
            raise BadRequestError("The request has no text.")
        speed = request_number(request, "speed", 0.1, 10.0)
        volume = request_number(request, "volume", 0.0, 4.0)
        settings = SynthesisConfig(
            speaker_id=_speaker_id(choir.config, request.get("speaker")),
            length_scale=choir.config.length_scale / (1.0 if speed is None else speed),
            noise_scale=request_number(request, "noise_scale", 0.0, 2.0),
            noise_w_scale=request_number(request, "noise_w", 0.0, 2.0),
        )
        loud = self._gain * (1.0 if volume is None else volume)
        return PiperSession(choir, settings, text, loud)

    def close(self) -> None:
        """Let the voice go."""
        if self._voice is not None:
            self._voice.close()
        self._voice = None

    def _require_voice(self) -> ParallelVoice:
        if self._voice is None:
            raise LoadFailedError("No voice is loaded.")
        return self._voice


class PiperSession:
    """One text on its way to audio: stretches of a second at most, or whole sentences."""

    def __init__(
        self, choir: ParallelVoice, settings: "SynthesisConfig", text: str, gain: float
    ) -> None:
        self._voice = choir
        self._settings = settings
        self._text = text
        self._gain = gain

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """There is no input but the request's text."""
        raise BadRequestError("Text to speech takes no audio.")

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Speak. A text without letters and numbers gives no audio."""
        rate = self._voice.config.sample_rate
        blocks = self._voice.phonemize(self._text) if is_speakable(self._text) else []
        # Between two sentences of one text the voice's own pause stays.
        trimmer = Trimmer(rate, begin=LEADING_SILENCE, end=trailing_silence(self._text))
        total = 0
        for block in blocks:
            for samples in self._voice.synthesize(block, self._settings):
                pcm = trimmer.feed(to_s16(soft_limit(samples * self._gain)))
                total += len(pcm) // 2
                if pcm:
                    yield Output(payload=pcm)
        if pcm := trimmer.finish():
            total += len(pcm) // 2
            yield Output(payload=pcm)
        return {"samples": total}

    def close(self) -> None:
        """Nothing is held."""


def _speaker_id(config: "PiperConfig", wanted: Any) -> int | None:
    """Return the number of a speaker by name or by number; None for the voice's own choice."""
    if wanted is None or wanted == "":
        return None
    known = config.speaker_id_map
    if str(wanted) in known:
        return known[str(wanted)]
    for index in range(config.num_speakers):
        if str(wanted) == str(index):
            return index
    names = ", ".join(list(known)[:20]) or "none: the voice has one speaker"
    raise BadRequestError(
        f"The voice has no speaker {str(wanted)[:60]!r}.", hint=f"Known speakers: {names}."
    )


def _languages(settings: Mapping[str, Any]) -> list[str]:
    """Return the languages a voice's configuration names."""
    code = settings.get("language", {}).get("code") or settings["espeak"]["voice"]
    return [canonical_tag(code)]
