"""Names in messages to people, however long or many they are."""

from collections.abc import Iterable, Sequence
from typing import Final

_MAX_CHARACTERS: Final = 60
_MAX_NAMES: Final = 12


def shorten(text: str) -> str:
    """Cut a client's text for a message: whole megabytes have been sent as a name."""
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…"


def list_names(names: Sequence[str], noun: str) -> str:
    """Say what is installed, the first dozen by name."""
    if not names:
        return f"no {noun} is"
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"installed: {', '.join(names[:_MAX_NAMES])}{more}"


def list_languages(codes: Iterable[str]) -> str:
    """List codes in order, each once, the first dozen by name; `no language` if there are none."""
    known = sorted(set(codes))
    more = f" and {len(known) - _MAX_NAMES} more" if len(known) > _MAX_NAMES else ""
    return f"{', '.join(known[:_MAX_NAMES])}{more}" if known else "no language"
