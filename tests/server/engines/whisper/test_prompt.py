"""Which names fit into a prompt, and how a prompt that is read out is known."""

import re
from collections.abc import Sequence

import pytest

from wyoming_servers.engines.whisper.prompt import (
    MAX_PROMPT_TOKENS,
    NO_PROMPT,
    PromptBuilder,
    WhisperPrompt,
)


class Letters:
    """A tokenizer whose tokens are words and signs; a word costs a token for each four letters."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, text: str) -> Sequence[int]:
        self.calls += 1
        parts = re.findall(r"\w{1,4}|[^\w\s]", text)
        return [sum(map(ord, part)) for part in parts]


def made(
    initial: str | None = None,
    names: Sequence[str] = (),
    terms: Sequence[str] = (),
    budget: int = 120,
) -> WhisperPrompt:
    return PromptBuilder(Letters(), budget=budget).build(initial, names, terms)


def test_without_words_there_is_no_prompt() -> None:
    assert made() == NO_PROMPT
    assert made("", ["  "], ["\n"]) == NO_PROMPT


def test_names_come_before_terms_and_after_the_text_of_the_configuration() -> None:
    prompt = made("Casa Lind.", ["Ecobee", "Hue Go"], ["lumen"])
    assert prompt.entries == ("Ecobee", "Hue Go", "lumen")
    assert prompt.tokens == tuple(Letters()(" Casa Lind. Ecobee, Hue Go, lumen."))


def test_what_does_not_fit_is_left_out_whole_and_terms_go_first() -> None:
    names, terms = ["Ecobee", "Shelly Plus"], ["Zigbee"]
    assert made(None, names, terms, budget=7).entries == ("Ecobee", "Shelly Plus")
    # A long name does not stand in the way of a short word behind it.
    assert made(None, names, terms, budget=6).entries == ("Ecobee", "Zigbee")
    assert len(made(None, names, terms, budget=6).tokens) <= 6


def test_a_budget_of_zero_is_no_vocabulary_but_keeps_the_text() -> None:
    prompt = made("Casa Lind.", ["Ecobee"], budget=0)
    assert prompt.entries == ()
    assert prompt.tokens == tuple(Letters()(" Casa Lind."))


def test_a_thousand_names_stay_within_what_whisper_reads() -> None:
    names = [f"Lamp {number}" for number in range(1_000)]
    assert len(made("word " * 100, names, budget=10_000).tokens) <= MAX_PROMPT_TOKENS
    assert len(made(None, names).tokens) <= 120


def test_of_a_text_that_is_too_long_whole_words_at_its_end_are_kept() -> None:
    words = [f"number{index}" for index in range(300)]
    prompt = made(" ".join(words), ["Ecobee"])
    kept = [word for word in words if set(Letters()(word)) <= set(prompt.tokens)]
    assert len(prompt.tokens) <= MAX_PROMPT_TOKENS
    assert words[-1] in kept
    assert len(prompt.tokens) > MAX_PROMPT_TOKENS - 6


def test_a_name_cannot_smuggle_in_marks_of_the_model() -> None:
    assert made(None, ["<|endoftext|> Ecobee"]).entries == ("endoftext Ecobee",)
    assert made(None, ["Hue\n  Go", "Hue Go"]).entries == ("Hue Go",)


def test_the_same_words_are_counted_once() -> None:
    letters = Letters()
    prompter = PromptBuilder(letters)
    first = prompter.build(None, ["Ecobee"], ["lumen"])
    calls = letters.calls
    assert prompter.build(None, ["Ecobee"], ["lumen"]) is first
    assert letters.calls == calls
    assert prompter.build(None, ["Ecobee"]).entries == ("Ecobee",)


PROMPT = WhisperPrompt(entries=("Ecobee", "Shelly Plus", "Hue Go", "Kitchen", "Light"))


@pytest.mark.parametrize(
    "text",
    [
        "Ecobee, Shelly Plus, Hue Go, Kitchen, Light.",
        "Shelly Plus, Hue Go.",
        "Turn on the lamp. Ecobee, Shelly Plus, Hue Go.",
        "Hue Go, Kitchen, Light, turn it on",
    ],
)
def test_the_list_read_out_is_an_echo(text: str) -> None:
    assert PROMPT.is_echo(text)


@pytest.mark.parametrize(
    "text",
    [
        "Turn on the Ecobee.",
        "Turn on the kitchen light.",
        "Ecobee",
        "Hue Go and Ecobee",
        "Light, Kitchen",
        "",
        "...",
    ],
)
def test_a_command_with_names_is_none(text: str) -> None:
    assert not PROMPT.is_echo(text, logprob=-0.2)


def test_names_alone_are_an_echo_if_the_model_is_not_sure() -> None:
    assert PROMPT.is_echo("Ecobee.", logprob=-0.7)
    assert PROMPT.is_echo("Light, Ecobee", logprob=-0.7)
    assert not PROMPT.is_echo("Turn on the Ecobee.", logprob=-0.7)
    assert not PROMPT.is_echo("", logprob=-0.7)


def test_without_a_vocabulary_nothing_is_an_echo() -> None:
    assert not NO_PROMPT.is_echo("Ecobee, Shelly Plus, Hue Go.", logprob=-2.0)
