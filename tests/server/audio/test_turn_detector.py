import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from wyoming_servers.audio.turn_detector import (
    EndReason,
    TurnDetector,
    TurnEnded,
    TurnEvent,
    TurnPaused,
    TurnResumed,
    TurnSettings,
    TurnStarted,
)
from wyoming_servers.audio.vad import FRAME_SECONDS, VadFrame, VoiceActivityDetector


class Script:
    """Synthetic VAD frames: `speak(1.0)`, `silence(0.5)`, in seconds."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self.detector = TurnDetector(settings)
        self.count = 0

    def frames(self, seconds: float, probability: float) -> Iterator[VadFrame]:
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.count += 1
            yield VadFrame(self.count * FRAME_SECONDS, probability)

    def speak(self, seconds: float, probability: float = 0.9) -> list[TurnEvent]:
        return self.detector.feed(self.frames(seconds, probability))

    def silence(self, seconds: float) -> list[TurnEvent]:
        return self.detector.feed(self.frames(seconds, 0.0))


def kinds(events: list[TurnEvent]) -> list[type[TurnEvent]]:
    return [type(event) for event in events]


def test_turn_has_a_start_a_pause_and_an_end() -> None:
    script = Script()
    events = script.silence(1.0) + script.speak(1.0) + script.silence(2.0)
    started, paused, ended = events
    assert isinstance(started, TurnStarted)
    assert started.at == pytest.approx(1.0, abs=0.05)
    assert isinstance(paused, TurnPaused)
    assert paused.at == pytest.approx(2.0, abs=0.05)
    assert isinstance(ended, TurnEnded)
    assert ended.reason is EndReason.SILENCE
    assert ended.at == pytest.approx(2.7, abs=0.05)
    assert script.detector.ended
    assert script.detector.speech_start == pytest.approx(1.0, abs=0.05)
    assert script.detector.speech_end == pytest.approx(2.0, abs=0.05)


def test_turn_continues_after_a_pause() -> None:
    script = Script()
    events = script.speak(1.0) + script.silence(0.5) + script.speak(0.5)
    assert kinds(events) == [TurnStarted, TurnPaused, TurnResumed]
    assert kinds(script.silence(1.0)) == [TurnPaused, TurnEnded]


def test_turn_ignores_a_click_inside_a_pause() -> None:
    script = Script()
    events = script.speak(1.0) + script.silence(0.4) + script.speak(0.06) + script.silence(0.4)
    assert kinds(events) == [TurnStarted, TurnPaused, TurnEnded]


def test_turn_does_not_end_while_new_speech_may_start() -> None:
    script = Script()
    script.speak(1.0)
    script.silence(0.65)
    assert kinds(script.speak(0.2)) == [TurnResumed]


def test_turn_does_not_start_with_a_click() -> None:
    script = Script()
    for _ in range(10):
        assert script.speak(0.06) + script.silence(0.5) == []
    assert script.detector.speech_start is None


def test_turn_continues_but_does_not_start_with_an_unclear_sound() -> None:
    script = Script()
    assert script.speak(2.0, probability=0.4) == []
    assert kinds(script.speak(0.5)) == [TurnStarted]
    assert script.speak(0.5, probability=0.4) == []


def test_turn_without_speech_ends_at_the_timeout() -> None:
    script = Script(TurnSettings(no_speech_timeout=3.0))
    (ended,) = script.silence(5.0)
    assert ended == TurnEnded(pytest.approx(3.0, abs=0.05), EndReason.NO_SPEECH)


def test_turn_ends_at_the_longest_utterance() -> None:
    script = Script(TurnSettings(max_utterance=5.0))
    *_, ended = script.silence(2.0) + script.speak(10.0)
    assert ended == TurnEnded(pytest.approx(7.0, abs=0.1), EndReason.MAX_LENGTH)


def test_turn_detector_ignores_frames_after_the_end_until_reset() -> None:
    script = Script()
    script.speak(1.0)
    script.silence(1.0)
    assert script.speak(1.0) == []
    script.detector.reset()
    assert script.detector.speech_start is None
    (started,) = script.speak(1.0)
    assert started.at == pytest.approx(3.0, abs=0.1)
    assert kinds(script.silence(1.0)) == [TurnPaused, TurnEnded]


def test_turn_timeout_counts_from_the_reset() -> None:
    script = Script(TurnSettings(no_speech_timeout=3.0))
    script.silence(4.0)
    script.detector.reset()
    assert script.silence(2.5) == []
    assert kinds(script.silence(1.0)) == [TurnEnded]


def test_expect_end_changes_how_long_a_pause_may_last() -> None:
    script = Script()
    script.speak(1.0)
    assert kinds(script.silence(0.25)) == [TurnPaused]
    assert script.detector.expect_end(0.3) == []
    assert kinds(script.silence(0.1)) == [TurnEnded]

    patient = Script()
    patient.speak(1.0)
    patient.silence(0.25)
    assert patient.detector.expect_end(1.2) == []
    assert patient.silence(0.8) == []
    assert kinds(patient.silence(0.3)) == [TurnEnded]


def test_expect_end_ends_a_pause_that_was_long_enough() -> None:
    script = Script()
    script.speak(1.0)
    assert kinds(script.silence(0.5)) == [TurnPaused]
    (ended,) = script.detector.expect_end(0.3)
    assert ended == TurnEnded(pytest.approx(1.5, abs=0.05), EndReason.SILENCE)
    assert script.detector.expect_end(0.3) == []


def test_expect_end_holds_for_one_pause() -> None:
    script = Script()
    script.speak(1.0)
    script.silence(0.25)
    script.detector.expect_end(0.3)
    assert kinds(script.speak(0.5)) == [TurnResumed]
    assert kinds(script.silence(0.5)) == [TurnPaused]
    assert kinds(script.silence(0.3)) == [TurnEnded]


def test_turn_detector_gives_a_slow_speaker_more_time() -> None:
    script = Script()
    script.speak(1.0)
    script.silence(0.6)
    script.speak(1.0)
    assert kinds(script.silence(0.8)) == [TurnPaused]
    assert script.detector.expect_end(0.3) == []
    assert kinds(script.silence(0.2)) == [TurnEnded]


def test_turn_detector_limits_the_time_of_a_slow_speaker() -> None:
    script = Script()
    script.speak(1.0)
    script.silence(0.25)
    script.detector.expect_end(1.2)
    script.silence(0.8)
    script.speak(1.0)
    assert kinds(script.silence(1.1)) == [TurnPaused]
    assert kinds(script.silence(0.2)) == [TurnEnded]


def test_pause_threshold_can_be_raised() -> None:
    script = Script()
    script.detector.set_pause_threshold(0.5)
    script.speak(1.0)
    assert kinds(script.silence(0.4)) == []
    assert kinds(script.silence(0.15)) == [TurnPaused]


def test_pause_threshold_does_not_delay_the_end() -> None:
    script = Script(TurnSettings(end_silence=0.3))
    script.detector.set_pause_threshold(0.5)
    script.speak(1.0)
    assert kinds(script.silence(0.35)) == [TurnPaused, TurnEnded]


def test_turn_pauses_before_an_end_that_is_shorter_than_the_threshold() -> None:
    script = Script(TurnSettings(end_silence=0.1, pause_threshold=0.2))
    script.speak(1.0)
    assert kinds(script.silence(0.5)) == [TurnPaused, TurnEnded]


def test_turn_with_infinite_silence_is_ended_by_the_client() -> None:
    script = Script(TurnSettings(end_silence=math.inf, no_speech_timeout=math.inf))
    assert kinds(script.silence(60.0) + script.speak(1.0) + script.silence(20.0)) == [
        TurnStarted,
        TurnPaused,
    ]


@pytest.mark.parametrize(
    ("word", "silence", "least", "most"),
    [
        ("default", 0.7, 0.3, 1.2),
        ("relaxed", 1.25, 0.54, 2.14),
        ("aggressive", 0.25, 0.2, 0.43),
        (None, 0.7, 0.3, 1.2),
        ("bold", 0.7, 0.3, 1.2),
    ],
)
def test_sensitivity_sets_the_silences(
    word: str | None, silence: float, least: float, most: float
) -> None:
    settings = TurnSettings().for_sensitivity(word)
    assert settings.end_silence == pytest.approx(silence)
    assert settings.end_silence_complete == pytest.approx(least, abs=0.005)
    assert settings.end_silence_incomplete == pytest.approx(most, abs=0.005)


def test_sensitivity_scales_the_configured_silence() -> None:
    assert TurnSettings(end_silence=1.4).for_sensitivity("relaxed").end_silence == pytest.approx(
        2.5
    )


@pytest.mark.parametrize("level", [None, -50.0, -40.0])
@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("cards_001", 1.0),
        ("cards_003", 1.37),
        ("goforward", 2.25),
        ("digits_2934z", 1.67),
        ("librivox_0870", 6.9),
        ("librivox_0890", 5.17),
    ],
)
def test_turn_detector_finds_the_end_of_real_speech(
    clip: Callable[[str], bytes],
    noise: Callable[..., bytes],
    name: str,
    end: float,
    level: float | None,
) -> None:
    audio = np.frombuffer(clip(name) + bytes(48_000), "<i2").astype(int)
    if level is not None:
        audio = audio + np.frombuffer(noise(len(audio) / 16_000 + 1, level), "<i2")[: len(audio)]
    events = TurnDetector().feed(
        VoiceActivityDetector().feed(np.clip(audio, -32_768, 32_767).astype("<i2").tobytes())
    )
    ended = events[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.reason is EndReason.SILENCE
    assert ended.at - 0.7 == pytest.approx(end, abs=0.2)


def test_turn_detector_ignores_noise_and_alarms(
    noise: Callable[..., bytes], tone: Callable[..., bytes]
) -> None:
    for sound in (noise(11.0), tone(11.0)):
        (ended,) = TurnDetector().feed(VoiceActivityDetector().feed(sound))
        assert ended == TurnEnded(pytest.approx(10.0, abs=0.05), EndReason.NO_SPEECH)
