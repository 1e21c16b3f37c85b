import pytest

from wyoming_servers.engines.whisper_window import Decoded, compression, doubt, token_bound

GOOD = "Turn on the kitchen light."
TOKENS = tuple(range(7))


def why(
    text: str = GOOD,
    tokens: tuple[int, ...] = TOKENS,
    logprob: float = -0.2,
    silence: float = 0.1,
    bound: int = 30,
) -> str:
    return doubt(text, tokens, logprob, silence, bound)


def test_a_plain_command_is_trusted() -> None:
    assert why() == ""


def test_runaway_decoding_is_not_trusted() -> None:
    assert why(tokens=tuple(range(30))) == "too many tokens"
    assert why(tokens=(1, 2, 5, 5, 5, 6)) == "a token again and again"
    assert why(text="turn on the light " * 8) == "too repetitive"


def test_a_token_twice_is_a_word_twice() -> None:
    assert why(tokens=(5, 5, 6, 5, 5)) == ""


def test_improbable_words_are_not_trusted() -> None:
    assert why(logprob=-0.8) == "improbable"


def test_words_in_probable_silence_are_not_trusted_unless_they_are_clear() -> None:
    assert why(silence=0.9, logprob=-0.5) == "perhaps nobody speaks"
    assert why(silence=0.9, logprob=-0.1) == ""


def test_whispers_own_rule_decides_what_is_silent() -> None:
    assert Decoded("you", (1,), -1.2, 0.9, "improbable").silent
    assert not Decoded("you", (1,), -0.9, 0.9, "improbable").silent
    assert not Decoded("you", (1,), -1.2, 0.5, "improbable").silent


def test_the_bound_grows_with_the_time_and_with_the_script() -> None:
    assert token_bound(2.0, "en") == 26
    assert token_bound(2.0, "hi") > 2 * token_bound(2.0, "en")
    assert token_bound(1_000.0, "en") == 220


def test_repetition_compresses() -> None:
    assert compression("la " * 50) > 5 > 1 > compression("no")


@pytest.mark.parametrize("text", ["", "a"])
def test_next_to_no_text_is_judged_too(text: str) -> None:
    assert why(text=text) == ""
