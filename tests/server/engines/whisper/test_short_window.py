"""Short windows: what is encoded, how batches form, and which results are trusted."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wyoming_servers.engines.whisper.prompt import WhisperPrompt
from wyoming_servers.engines.whisper.short_window import (
    MIN_BEAM_SIZE,
    TOKEN_STEP,
    DecodedWindow,
    Distrust,
    EncodedWindow,
    ShortWindow,
    compression_ratio,
    distrust_reason,
    max_tokens,
)

GOOD = "Turn on the kitchen light."
TOKENS = tuple(range(7))


def reason(
    text: str = GOOD,
    tokens: tuple[int, ...] = TOKENS,
    logprob: float = -0.2,
    no_speech: float = 0.1,
    limit: int = 30,
) -> Distrust:
    return distrust_reason(text, tokens, logprob, no_speech, limit)


def test_plain_command_is_trusted() -> None:
    assert reason() == ""


def test_runaway_decoding_is_not_trusted() -> None:
    assert reason(tokens=tuple(range(30))) == Distrust.TOO_MANY_TOKENS
    assert reason(tokens=(1, 2, 5, 5, 5, 6)) == Distrust.REPETITION
    assert reason(text="turn on the light " * 8) == Distrust.TOO_REPETITIVE


def test_token_repeated_once_is_trusted() -> None:
    assert reason(tokens=(5, 5, 6, 5, 5)) == ""


def test_same_words_twice_are_not_trusted() -> None:
    assert reason(text="No. No.") == Distrust.SAID_TWICE
    assert reason(text="Turn on the fan, turn on the fan.") == Distrust.SAID_TWICE
    assert reason(text="No. No. No.") == ""
    assert reason(text="Turn on the fan, turn on the light.") == ""
    assert reason(text="") == ""


def test_improbable_words_are_not_trusted() -> None:
    assert reason(logprob=-0.8) == Distrust.IMPROBABLE


def test_words_in_probable_silence_are_trusted_only_if_probable() -> None:
    assert reason(no_speech=0.9, logprob=-0.5) == Distrust.PERHAPS_NO_SPEECH
    assert reason(no_speech=0.9, logprob=-0.1) == ""


def test_silence_follows_from_whispers_own_rule() -> None:
    assert DecodedWindow("you", (1,), -1.2, 0.9, Distrust.IMPROBABLE).silent
    assert not DecodedWindow("you", (1,), -0.9, 0.9, Distrust.IMPROBABLE).silent
    assert not DecodedWindow("you", (1,), -1.2, 0.5, Distrust.IMPROBABLE).silent


def test_token_limit_grows_with_time_and_script() -> None:
    assert max_tokens(2.0, "en") == 26
    assert max_tokens(2.0, "hi") > 2 * max_tokens(2.0, "en")
    assert max_tokens(1_000.0, "en") == 220


def test_repetition_compresses() -> None:
    assert compression_ratio("la " * 50) > 5 > 1 > compression_ratio("no")


@pytest.mark.parametrize("text", ["", "a"])
def test_very_short_text_is_trusted(text: str) -> None:
    assert reason(text=text) == ""


def fake_model(dtype: Any, windows: list[int]) -> Any:
    """Return a model whose encoder returns the loudness of each frame."""
    ctranslate2 = pytest.importorskip("ctranslate2")

    def extract(audio: Any, padding: int) -> Any:
        assert padding == 0
        return np.repeat(audio[::160][np.newaxis], 80, axis=0)

    def encode(view: Any, to_cpu: bool) -> Any:
        assert to_cpu
        features = np.array(view)
        windows.append(features.shape[2])
        states = np.repeat(features[:, :1, ::2].transpose(0, 2, 1), 4, axis=2)
        storage = ctranslate2.StorageView.from_array(np.ascontiguousarray(states))
        return storage.to(dtype)

    return SimpleNamespace(feature_extractor=extract, model=SimpleNamespace(encode=encode))


@pytest.mark.component
@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_audio_is_encoded_with_margins_and_states_of_silence_are_appended(name: str) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    dtype = getattr(ctranslate2.DataType, name)
    windows: list[int] = []
    window = ShortWindow(fake_model(dtype, windows), leading=0.2, trailing=0.5, min_encoded=1.0)
    states = window.encode(np.full(16_000, 0.5, np.float32))
    assert windows == [3_000, 170]
    assert states.shape == (1, 1500, 4)
    assert window._storage_view(states).dtype == dtype
    levels = states[0, :, 0].astype(np.float32)
    assert (levels[10:60] == 0.5).all()
    assert (levels[:10] == 0.0).all()
    assert (levels[60:] == 0.0).all()


@pytest.mark.component
def test_short_audio_is_padded_to_the_minimum() -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    windows: list[int] = []
    window = ShortWindow(fake_model(ctranslate2.DataType.float32, windows), min_encoded=6.0)
    window.encode(np.full(8_000, 0.5, np.float32))
    assert windows == [3_000, 600]
    window.encode(np.full(8_000, 0.5, np.float32), again=True)
    assert windows == [3_000, 600, 800]


@pytest.mark.component
def test_only_short_audio_can_be_extended() -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    model = fake_model(ctranslate2.DataType.float32, [])
    assert [
        ShortWindow(model, min_encoded=4.0).can_extend(length) for length in (1.0, 7.0, 8.0)
    ] == [
        True,
        True,
        False,
    ]
    assert not ShortWindow(model, min_encoded=8.0).can_extend(1.0)


class FakeDecoder:
    """Returns for every utterance of a batch the first number of its states, as token."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def encode(self, view: Any, to_cpu: bool) -> Any:
        ctranslate2 = pytest.importorskip("ctranslate2")
        return ctranslate2.StorageView.from_array(np.zeros((1, 1500, 2), np.float32))

    def generate(self, view: Any, prompts: list[list[int]], **options: Any) -> list[Any]:
        states = np.array(view)
        self.calls.append({"prompts": prompts, **options})
        assert len(states) == len(prompts)
        return [
            SimpleNamespace(sequences_ids=[[int(row[0, 0]), 99]], scores=[-0.2], no_speech_prob=0.0)
            for row in states
        ]


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> FakeDecoder:
    transcribe = pytest.importorskip("faster_whisper.transcribe")
    monkeypatch.setattr(transcribe, "get_suppressed_tokens", lambda tokenizer, tokens: ())
    return FakeDecoder()


