"""Synthesis with Kokoro, whichever network computes it: voices, requests, symbols, loudness."""

from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.audio.fade import (
    LEADING_SILENCE,
    SAMPLE_TEXT,
    loudness_gain,
    soft_limit,
    trailing_silence,
    trim,
)
from wyoming_servers.audio.pcm import Samples, to_s16
from wyoming_servers.audio.time_stretch import time_stretch
from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
)
from wyoming_servers.engines.base import Output, request_number, voice_settings
from wyoming_servers.engines.kokoro.phonemes import (
    SYMBOLS,
    Phonemizer,
    language_of,
    split_symbols,
)
from wyoming_servers.text.segment import is_speakable
from wyoming_servers.text.voice_expression import (
    MAX_SPEED,
    MIN_SPEED,
    parse_mix,
)

VoiceStyle = NDArray[np.float32]
"""[1, 256]: timbre in the first half, prosody in the second."""

_MAX_CACHED_STYLES: Final = 64
"""Voices and mixes in memory, half a megabyte each."""


class KokoroVoices:
    """The voices of a file in numpy's format, and mixes of them (`af_heart*0.7+am_adam*0.3`).

    Voices are read when they are first used.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            self._archive = np.load(path)
            self.names = tuple(self._archive.files)
        except (OSError, ValueError, AttributeError) as err:
            raise LoadFailedError(f"The voices in {path} cannot be read: {err}.") from err
        self._styles: dict[str, NDArray[np.float32]] = {}

    def style(self, voice: str, symbols: int) -> VoiceStyle:
        """Return the style of a voice or mix for so many symbols. Raises BadRequestError."""
        table = self.styles(voice)
        row: VoiceStyle = table[min(max(symbols, 1), len(table)) - 1]
        return row.reshape(1, -1)

    def styles(self, voice: str) -> NDArray[np.float32]:
        """Return the styles of a voice or mix, a row for each number of symbols."""
        if voice not in self._styles:
            if len(self._styles) >= _MAX_CACHED_STYLES:
                self._styles.pop(next(iter(self._styles)))
            self._styles[voice] = self._mix(voice)
        return self._styles[voice]

    def language(self, voice: str) -> str:
        """Return the language in espeak-ng's codes; that of the first voice for a mix."""
        return language_of(parse_mix(voice)[0][0])

    def close(self) -> None:
        """Close the file."""
        self._styles.clear()
        self._archive.close()

    def _mix(self, voice: str) -> NDArray[np.float32]:
        parts = parse_mix(voice)
        for name, _ in parts:
            if name not in self.names:
                raise BadRequestError(f"Kokoro has no voice {name[:40]!r}.")
        total = sum(weight for _, weight in parts)
        mixed = sum(self._archive[name] * np.float32(weight / total) for name, weight in parts)
        return np.asarray(mixed, np.float32)


SAMPLE_RATE: Final = 24_000
"""Samples per second."""


_MAX_NETWORK_SPEED: Final = 1.5
"""Maximum speed of the network. Above it, most symbols have the minimum length of one frame (25
ms), and speech is up to 17 % too long, so the rest of the speed is applied to the audio."""

_SLOW_SPEECH_CORRECTION: Final = 0.12
"""Correction of the network's speed for each 1.0 below normal speed, at which pauses grow by more
than the speech."""


class KokoroNetwork(Protocol):
    """Synthesizes audio from symbols."""

    def infer(self, ids: list[int], style: VoiceStyle, speed: float) -> Samples:
        """Return the audio for numbers of symbols, padding included, at 24 kHz."""
        ...


KOKORO_OPTIONS: Final = ("length_scale", "volume")
"""Those of `text.voice_expression.VOICE_OPTIONS` that Kokoro has; it ignores the others."""


