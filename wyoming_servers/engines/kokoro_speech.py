"""What both of Kokoro's engines share: requests, voices, symbols; they differ in the network."""

from collections.abc import Generator, Iterable, Mapping
from typing import Any, Final, Protocol

from wyoming_servers.audio.fade import trim
from wyoming_servers.audio.pcm import Samples, to_s16
from wyoming_servers.audio.stretch import time_stretch
from wyoming_servers.engines.base import Output
from wyoming_servers.engines.kokoro_phonemes import SYMBOLS, Phonemizer, split_symbols
from wyoming_servers.engines.kokoro_voices import KokoroVoices, VoiceStyle
from wyoming_servers.engines.speaking import LEADING_SILENCE, SAMPLE_TEXT, loudness_gain, soft_limit, request_number, trailing_silence
from wyoming_servers.errors import BadRequestError
from wyoming_servers.text.mix import MAX_SPEED, MIN_SPEED
from wyoming_servers.text.plain import is_speakable

SAMPLE_RATE: Final = 24_000
"""Samples per second."""


_MAX_NETWORK_SPEED: Final = 1.5
"""What the network is asked for at most: above, it is at its shortest of a frame of 25 ms for most
symbols, so that speech lasts up to 17 % too long. The rest is done to the sound."""

_SLOW_SPEECH_CORRECTION: Final = 0.12
"""How much faster than asked the network must speak, for each 1.0 below normal: its pauses grow by
more than the speech."""


class KokoroNetwork(Protocol):
    """Symbols to sound."""

    def infer(self, ids: list[int], style: VoiceStyle, speed: float) -> Samples:
        """Return the sound of the symbols' numbers, padding included, at 24 kHz."""
        ...


class KokoroSynthesizer:
    """A loaded network with its voices."""

    def __init__(self, network: KokoroNetwork, voices: KokoroVoices) -> None:
        self._network = network
        self._voices = voices
        self._phonemizer = Phonemizer()
        self._gains: dict[str, float] = {}

    @property
    def info(self) -> Mapping[str, Any]:
        """What `load` reports."""
        return {"sample_rate": SAMPLE_RATE, "voices": list(self._voices.names)}

    def warm_up(self, voice: str) -> None:
        """Speak a few numbers."""
        self.synthesize_short(SAMPLE_TEXT, voice, 1.0)

    def synthesize_short(self, text: str, voice: str, speed: float) -> Samples:
        """Return a short text's sound as the network made it."""
        runs = split_symbols(self._phonemizer.symbols(text, self._voices.language(voice)))
        return self.synthesize(runs[0], voice, speed)

    def symbol_runs(self, text: str, voice: str) -> list[str]:
        """Return what to run for a text: symbols, as many as one inference takes."""
        return split_symbols(self._phonemizer.symbols(text, self._voices.language(voice)))

    def synthesize(self, symbols: str, voice: str, speed: float) -> Samples:
        """One inference; `speed` is how much shorter than by itself the sound is to be."""
        ids = [0, *(SYMBOLS[symbol] for symbol in symbols), 0]
        asked = min(speed, _MAX_NETWORK_SPEED)
        slower = 1.0 + _SLOW_SPEECH_CORRECTION * max(0.0, 1.0 - speed)
        sound = self._network.infer(ids, self._voices.style(voice, len(symbols)), asked * slower)
        return time_stretch(sound, SAMPLE_RATE, speed / asked)

    def gain(self, voice: str, samples: Samples) -> float:
        """Return the voice's gain, learned from the first thing it says."""
        if voice not in self._gains:
            self._gains[voice] = loudness_gain(samples)
        return self._gains[voice]

    def open(self, request: Mapping[str, Any]) -> "KokoroSession":
        """Begin to speak. Raises BadRequestError for a voice or a number that is not possible."""
        text = request.get("text")
        if not isinstance(text, str):
            raise BadRequestError("The request has no text.")
        voice = request.get("voice") or self._voices.names[0]
        self._voices.styles(str(voice))
        speed = request_number(request, "speed", MIN_SPEED, MAX_SPEED)
        volume = request_number(request, "volume", 0.0, 4.0)
        return KokoroSession(
            self,
            text,
            str(voice),
            1.0 if speed is None else speed,
            1.0 if volume is None else volume,
        )

    def close(self) -> None:
        """Let the voices go."""
        self._voices.close()


class KokoroSession:
    """One text on its way to audio: at most 510 symbols are one output."""

    def __init__(
        self, speech: KokoroSynthesizer, text: str, voice: str, speed: float, volume: float
    ) -> None:
        self._synthesizer = speech
        self._text = text
        self._voice = voice
        self._speed = speed
        self._volume = volume

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """There is no input but the request's text."""
        raise BadRequestError("Text to speech takes no audio.")

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Speak. A text without letters and numbers gives no audio."""
        spoken = self._synthesizer.symbol_runs(self._text, self._voice) if is_speakable(self._text) else []
        total = 0
        for symbols in spoken:
            samples = self._synthesizer.synthesize(symbols, self._voice, self._speed)
            loud = self._synthesizer.gain(self._voice, samples) * self._volume
            pcm = trim(to_s16(soft_limit(samples * loud)), SAMPLE_RATE, keep=LEADING_SILENCE, end=False)
            # The network leaves a third of a second or more behind what it says.
            pcm = trim(pcm, SAMPLE_RATE, keep=trailing_silence(symbols), begin=False)
            total += len(pcm) // 2
            if pcm:
                yield Output(payload=pcm)
        return {"samples": total}

    def close(self) -> None:
        """Nothing is held."""
