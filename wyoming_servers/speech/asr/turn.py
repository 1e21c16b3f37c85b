"""The turn of a speaker: buffers its audio, and decides by sound and text when it ends."""

import asyncio
import math
from collections.abc import Callable
from typing import Final, Protocol

from wyoming_servers.audio.pcm import Converter
from wyoming_servers.audio.turn_detector import (
    EndReason,
    TurnDetector,
    TurnEnded,
    TurnEvent,
    TurnSettings,
)
from wyoming_servers.audio.vad import WINDOW_SAMPLES, VadFrame
from wyoming_servers.config.schema import AsrSection
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import SPEECH_FORMAT, AudioFormat
from wyoming_servers.speech.asr.transcriber import AsrRequest, Hypothesis
from wyoming_servers.text.completeness import Completeness, assess_completeness

SLICE_SECONDS: Final = 0.25
"""Audio that is processed before other tasks run; a client may send minutes at once."""

PRE_SPEECH_SECONDS: Final = 1.0
"""Audio kept from before the speech, because a soft first consonant is not detected as speech."""

MAX_AHEAD_SECONDS: Final = 1.0
"""How far the audio of a speaking client may be ahead of the clock, such as audio that it buffered
before the connection. A client that is further ahead sends a recording, whose pauses are over by
the time they arrive."""

CONFIDENT_LOGPROB: Final = -0.3
"""Mean log-probability from which the end of a complete sentence counts as the end of the command.
Whisper base gives whole commands -0.06 to -0.29. It completed 13 of 43 commands that were cut off
after a word with a full stop of its own, but 11 of these with less than -0.3."""


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
    def size(self) -> int:
        """Bytes of the audio that was kept."""
        return len(self._audio)

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


def end_silence(hypothesis: Hypothesis, settings: TurnSettings) -> float:
    """Return the seconds of silence that end the turn after this text.

    1. No text, only a cough or a door: the speaker has not started yet.
    2. The sentence is incomplete: more will follow.
    3. The sentence is complete, and the model is confident.
    4. Anything else.
    """
    if not hypothesis.text:  # 1
        return settings.end_silence_incomplete
    completeness = assess_completeness(hypothesis.text, hypothesis.language)
    if completeness is Completeness.INCOMPLETE:  # 2
        return settings.end_silence_incomplete
    confident = hypothesis.logprob is not None and hypothesis.logprob >= CONFIDENT_LOGPROB
    if completeness is Completeness.COMPLETE and confident:  # 3
        return settings.end_silence_complete
    return settings.end_silence  # 4


def turn_settings(asr: AsrSection, request: AsrRequest) -> TurnSettings:
    """Return when the turn ends by itself; without turn detection, only at its longest length."""
    detect = asr.turn_detection if request.turn_detection is None else request.turn_detection
    if not detect:
        return TurnSettings(
            end_silence=math.inf,
            end_silence_complete=math.inf,
            end_silence_incomplete=math.inf,
            no_speech_timeout=math.inf,
            max_utterance=asr.max_utterance,
        )
    return TurnSettings(
        end_silence=asr.end_silence,
        end_silence_complete=min(asr.end_silence_complete, asr.end_silence),
        end_silence_incomplete=max(asr.end_silence_incomplete, asr.end_silence),
        no_speech_timeout=asr.no_speech_timeout,
        max_utterance=asr.max_utterance,
    ).for_sensitivity(request.vad_sensitivity)
