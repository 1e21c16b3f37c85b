"""The order in which windows of different lengths are tried, and when the first is enough."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wyoming_servers.engines.whisper.decoder import (
    FALLBACKS,
    WhisperDecoder,
    WhisperRequest,
    WhisperUtterance,
)
from wyoming_servers.engines.whisper.short_window import (
    MIN_ENCODED_SECONDS_RETRY,
    DecodedWindow,
    Distrust,
)


class FakeWindow:
    """A short window with these results, attempt by attempt."""

    def __init__(self, *results: DecodedWindow) -> None:
        self._results = list(results)
        self.attempts: list[bool] = []
        """For each attempt, whether it had more silence."""

    def fits(self, seconds: float) -> bool:
        return True

    def can_extend(self, seconds: float) -> bool:
        return seconds < MIN_ENCODED_SECONDS_RETRY

    def encode(self, audio: Any, *, again: bool = False) -> str:
        self.attempts.append(again)
        return "states"

    def decode(self, many: Sequence[Any]) -> list[DecodedWindow]:
        return [self._results.pop(0) for _ in many]


def decoded(
    text: str, reason: Distrust = Distrust.NONE, *, logprob: float = -0.2, silent: float = 0.0
) -> DecodedWindow:
    return DecodedWindow(text, (1,), logprob, silent, reason)


def transcribe(
    window: FakeWindow, seconds: float = 1.0, long_text: str = " long"
) -> tuple[str, list[bool]]:
    """Return the transcript and the attempts in short windows; "long" is the result of 30 s."""

    def long(*_: Any, **__: Any) -> tuple[Iterator[Any], None]:
        segment = SimpleNamespace(
            text=long_text, start=0.0, end=1.0, avg_logprob=-0.1, no_speech_prob=0.0,
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
    short_window: Any = window
    decoder = WhisperDecoder(model, short_window, None, short=True)
    request = WhisperRequest.parse({"language": "en"}, ["en"])
    run = decoder.transcribe(WhisperUtterance(np.zeros(int(seconds * 16_000), np.float32), request))
    try:
        while True:
            next(run)
    except StopIteration as end:
        return end.value["text"].strip(), window.attempts


def test_trusted_window_is_decoded_once() -> None:
    assert transcribe(FakeWindow(decoded("No."))) == ("No.", [False])


def test_distrusted_window_is_decoded_again_with_more_silence() -> None:
    window = FakeWindow(decoded("No. No.", Distrust.SAID_TWICE), decoded("No."))
    assert transcribe(window) == ("No.", [False, True])


def test_window_distrusted_twice_is_decoded_in_long_windows() -> None:
    window = FakeWindow(decoded("No. No.", Distrust.SAID_TWICE), decoded("Mo", Distrust.IMPROBABLE))
    assert transcribe(window) == ("long", [False, True])


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(1.0, Distrust.PROMPT_ECHO), (MIN_ENCODED_SECONDS_RETRY, Distrust.TOO_MANY_TOKENS)],
    ids=["echo", "length"],
)
def test_more_silence_is_not_tried_where_it_cannot_help(seconds: float, reason: Distrust) -> None:
    assert transcribe(FakeWindow(decoded("No.", reason)), seconds) == ("long", [False])


def test_uncertain_window_is_decoded_thoroughly() -> None:
    window = decoded("What day is it then?", Distrust.UNCERTAIN, logprob=-0.55)
    assert transcribe(FakeWindow(window)) == ("long", [False])


def test_uncertain_window_stays_if_the_long_one_repeats_itself() -> None:
    window = decoded("Set the living room.", Distrust.UNCERTAIN, logprob=-0.55)
    found = transcribe(FakeWindow(window), long_text=" The living room? The living room?")
    assert found == ("Set the living room.", [False])


def test_silence_is_trusted_at_once() -> None:
    window = FakeWindow(decoded("you", Distrust.IMPROBABLE, logprob=-1.5, silent=0.9))
    assert transcribe(window) == ("", [False])


def test_every_reason_for_distrust_has_a_fallback() -> None:
    assert set(FALLBACKS) == set(Distrust) - {Distrust.NONE}
