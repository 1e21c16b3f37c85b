"""Which of Whisper's segments are part of the transcript."""

from types import SimpleNamespace
from typing import Any

import pytest

from wyoming_servers.engines.whisper.decoder import TranscriptBuilder
from wyoming_servers.engines.whisper.prompt import WhisperPrompt
from wyoming_servers.engines.whisper.short_window import DecodedWindow


def segment(text: str, no_speech: float = 0.0, logprob: float = -0.6) -> Any:
    """Return a segment as faster-whisper does; it begins with the audio, after 0.2 s of silence."""
    return SimpleNamespace(
        start=0.0, end=9.0, text=text, avg_logprob=logprob, no_speech_prob=no_speech, words=None
    )


@pytest.mark.parametrize(
    ("text", "no_speech", "kept"),
    [
        (" Thank you.", 0.9, False),
        (" Thank you.", 0.2, True),
        (" Turn it off.", 0.9, True),
        (" la la la la la la la la la la la la la la la la la la la la la la", 0.1, False),
        (" ...", 0.1, False),
    ],
)
def test_hallucinations_are_dropped(text: str, no_speech: float, kept: bool) -> None:
    transcript = TranscriptBuilder(5.0)
    outputs = list(transcript.add_segment(segment(text, no_speech)))
    assert bool(outputs) is kept
    assert bool(transcript.result("en")["text"]) is kept
    if kept:
        assert outputs[0].data["end"] == 5.0


def test_hallucinations_on_music_are_dropped_if_improbable() -> None:
    transcript = TranscriptBuilder(5.0)
    assert not list(transcript.add_segment(segment(" Music", logprob=-1.5)))
    assert not list(transcript.add_segment(segment(" Thank you for watching.", 0.4, logprob=-1.2)))
    assert list(transcript.add_segment(segment(" Turn it off.", logprob=-1.2)))
    assert transcript.result("en")["text"] == "Turn it off."


def test_echo_of_the_prompt_is_dropped() -> None:
    prompt = WhisperPrompt(entries=("Ecobee", "Shelly Plus", "Hue Go"))
    transcript = TranscriptBuilder(5.0)
    assert not list(transcript.add_segment(segment(" Ecobee, Shelly Plus, Hue Go."), prompt))
    assert list(transcript.add_segment(segment(" Turn on the Shelly Plus."), prompt))
    assert transcript.result("en")["text"] == "Turn on the Shelly Plus."


def test_segments_are_joined_by_their_own_spaces() -> None:
    transcript = TranscriptBuilder(20.0)
    for text in (" Good morning.", " It is nine."):
        list(transcript.add_segment(segment(text)))
    assert transcript.result("en")["text"] == "Good morning. It is nine."
    chinese = TranscriptBuilder(20.0)
    for text in ("今天天气很好。", "明天也去。"):
        list(chinese.add_segment(segment(text)))
    assert chinese.result("zh")["text"] == "今天天气很好。明天也去。"


def test_silent_short_window_has_no_text() -> None:
    transcript = TranscriptBuilder(2.0)
    assert not list(transcript.add_window(DecodedWindow("you", (1,), -1.2, 0.9, "improbable")))
    assert transcript.result("en")["avg_logprob"] is None
