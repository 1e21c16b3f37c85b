"""Names and words that may occur, made into the prompt that biases Whisper's spelling.

To Whisper a prompt is what was said before. A plain list of names in it, with a stop behind, is
what helped most when it was measured; sentences with the names make it answer in such sentences.
Every token of it costs decoding time, so the list has a budget, counted by the model's tokenizer.

On noise Whisper may read its prompt out instead of listening; `Prompt.echoed` tells.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

MAX_PROMPT_TOKENS: Final = 223
"""Half of Whisper's context, less one token for the mark in front: what it can read of a prompt."""

VOCABULARY_TOKENS: Final = 120
"""Budget of names and terms. About 35 names; each token costs half a millisecond of decoding (base
on a CPU), and more names than these made nothing better."""

_MAX_ENTRIES: Final = 400
"""Entries that are looked at, at most: behind these there is no room anyway."""

_UNCERTAIN_LOGPROB: Final = -0.5
"""Names alone, with no command around them, are believed only if they are more probable."""

Tokenize = Callable[[str], Sequence[int]]
"""The model's tokenizer, without special tokens."""


@dataclass(frozen=True, slots=True)
class WhisperPrompt:
    """What the decoder reads before it listens."""

    tokens: tuple[int, ...] = ()
    entries: tuple[str, ...] = ()
    """The names and terms that found room."""

    def is_echo(self, text: str, logprob: float = 0.0) -> bool:
        """Whether a text is the vocabulary read out rather than something said.

        That is: three entries in the order of the list anywhere in it; two that are all of it;
        or entries alone, in any order, if the model is not sure of them.
        """
        if not self.entries:
            return False
        words = _words(text)
        listed = [_words(entry) for entry in self.entries]
        longest = whole = 0
        for start in range(len(listed)):
            for position in range(len(words)):
                run, end = _matching_entries(words, position, listed, start)
                longest = max(longest, run)
                if position == 0 and end == len(words):
                    whole = max(whole, run)
        if longest >= 3 or whole >= 2:
            return True
        return logprob < _UNCERTAIN_LOGPROB and _consists_of(words, listed)


NO_PROMPT: Final = WhisperPrompt()


class PromptBuilder:
    """Makes prompts for one model; remembers the last one, since a home asks for the same."""

    def __init__(self, encode: Tokenize, *, budget: int = VOCABULARY_TOKENS) -> None:
        self._tokenize = encode
        self._budget = budget
        self._last: tuple[tuple[str | None, tuple[str, ...]], WhisperPrompt] | None = None

    def build(
        self, initial: str | None, names: Sequence[str] = (), terms: Sequence[str] = ()
    ) -> WhisperPrompt:
        """Return the prompt: `initial`, then names, then terms, as far as there is room.

        Of an `initial` that is too long its end is kept, as Whisper would; no word is cut.
        """
        asked = (initial, (*names, *terms)[:_MAX_ENTRIES])
        if self._last is None or self._last[0] != asked:
            self._last = asked, self._build(*asked)
        return self._last[1]

    def _build(self, initial: str | None, wanted: Sequence[str]) -> WhisperPrompt:
        text = _last_words(
            _sanitize(initial or ""),
            lambda text: len(self._tokenize(" " + text)) <= MAX_PROMPT_TOKENS,
        )
        used = len(self._tokenize(" " + text)) if text else 0
        room = min(self._budget, MAX_PROMPT_TOKENS - used)
        entries: list[str] = []
        for entry in dict.fromkeys(filter(None, map(_sanitize, wanted))):
            cost = len(self._tokenize(f" {entry},"))
            if cost <= room:
                room -= cost
                entries.append(entry)
        while True:
            whole = " ".join(filter(None, [text, _join_entries(entries)]))
            tokens = tuple(self._tokenize(" " + whole)) if whole else ()
            # A name that ends in a sign may cost a token more inside the list than alone.
            if len(tokens) <= MAX_PROMPT_TOKENS or not entries:
                return WhisperPrompt(tokens[-MAX_PROMPT_TOKENS:], tuple(entries))
            entries.pop()


def _join_entries(entries: Sequence[str]) -> str:
    return ", ".join(entries) + "." if entries else ""


def _sanitize(text: str) -> str:
    """Return a text in one line, without the marks that begin a token such as <|endoftext|>."""
    return " ".join(text.replace("<|", " ").replace("|>", " ").split())


def _last_words(text: str, fits: Callable[[str], bool]) -> str:
    """Return as many whole words from the end of a text as fit."""
    words = text.split()
    low, high = 0, len(words)
    while low < high:
        middle = (low + high) // 2
        if fits(" ".join(words[middle:])):
            high = middle
        else:
            low = middle + 1
    return " ".join(words[low:])


def _words(text: str) -> list[str]:
    return re.sub(r"[\W_]+", " ", text.lower()).split()


def _matching_entries(
    words: Sequence[str], position: int, listed: Sequence[Sequence[str]], start: int
) -> tuple[int, int]:
    """Return how many entries from `start` on stand at a position of `words`, and their end."""
    count = 0
    for entry in listed[start:]:
        if not entry or list(words[position : position + len(entry)]) != list(entry):
            break
        position += len(entry)
        count += 1
    return count, position


def _consists_of(words: Sequence[str], listed: Sequence[Sequence[str]]) -> bool:
    """Whether `words` are entries and nothing else; at least one."""
    reached = {0}
    for position in range(len(words)):
        if position in reached:
            reached |= {
                position + len(entry)
                for entry in listed
                if entry and list(words[position : position + len(entry)]) == list(entry)
            }
    return bool(words) and len(words) in reached
