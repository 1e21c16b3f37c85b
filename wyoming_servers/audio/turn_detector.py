"""Detects the start, the pauses and the end of a turn: a pure state machine over VAD frames.

WAITING   no speech yet
SPEAKING  speech
PAUSED    silence after speech, for at least `pause_threshold`: a good moment to transcribe
ENDED     the turn has ended; later frames are ignored

Times are seconds of audio since the start of the stream, never the wall clock: a client that sends
faster or slower than real time gets the same turns.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from wyoming_servers.audio.vad import FRAME_SECONDS, SPEECH_PROBABILITY, VadFrame

_SENSITIVITY: Final = {"default": 1.0, "relaxed": 1.25 / 0.7, "aggressive": 0.25 / 0.7}
"""Wyoming's `vad_sensitivity` as a factor of the silence; Home Assistant uses 0.7, 1.25, 0.25 s."""

_SILENCE_PROBABILITY: Final = SPEECH_PROBABILITY - 0.15
"""Speech continues until the probability falls below this: Silero's own hysteresis."""

_MAX_BLIP: Final = 0.07
"""Seconds of sound inside a pause that are a click or a breath and not speech."""

_PAUSE_GROWTH: Final = 1.5
"""How much longer than the longest pause so far the next pause of this speaker may be."""

_ONSET_SPREAD: Final = 2.5
"""`min_speech` must occur within this multiple of itself: scattered clicks start no turn."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Durations of a turn, all in seconds."""

    end_silence: float = 0.7
    """Silence after speech that ends the turn, while the text is unknown."""
    end_silence_complete: float = 0.3
    """Silence that ends the turn after a complete sentence."""
    end_silence_incomplete: float = 1.2
    """Silence that ends the turn after an incomplete sentence, and the most for a slow speaker."""
    no_speech_timeout: float = 10.0
    """Time without any speech that ends the turn."""
    max_utterance: float = 30.0
    """Time since the start of speech that ends the turn in any case."""
    pause_threshold: float = 0.2
    """Silence that makes a pause."""
    min_speech: float = 0.1
    """Shorter speech does not start a turn."""

    def for_sensitivity(self, sensitivity: str | None) -> Self:
        """Return the settings with the silences scaled for a client's `vad_sensitivity`.

        An unknown value means the default, because Wyoming does not define the values.
        """
        factor = _SENSITIVITY.get(sensitivity or "default", 1.0)
        return replace(
            self,
            end_silence=max(self.end_silence * factor, self.pause_threshold),
            end_silence_complete=max(self.end_silence_complete * factor, self.pause_threshold),
            end_silence_incomplete=max(self.end_silence_incomplete * factor, self.pause_threshold),
        )


class EndReason(StrEnum):
    """Why a turn ended."""

    SILENCE = "silence"
    """The speaker has finished."""
    NO_SPEECH = "no_speech"
    """There was no speech."""
    MAX_LENGTH = "max_length"
    """The utterance has reached its longest length."""


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The speaker has started."""

    at: float
    """Start of the speech."""


@dataclass(frozen=True, slots=True)
class TurnPaused:
    """The speaker is silent; this may be the end."""

    at: float
    """End of the speech, `pause_threshold` before now."""


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """Speech continues after a pause."""

    at: float
    """Start of the new speech."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn has ended."""

    at: float
    """Now, not the end of the speech: see `TurnDetector.speech_end`."""
    reason: EndReason


TurnEvent = TurnStarted | TurnPaused | TurnResumed | TurnEnded


class _State(StrEnum):
    WAITING = "waiting"
    SPEAKING = "speaking"
    PAUSED = "paused"
    ENDED = "ended"


