"""Stable words of a growing transcript."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.speech.asr.local_agreement import LocalAgreement


def grow(*texts: str) -> tuple[list[str], str]:
    """Return the stable parts for all texts but the last, and the final text for the last."""
    stable = LocalAgreement()
    parts = [part for text in texts[:-1] if (part := stable.update(text))]
    return parts, stable.finish(texts[-1])


def test_words_are_stable_when_two_hypotheses_agree_and_more_words_follow() -> None:
    parts, text = grow(
        "Turn on the kit",
        "Turn on the kitchen light.",
        "Turn on the kitchen light and the",
        "Turn on the kitchen light and the fan in the hall",
        "Turn on the kitchen light and the fan in the hall.",
    )
    assert parts == ["Turn on the", " kitchen light", " and the"]
    assert text == "Turn on the kitchen light and the fan in the hall."


def test_one_hypothesis_alone_is_not_stable() -> None:
    assert grow("Turn on the kitchen light", "Turn on the light.") == ([], "Turn on the light.")


def test_punctuation_and_case_do_not_matter() -> None:
    parts, text = grow(
        "turn on the light in the",
        "Turn on the light, in the kitchen and",
        "Turn on the light in the kitchen. And the fan.",
    )
    assert parts == ["Turn on the light, in the"]
    assert text == "Turn on the light, in the kitchen. And the fan."


def test_punctuation_that_was_held_back_precedes_the_next_words() -> None:
    parts, text = grow(
        "Turn on the light, I am", "Turn on the light, now and then", "Turn on the light, now."
    )
    assert parts == ["Turn on the light"]
    assert text == "Turn on the light, now."


@pytest.mark.parametrize(
    ("final", "text"),
    [
        ("Turn off the lights now.", "Turn of the lights now."),
        ("Please turn of the lights now.", "Turn of the lights now."),
        ("Turn of lights now.", "Turn of the lights now."),
        ("Turn", "Turn of the"),
        ("", "Turn of the"),
    ],
)
def test_contradiction_at_the_end_keeps_the_stable_words(final: str, text: str) -> None:
    stable = LocalAgreement()
    stable.update("Turn of the lights now")
    assert stable.update("Turn of the lights now") == "Turn of the"
    assert stable.finish(final) == text
    assert stable.contradicted


def test_contradicting_hypothesis_is_skipped() -> None:
    stable = LocalAgreement()
    for _ in range(2):
        stable.update("Turn on the light now")
    assert stable.text == "Turn on the"
    for _ in range(2):
        assert stable.update("Turn off the light now and then") == ""


def test_scripts_without_spaces_are_split_by_character() -> None:
    parts, text = grow("打开厨房", "打开厨房的灯", "打开厨房的灯。")
    assert parts == ["打开厨房"]
    assert text == "打开厨房的灯。"


WORDS = st.lists(
    st.sampled_from(["turn", "Turn,", "on", "off", "the", "light.", "...", "灯", "-", "it's"]),
    max_size=8,
).map(" ".join)
"""Texts that agree often, with separate punctuation."""


@given(st.lists(WORDS, max_size=8), WORDS)
def test_stable_text_is_the_beginning_of_the_final_text_for_any_hypotheses(
    texts_so_far: list[str], final: str
) -> None:
    stable = LocalAgreement()
    parts = [stable.update(text) for text in texts_so_far]
    whole = stable.finish(final)
    assert "".join(parts) == stable.text
    assert whole.startswith(stable.text)
    if not stable.text:
        assert whole == final.strip()


@given(st.lists(WORDS, max_size=8), WORDS)
def test_no_word_is_lost_without_a_contradiction(texts_so_far: list[str], final: str) -> None:
    stable = LocalAgreement()
    for text in texts_so_far:
        stable.update(text)
    whole = stable.finish(final)

    def letters(text: str) -> str:
        return "".join(filter(str.isalnum, text)).casefold()

    if not stable.contradicted:
        assert letters(whole) == letters(final)
