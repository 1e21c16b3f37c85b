"""In what order windows of different lengths are tried, and when the first is enough."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wyoming_servers.engines.whisper.decoder import (
    WhisperDecoder,
    WhisperUtterance,
)
from wyoming_servers.engines.whisper.request import WhisperRequest
from wyoming_servers.engines.whisper.short_window import (
    MIN_ENCODED_SECONDS_RETRY,
    PROMPT_ECHO,
    DecodedWindow,
)


class FakeWindow:
    """A short window that hears what it is told to, try after try."""

    def __init__(self, *heard: DecodedWindow) -> None:
        self._heard = list(heard)
        self.tries: list[bool] = []
        """Whether each was one with more silence."""

    def fits(self, seconds: float) -> bool:
        return True

    def can_extend(self, seconds: float) -> bool:
        return seconds < MIN_ENCODED_SECONDS_RETRY

    def encode(self, audio: Any, *, again: bool = False) -> str:
        self.tries.append(again)
        return "states"

    def decode(self, many: Sequence[Any]) -> list[DecodedWindow]:
        return [self._heard.pop(0) for _ in many]


def decoded(
    text: str, doubt: str = "", *, logprob: float = -0.2, silent: float = 0.0
) -> DecodedWindow:
    return DecodedWindow(text, (1,), logprob, silent, doubt)


def listen(window: FakeWindow, seconds: float = 1.0) -> tuple[str, list[bool]]:
    """Return the words and what was tried in short windows; "long" is what 30 s say."""

    def long(*_: Any, **__: Any) -> tuple[Iterator[Any], None]:
        segment = SimpleNamespace(
            text=" long", start=0.0, end=1.0, avg_logprob=-0.1, no_speech_prob=0.0,
            compression_ratio=1.0, temperature=0.0, words=None, tokens=[1],
        )  # fmt: skip
        return iter([segment]), None

    tokenizer = SimpleNamespace(
        token_to_id=lambda token: 1,
        encode=lambda text, **_: SimpleNamespace(ids=[1]),
    )
    model: Any = SimpleNamespace(
        transcribe=long, hf_tokenizer=tokenizer, model=SimpleNamespace(is_multilingual=True)
    )
    asked: Any = window
    ear = WhisperDecoder(model, asked, None, short=True)
    request = WhisperRequest.parse({"language": "en"}, ["en"])
    run = ear.transcribe(WhisperUtterance(np.zeros(int(seconds * 16_000), np.float32), request))
    try:
        while True:
            next(run)
    except StopIteration as end:
        return end.value["text"].strip(), window.tries


def test_what_can_be_trusted_is_heard_once() -> None:
    assert listen(FakeWindow(decoded("No."))) == ("No.", [False])


def test_what_is_doubted_is_heard_again_with_more_silence() -> None:
    window = FakeWindow(decoded("No. No.", "the same twice"), decoded("No."))
    assert listen(window) == ("No.", [False, True])


def test_what_is_doubted_twice_is_heard_in_the_long_window() -> None:
    window = FakeWindow(decoded("No. No.", "the same twice"), decoded("Mo", "improbable"))
    assert listen(window) == ("long", [False, True])


@pytest.mark.parametrize(
    ("seconds", "doubt"),
    [(1.0, PROMPT_ECHO), (MIN_ENCODED_SECONDS_RETRY, "too many tokens")],
    ids=["echo", "length"],
)
def test_more_silence_is_not_tried_where_it_cannot_help(seconds: float, doubt: str) -> None:
    assert listen(FakeWindow(decoded("No.", doubt)), seconds) == ("long", [False])


def test_silence_is_believed_at_once() -> None:
    window = FakeWindow(decoded("you", "improbable", logprob=-1.5, silent=0.9))
    assert listen(window) == ("", [False])
