"""Names of any length and number, shortened for error messages."""

from collections.abc import Iterable, Sequence
from typing import Final

_MAX_CHARACTERS: Final = 60
_MAX_NAMES: Final = 12


def shorten(text: str) -> str:
    """Cut a text from a client to a length that fits in a message; clients have sent megabytes."""
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…"


def list_names(names: Sequence[str], noun: str) -> str:
    """Return `installed: a, b and 3 more`, or `no <noun> is` for an empty list."""
    if not names:
        return f"no {noun} is"
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"installed: {', '.join(names[:_MAX_NAMES])}{more}"


def list_languages(codes: Iterable[str]) -> str:
    """Return the distinct codes, sorted, at most twelve; `no language` for none."""
    known = sorted(set(codes))
    more = f" and {len(known) - _MAX_NAMES} more" if len(known) > _MAX_NAMES else ""
    return f"{', '.join(known[:_MAX_NAMES])}{more}" if known else "no language"