@pytest.fixture
def window(decoder: FakeDecoder) -> ShortWindow:
    model = SimpleNamespace(
        model=decoder,
        feature_extractor=lambda audio, padding: np.zeros((80, 3_000), np.float32),
        get_prompt=lambda tokenizer, previous, without_timestamps: [*previous, 50, 51],
    )
    return ShortWindow(model)


def encoded(
    word: int, prompt: tuple[int, ...] = (), seconds: float = 2.0, beam: int = 1
) -> EncodedWindow:
    words = {1: "lights on", 2: "lights off", 3: "Ecobee, Hue Go"}
    tokenizer: Any = SimpleNamespace(
        eot=90, language_code="en", decode=lambda tokens: words[tokens[0]]
    )
    states = np.full((1, 1500, 2), word, np.float32)
    return EncodedWindow(
        states, tokenizer, WhisperPrompt(prompt, ("Ecobee", "Hue Go")), beam, seconds
    )


@pytest.mark.component
def test_utterances_with_prompts_of_equal_length_are_one_batch(
    window: ShortWindow, decoder: FakeDecoder
) -> None:
    results = window.decode(
        [encoded(1), encoded(2, (7, 8)), encoded(2), encoded(1, (8, 9)), encoded(1)]
    )
    assert [decoded.text for decoded in results] == [
        "lights on",
        "lights off",
        "lights off",
        "lights on",
        "lights on",
    ]
    assert sorted(len(call["prompts"]) for call in decoder.calls) == [2, 3]
    assert window.decode([]) == []


@pytest.mark.component
def test_limit_of_an_utterance_is_the_same_in_every_batch(
    window: ShortWindow, decoder: FakeDecoder
) -> None:
    def limits(*seconds: float) -> list[tuple[int, int]]:
        del decoder.calls[:]
        window.decode([encoded(1, seconds=each) for each in seconds])
        return [(call["max_length"], len(call["prompts"])) for call in decoder.calls]

    assert max_tokens(5.0, "en") <= TOKEN_STEP < max_tokens(10.0, "en")
    assert limits(1.0) == [(2 + TOKEN_STEP, 1)]
    assert limits(1.0, 5.0) == [(2 + TOKEN_STEP, 2)]
    assert limits(1.0, 10.0) == [(2 + TOKEN_STEP, 1), (2 + 2 * TOKEN_STEP, 1)]


@pytest.mark.component
def test_beams_are_those_requested_and_at_least_three(
    window: ShortWindow, decoder: FakeDecoder
) -> None:
    window.decode([encoded(1)])
    window.decode([encoded(1, beam=8)])
    assert [call["beam_size"] for call in decoder.calls] == [MIN_BEAM_SIZE, 8]


@pytest.mark.component
def test_echo_of_the_vocabulary_is_not_trusted(window: ShortWindow) -> None:
    assert [each.distrust_reason for each in window.decode([encoded(3), encoded(1)])] == [
        Distrust.PROMPT_ECHO,
        "",
    ]
