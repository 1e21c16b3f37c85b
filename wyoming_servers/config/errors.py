"""What is wrong with a configuration: all of it at once, each fault by its path."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from wyoming_servers.core.errors import BadRequestError


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing to correct."""

    path: str
    """Dotted path of the key, such as `models.whisper/base.keep_alive`; empty: the whole file."""
    message: str
    """A sentence that says what is wrong and what is allowed."""
    suggestion: str = ""
    """The nearest valid key or value, as it should be written; empty if none is near."""
    where: str = ""
    """File and line, environment variable or argument it comes from."""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        if self.suggestion:
            text += f" Did you mean `{self.suggestion}`?"
        return f"{text} ({self.where})" if self.where else text


class ConfigError(BadRequestError):
    """Raised when a configuration cannot be used; `faults` has every reason."""

    default_hint = "`wyoming-conductor config show` lists every key with its value and source."

    def __init__(self, faults: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(faults)
        count = "a fault" if len(self.problems) == 1 else f"{len(self.problems)} faults"
        lines = "".join(f"\n  {fault}" for fault in self.problems)
        super().__init__(f"The configuration has {count}:{lines}")

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}"


# The nearest valid word to one that is not valid.

_CUTOFF: Final = 0.6
"""Similarity from which a word counts as meant; difflib's own default, 1.0 is equal."""


def nearest_match(word: str, valid: Iterable[str]) -> str:
    """Return the valid word most like `word`, or an empty text if none is like it."""
    by_key = {_normalize(candidate): candidate for candidate in valid}
    found = get_close_matches(_normalize(word), by_key, n=1, cutoff=_CUTOFF)
    return by_key[found[0]] if found else ""


def _normalize(word: str) -> str:
    return word.lower().replace("-", "_")
