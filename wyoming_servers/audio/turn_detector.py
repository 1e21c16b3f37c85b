"""When has somebody finished speaking? A pure state machine over voice activity.

WAITING   nobody has spoken
SPEAKING  somebody speaks
PAUSED    silence after speech, for at least `hold`: a good moment to transcribe in advance
ENDED     the turn is over; what is fed later is ignored

Times are seconds of audio since the stream began, never the wall clock: a client that sends faster
or slower than real time gets the same turns.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from wyoming_servers.audio.vad import FRAME_SECONDS, SPEECH_PROBABILITY, VadFrame

_SENSITIVITY: Final = {"default": 1.0, "relaxed": 1.25 / 0.7, "aggressive": 0.25 / 0.7}
"""Wyoming's `vad_sensitivity` as a factor on the silence; Home Assistant's 0.7, 1.25, 0.25 s."""

_SILENCE_PROBABILITY: Final = SPEECH_PROBABILITY - 0.15
"""Speech goes on until the probability falls below this: Silero's own hysteresis."""

_MAX_BLIP: Final = 0.07
"""Seconds of sound inside a pause that are a click or a breath, not more speech."""

_PAUSE_GROWTH: Final = 1.5
"""Who has paused will pause again: the next pause may be this many times as long as the longest."""

_ONSET_SPREAD: Final = 2.5
"""`min_speech` must be heard within this multiple of itself, so scattered blips start nothing."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How patient the machine is; all in seconds."""

    end_silence: float = 0.7
    """After speech, ends the turn, as long as nobody knows more."""
    end_silence_complete: float = 0.3
    """After speech that is known to be complete, ends the turn."""
    end_silence_incomplete: float = 1.2
    """After speech that cannot be all, or of a slow speaker, ends the turn."""
    no_speech_timeout: float = 10.0
    """Without any speech, ends the turn."""
    max_utterance: float = 30.0
    """From the first speech on, ends the turn though speech goes on."""
    pause_threshold: float = 0.2
    """Of silence, makes a pause."""
    min_speech: float = 0.1
    """Speech shorter than this does not begin a turn."""

    def for_sensitivity(self, sensitivity: str | None) -> Self:
        """Return the settings with the silences that a client's `vad_sensitivity` asks for.

        An unknown word means the default, since Wyoming leaves the words open.
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
    """Nobody has spoken."""
    MAX_LENGTH = "max_length"
    """The utterance is as long as may be kept."""


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """Somebody began to speak."""

    at: float
    """Where the first sound of it begins."""


@dataclass(frozen=True, slots=True)
class TurnPaused:
    """The speaker is silent; perhaps it is the end."""

    at: float
    """Where the speech ended, `hold` before now."""


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """The pause was none: speech goes on."""

    at: float
    """Where speech begins again."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over."""

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
    """Turns voice activity into the beginning, the pauses and the end of one utterance."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self._settings = settings or TurnSettings()
        self.reset()

    def reset(self) -> None:
        """Wait for the next utterance of the same stream; its time goes on."""
        self._state = _State.WAITING
        self._silence = self._settings.end_silence
        self._pause_threshold = self._settings.pause_threshold
        self._now = 0.0
        """Where the last frame ended."""
        self._longest_pause = 0.0
        """Of the pauses after which speech went on."""
        self._waiting_since: float | None = None
        """Where waiting began."""
        self._recent_speech: deque[float] = deque()
        """Ends of speech frames that are not yet a beginning, or not yet the end of a pause."""
        self._start: float | None = None
        self._end: float | None = None

    @property
    def speech_start(self) -> float | None:
        """Where speech began; None as long as nobody has spoken."""
        return self._start

    @property
    def speech_end(self) -> float | None:
        """Where the last speech ended so far; None as long as nobody has spoken."""
        return self._end

    @property
    def paused(self) -> bool:
        """Whether the speaker is silent, perhaps for good."""
        return self._state is _State.PAUSED

    @property
    def ended(self) -> bool:
        """Whether the turn is over."""
        return self._state is _State.ENDED

    def expect_end(self, silence: float) -> list[TurnEvent]:
        """End the present pause after `silence` seconds of it instead of the settings' length.

        For a caller who has read the words: a complete sentence can end sooner, a broken one
        later. A speaker who has made longer pauses before gets more. Holds until speech goes on.
        Returns the end if that much has passed already.
        """
        events: list[TurnEvent] = []
        if self._state is _State.PAUSED:
            self._silence = max(silence, self._adaptive_silence)
            self._end_if_silent(self._now, events)
        return events

    def set_pause_threshold(self, seconds: float) -> None:
        """From now on, `seconds` of silence make a pause, until `reset`."""
        self._pause_threshold = seconds

    def feed(self, frames: Iterable[VadFrame]) -> list[TurnEvent]:
        """Take the next frames, return what they mean, in order."""
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
            self._end = frame.time
            self._recent_speech.clear()
            self._state = _State.SPEAKING
            events.append(TurnStarted(self._start))
        elif frame.time - self._waiting_since >= settings.no_speech_timeout:
            self._finish(frame.time, EndReason.NO_SPEECH, events)

    def _on_turn_frame(self, frame: VadFrame, events: list[TurnEvent]) -> None:
        """Move between speaking and paused, or end. Each frame takes the first that fits.

        1. The utterance is too long: end.
        2. Speaking, and the frame still sounds like it: go on.
        3. Paused, and there is more speech than a blip: resume.
        4. Paused for the whole `silence`, and nothing stirs: end.
        5. Speaking, and silent for `hold`: pause.
        """
        assert self._start is not None  # noqa: S101  (set on the way out of WAITING)
        assert self._end is not None  # noqa: S101
        # 1
        if frame.time - self._start >= self._settings.max_utterance:
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
        """Seconds of silence this speaker gets at least, judged by the pauses so far."""
        return min(self._longest_pause * _PAUSE_GROWTH, self._settings.end_silence_incomplete)

    def _end_if_silent(self, now: float, events: list[TurnEvent]) -> None:
        # What may be the beginning of more speech is heard first; it takes two frames.
        if self._end is not None and not self._recent_speech and now - self._end >= self._silence:
            self._finish(now, EndReason.SILENCE, events)

    def _resumes(self, frame: VadFrame) -> bool:
        """Whether speech inside a pause is longer than a blip."""
        if not frame.speech:
            if frame.probability < _SILENCE_PROBABILITY:
                self._recent_speech.clear()
            return False
        self._recent_speech.append(frame.time)
        return len(self._recent_speech) * FRAME_SECONDS > _MAX_BLIP

    def _finish(self, at: float, reason: EndReason, events: list[TurnEvent]) -> None:
        self._state = _State.ENDED
        events.append(TurnEnded(at, reason))
