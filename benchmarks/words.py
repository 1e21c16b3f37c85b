"""Word error rate, the way speech recognition counts it."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_DIGITS: Final = {
    "0": "zero",
    "1": "one",
    "2": "two",
    "3": "three",
    "4": "four",
    "5": "five",
    "6": "six",
    "7": "seven",
    "8": "eight",
    "9": "nine",
}
_FILLERS: Final = {"mister": "mr", "okay": "ok"}


@dataclass(frozen=True, slots=True)
class Errors:
    """Edits that turn what was heard into what was said, and how much was said."""

    edits: int
    words: int

    @property
    def rate(self) -> float:
        """Word error rate; 0.0 is perfect, and it may exceed 1.0."""
        return self.edits / self.words if self.words else 0.0

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(self.edits + other.edits, self.words + other.words)


def normalise(text: str) -> list[str]:
    """Lower case, no punctuation, digits read one by one as words."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = re.sub(r"\d", lambda digit: f" {_DIGITS.get(digit[0], digit[0])} ", text)
    words = re.sub(r"[^\w' ]+", " ", text).split()
    return [_FILLERS.get(word, word) for word in words]


def word_errors(said: str, heard: str) -> Errors:
    """Count substitutions, insertions and deletions by the Levenshtein distance over words."""
    reference, hypothesis = normalise(said), normalise(heard)
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
    return Errors(previous[-1], len(reference))
