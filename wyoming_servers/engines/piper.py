"""Piper: a VITS voice in ONNX, phonemes by espeak-ng. GPL-3, so it lives in the worker alone."""

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wyoming_servers.audio.fade import trim
from wyoming_servers.audio.pcm import Samples, to_s16
from wyoming_servers.domain import ModelSpec, Placement
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.engines.onnx_session import open_session
from wyoming_servers.engines.speaking import LEAD, SAMPLE_TEXT, gain, limit, number, tail
from wyoming_servers.errors import BadRequestError, LoadFailedError
from wyoming_servers.text.locale import canonical
from wyoming_servers.text.plain import speakable

if TYPE_CHECKING:
    from piper import PiperVoice, SynthesisConfig

MAX_PHONEMES: Final = 800
"""Of one inference: about a minute of speech. The network's memory grows with their square."""


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
        from piper import PiperVoice
        from piper.config import PiperConfig

        progress("load", -1)
        model = spec.files["model"]
        settings = json.loads(
            Path(spec.files.get("config", f"{model}.json")).read_text(encoding="utf-8")
        )
        # PiperVoice.load takes no session options, so the voice is put together here.
        self._voice = PiperVoice(
            config=PiperConfig.from_dict(settings),
            session=open_session(model, spec.options, placement),
        )
        return {
            "sample_rate": self._voice.config.sample_rate,
            "speakers": list(self._voice.config.speaker_id_map),
            "languages": _languages(settings),
        }

    def warm_up(self) -> None:
        """Speak a few numbers and learn from them how loud the voice is.

        Piper's own normalisation scales each sentence by its peak; `speaking.gain` tells why not.
        """
        from piper import SynthesisConfig

        self._gain = 1.0
        voice = self._loaded()
        pieces = [_run(voice, block, SynthesisConfig()) for block in _blocks(voice, SAMPLE_TEXT)]
        self._gain = gain(np.concatenate(pieces)) if pieces else 1.0

    def open(self, request: Mapping[str, Any]) -> "PiperSession":
        """Begin to speak. Raises BadRequestError for a speaker or a number it does not know."""
        from piper import SynthesisConfig

        voice = self._loaded()
        text = request.get("text")
        if not isinstance(text, str):
            raise BadRequestError("The request has no text.")
        speed = number(request, "speed", 0.1, 10.0)
        volume = number(request, "volume", 0.0, 4.0)
        settings = SynthesisConfig(
            speaker_id=_speaker(voice, request.get("speaker")),
            length_scale=voice.config.length_scale / (1.0 if speed is None else speed),
            noise_scale=number(request, "noise_scale", 0.0, 2.0),
            noise_w_scale=number(request, "noise_w", 0.0, 2.0),
        )
        loud = self._gain * (1.0 if volume is None else volume)
        return PiperSession(voice, settings, text, loud)

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
        for index, block in enumerate(blocks):
            samples = _run(self._voice, block, self._settings)
            pcm = to_s16(limit(samples * self._gain))
            # Between two sentences of one text the voice's own pause stays.
            if index == 0:
                pcm = trim(pcm, rate, keep=LEAD, end=False)
            if index == len(blocks) - 1:
                pcm = trim(pcm, rate, keep=tail(self._text), begin=False)
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


def _speaker(voice: "PiperVoice", wanted: Any) -> int | None:
    """Return the number of a speaker by name or by number; None for the voice's own choice."""
    if wanted is None or wanted == "":
        return None
    known = voice.config.speaker_id_map
    if str(wanted) in known:
        return known[str(wanted)]
    for index in range(voice.config.num_speakers):
        if str(wanted) == str(index):
            return index
    names = ", ".join(list(known)[:20]) or "none: the voice has one speaker"
    raise BadRequestError(
        f"The voice has no speaker {str(wanted)[:60]!r}.", hint=f"Known speakers: {names}."
    )


def _languages(settings: Mapping[str, Any]) -> list[str]:
    """Return the languages a voice's configuration names."""
    code = settings.get("language", {}).get("code") or settings["espeak"]["voice"]
    return [canonical(code)]
