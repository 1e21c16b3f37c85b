"""Problems of a configuration, and suggestions for misspelled words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from wyoming_servers.core.errors import BadRequestError


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One problem in the configuration."""

    path: str
    """Dotted path of the key, such as `models.whisper/base.keep_alive`; empty: the whole file."""
    message: str
    """A sentence that describes the problem and the allowed values."""
    suggestion: str = ""
    """The most similar valid key or value; empty if none is similar."""
    where: str = ""
    """Source of the value: file and line, environment variable or argument."""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        if self.suggestion:
            text += f" Did you mean `{self.suggestion}`?"
        return f"{text} ({self.where})" if self.where else text


class ConfigError(BadRequestError):
    """Raised when the configuration is not valid; `problems` has all reasons."""

    default_hint = "`wyoming-conductor config show` lists every key with its value and source."

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        count = "an error" if len(self.problems) == 1 else f"{len(self.problems)} errors"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"The configuration has {count}:{lines}")

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}"


_MIN_SIMILARITY: Final = 0.6
"""Minimum similarity of a suggestion; difflib's default, 1.0 is equal."""

_MAX_CHARACTERS: Final = 200
"""Longer words get no suggestion: comparing takes quadratic time."""


def nearest_match(word: str, valid: Iterable[str]) -> str:
    """Return the valid word most similar to `word`, or an empty text if none is similar."""
    if len(word) > _MAX_CHARACTERS:
        return ""
    by_key = {_normalize(candidate): candidate for candidate in valid}
    found = get_close_matches(_normalize(word), by_key, n=1, cutoff=_MIN_SIMILARITY)
    return by_key[found[0]] if found else ""


def _normalize(word: str) -> str:
    return word.lower().replace("-", "_")
