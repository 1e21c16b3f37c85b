"""Frames without voice activity are not computed."""

from collections.abc import Callable

import pytest

from wyoming_servers.engines.wake.features import STEP
from wyoming_servers.engines.wake.vad_gate import (
    BACKLOG_FRAMES,
    HANGOVER_FRAMES,
    AudioFrame,
    NoGate,
    VadGate,
)


@pytest.fixture
def voice(recorded: Callable[[str], bytes]) -> bytes:
    """The audio of one frame with speech."""
    return recorded("goforward")[2 * STEP * 10 : 2 * STEP * 11]


def _silence(count: int, start: int = 0) -> list[AudioFrame]:
    return [AudioFrame(bytes(2 * STEP), (start + i + 1) * STEP) for i in range(count)]


def test_no_gate_passes_silence() -> None:
    (frame,) = _silence(1)
    assert NoGate().push(frame) == [frame]


def test_silence_is_not_passed() -> None:
    gate = VadGate()
    assert [gate.push(frame) for frame in _silence(100)] == [[]] * 100


def test_speech_passes_the_backlog_first(voice: bytes) -> None:
    gate = VadGate()
    before = _silence(BACKLOG_FRAMES)
    for frame in before:
        gate.push(frame)
    speech = AudioFrame(voice, (BACKLOG_FRAMES + 1) * STEP)
    assert gate.push(speech) == [*before, speech]


def test_dropped_frames_are_marked_as_gap(voice: bytes) -> None:
    gate = VadGate()
    for frame in _silence(BACKLOG_FRAMES + 1):
        gate.push(frame)
    first, *others = gate.push(AudioFrame(voice, (BACKLOG_FRAMES + 2) * STEP))
    assert first == AudioFrame(bytes(2 * STEP), 2 * STEP, gap=True)
    assert len(others) == BACKLOG_FRAMES
    assert not any(frame.gap for frame in others)


def test_gate_stays_open_after_speech(voice: bytes) -> None:
    gate = VadGate()
    gate.push(AudioFrame(voice, STEP))
    passed = [gate.push(frame) for frame in _silence(2 * HANGOVER_FRAMES, start=1)]
    computed = [frames for frames in passed if frames]
    # webrtcvad itself holds on for some frames.
    assert HANGOVER_FRAMES <= len(computed) < HANGOVER_FRAMES + 10
    assert passed[-1] == []


def test_gap_is_marked_once(voice: bytes) -> None:
    gate = VadGate()
    for frame in _silence(BACKLOG_FRAMES + 9):
        gate.push(frame)
    assert gate.push(AudioFrame(voice, STEP))[0].gap
    assert not any(frame.gap for frame in gate.push(AudioFrame(voice, STEP)))
