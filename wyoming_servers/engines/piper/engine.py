"""The engine for Piper voices: VITS networks in ONNX, with phonemes by espeak-ng.

Piper is GPL-3, so it is imported in the worker process only.
"""

import json
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wyoming_servers.audio.fade import (
    LEADING_SILENCE,
    SAMPLE_TEXT,
    Trimmer,
    loudness_gain,
    soft_limit,
    trailing_silence,
)
from wyoming_servers.audio.pcm import to_s16
from wyoming_servers.core.domain import ModelSpec, Placement
from wyoming_servers.core.errors import BadRequestError, LoadFailedError
from wyoming_servers.engines.base import (
    Output,
    ReportProgress,
    release_free_memory,
    request_number,
    voice_settings,
)
from wyoming_servers.engines.piper.voice import ParallelVoice
from wyoming_servers.text.locale import canonical_tag
from wyoming_servers.text.segment import is_speakable
from wyoming_servers.text.voice_expression import VOICE_OPTIONS

if TYPE_CHECKING:
    from piper import SynthesisConfig
    from piper.config import PiperConfig


class PiperEngine:
    """One voice.

    Options: `threads` (0: automatic), `spinning` (whether threads spin while they wait for each
    other: True), and `text.voice_expression.VOICE_OPTIONS`, which a request can override.
    """

    def __init__(self) -> None:
        self._voice: ParallelVoice | None = None
        self._gain = 1.0
        self._options: Mapping[str, Any] = {}

    @property
    def parallel_runs(self) -> int:
        """Maximum number of texts synthesized at the same time."""
        return 1 if self._voice is None else self._voice.parallel_runs

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        """Load `files["model"]` (.onnx) and `files["config"]` (by default `<model>.json`).

        `files["cache_dir"]` is the folder of the split voice. Reports {sample_rate: Hz,
        speakers: [name], languages: [BCP 47], parallel_runs: int, streams_audio: bool}.
        """
        from piper.config import PiperConfig

        progress("load", -1)
        self._options = spec.options
        voice_settings({}, spec.options, VOICE_OPTIONS)  # a wrong value fails now
        path = spec.files.get("config", f"{spec.files['model']}.json")
        settings = json.loads(Path(path).read_text(encoding="utf-8"))
        config = PiperConfig.from_dict(settings)
        self._voice = ParallelVoice(config, spec.files, spec.options, placement)
        release_free_memory()
        return {
            "sample_rate": config.sample_rate,
            "speakers": list(config.speaker_id_map),
            "languages": _languages(settings),
            "parallel_runs": self.parallel_runs,
            "streams_audio": self._voice.streams_audio,
        }

    def warm_up(self) -> None:
        """Synthesize a few numbers, and set the gain of the voice by their loudness.

        Piper's own normalization is not used; `audio.fade.loudness_gain` has the reason.
        """
        from piper import SynthesisConfig

        self._gain = 1.0
        voice = self._require_voice()
        sentences = voice.phonemize(SAMPLE_TEXT)
        chunks = [
            chunk
            for phonemes in sentences
            for chunk in voice.synthesize(phonemes, SynthesisConfig())
        ]
        self._gain = loudness_gain(np.concatenate(chunks)) if chunks else 1.0

    def open(self, request: Mapping[str, Any]) -> "PiperSession":
        """Begin a run. Raises BadRequestError for an unknown speaker or a number out of range."""
        from piper import SynthesisConfig

        voice = self._require_voice()
        text = request.get("text")
        if not isinstance(text, str):
            raise BadRequestError("The request has no text.")
        speed = request_number(request, "speed", 0.1, 10.0) or 1.0
        chosen = voice_settings(request, self._options, VOICE_OPTIONS)
        length = chosen["length_scale"] or 1.0
        volume = chosen["volume"]
        settings = SynthesisConfig(
            speaker_id=_speaker_id(voice.config, request.get("speaker")),
            length_scale=voice.config.length_scale * length / speed,
            noise_scale=chosen["noise_scale"],
            noise_w_scale=chosen["noise_w"],
        )
        gain = self._gain * (1.0 if volume is None else volume)
        return PiperSession(voice, settings, text, gain)

    def close(self) -> None:
        """Release the voice."""
        if self._voice is not None:
            self._voice.close()
        self._voice = None

    def _require_voice(self) -> ParallelVoice:
        if self._voice is None:
            raise LoadFailedError("No voice is loaded.")
        return self._voice


class PiperSession:
    """One text; its outputs are chunks of at most a second, or whole sentences."""

    def __init__(
        self, voice: ParallelVoice, settings: "SynthesisConfig", text: str, gain: float
    ) -> None:
        self._voice = voice
        self._settings = settings
        self._text = text
        self._gain = gain

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Raise BadRequestError: the only input is the request's text."""
        raise BadRequestError("Text-to-speech takes no audio.")

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Synthesize. A text without letters and digits results in no audio."""
        rate = self._voice.config.sample_rate
        sentences = self._voice.phonemize(self._text) if is_speakable(self._text) else []
        # The voice's own pauses between the sentences of a text are kept.
        trimmer = Trimmer(rate, begin=LEADING_SILENCE, end=trailing_silence(self._text))
        total = 0
        for phonemes in sentences:
            for samples in self._voice.synthesize(phonemes, self._settings):
                pcm = trimmer.feed(to_s16(soft_limit(samples * self._gain)))
                total += len(pcm) // 2
                if pcm:
                    yield Output(payload=pcm)
        if pcm := trimmer.finish():
            total += len(pcm) // 2
            yield Output(payload=pcm)
        return {"samples": total}

    def close(self) -> None:
        """Do nothing: the session holds no resources."""


def _speaker_id(config: "PiperConfig", speaker: Any) -> int | None:
    """Return the number of a speaker given by name or number; None for the default speaker."""
    if speaker is None or speaker == "":
        return None
    names = config.speaker_id_map
    if str(speaker) in names:
        return names[str(speaker)]
    for index in range(config.num_speakers):
        if str(speaker) == str(index):
            return index
    known = ", ".join(list(names)[:20]) or "none: the voice has one speaker"
    raise BadRequestError(
        f"The voice has no speaker {str(speaker)[:60]!r}.", hint=f"Known speakers: {known}."
    )


def _languages(settings: Mapping[str, Any]) -> list[str]:
    """Return the languages named in a voice's configuration."""
    code = settings.get("language", {}).get("code") or settings["espeak"]["voice"]
    return [canonical_tag(code)]
