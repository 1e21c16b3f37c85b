"""Has one line of a text spoken by a model, in pieces short enough to let others in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wyoming_servers.audio.fade import fade, silence
from wyoming_servers.core.domain import Priority
from wyoming_servers.core.errors import InternalError
from wyoming_servers.jobs.job import SpeechOptions
from wyoming_servers.jobs.retry import LeaseRetrier
from wyoming_servers.jobs.throttle import LiveTrafficGate
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.normalize.normalizer import normalize
from wyoming_servers.text.segment import Segmenter
from wyoming_servers.text.speakable import is_speakable

MAX_CHUNK_CHARACTERS: Final = 120
"""Of one run, about 8 s of speech: what a voice is in the middle of cannot be interrupted."""

_MAX_CHUNK_SECONDS: Final = 180.0
"""Longest audio of one piece; a voice that makes more has lost its way."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How texts are read aloud here, by live voices and jobs alike."""

    lexicon: Lexicon | None = None
    sentence_silence: float = 0.2
    """Seconds of silence between two sentences."""


@dataclass(frozen=True, slots=True)
class _LineChunk:
    text: str
    """As the engine is given it."""
    pause: float
    """Seconds of silence behind it, if another follows."""


class LineSynthesizer:
    """One voice in one manner."""

    def __init__(
        self,
        attempts: LeaseRetrier,
        courtesy: LiveTrafficGate,
        wish: SpeechOptions,
        language: str,
        reading: ReadingOptions,
    ) -> None:
        self._retrier = attempts
        self._gate = courtesy
        self._options = wish
        self._language = language
        self._reading = reading
        self.rate: int | None = None
        """Samples per second; None until the voice has spoken."""

    async def synthesize(self, text: str, pace: float = 1.0) -> bytes:
        """Return the audio of a line, spoken `pace` times as fast as wished: 16-bit mono PCM.

        Empty for a line without words. Raises what the coordinator and the worker raise when
        trying again did not help.
        """
        parts: list[bytes] = []
        pause = 0.0
        for piece in self._chunks(text):
            await self._gate.wait()
            audio = await self._synthesize_chunk(piece.text, self._options.speed * pace)
            if self.rate is None or not audio:
                continue
            parts += [silence(pause, self.rate), fade(audio, self.rate)]
            pause = piece.pause
        return b"".join(parts)

    def _chunks(self, text: str) -> Sequence[_LineChunk]:
        """Read a line as the voice servers do: words of the lexicon, numbers and signs in words."""
        segmenter = Segmenter(self._language, MAX_CHUNK_CHARACTERS, early=False)
        pieces = []
        for segment in (*segmenter.feed(text), *segmenter.finish()):
            said = segment.text
            if self._reading.lexicon is not None:
                said = self._reading.lexicon.apply(said, self._language)
            said = normalize(said, self._language)
            if is_speakable(said):
                pause = self._reading.sentence_silence if segment.ends_sentence else 0.0
                pieces.append(_LineChunk(said, pause))
        return pieces

    async def _synthesize_chunk(self, text: str, speed: float) -> bytes:
        request = {
            "text": text,
            "voice": self._options.sound,
            "speaker": self._options.speaker,
            "speed": speed,
        }

        async def speak(lease: Lease) -> bytes:
            rate = lease.info.sample_rate
            limit = int(_MAX_CHUNK_SECONDS * rate) * 2
            audio = bytearray()
            async with lease.open(request, priority=Priority.BACKGROUND) as run:
                async for chunk in run:
                    audio += chunk.payload
                    if len(audio) > limit:
                        raise InternalError(f"{lease.spec.id} does not stop to speak.")
            if self.rate not in (None, rate):
                raise InternalError(f"{lease.spec.id} changed its sample rate.")
            self.rate = rate
            return bytes(audio)

        return await self._retrier.run(speak, f"A text of {len(text)} characters")
