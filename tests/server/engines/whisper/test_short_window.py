from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wyoming_servers.engines.whisper.prompt import WhisperPrompt
from wyoming_servers.engines.whisper.short_window import (
    MIN_BEAM_SIZE,
    PROMPT_ECHO,
    DecodedWindow,
    EncodedWindow,
    ShortWindow,
    compression_ratio,
    distrust_reason,
    max_tokens,
)

GOOD = "Turn on the kitchen light."
TOKENS = tuple(range(7))


def why(
    text: str = GOOD,
    tokens: tuple[int, ...] = TOKENS,
    logprob: float = -0.2,
    silence: float = 0.1,
    bound: int = 30,
) -> str:
    return distrust_reason(text, tokens, logprob, silence, bound)


def test_a_plain_command_is_trusted() -> None:
    assert why() == ""


def test_runaway_decoding_is_not_trusted() -> None:
    assert why(tokens=tuple(range(30))) == "too many tokens"
    assert why(tokens=(1, 2, 5, 5, 5, 6)) == "a token again and again"
    assert why(text="turn on the light " * 8) == "too repetitive"


def test_a_token_twice_is_a_word_twice() -> None:
    assert why(tokens=(5, 5, 6, 5, 5)) == ""


def test_the_same_words_twice_are_not_trusted() -> None:
    assert why(text="No. No.") == "the same twice"
    assert why(text="Turn on the fan, turn on the fan.") == "the same twice"
    assert why(text="No. No. No.") == ""
    assert why(text="Turn on the fan, turn on the light.") == ""
    assert why(text="") == ""


def test_improbable_words_are_not_trusted() -> None:
    assert why(logprob=-0.8) == "improbable"


def test_words_in_probable_silence_are_not_trusted_unless_they_are_clear() -> None:
    assert why(silence=0.9, logprob=-0.5) == "perhaps nobody speaks"
    assert why(silence=0.9, logprob=-0.1) == ""


def test_whispers_own_rule_decides_what_is_silent() -> None:
    assert DecodedWindow("you", (1,), -1.2, 0.9, "improbable").silent
    assert not DecodedWindow("you", (1,), -0.9, 0.9, "improbable").silent
    assert not DecodedWindow("you", (1,), -1.2, 0.5, "improbable").silent


def test_the_bound_grows_with_the_time_and_with_the_script() -> None:
    assert max_tokens(2.0, "en") == 26
    assert max_tokens(2.0, "hi") > 2 * max_tokens(2.0, "en")
    assert max_tokens(1_000.0, "en") == 220


def test_repetition_compresses() -> None:
    assert compression_ratio("la " * 50) > 5 > 1 > compression_ratio("no")


@pytest.mark.parametrize("text", ["", "a"])
def test_next_to_no_text_is_judged_too(text: str) -> None:
    assert why(text=text) == ""


def fake_model(dtype: Any, windows: list[int]) -> Any:
    """A model whose encoder answers every frame with the loudness of its features."""
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
def test_only_the_audio_and_its_margin_are_encoded_and_silence_is_put_behind(name: str) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    dtype = getattr(ctranslate2.DataType, name)
    windows: list[int] = []
    window = ShortWindow(fake_model(dtype, windows), lead=0.2, margin=0.5, least=1.0)
    states = window.encode(np.full(16_000, 0.5, np.float32))
    assert windows == [3_000, 170]
    assert states.shape == (1, 1500, 4)
    assert window._storage_view(states).dtype == dtype
    levels = states[0, :, 0].astype(np.float32)
    assert (levels[10:60] == 0.5).all()
    assert (levels[:10] == 0.0).all()
    assert (levels[60:] == 0.0).all()


@pytest.mark.component
def test_a_word_alone_has_real_silence_around_it() -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    windows: list[int] = []
    window = ShortWindow(fake_model(ctranslate2.DataType.float32, windows), least=6.0)
    window.encode(np.full(8_000, 0.5, np.float32))
    assert windows == [3_000, 600]
    window.encode(np.full(8_000, 0.5, np.float32), again=True)
    assert windows == [3_000, 600, 800]


@pytest.mark.component
def test_more_silence_is_possible_only_behind_what_is_shorter() -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    model = fake_model(ctranslate2.DataType.float32, [])
    assert [ShortWindow(model, least=4.0).can_extend(length) for length in (1.0, 7.0, 8.0)] == [
        True,
        True,
        False,
    ]
    assert not ShortWindow(model, least=8.0).can_extend(1.0)


class FakeDecoder:
    """Answers every utterance of a batch with the first number of its states, as tokens."""

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
            SimpleNamespace(sequences_ids=[[int(one[0, 0]), 99]], scores=[-0.2], no_speech_prob=0.0)
            for one in states
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


def spoken(
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
def test_utterances_of_like_prompts_are_decoded_in_one_call_and_keep_their_order(
    window: ShortWindow, decoder: FakeDecoder
) -> None:
    found = window.decode([spoken(1), spoken(2, (7, 8)), spoken(2), spoken(1, (8, 9)), spoken(1)])
    assert [decoded.text for decoded in found] == [
        "lights on",
        "lights off",
        "lights off",
        "lights on",
        "lights on",
    ]
    assert sorted(len(call["prompts"]) for call in decoder.calls) == [2, 3]
    assert window.decode([]) == []


@pytest.mark.component
def test_a_batch_may_be_as_long_as_its_longest_and_each_is_judged_by_its_own_length(
    window: ShortWindow, decoder: FakeDecoder
) -> None:
    window.decode([spoken(1, seconds=1.0), spoken(2, seconds=10.0)])
    assert decoder.calls[-1]["max_length"] == 2 + max_tokens(10.0, "en")
    assert decoder.calls[-1]["beam_size"] == MIN_BEAM_SIZE
    window.decode([spoken(1, beam=8)])
    assert decoder.calls[-1]["beam_size"] == 8


@pytest.mark.component
def test_a_vocabulary_that_is_read_out_is_doubted(window: ShortWindow) -> None:
    assert [each.distrust_reason for each in window.decode([spoken(3), spoken(1)])] == [
        PROMPT_ECHO,
        "",
    ]
