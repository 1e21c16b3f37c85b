"""Word error rate: Levenshtein distance over words, divided by the length of the reference."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_NUMBERS: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen", "twenty"),
)
_SPELLINGS: Final = {"mister": "mr", "okay": "ok"}


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Edits that turn the transcript into the reference, and the number of reference words."""

    edits: int
    words: int

    @property
    def rate(self) -> float:
        """Word error rate; 0.0 is perfect, and it can exceed 1.0."""
        return self.edits / self.words if self.words else 0.0

    def __add__(self, other: "WordErrors") -> "WordErrors":
        return WordErrors(self.edits + other.edits, self.words + other.words)


def normalize(text: str, *, digit_by_digit: bool = True) -> list[str]:
    """Return the words in lower case without punctuation and with numbers spelled out.

    `29` becomes "two nine", or with `digit_by_digit=False` a number up to 20 such as `10` "ten".
    """
    text = unicodedata.normalize("NFKC", text).lower()
    pattern = r"\d" if digit_by_digit else r"\d+"
    text = re.sub(pattern, _spell, text)
    words = re.sub(r"[^\w' ]+", " ", text).split()
    return [_SPELLINGS.get(word, word) for word in words]


def word_errors(reference: str, transcript: str) -> WordErrors:
    """Count word errors; a number is correct if one of its two spellings is."""
    words = normalize(reference)
    hypotheses = (normalize(transcript), normalize(transcript, digit_by_digit=False))
    edits = min(_distance(words, hypothesis) for hypothesis in hypotheses)
    return WordErrors(edits, len(words))


def _spell(number: re.Match[str]) -> str:
    value = int(number[0])
    return f" {_NUMBERS[value] if value < len(_NUMBERS) else number[0]} "


def _distance(reference: list[str], hypothesis: list[str]) -> int:
    """Substitutions, insertions and deletions: Levenshtein's distance over words."""
    previous = list(range(len(hypothesis) + 1))
    for row, word in enumerate(reference, 1):
        current = [row]
        for column, other in enumerate(hypothesis, 1):
            current.append(
                min(
                    previous[column] + 1,
                    current[column - 1] + 1,
                    previous[column - 1] + (word != other),
                )
            )
        previous = current
    return previous[-1]
