"""Which names fit into a prompt, and how an echo of the prompt is found."""

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
    """A tokenizer with a token for each sign and for each four letters of a word."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, text: str) -> Sequence[int]:
        self.calls += 1
        parts = re.findall(r"\w{1,4}|[^\w\s]", text)
        return [sum(map(ord, part)) for part in parts]


def build(
    initial: str | None = None,
    names: Sequence[str] = (),
    terms: Sequence[str] = (),
    budget: int = 120,
) -> WhisperPrompt:
    return PromptBuilder(Letters(), budget=budget).build(initial, names, terms)


def test_without_words_there_is_no_prompt() -> None:
    assert build() == NO_PROMPT
    assert build("", ["  "], ["\n"]) == NO_PROMPT


def test_prompt_has_configured_text_then_names_then_terms() -> None:
    prompt = build("Casa Lind.", ["Ecobee", "Hue Go"], ["lumen"])
    assert prompt.entries == ("Ecobee", "Hue Go", "lumen")
    assert prompt.tokens == tuple(Letters()(" Casa Lind. Ecobee, Hue Go, lumen."))


def test_entries_that_do_not_fit_are_left_out() -> None:
    names, terms = ["Ecobee", "Shelly Plus"], ["Zigbee"]
    assert build(None, names, terms, budget=7).entries == ("Ecobee", "Shelly Plus")
    # A long name that does not fit does not exclude a shorter word after it.
    assert build(None, names, terms, budget=6).entries == ("Ecobee", "Zigbee")
    assert len(build(None, names, terms, budget=6).tokens) <= 6


def test_budget_of_zero_means_no_vocabulary() -> None:
    prompt = build("Casa Lind.", ["Ecobee"], budget=0)
    assert prompt.entries == ()
    assert prompt.tokens == tuple(Letters()(" Casa Lind."))


def test_thousand_names_stay_within_the_token_limit() -> None:
    names = [f"Lamp {number}" for number in range(1_000)]
    assert len(build("word " * 100, names, budget=10_000).tokens) <= MAX_PROMPT_TOKENS
    assert len(build(None, names).tokens) <= 120


def test_long_text_keeps_its_last_words() -> None:
    words = [f"number{index}" for index in range(300)]
    prompt = build(" ".join(words), ["Ecobee"])
    kept = [word for word in words if set(Letters()(word)) <= set(prompt.tokens)]
    assert len(prompt.tokens) <= MAX_PROMPT_TOKENS
    assert words[-1] in kept
    assert len(prompt.tokens) > MAX_PROMPT_TOKENS - 6


def test_names_cannot_contain_special_tokens() -> None:
    assert build(None, ["<|endoftext|> Ecobee"]).entries == ("endoftext Ecobee",)
    assert build(None, ["Hue\n  Go", "Hue Go"]).entries == ("Hue Go",)


def test_duplicate_names_are_counted_once() -> None:
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
def test_vocabulary_as_transcript_is_an_echo(text: str) -> None:
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
def test_command_with_names_is_not_an_echo(text: str) -> None:
    assert not PROMPT.is_echo(text, logprob=-0.2)


def test_names_alone_are_an_echo_if_improbable() -> None:
    assert PROMPT.is_echo("Ecobee.", logprob=-0.7)
    assert PROMPT.is_echo("Light, Ecobee", logprob=-0.7)
    assert not PROMPT.is_echo("Turn on the Ecobee.", logprob=-0.7)
    assert not PROMPT.is_echo("", logprob=-0.7)


def test_without_vocabulary_nothing_is_an_echo() -> None:
    assert not NO_PROMPT.is_echo("Ecobee, Shelly Plus, Hue Go.", logprob=-2.0)


def test_long_entries_are_skipped_without_tokenizing_them() -> None:
    tokenizer = Letters()
    prompt = PromptBuilder(tokenizer).build(None, ["x" * 10_000] * 350 + ["Ecobee"])
    assert prompt.entries == ("Ecobee",)
    assert tokenizer.calls == 2


def test_nothing_is_tokenized_once_the_prompt_is_full() -> None:
    tokenizer = Letters()
    names = [f"name{number:03}" for number in range(300)]
    prompt = PromptBuilder(tokenizer, budget=30).build(None, names)
    assert len(prompt.entries) == 10
    assert tokenizer.calls == 11
