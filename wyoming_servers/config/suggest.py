"""The nearest valid word to one that is not valid."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_CUTOFF: Final = 0.6
"""Similarity from which a word counts as meant; difflib's own default, 1.0 is equal."""


def nearest_match(word: str, valid: Iterable[str]) -> str:
    """Return the valid word most like `word`, or an empty text if none is like it."""
    by_key = {_normalize(candidate): candidate for candidate in valid}
    found = get_close_matches(_normalize(word), by_key, n=1, cutoff=_CUTOFF)
    return by_key[found[0]] if found else ""


def _normalize(word: str) -> str:
    return word.lower().replace("-", "_")
