"""Builds the prompt that biases Whisper's spelling towards names and words that may occur.

Whisper takes a prompt as the preceding transcript. A plain list of names with a period at its end
was the most effective form; with sentences that contain the names, Whisper transcribes such
sentences. Every token takes decoding time, so the list has a budget of the model's tokens.

On noise Whisper may output its prompt instead of a transcript, which `WhisperPrompt.is_echo` finds.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

MAX_PROMPT_TOKENS: Final = 223
"""Half of Whisper's context, less one token for the mark in front of the prompt."""

VOCABULARY_TOKENS: Final = 120
"""Budget of names and terms: about 35 names. Each token takes half a millisecond of decoding (base
on a CPU), and more names improved nothing."""

_MAX_ENTRIES: Final = 400
"""Maximum number of entries considered; later ones never fit."""

_MAX_ENTRY_CHARACTERS: Final = 200
"""A longer entry is skipped before it is tokenized, which takes as long as it is."""

_MIN_ENTRY_TOKENS: Final = 2
"""An entry and its comma."""

_UNCERTAIN_LOGPROB: Final = -0.5
"""A transcript of names alone, with no command, is trusted only if it is more probable."""

Tokenize = Callable[[str], Sequence[int]]
"""The model's tokenizer, without special tokens."""


@dataclass(frozen=True, slots=True)
class WhisperPrompt:
    """A prompt as tokens, with the vocabulary in it."""

    tokens: tuple[int, ...] = ()
    entries: tuple[str, ...] = ()
    """The names and terms that fit."""

    def is_echo(self, text: str, logprob: float = 0.0) -> bool:
        """Whether a transcript is an echo of the vocabulary.

        It is one if it contains three entries in the order of the list, if it consists of two such
        entries, or if it consists of entries in any order and the model is not sure of them.
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
    """Builds prompts for one model; caches the last one, since a home sends the same vocabulary."""

    def __init__(self, encode: Tokenize, *, budget: int = VOCABULARY_TOKENS) -> None:
        self._tokenize = encode
        self._budget = budget
        self._last: tuple[tuple[str | None, tuple[str, ...]], WhisperPrompt] | None = None

    def build(
        self, initial: str | None, names: Sequence[str] = (), terms: Sequence[str] = ()
    ) -> WhisperPrompt:
        """Return the prompt: `initial`, then names, then terms, as far as they fit.

        If `initial` is too long, its last words are kept, as Whisper does.
        """
        key = (initial, (*names, *terms)[:_MAX_ENTRIES])
        # Read and replaced as a whole: utterances with other names are decoded in other threads.
        last = self._last
        if last is None or last[0] != key:
            last = self._last = key, self._build(*key)
        return last[1]

    def _build(self, initial: str | None, vocabulary: Sequence[str]) -> WhisperPrompt:
        text = _last_words(
            _sanitize(initial or ""),
            lambda text: len(self._tokenize(" " + text)) <= MAX_PROMPT_TOKENS,
        )
        used = len(self._tokenize(" " + text)) if text else 0
        room = min(self._budget, MAX_PROMPT_TOKENS - used)
        entries: list[str] = []
        for entry in dict.fromkeys(filter(None, map(_sanitize, vocabulary))):
            if room < _MIN_ENTRY_TOKENS:
                break
            if len(entry) > _MAX_ENTRY_CHARACTERS:
                continue
            cost = len(self._tokenize(f" {entry},"))
            if cost <= room:
                room -= cost
                entries.append(entry)
        while True:
            whole = " ".join(filter(None, [text, _join_entries(entries)]))
            tokens = tuple(self._tokenize(" " + whole)) if whole else ()
            # A name that ends in punctuation may have a token more inside the list than alone.
            if len(tokens) <= MAX_PROMPT_TOKENS or not entries:
                return WhisperPrompt(tokens[-MAX_PROMPT_TOKENS:], tuple(entries))
            entries.pop()


def _join_entries(entries: Sequence[str]) -> str:
    return ", ".join(entries) + "." if entries else ""


def _sanitize(text: str) -> str:
    """Return a text in one line, without the brackets of tokens such as <|endoftext|>."""
    return " ".join(text.replace("<|", " ").replace("|>", " ").split())


def _last_words(text: str, fits: Callable[[str], bool]) -> str:
    """Return as many words from the end of a text as fit."""
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
    """Return how many entries, from `start` on, `words` has at a position, and where they end."""
    count = 0
    for entry in listed[start:]:
        if not entry or list(words[position : position + len(entry)]) != list(entry):
            break
        position += len(entry)
        count += 1
    return count, position


def _consists_of(words: Sequence[str], listed: Sequence[Sequence[str]]) -> bool:
    """Whether `words` consist of entries, at least one."""
    reached = {0}
    for position in range(len(words)):
        if position in reached:
            reached |= {
                position + len(entry)
                for entry in listed
                if entry and list(words[position : position + len(entry)]) == list(entry)
            }
    return bool(words) and len(words) in reached
