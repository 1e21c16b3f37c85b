"""Synthesizes one line of a text, in chunks that are short enough to let live speech in between."""

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
"""Longest chunk, about 8 s of speech; a voice cannot be interrupted within one."""

_MAX_CHUNK_SECONDS: Final = 180.0
"""Longest audio of one chunk; a model that generates more has failed."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """Settings of this server for reading texts, the same for live voices and jobs."""

    lexicon: Lexicon | None = None
    sentence_silence: float = 0.2
    """Seconds of silence between two sentences."""


@dataclass(frozen=True, slots=True)
class _LineChunk:
    text: str
    """Normalized, as the engine gets it."""
    pause: float
    """Seconds of silence after it, if another chunk follows."""


class LineSynthesizer:
    """Synthesizes the lines of one job with one voice."""

    def __init__(
        self,
        retrier: LeaseRetrier,
        gate: LiveTrafficGate,
        options: SpeechOptions,
        language: str,
        reading: ReadingOptions,
    ) -> None:
        self._retrier = retrier
        self._gate = gate
        self._options = options
        self._language = language
        self._reading = reading
        self.rate: int | None = None
        """Samples per second; None before the first audio."""

    async def synthesize(self, text: str, speedup: float = 1.0) -> bytes:
        """Return a line as 16-bit mono PCM, `speedup` times as fast as the job's options say.

        Empty for a line without words. Raises the errors of leases and runs after all retries.
        """
        parts: list[bytes] = []
        pause = 0.0
        for chunk in self._chunks(text):
            await self._gate.wait()
            audio = await self._synthesize_chunk(chunk.text, self._options.speed * speedup)
            if self.rate is None or not audio:
                continue
            parts += [silence(pause, self.rate), fade(audio, self.rate)]
            pause = chunk.pause
        return b"".join(parts)

    def _chunks(self, text: str) -> Sequence[_LineChunk]:
        """Cut and normalize a line as live voices do: lexicon first, then numbers and symbols."""
        segmenter = Segmenter(self._language, MAX_CHUNK_CHARACTERS, early=False)
        chunks = []
        for segment in (*segmenter.feed(text), *segmenter.finish()):
            spoken = segment.text
            if self._reading.lexicon is not None:
                spoken = self._reading.lexicon.apply(spoken, self._language)
            spoken = normalize(spoken, self._language)
            if is_speakable(spoken):
                pause = self._reading.sentence_silence if segment.ends_sentence else 0.0
                chunks.append(_LineChunk(spoken, pause))
        return chunks

    async def _synthesize_chunk(self, text: str, speed: float) -> bytes:
        request = {
            "text": text,
            "voice": self._options.sound,
            "speaker": self._options.speaker,
            "speed": speed,
        }

        async def run_chunk(lease: Lease) -> bytes:
            rate = lease.info.sample_rate
            limit = int(_MAX_CHUNK_SECONDS * rate) * 2
            audio = bytearray()
            async with lease.open(request, priority=Priority.BACKGROUND) as run:
                async for output in run:
                    audio += output.payload
                    if len(audio) > limit:
                        raise InternalError(f"{lease.spec.id} does not stop generating audio.")
            if self.rate not in (None, rate):
                raise InternalError(f"{lease.spec.id} changed its sample rate.")
            self.rate = rate
            return bytes(audio)

        return await self._retrier.run(run_chunk, f"Synthesizing a text of {len(text)} characters")