class KokoroSynthesizer:
    """A loaded network with its voices."""

    def __init__(
        self,
        network: KokoroNetwork,
        voices: KokoroVoices,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """`options` are those of the model; requests override them. Raises BadRequestError."""
        self._options = options
        voice_settings({}, options, KOKORO_OPTIONS)  # a wrong value fails now
        self._network = network
        self._voices = voices
        self._phonemizer = Phonemizer()
        self._gains: dict[str, float] = {}

    @property
    def info(self) -> Mapping[str, Any]:
        """The facts that `load` reports."""
        return {"sample_rate": SAMPLE_RATE, "voices": list(self._voices.names)}

    def warm_up(self, voice: str) -> None:
        """Synthesize a few numbers."""
        self.synthesize_short(SAMPLE_TEXT, voice, 1.0)

    def synthesize_short(self, text: str, voice: str, speed: float) -> Samples:
        """Return the audio of a short text, at the network's own volume."""
        runs = split_symbols(self._phonemizer.symbols(text, self._voices.language(voice)))
        return self.synthesize(runs[0], voice, speed)

    def symbol_runs(self, text: str, voice: str) -> list[str]:
        """Return the symbols of a text, in runs for one inference each."""
        return split_symbols(self._phonemizer.symbols(text, self._voices.language(voice)))

    def synthesize(self, symbols: str, voice: str, speed: float) -> Samples:
        """Return the audio of one run of symbols, `speed` times as fast as normal."""
        ids = [0, *(SYMBOLS[symbol] for symbol in symbols), 0]
        network_speed = min(speed, _MAX_NETWORK_SPEED)
        correction = 1.0 + _SLOW_SPEECH_CORRECTION * max(0.0, 1.0 - speed)
        audio = self._network.infer(
            ids, self._voices.style(voice, len(symbols)), network_speed * correction
        )
        return time_stretch(audio, SAMPLE_RATE, speed / network_speed)

    def gain(self, voice: str, samples: Samples) -> float:
        """Return the gain of a voice, measured with the first audio of it."""
        if voice not in self._gains:
            self._gains[voice] = loudness_gain(samples)
        return self._gains[voice]

    def open(self, request: Mapping[str, Any]) -> "KokoroSession":
        """Begin a run. Raises BadRequestError for an unknown voice or a number out of range."""
        text = request.get("text")
        if not isinstance(text, str):
            raise BadRequestError("The request has no text.")
        voice = request.get("voice") or self._voices.names[0]
        self._voices.styles(str(voice))
        speed = request_number(request, "speed", MIN_SPEED, MAX_SPEED) or 1.0
        chosen = voice_settings(request, self._options, KOKORO_OPTIONS)
        speed = min(max(speed / (chosen["length_scale"] or 1.0), MIN_SPEED), MAX_SPEED)
        volume = chosen["volume"]
        return KokoroSession(self, text, str(voice), speed, 1.0 if volume is None else volume)

    def close(self) -> None:
        """Close the file of voices."""
        self._voices.close()


class KokoroSession:
    """One text; an output is the audio of at most 510 symbols."""

    def __init__(
        self, speech: KokoroSynthesizer, text: str, voice: str, speed: float, volume: float
    ) -> None:
        self._synthesizer = speech
        self._text = text
        self._voice = voice
        self._speed = speed
        self._volume = volume

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Raise BadRequestError: the only input is the request's text."""
        raise BadRequestError("Text-to-speech takes no audio.")

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Synthesize. A text without letters and digits results in no audio."""
        runs = (
            self._synthesizer.symbol_runs(self._text, self._voice)
            if is_speakable(self._text)
            else []
        )
        total = 0
        for symbols in runs:
            samples = self._synthesizer.synthesize(symbols, self._voice, self._speed)
            gain = self._synthesizer.gain(self._voice, samples) * self._volume
            pcm = trim(
                to_s16(soft_limit(samples * gain)), SAMPLE_RATE, keep=LEADING_SILENCE, end=False
            )
            # The network appends a third of a second of silence, or more.
            pcm = trim(pcm, SAMPLE_RATE, keep=trailing_silence(symbols), begin=False)
            total += len(pcm) // 2
            if pcm:
                yield Output(payload=pcm)
        return {"samples": total}

    def close(self) -> None:
        """Do nothing: the session holds no resources."""
