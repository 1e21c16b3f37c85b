"""How long a pause may last after a text, with synthetic speech and a scripted model."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from wyoming_servers.audio.turn_detector import TurnSettings
from wyoming_servers.config.schema import AsrSection
from wyoming_servers.speech.asr.pipeline import (
    AsrRequest,
    Utterance,
)
from wyoming_servers.speech.asr.transcriber import Hypothesis
from wyoming_servers.speech.asr.turn import (
    end_silence,
    turn_settings,
)

Make = Callable[..., Any]
Sound = Callable[..., bytes]
Live = Callable[[Utterance, bytes], Awaitable[None]]

MIN, USUAL, MAX = 0.3, 0.7, 1.2


@pytest.mark.parametrize(
    ("text", "logprob", "silence"),
    [
        ("Turn on the light.", -0.2, MIN),
        ("Turn on the kitchen.", -0.36, USUAL),
        ("Turn on the light.", None, USUAL),
        ("Turn on the", -0.2, MAX),
        ("Turn on the", None, MAX),
        ("turn on ten lights", -0.2, USUAL),
        ("", None, MAX),
    ],
)
def test_end_silence_depends_on_the_text(text: str, logprob: float | None, silence: float) -> None:
    assert end_silence(Hypothesis(text, "en", logprob, 1.0), TurnSettings()) == silence


def test_turn_settings_keep_the_silences_in_order() -> None:
    settings = turn_settings(AsrSection(end_silence=2.0), AsrRequest())
    assert (settings.end_silence_complete, settings.end_silence_incomplete) == (0.3, 2.0)
    settings = turn_settings(AsrSection(end_silence=0.2), AsrRequest())
    assert settings.end_silence_complete == 0.2


async def seconds_to_the_end(utterance: Utterance, live: Live, quiet: Sound) -> float:
    """Feed silence until the turn ends; return the seconds of silence."""
    for count in range(100):
        if utterance.ended.is_set():
            return count * 0.03
        await live(utterance, quiet(0.03))
    raise AssertionError("the turn does not end")


@pytest.mark.parametrize(
    ("text", "ends"),
    [("Turn on the light.", 0.33), ("Turn on the", 1.2), ("turn on ten lights", 0.7), ("", 1.2)],
)
async def test_complete_sentence_ends_the_turn_sooner_than_an_incomplete_one(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live, text: str, ends: float
) -> None:
    script(text, seconds=0.1)
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0))
        assert await seconds_to_the_end(utterance, live, quiet) == pytest.approx(ends, abs=0.07)


@pytest.mark.parametrize(("sensitivity", "ends"), [("relaxed", 2.14), ("aggressive", 0.43)])
async def test_sensitivity_scales_the_silence_after_a_text(
    make_asr: Make,
    script: Make,
    speech: Sound,
    quiet: Sound,
    live: Live,
    sensitivity: str,
    ends: float,
) -> None:
    script("Turn on the", seconds=0.05)
    async with make_asr().open(AsrRequest(vad_sensitivity=sensitivity)) as utterance:
        await live(utterance, speech(1.0))
        assert await seconds_to_the_end(utterance, live, quiet) == pytest.approx(ends, abs=0.07)


async def test_pause_in_mid_sentence_does_not_end_the_turn(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    script("Turn on the", "Turn on the kitchen light.")
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(1.0))
        assert not utterance.ended.is_set()
        await live(utterance, speech(1.0) + quiet(1.3))
        assert (await utterance.finish()).text == "Turn on the kitchen light."


async def test_slow_speaker_is_not_cut_off(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    """Every part is a complete sentence; after the first pause the others may be as long."""
    script("Turn on.", "Turn on the light.", "Turn on the light in the kitchen.")
    async with make_asr().open(AsrRequest()) as utterance:
        for _ in range(3):
            await live(utterance, speech(0.5) + quiet(0.6))
            assert not utterance.ended.is_set()


async def test_turn_waits_for_a_late_speculation(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    script("Turn on the", "Turn on the light.", seconds=0.7)
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(1.1))
        assert not utterance.ended.is_set()


async def test_disabled_turn_detection_never_ends_the_turn(
    make_asr: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    script("Turn on the light.")
    async with make_asr(turn_detection=False).open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(3.0))
        assert not utterance.ended.is_set()
