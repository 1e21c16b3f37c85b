"""The audio of one utterance, and where in it somebody speaks."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from wyoming_servers.audio.pcm import Converter
from wyoming_servers.audio.silero import WINDOW_SAMPLES
from wyoming_servers.audio.turn_detector import (
    EndReason,
    TurnDetector,
    TurnEnded,
    TurnEvent,
)
from wyoming_servers.audio.vad import VadFrame
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    AudioFormat,
)

SLICE_SECONDS: Final = 0.25
"""Audio that is worked on before others get their turn; a client may send minutes at once."""

PRE_SPEECH_SECONDS: Final = 1.0
"""Audio kept from before the speech: a soft first consonant is not yet speech to a detector."""

MAX_AHEAD_SECONDS: Final = 1.0
"""Audio that a client who speaks may be ahead of the clock, such as what it kept from before the
connection. One that is further ahead sends a recording, whose pauses are over when we see them."""


class VadAnalyzer(Protocol):
    """What tells speech from other sound; `audio.vad.VoiceActivityDetector` is one."""

    async def analyze(self, pcm: bytes) -> list[VadFrame]: ...

    def close(self) -> None: ...


class SpeechBuffer:
    """Takes audio of any format, keeps it at 16 kHz, and tells what happens in it.

    Silence is not kept: before the first speech only the last second of it is.
    """

    def __init__(
        self,
        activity: VadAnalyzer,
        turn: TurnDetector,
        longest: float,
        clock: Clock,
        on_events: Callable[[list[TurnEvent]], None],
    ) -> None:
        """`longest` bounds the seconds that are listened to, whatever happens in them."""
        self._vad = activity
        self._turn_detector = turn
        self._max_seconds = longest
        self._clock = clock
        self._on_events = on_events
        self._started_at: float | None = None
        """When the first audio came."""
        self._seconds = 0.0
        """Length of all audio that came."""
        self._format: AudioFormat | None = None
        self._converter: Converter | None = None
        self._audio = bytearray()
        self.closed = False
        """Set it, and nothing more is heard."""

    @property
    def audio(self) -> bytes:
        """What was kept: 16 kHz, 16 bit, mono."""
        return bytes(self._audio)

    @property
    def is_live(self) -> bool:
        """Whether somebody speaks now, so that a pause lasts as long as its audio."""
        if self._started_at is None:
            return False
        return self._seconds <= self._clock.now() - self._started_at + MAX_AHEAD_SECONDS

    async def feed(self, pcm: bytes, audio: AudioFormat) -> None:
        """Hear a piece of audio; raises BadRequestError for a format that cannot be converted."""
        if self.closed:
            return
        if self._started_at is None:
            self._started_at = self._clock.now()
        if self._converter is None or audio != self._format:
            following = Converter(audio, SPEECH_FORMAT)
            await self._flush()
            self._converter, self._format = following, audio
        step = max(audio.frame_bytes, audio.bytes_for(SLICE_SECONDS))
        for start in range(0, len(pcm), step):
            if not await self._process(self._converter.feed(pcm[start : start + step])):
                return
            if start + step < len(pcm):
                await asyncio.sleep(0)

    async def finish(self) -> None:
        """Hear what is left: a last word may end in a window that is not full yet."""
        await self._flush()
        await self._process(bytes(WINDOW_SAMPLES * SPEECH_FORMAT.width))

    def close(self) -> None:
        """Give the detector back."""
        self._vad.close()

    async def _flush(self) -> None:
        if self._converter is not None:
            await self._process(self._converter.flush())

    async def _process(self, pcm: bytes) -> bool:
        """Follow 16 kHz audio; whether there is reason to hear more."""
        if self.closed or not pcm:
            return not self.closed
        self._audio += pcm
        self._seconds += SPEECH_FORMAT.seconds(len(pcm))
        events = self._turn_detector.feed(await self._vad.analyze(pcm))
        if self._seconds >= self._max_seconds and not self._turn_detector.ended:
            events.append(TurnEnded(self._seconds, EndReason.MAX_LENGTH))
        if events:
            self._on_events(events)
        if self._turn_detector.speech_start is None:
            lead = SPEECH_FORMAT.bytes_for(PRE_SPEECH_SECONDS)
            del self._audio[: max(0, len(self._audio) - lead)]
        return not self.closed
