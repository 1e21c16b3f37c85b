"""The turn of a speaker: buffers its audio, and decides by sound and text when it ends."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from wyoming_servers.audio.pcm import Converter
from wyoming_servers.audio.turn_detector import (
    EndReason,
    TurnDetector,
    TurnEnded,
    TurnEvent,
    TurnPaused,
    TurnResumed,
    TurnSettings,
)
from wyoming_servers.audio.vad import WINDOW_SAMPLES, VadFrame
from wyoming_servers.config.schema import AsrSection
from wyoming_servers.core.aio import LoopTimeBudget
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import SPEECH_FORMAT, AudioFormat
from wyoming_servers.speech.asr.transcriber import AsrRequest, Hypothesis
from wyoming_servers.text.completeness import Completeness, assess_completeness

SLICE_SECONDS: Final = 0.25
"""Audio that is processed before other tasks run; a client may send minutes at once."""

PRE_SPEECH_SECONDS: Final = 1.0
"""Audio kept from before the speech, because a soft first consonant is not detected as speech."""

POST_SPEECH_SECONDS: Final = 0.2
"""Audio transcribed after the speech, however long the silence is: as much as there is at a pause,
so that equal speech gives an equal text, whether it is transcribed at the pause or later."""

MAX_AHEAD_SECONDS: Final = 1.0
"""How far the audio of a speaking client may be ahead of the clock, such as audio that it buffered
before the connection. A client that is further ahead sends a recording, whose pauses are over by
the time they arrive."""

PACE_SECONDS: Final = 1.0
MAX_PACE: Final = 1.25
"""A client that is ahead, but has sent its audio no faster than this for this many seconds, speaks:
it was ahead because it, or the server, had kept audio waiting."""

CONFIDENT_LOGPROB: Final = -0.3
"""Mean log-probability from which the end of a complete sentence counts as the end of the command.
Whisper base gives whole commands -0.06 to -0.29. It completed 13 of 43 commands that were cut off
after a word with a full stop of its own, but 11 of these with less than -0.3."""

SURELY_FINISHED: Final = 0.8
PERHAPS_FINISHED: Final = 0.3
"""Probabilities of a model of turns from which a speaker counts as finished, and below which as
unfinished."""


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """The speaker has started."""

    at: float
    """Start of the speech, in seconds of all audio."""


@dataclass(frozen=True, slots=True)
class VoiceStopped:
    """The turn has ended; the transcript follows."""

    at: float
    """End of the speech, in seconds of all audio."""


@dataclass(frozen=True, slots=True)
class PartialText:
    """The next stable part of the transcript."""

    text: str


TurnUpdate = VoiceStarted | VoiceStopped | PartialText


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
        loop_time: LoopTimeBudget | None = None,
        *,
        continuous: bool = False,
    ) -> None:
        """`max_seconds` ends the turn of a speaking client after this much audio of any kind.

        Work on long audio waits for `loop_time`. `continuous` audio always counts as live.
        """
        self._continuous = continuous
        self._loop_time = loop_time or LoopTimeBudget()
        self._vad = vad
        self._turn_detector = turn_detector
        self._max_seconds = max_seconds
        self._clock = clock
        self._on_events = on_events
        self._started_at: float | None = None
        """When the first audio arrived."""
        self._seconds = 0.0
        """Length of all audio so far."""
        self._live_since = 0.0
        """Length of the audio that does not count as ahead of the clock."""
        self._pace = (0.0, 0.0)
        """Time, and length of the audio, from which the pace of the client is measured."""
        self.pauses: list[tuple[float, float]] = []
        """Start and end of each pause in the speech, in seconds of `audio`."""
        self._paused_at = 0.0
        self._dropped = 0.0
        """Seconds from before the speech that `audio` no longer has."""
        self._format: AudioFormat | None = None
        self._converter: Converter | None = None
        self._audio = bytearray()
        self.closed = False
        """Set it to ignore all further audio."""

    @property
    def audio(self) -> bytes:
        """The audio that was kept: 16 kHz, 16 bit, mono."""
        return bytes(self._audio)

    def audio_from(self, position: int) -> bytes:
        """Return the audio that was kept, from a position (bytes) on."""
        return bytes(self._audio[position:])

    def position(self, at: float) -> int:
        """Return the position (bytes) of a time, in seconds of all audio, in `audio`."""
        return SPEECH_FORMAT.bytes_for(max(0.0, at - self._dropped))

    @property
    def speech(self) -> bytes:
        """The speech so far, with so much audio around it as `PRE_` and `POST_SPEECH_SECONDS`."""
        start, end = self._turn_detector.speech_start, self._turn_detector.sound_end
        if start is None or end is None:
            return self.audio
        first = max(0.0, start - PRE_SPEECH_SECONDS - self._dropped)
        last = end + POST_SPEECH_SECONDS - self._dropped
        return bytes(self._audio[SPEECH_FORMAT.bytes_for(first) : SPEECH_FORMAT.bytes_for(last)])

    @property
    def size(self) -> int:
        """Bytes of the audio that was kept."""
        return len(self._audio)

    @property
    def seconds(self) -> float:
        """Length of the audio that was kept."""
        return SPEECH_FORMAT.seconds(len(self._audio))

    @property
    def is_live(self) -> bool:
        """Whether the audio is recorded right now, so that a pause lasts as long as its audio."""
        if self._continuous:
            return True
        if self._started_at is None:
            return False
        ahead = self._seconds - self._live_since - (self._clock.now() - self._started_at)
        return ahead <= MAX_AHEAD_SECONDS

    async def feed(self, pcm: bytes, audio: AudioFormat) -> None:
        """Process audio; raises BadRequestError for a format that cannot be converted."""
        if self.closed:
            return
        now = self._clock.now()
        if self._started_at is None:
            self._started_at = now
            self._pace = (now, 0.0)
        self._measure_pace(now)
        if self._converter is None or audio != self._format:
            converter = Converter(audio, SPEECH_FORMAT, find_encoding=True)
            await self._flush()
            self._converter, self._format = converter, audio
        step = max(audio.frame_bytes, audio.bytes_for(SLICE_SECONDS))
        for start in range(0, len(pcm), step):
            if len(pcm) > step:
                await self._loop_time.wait()
            if not await self._process(self._converter.feed(pcm[start : start + step])):
                return

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
        frames = await self._vad.analyze(pcm)
        self._turn_detector.can_end = is_live = self.is_live
        events = self._turn_detector.feed(frames)
        self._record_pauses(events)
        if is_live and self._seconds >= self._max_seconds and not self._turn_detector.ended:
            events.append(TurnEnded(self._seconds, EndReason.MAX_LENGTH))
        if events:
            self._on_events(events)
        if self._turn_detector.speech_start is None:
            dropped = max(0, len(self._audio) - SPEECH_FORMAT.bytes_for(PRE_SPEECH_SECONDS))
            del self._audio[:dropped]
            self._dropped += SPEECH_FORMAT.seconds(dropped)
        return not self.closed

    def _measure_pace(self, now: float) -> None:
        """Count from now on again, if a client that is ahead sends no faster than it speaks."""
        began, length = self._pace
        if now - began < PACE_SECONDS:
            return
        if not self.is_live and self._seconds - length <= MAX_PACE * (now - began):
            self._started_at, self._live_since = now, self._seconds
        self._pace = (now, self._seconds)

    def _record_pauses(self, events: list[TurnEvent]) -> None:
        for event in events:
            if isinstance(event, TurnPaused):
                self._paused_at = event.at
            elif isinstance(event, TurnResumed):
                self.pauses.append((self._paused_at - self._dropped, event.at - self._dropped))


@dataclass(slots=True)
class PauseEvidence:
    """What is known about the current pause."""

    awaits_text: bool = False
    """Whether the audio up to the pause is being transcribed."""
    hypothesis: Hypothesis | None = None
    awaits_sound: bool = False
    """Whether a model of turns is analyzing the audio."""
    finished: float | None = None
    """Probability that the speaker has finished, by the sound."""

    def end_silence(self, settings: TurnSettings) -> float:
        """Return the seconds of silence that end the turn, by all that is known so far.

        While the text is awaited, the longest silence: an end before it is known would wait for it,
        so it should decide. The sound, which is known sooner on a machine that is not busy, is not
        waited for.
        """
        if self.awaits_text:
            return settings.end_silence_incomplete
        return end_silence(self.hypothesis, settings, self.finished)


def end_silence(
    hypothesis: Hypothesis | None, settings: TurnSettings, finished: float | None = None
) -> float:
    """Return the seconds of silence that end the turn after this text, if there is one.

    `finished` is the probability that the speaker sounds finished; None without a model of turns.

    1. No text was transcribed: only the sound decides.
    2. The text is empty, only a cough or a door: the speaker has not started yet.
    3. The sentence is incomplete: more will follow.
    4. The sentence is complete, and the model is confident: a short silence, half as long if the
       speaker sounds finished, too, and the usual one if not.
    5. Anything else: the usual silence, a short one if the speaker surely sounds finished, and a
       long one if not.
    """
    sounds_finished = finished is not None and finished >= SURELY_FINISHED
    sounds_unfinished = finished is not None and finished < PERHAPS_FINISHED
    if hypothesis is None:  # 1
        return settings.end_silence_incomplete if sounds_unfinished else settings.end_silence
    if not hypothesis.text:  # 2
        return settings.end_silence_incomplete
    completeness = assess_completeness(hypothesis.text, hypothesis.language)
    if completeness is Completeness.INCOMPLETE:  # 3
        return settings.end_silence_incomplete
    confident = hypothesis.logprob is not None and hypothesis.logprob >= CONFIDENT_LOGPROB
    if completeness is Completeness.COMPLETE and confident:  # 4
        if sounds_unfinished:
            return settings.end_silence
        return settings.end_silence_complete / (2 if sounds_finished else 1)
    if sounds_finished:  # 5
        return settings.end_silence_complete
    return settings.end_silence_incomplete if sounds_unfinished else settings.end_silence


def turn_settings(asr: AsrSection, request: AsrRequest) -> TurnSettings:
    """Return when the turn ends by itself: never without turn detection."""
    detect = asr.turn_detection if request.turn_detection is None else request.turn_detection
    if not detect:
        return TurnSettings(
            end_silence=math.inf,
            end_silence_complete=math.inf,
            end_silence_incomplete=math.inf,
            no_speech_timeout=math.inf,
            max_utterance=math.inf,
        )
    settings = TurnSettings(
        end_silence=asr.end_silence,
        end_silence_complete=min(asr.end_silence_complete, asr.end_silence),
        end_silence_incomplete=max(asr.end_silence_incomplete, asr.end_silence),
        no_speech_timeout=asr.no_speech_timeout,
        max_utterance=asr.max_utterance,
    ).for_sensitivity(request.vad_sensitivity)
    if (silence := request.end_silence) is not None:
        settings = replace(
            settings,
            end_silence=silence,
            end_silence_complete=silence,
            end_silence_incomplete=silence,
        )
    if request.min_speech is not None:
        settings = replace(settings, min_speech=request.min_speech)
    if request.continuous:
        settings = replace(settings, no_speech_timeout=math.inf)
    return settings
