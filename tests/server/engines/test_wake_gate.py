"""Which steps of a stream are computed."""

from collections.abc import Callable

import pytest

from wyoming_servers.engines.wake_features import STEP
from wyoming_servers.engines.wake_gate import BACKLOG, HANGOVER, OpenGate, SpeechGate, Step


@pytest.fixture
def voice(recorded: Callable[[str], bytes]) -> bytes:
    """The audio of one step, in which somebody speaks."""
    return recorded("goforward")[2 * STEP * 10 : 2 * STEP * 11]


def _silence(count: int, start: int = 0) -> list[Step]:
    return [Step(bytes(2 * STEP), (start + i + 1) * STEP) for i in range(count)]


def test_an_open_gate_passes_silence_on() -> None:
    (step,) = _silence(1)
    assert OpenGate().pass_on(step) == [step]


def test_silence_is_kept_back() -> None:
    gate = SpeechGate()
    assert [gate.pass_on(step) for step in _silence(100)] == [[]] * 100


def test_speech_brings_the_steps_before_it_in_their_order(voice: bytes) -> None:
    gate = SpeechGate()
    before = _silence(BACKLOG)
    for step in before:
        gate.pass_on(step)
    speech = Step(voice, (BACKLOG + 1) * STEP)
    assert gate.pass_on(speech) == [*before, speech]


def test_steps_that_were_dropped_are_told_as_a_gap(voice: bytes) -> None:
    gate = SpeechGate()
    for step in _silence(BACKLOG + 1):
        gate.pass_on(step)
    first, *others = gate.pass_on(Step(voice, (BACKLOG + 2) * STEP))
    assert first == Step(bytes(2 * STEP), 2 * STEP, gap=True)
    assert len(others) == BACKLOG
    assert not any(step.gap for step in others)


def test_the_gate_stays_open_for_a_while_after_speech(voice: bytes) -> None:
    gate = SpeechGate()
    gate.pass_on(Step(voice, STEP))
    passed = [gate.pass_on(step) for step in _silence(2 * HANGOVER, start=1)]
    computed = [steps for steps in passed if steps]
    # webrtcvad itself holds on for some frames.
    assert HANGOVER <= len(computed) < HANGOVER + 10
    assert passed[-1] == []


def test_a_gap_is_told_once(voice: bytes) -> None:
    gate = SpeechGate()
    for step in _silence(BACKLOG + 9):
        gate.pass_on(step)
    assert gate.pass_on(Step(voice, STEP))[0].gap
    assert not any(step.gap for step in gate.pass_on(Step(voice, STEP)))
