"""Buffers the audio of one utterance at 16 kHz and passes it through turn detection."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from wyoming_servers.audio.pcm import Converter
from wyoming_servers.audio.turn_detector import EndReason, TurnDetector, TurnEnded, TurnEvent
from wyoming_servers.audio.vad import WINDOW_SAMPLES, VadFrame
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import SPEECH_FORMAT, AudioFormat

SLICE_SECONDS: Final = 0.25
"""Audio that is processed before other tasks run; a client may send minutes at once."""

PRE_SPEECH_SECONDS: Final = 1.0
"""Audio kept from before the speech, because a soft first consonant is not detected as speech."""

MAX_AHEAD_SECONDS: Final = 1.0
"""How far the audio of a speaking client may be ahead of the clock, such as audio that it buffered
before the connection. A client that is further ahead sends a recording, whose pauses are over by
the time they arrive."""


class VadAnalyzer(Protocol):
    """Detects speech in 16 kHz audio; see `audio.vad.VoiceActivityDetector`."""

    async def analyze(self, pcm: bytes) -> list[VadFrame]: ...

    def close(self) -> None: ...


class SpeechBuffer:
    """Converts audio of any format to 16 kHz, keeps it, and reports the events of the turn.

    Before the speech, only the last `PRE_SPEECH_SECONDS` are kept.
    """

    def __init__(
        self,
        vad: VadAnalyzer,
        turn_detector: TurnDetector,
        max_seconds: float,
        clock: Clock,
        on_events: Callable[[list[TurnEvent]], None],
    ) -> None:
        """`max_seconds` ends the turn after this much audio of any kind."""
        self._vad = vad
        self._turn_detector = turn_detector
        self._max_seconds = max_seconds
        self._clock = clock
        self._on_events = on_events
        self._started_at: float | None = None
        """When the first audio arrived."""
        self._seconds = 0.0
        """Length of all audio so far."""
        self._format: AudioFormat | None = None
        self._converter: Converter | None = None
        self._audio = bytearray()
        self.closed = False
        """Set it to ignore all further audio."""

    @property
    def audio(self) -> bytes:
        """The audio that was kept: 16 kHz, 16 bit, mono."""
        return bytes(self._audio)

    @property
    def is_live(self) -> bool:
        """Whether the audio is recorded right now, so that a pause lasts as long as its audio."""
        if self._started_at is None:
            return False
        return self._seconds <= self._clock.now() - self._started_at + MAX_AHEAD_SECONDS

    async def feed(self, pcm: bytes, audio: AudioFormat) -> None:
        """Process audio; raises BadRequestError for a format that cannot be converted."""
        if self.closed:
            return
        if self._started_at is None:
            self._started_at = self._clock.now()
        if self._converter is None or audio != self._format:
            converter = Converter(audio, SPEECH_FORMAT)
            await self._flush()
            self._converter, self._format = converter, audio
        step = max(audio.frame_bytes, audio.bytes_for(SLICE_SECONDS))
        for start in range(0, len(pcm), step):
            if not await self._process(self._converter.feed(pcm[start : start + step])):
                return
            if start + step < len(pcm):
                await asyncio.sleep(0)

    async def finish(self) -> None:
        """Process the remaining audio: a last word may end in an incomplete window."""
        await self._flush()
        await self._process(bytes(WINDOW_SAMPLES * SPEECH_FORMAT.width))

    def close(self) -> None:
        """Release the voice activity detector."""
        self._vad.close()

    async def _flush(self) -> None:
        if self._converter is not None:
            await self._process(self._converter.flush())

    async def _process(self, pcm: bytes) -> bool:
        """Process 16 kHz audio; False once the buffer is closed."""
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
            kept = SPEECH_FORMAT.bytes_for(PRE_SPEECH_SECONDS)
            del self._audio[: max(0, len(self._audio) - kept)]
        return not self.closed