class TurnDetector:
    """Turns VAD frames into the start, the pauses and the end of one utterance."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self._settings = settings or TurnSettings()
        self.can_end = True
        """Whether the turn ends by itself; false for a recording, whose pauses are not answers."""
        self.reset()

    def reset(self) -> None:
        """Wait for the next utterance of the same stream; its time continues."""
        self._state = _State.WAITING
        self._silence = self._settings.end_silence
        self._pause_threshold = self._settings.pause_threshold
        self._now = 0.0
        """End of the last frame."""
        self._longest_pause = 0.0
        """Longest pause after which speech continued."""
        self._waiting_since: float | None = None
        """Start of the first frame."""
        self._recent_speech: deque[float] = deque()
        """Ends of the speech frames that do not start a turn yet, or do not end a pause yet."""
        self._start: float | None = None
        self._end: float | None = None
        self._sound_end: float | None = None

    @property
    def speech_start(self) -> float | None:
        """Start of the speech; None before it."""
        return self._start

    @property
    def speech_end(self) -> float | None:
        """End of the last speech so far; None before the first."""
        return self._end

    @property
    def sound_end(self) -> float | None:
        """End of the last frame since the start of the speech that may be speech; None before it.

        Later than `speech_end` if there was a click in the current pause.
        """
        return self._sound_end

    @property
    def paused(self) -> bool:
        """Whether the speaker is silent after speech."""
        return self._state is _State.PAUSED

    @property
    def ended(self) -> bool:
        """Whether the turn has ended."""
        return self._state is _State.ENDED

    def expect_end(self, silence: float) -> list[TurnEvent]:
        """End the turn after `silence` seconds of the current pause, in place of the settings.

        For a caller that knows the text: a complete sentence may end the turn sooner than an
        incomplete one. A speaker who has made longer pauses before gets more time. Holds until
        speech continues. Returns the end of the turn if that much time has passed already.
        """
        events: list[TurnEvent] = []
        if self._state is _State.PAUSED:
            self._silence = max(silence, self._adaptive_silence)
            self._end_if_silent(self._now, events)
        return events

    def set_pause_threshold(self, seconds: float) -> None:
        """Set the silence that makes a pause, in seconds, until `reset`."""
        self._pause_threshold = seconds

    def feed(self, frames: Iterable[VadFrame]) -> list[TurnEvent]:
        """Process the next frames; return their events in order."""
        events: list[TurnEvent] = []
        for frame in frames:
            self._now = frame.time
            if self._state is _State.WAITING:
                self._on_waiting_frame(frame, events)
            elif self._state is not _State.ENDED:
                self._on_turn_frame(frame, events)
        return events

    def _on_waiting_frame(self, frame: VadFrame, events: list[TurnEvent]) -> None:
        settings = self._settings
        if self._waiting_since is None:
            self._waiting_since = frame.time - FRAME_SECONDS
        if frame.speech:
            self._recent_speech.append(frame.time)
        while (
            self._recent_speech
            and frame.time - self._recent_speech[0] > settings.min_speech * _ONSET_SPREAD
        ):
            self._recent_speech.popleft()
        if len(self._recent_speech) * FRAME_SECONDS >= settings.min_speech:
            self._start = self._recent_speech[0] - FRAME_SECONDS
            self._end = self._sound_end = frame.time
            self._recent_speech.clear()
            self._state = _State.SPEAKING
            events.append(TurnStarted(self._start))
        elif self.can_end and frame.time - self._waiting_since >= settings.no_speech_timeout:
            self._finish(frame.time, EndReason.NO_SPEECH, events)

    def _on_turn_frame(self, frame: VadFrame, events: list[TurnEvent]) -> None:
        """Move between SPEAKING and PAUSED, or end. The first rule that matches the frame applies.

        1. The utterance is too long: end.
        2. SPEAKING, and the frame may be speech: continue.
        3. PAUSED, and there is more speech than a click: resume.
        4. PAUSED for the whole silence, without the start of new speech: end.
        5. SPEAKING, and silent for `pause_threshold`: pause.
        """
        assert self._start is not None  # noqa: S101  (set on the way out of WAITING)
        assert self._end is not None  # noqa: S101
        if frame.probability >= _SILENCE_PROBABILITY:
            self._sound_end = frame.time
        # 1
        if self.can_end and frame.time - self._start >= self._settings.max_utterance:
            self._finish(frame.time, EndReason.MAX_LENGTH, events)
            return
        # 2
        if self._state is _State.SPEAKING and frame.probability >= _SILENCE_PROBABILITY:
            self._end = frame.time
            return
        # 3
        if self._state is _State.PAUSED and self._resumes(frame):
            begin = self._recent_speech[0] - FRAME_SECONDS
            self._recent_speech.clear()
            self._longest_pause = max(self._longest_pause, begin - self._end)
            self._end = frame.time
            self._silence = max(self._settings.end_silence, self._adaptive_silence)
            self._state = _State.SPEAKING
            events.append(TurnResumed(begin))
            return
        # 4
        if self._state is _State.PAUSED:
            self._end_if_silent(frame.time, events)
        # 5
        elif frame.time - self._end >= min(self._pause_threshold, self._silence):
            self._state = _State.PAUSED
            events.append(TurnPaused(self._end))
            self._end_if_silent(frame.time, events)

    @property
    def _adaptive_silence(self) -> float:
        """Seconds of silence that this speaker gets at least, by the pauses so far."""
        return min(self._longest_pause * _PAUSE_GROWTH, self._settings.end_silence_incomplete)

    def _end_if_silent(self, now: float, events: list[TurnEvent]) -> None:
        if not self.can_end or self._end is None:
            return
        # Two speech frames may be the start of new speech: wait for the next one.
        if not self._recent_speech and now - self._end >= self._silence:
            self._finish(now, EndReason.SILENCE, events)

    def _resumes(self, frame: VadFrame) -> bool:
        """Return whether the sound inside a pause is longer than a click."""
        if not frame.speech:
            if frame.probability < _SILENCE_PROBABILITY:
                self._recent_speech.clear()
            return False
        self._recent_speech.append(frame.time)
        return len(self._recent_speech) * FRAME_SECONDS > _MAX_BLIP

    def _finish(self, at: float, reason: EndReason, events: list[TurnEvent]) -> None:
        self._state = _State.ENDED
        events.append(TurnEnded(at, reason))
