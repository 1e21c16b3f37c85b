"""Word error rate, the way speech recognition counts it."""

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
    """Edits that turn what was heard into what was said, and how much was said."""

    edits: int
    words: int

    @property
    def rate(self) -> float:
        """Word error rate; 0.0 is perfect, and it may exceed 1.0."""
        return self.edits / self.words if self.words else 0.0

    def __add__(self, other: "WordErrors") -> "WordErrors":
        return WordErrors(self.edits + other.edits, self.words + other.words)


def normalize(text: str, *, digit_by_digit: bool = True) -> list[str]:
    """Lower case, no punctuation, numbers as words: `29` as "two nine", or `10` as "ten"."""
    text = unicodedata.normalize("NFKC", text).lower()
    pattern = r"\d" if digit_by_digit else r"\d+"
    text = re.sub(pattern, _spell, text)
    words = re.sub(r"[^\w' ]+", " ", text).split()
    return [_SPELLINGS.get(word, word) for word in words]


def word_errors(said: str, heard: str) -> WordErrors:
    """Count word errors; a number counts as right if either way to read it is."""
    reference = normalize(said)
    readings = (normalize(heard), normalize(heard, digit_by_digit=False))
    return WordErrors(min(_distance(reference, reading) for reading in readings), len(reference))


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
